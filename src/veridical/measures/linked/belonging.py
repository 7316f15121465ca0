"""Do rows go with the parent they point to, or might as many as well have been given to any other?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from scipy import stats

from veridical.core import rng as random_streams
from veridical.core.contracts import Evidence, RunContext
from veridical.core.dataset import Dataset
from veridical.core.finding import Direction, Finding, Interval, not_measured
from veridical.core.schema import Column, ForeignKey, Schema
from veridical.measures.column import Encoded, encode
from veridical.measures.estimate import Estimate
from veridical.measures.learner import Boosted, Model, limited, scores_of
from veridical.measures.linked.kin import Kin, told_of
from veridical.measures.linked.side import (
    Flat,
    common_of,
    entities,
    entity_path,
    few_parents,
    joined,
    real_of,
    sides_of,
)
from veridical.prepare.codec import whole
from veridical.prepare.link import Rows, point

CHECK = "linked.belonging"
FOLDS = 2
SURE = 6.0  # standard errors that real rows must go with their parents by
LEAST = 0.02
MANY_AS = 0.8  # as many children a parent on either side, for what siblings have in common to be the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Belonging:
    """Which share of the rows goes with its parent no better than with anybody's, beyond what real rows do.

    Boosted trees learn, on real rows, to tell pairs of a row and its own parent from pairs of a row and some other
    row's parent: by both rows' columns, and by how the row is like the parent's other rows. How much more of a
    row's own parent they think than of any other is the row's belonging; the figure is the share of the real rows'
    that synthetic rows lack. Where a tenth of the keys is dealt out anew, it is a tenth or more.

    Links by whose parents real rows are not told are not measured.

    Example:
        >>> Belonging().most_rows
        10000
    """

    most_rows: int = 10_000
    least_rows: int = 200
    least_parents: int = 30
    booster: Boosted = field(default_factory=lambda: Boosted(iterations=60))

    def measure(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return `linked.belonging` of each link to another table."""
        real = real_of(evidence)
        few = few_parents(sides_of(evidence), evidence.schema)
        found = []
        with limited(ctx.workers):
            for link in evidence.schema.foreign_keys:
                if link.table != link.parent and link.parent not in few:
                    found.append(self._link(real, evidence.synthetic, evidence.schema, link, ctx))
        return found

    def _link(self, real: Dataset, made: Dataset, schema: Schema, link: ForeignKey, ctx: RunContext) -> Finding:
        scope = (link.table, *link.columns)
        one, two = kin_of((real, made), schema, link)
        rows = min(len(one.owner), len(two.owner))
        if rows < self.least_rows or min(_used(one), _used(two)) < self.least_parents or not one.rows:
            return not_measured(CHECK, "too few rows, or nothing told of them", n=rows, scope=scope)
        if not MANY_AS < _each(one) / _each(two) < 1 / MANY_AS:
            return not_measured(CHECK, "parents have other numbers of children", n=rows, scope=scope)
        theirs, ours = self._lifts(one, two, ctx.rng("linked", CHECK, *scope), ctx)
        if theirs.value < max(LEAST, SURE * theirs.error):
            return not_measured(CHECK, "real rows are not told by this parent", n=rows, scope=scope)
        kept = ours.value / theirs.value
        error = float(np.hypot(ours.error, kept * theirs.error)) / theirs.value
        lost = 1.0 - kept
        words = f"{link.table} ({', '.join(link.columns)})"
        return Finding(
            check=CHECK, value=lost, n=ours.n, direction=Direction.LOWER, scope=scope,
            interval=Interval(lost - 1.96 * error, lost + 1.96 * error), unit="share of rows",
            p_value=float(stats.norm.sf(lost / error)) if error > 0 else float(lost <= 0),
            sentence=f"Rows go with their own parent by {words} {kept:.0%} as much as real ones do.",
            detail={"interval": "by parent, 95 %", "real": theirs.value},
        )  # fmt: skip

    def _lifts(self, real: Kin, made: Kin, rng: np.random.Generator, ctx: RunContext) -> tuple[Estimate, Estimate]:
        """Return the belonging of both sides, each row's by trees that saw none of its parent's rows."""
        order = rng.permutation(max(int(side.owner.max()) for side in (real, made)) + 1)
        folds = [order[side.owner] % FOLDS for side in (real, made)]
        found: tuple[list[Rows], ...] = ([], [])
        lifts: tuple[list[np.ndarray], ...] = ([], [])
        for fold in range(FOLDS):
            model = self._fitted(real, np.flatnonzero(folds[0] != fold), rng, ctx)
            for place, side in enumerate((real, made)):
                rows = self._some(np.flatnonzero(folds[place] == fold), rng)
                true, chance = (scores_of(model, side.features(rows, other)) for other in (rows, rng.permutation(rows)))
                lifts[place].append(true - chance)
                found[place].append(rows)
        judged = [np.concatenate(one) for one in found]
        weights = _as_many_siblings(real.siblings[judged[0]], made.siblings[judged[1]])
        theirs, ours = (
            _mean(np.concatenate(lifts[place]), side, judged[place], weights[place])
            for place, side in enumerate((real, made))
        )
        return theirs, ours

    def _fitted(self, real: Kin, rows: Rows, rng: np.random.Generator, ctx: RunContext) -> Model:
        rows = self._some(rows, rng)
        x = np.concatenate([real.features(rows, rows), real.features(rows, rng.permutation(rows))])
        x[:, np.isnan(x).all(axis=0)] = 0.0  # a column without any value is more than trees can take
        seed = random_streams.derive(ctx.seed, CHECK, len(rows)) % 2**31
        return self.booster.fit(x, np.repeat([1, 0], len(rows)), real.codings(), classes=True, seed=seed)

    def _some(self, rows: Rows, rng: np.random.Generator) -> Rows:
        return rows if len(rows) <= self.most_rows else rng.choice(rows, self.most_rows, replace=False)


def _used(side: Kin) -> int:
    return len(np.unique(side.owner))


def _each(side: Kin) -> float:
    return len(side.owner) / _used(side)


def _as_many_siblings(real: Rows, made: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Return weights of rows by which both sides have as many siblings: how many there are is another figure."""
    levels = [np.floor(np.log2(one + 1)).astype(np.int64) for one in (real, made)]
    size = int(max(held.max() for held in levels)) + 1
    one, two = (np.bincount(held, minlength=size) / len(held) for held in levels)
    both = np.minimum(one, two)
    return tuple(  # type: ignore[return-value]
        (both / np.where(share > 0, share, 1.0))[held] for held, share in zip(levels, (one, two), strict=True)
    )


def _mean(values: np.ndarray, side: Kin, rows: Rows, weights: np.ndarray) -> Estimate:
    """Return the mean over rows; its error is that of sums over parents or entities, whose rows are alike."""
    total = max(float(weights.sum()), 1e-9)
    mean, errors = float(values @ weights) / total, []
    for owners in (side.owner[rows], side.entity[rows]):
        _, place = np.unique(owners, return_inverse=True)
        sums = np.bincount(place.ravel(), weights=(values - mean) * weights)
        errors.append(float(np.sqrt(np.square(sums).sum())) / total)
    return Estimate(mean, max(errors), len(values))


def kin_of(sides: Sequence[Dataset], schema: Schema, link: ForeignKey) -> tuple[Kin, ...]:
    """Return the rows of each side that have a parent by a link, the first side's (the real one's) codes for all."""
    common = common_of(sides[0], schema)
    prefix = f"{'_'.join(link.columns)}."
    below = [joined(side, schema, link.table, common, deepest=1) for side in sides]
    above = [joined(side, schema, link.parent, common, deepest=1) for side in sides]
    pointed = [point(side.tables, link) for side in sides]
    there = [np.flatnonzero((one.rows >= 0) & (one.rows < one.present)) for one in pointed]
    owners = [one.rows[rows] for one, rows in zip(pointed, there, strict=True)]
    path = entity_path(sides[0], schema, link.table)
    who = [entities(side, link.table, path)[rows] for side, rows in zip(sides, there, strict=True)]
    mine = _encoded(below, there, without=prefix)
    theirs = _encoded(above, owners, without=None)
    return tuple(Kin(told_of(mine, i), told_of(theirs, i), owners[i], who[i]) for i in range(len(sides)))


def _encoded(flats: Sequence[Flat], places: Sequence[Rows], *, without: str | None) -> list[Encoded]:
    """Return columns that all sides have, taken at these rows, in codes that all sides share."""
    columns: list[Column] = [
        column for column in flats[0].columns
        if all(column.name in flat.rows.column_names for flat in flats)
        and (without is None or not column.name.startswith(without))
    ]  # fmt: skip
    found = []
    for column in columns:
        parts = [
            pa.chunked_array([whole(flat.rows[column.name]).take(pa.array(rows))])
            for flat, rows in zip(flats, places, strict=True)
        ]
        one = encode(column, parts)
        if one.coding.width > 3 or not one.coding.is_number:
            found.append(one)
    return found
