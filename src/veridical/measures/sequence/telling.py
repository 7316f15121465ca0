"""Can a model tell synthetic from real sequences, and does one trained on synthetic ones foresee the next real step?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.core import rng as streams
from veridical.core.contracts import Evidence, RunContext
from veridical.core.finding import Direction, Finding, not_measured
from veridical.measures.estimate import Estimate, area_under_curve
from veridical.measures.figure import beside, figure
from veridical.measures.learner import limited
from veridical.measures.sequence.side import Floats, Side, Sides, sides_of, windows

DISCRIMINATIVE, ENTITIES, PREDICTIVE = (
    "sequence.discriminative",
    "sequence.discriminative_entities",
    "sequence.predictive",
)
Groups = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Shown:
    """What is told apart: rows x features, the part of each (none stands on both sides of a fold), and its block."""

    rows: Floats
    part: Groups
    block: Groups


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """Discriminative and predictive scores (Yoon et al. 2019, with boosted trees in place of recurrent networks).

    The discriminative score is the area under the curve of a classifier on windows of `width` rows (values, changes,
    gaps, attributes), and on summaries of whole entities; no entity stands on both sides of a fold. The predictive
    score is the error of the next step foreseen by a model trained on synthetic windows, in units of spread, beside a
    model trained on real ones.

    Example:
        >>> Telling().width
        4
    """

    width: int = 4
    folds: int = 3
    most_rows: int = 12_000
    most_targets: int = 4

    def measure(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return the scores of the only table; nothing where its rows are no sequences."""
        sides = sides_of(evidence)
        if sides is None:
            return ()
        seed = streams.derive(ctx.seed, "sequence", "telling") % 2**31
        with limited(ctx.workers):
            return [self._windows(sides, seed), self._entities(sides, seed), self._predictive(sides, seed)]

    def _windows(self, sides: Sides, seed: int) -> Finding:
        names = list(sides.train.moving)
        if not names:
            return not_measured(DISCRIMINATIVE, "nothing changes from row to row")
        shown = {}
        for side in _all(sides):
            # A window that a hole cuts short would tell whose series has holes.
            full = np.flatnonzero(side.runs.position >= (self.width - 1 if side.is_few else 0))
            shown[id(side)] = _Shown(windows(side, names, self.width)[full], side.part[full], side.block[full])
        return self._area(sides, DISCRIMINATIVE, f"windows of {self.width} rows", shown, seed)

    def _entities(self, sides: Sides, seed: int) -> Finding:
        shown = {}
        for side in _all(sides):
            rows = summaries(side)
            each = np.arange(len(rows))
            first = np.unique(side.block, return_index=True)[1]
            shown[id(side)] = _Shown(rows, side.part[first] if side.is_few else each, each)
        return self._area(sides, ENTITIES, "summaries of whole sequences", shown, seed)

    def _area(self, sides: Sides, check: str, what: str, shown: dict[int, _Shown], seed: int) -> Finding:
        real = shown[id(sides.reference)]
        few = sides.train.is_few
        ours = self._tell(shown[id(sides.synthetic)], real, seed, in_time=few)
        if ours is None:
            return not_measured(check, "there are too few sequences on one side")
        ceiling = None if sides.holdout is None else self._tell(shown[id(sides.train)], real, seed, in_time=few)
        said = (
            f"Boosted trees tell {what} of synthetic from real sequences with an area under the curve of "
            f"{ours.value:.3f} (0.5: not at all){beside(ceiling)}."
        )
        return figure(check, ours, said, direction=Direction.CEILING, ceiling=ceiling, interval_by="DeLong, 95 %")

    def _tell(self, fake: _Shown, real: _Shown, seed: int, *, in_time: bool) -> Estimate | None:
        """Return the area; with `in_time` the same part of both sides' time lies in one fold."""
        from sklearn.ensemble import HistGradientBoostingClassifier

        rng = np.random.default_rng(seed)
        kept = [_some(side.rows, self.most_rows // 2, rng) for side in (fake, real)]
        size = min(len(kept[0]), len(kept[1]))
        rows = [np.sort(rng.permutation(part)[:size]) for part in kept]
        x = np.concatenate([fake.rows[rows[0]], real.rows[rows[1]]])
        x = np.where(np.isfinite(x), x, np.nan)
        x = x[:, ~np.isnan(x).all(axis=0)]
        y = np.repeat([1, 0], size)
        parts = [fake.part[rows[0]], real.part[rows[1]]]
        fold = _folds(np.concatenate(parts), self.folds, rng) if in_time else np.concatenate(
            [_folds(part, self.folds, rng) for part in parts]
        )  # fmt: skip
        if size < 10 * self.folds or min(np.bincount(fold * 2 + y, minlength=2 * self.folds)) < 5:
            return None
        areas = []
        for at in range(self.folds):
            held = fold == at
            if not np.isfinite(x[~held]).any(axis=0).all():
                x = np.nan_to_num(x, nan=-1e9)
            model = HistGradientBoostingClassifier(
                max_iter=80, min_samples_leaf=10, random_state=seed, early_stopping=False
            )
            scores = model.fit(x[~held], y[~held]).predict_proba(x[held])[:, 1]
            areas.append(area_under_curve(scores[y[held] == 0], scores[y[held] == 1]))
        blocks = min(len(np.unique(fake.block)), len(np.unique(real.block)))
        seen = sum(area.n for area in areas)
        # Windows of one entity resemble each other: the error is that of as many rows as there are entities.
        inflated = float(np.sqrt(sum(area.error**2 for area in areas))) / len(areas) * np.sqrt(max(1.0, seen / blocks))
        return Estimate(float(np.mean([area.value for area in areas])), min(inflated, 0.25), seen)

    def _predictive(self, sides: Sides, seed: int) -> Finding:
        names = sides.numbers
        if not names or sides.holdout is None:
            reason = "no number changes from row to row" if not names else "there is no holdout to foresee"
            return not_measured(PREDICTIVE, reason)
        chosen = names[: self.most_targets]
        ours = [self._error(sides.synthetic, sides.holdout, name, seed) for name in chosen]
        real = [self._error(sides.train, sides.holdout, name, seed) for name in chosen]
        pairs = [(a, b) for a, b in zip(ours, real, strict=True) if a is not None and b is not None]
        if not pairs:
            return not_measured(PREDICTIVE, "there are too few rows that follow each other")
        value, ceiling = (float(np.mean([pair[at] for pair in pairs])) for at in (0, 1))
        n = int(sides.holdout.rows)
        said = (
            f"Trained on synthetic sequences, a model misses the next real step by {value:.3f} spreads; trained on "
            f"real ones, by {ceiling:.3f}."
        )
        spread = float(np.std([a - b for a, b in pairs])) / np.sqrt(len(pairs))
        return figure(PREDICTIVE, Estimate(value, spread, n), said, ceiling=Estimate(ceiling, 0.0, n),
                      direction=Direction.CEILING, limits=(0.0, np.inf))  # fmt: skip

    def _error(self, train: Side, test: Side, name: str, seed: int) -> float | None:
        from sklearn.ensemble import HistGradientBoostingRegressor

        names = list(train.moving)
        spread = float(np.nanstd(test.moving[name]))
        pairs = []
        for side in (train, test):
            rows = np.flatnonzero((side.runs.position >= 1) & ~np.isnan(side.moving[name]))
            rows = np.random.default_rng(seed).permutation(rows)[: self.most_rows]
            pairs.append((windows(side, names, 2)[rows - 1], side.moving[name][rows], side.moving[name][rows - 1]))
        if spread < 1e-12 or min(len(pair[1]) for pair in pairs) < 30:
            return None
        (x, y, last), (x_test, y_test, last_test) = pairs
        # What is foreseen is the change: trees cannot reach beyond the levels they saw.
        steps = [
            now - np.nan_to_num(before, nan=float(np.nanmean(y))) for now, before in ((y, last), (y_test, last_test))
        ]
        keep = ~np.isnan(x).all(axis=0) & ~np.isnan(x_test).all(axis=0)
        model = HistGradientBoostingRegressor(
            loss="absolute_error", max_iter=60, random_state=seed, early_stopping=False
        )
        found = model.fit(x[:, keep], steps[0]).predict(x_test[:, keep])
        return float(np.abs(found - steps[1]).mean()) / spread


def summaries(side: Side) -> Floats:
    """Return entities x features: length, span, and of each number mean, spread, ends, changes.

    Of few entities windows stand for them, whose own length tells nothing.
    """
    blocks = int(side.block.max(initial=-1)) + 1
    order = np.argsort(side.block, kind="stable")
    starts = np.searchsorted(side.block[order], np.arange(blocks + 1))
    first, last = order[starts[:-1]], order[starts[1:] - 1]
    count = np.diff(starts).astype(np.float64)
    columns = [] if side.is_few else [count, side.times[last] - side.times[first]]
    for held in side.moving.values():
        known = ~np.isnan(held)
        size = np.maximum(np.bincount(side.block, known, blocks), 1)
        mean = np.bincount(side.block, np.where(known, held, 0.0), blocks) / size
        off = np.where(known, held - mean[side.block], 0.0)
        change = np.concatenate([[0.0], np.diff(held)])
        inner = np.concatenate([[False], np.diff(side.block) == 0]) & ~np.isnan(change)
        moved = np.sqrt(np.bincount(side.block, np.where(inner, change, 0.0) ** 2, blocks) / size)
        columns += [mean, np.sqrt(np.bincount(side.block, off**2, blocks) / size), moved, held[first], held[last]]
        columns.append(1 - size / np.maximum(count, 1))
    if len(side.static) and side.layout.entities == blocks:
        columns += list(side.static.values())
    return np.stack(columns, axis=1)


def _all(sides: Sides) -> list[Side]:
    return [side for side in (sides.train, sides.synthetic, sides.holdout) if side is not None]


def _some(rows: Floats, most: int, rng: np.random.Generator) -> Groups:
    """Return rows that stand for all entities alike, at most so many."""
    if len(rows) <= most:
        return np.arange(len(rows))
    return np.sort(rng.permutation(len(rows))[:most])


def _folds(groups: Groups, folds: int, rng: np.random.Generator) -> Groups:
    blocks = int(groups.max(initial=-1)) + 1
    return np.asarray(rng.permutation(blocks)[groups] % folds, np.int64)
