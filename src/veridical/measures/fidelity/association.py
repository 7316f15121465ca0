"""How strongly do columns go with each other, and is that as in the real data?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.core.contracts import Evidence, RunContext
from veridical.core.finding import Finding, not_measured
from veridical.measures import view as views
from veridical.measures.column import Coding, Floats
from veridical.measures.estimate import Estimate, cramers_v, mean_of, midranks, pearson
from veridical.measures.fidelity.pair import chosen_sets
from veridical.measures.figure import beside, figure
from veridical.measures.view import Side, View, cut_down

HEADLINE, PAIR = "fidelity.correlations", "fidelity.correlation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Associations:
    """Every pair's strength: Spearman (numbers; Pearson beside it), correlation ratio (mixed), Cramer's V.

    Each is between 0 (or -1) and 1; the figure is the difference to the real data's. The baseline is what
    independent columns get: the real strength itself. At most `most_rows` rows of each side, drawn at random.
    Categories beyond a column's 252 commonest are pooled.

    Example:
        >>> Associations().most_rows
        200000
    """

    most_pairs: int = 2000
    most_rows: int = 200_000

    def measure(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return `fidelity.correlation` of each pair and `fidelity.correlations` of each table."""
        return [finding for view in views.of(evidence, ctx) for finding in self._table(view)]

    def _table(self, view: View) -> list[Finding]:
        if len(view.names) < 2:
            return [not_measured(HEADLINE, "there is only one column", scope=view.scope())]
        sides = {"ours": view.fake, "real": view.reference} | ({} if view.peer is None else {"peer": view.peer})
        prepared = {
            name: Prepared(view, cut_down(side, self.most_rows, view.rng("association", name)))
            for name, side in sides.items()
        }
        pairs = chosen_sets(len(view.names), 2, self.most_pairs, view.rng("association"))
        found = [self._pair(view, view.codings[a], view.codings[b], prepared) for a, b in pairs]
        measured = [item for item in found if item.measured]
        return [_headline(view, measured, len(pairs)), *found]

    def _pair(self, view: View, one: Coding, two: Coding, sides: dict[str, Prepared]) -> Finding:
        kind, ours = sides["ours"].strength(one, two)
        real = sides["real"].strength(one, two)[1]
        peer = sides["peer"].strength(one, two)[1] if "peer" in sides else None
        gap, ceiling = _gap(ours, real), None if peer is None else _gap(peer, real)
        detail = {"kind": kind, "real": _rounded(real.value), "synthetic": _rounded(ours.value)}
        if kind == "spearman":
            detail |= {f"pearson_{name}": _rounded(sides[side].pearson(one, two))
                       for name, side in (("real", "real"), ("synthetic", "ours"))}  # fmt: skip
        return figure(
            PAIR, gap,
            f"{one.name} and {two.name} go together by {ours.value:.2f}; in the real data by {real.value:.2f}.",
            scope=view.scope(one.name, two.name), ceiling=ceiling, baseline=Estimate(abs(real.value)),
            limits=(0.0, 2.0), interval_by="large-sample, 95 %", detail=detail,
        )  # fmt: skip


class Prepared:
    """One side with its ranks, made once for all pairs."""

    def __init__(self, view: View, side: Side) -> None:
        self.view, self.side = view, side
        self._ranks = {name: _ranked(values) for name, values in side.numbers.items()}

    def strength(self, one: Coding, two: Coding) -> tuple[str, Estimate]:
        """Return which coefficient fits the pair, and its value."""
        if one.is_number and two.is_number:
            return "spearman", self.spearman(one, two)
        if one.is_number != two.is_number:
            number, category = (one, two) if one.is_number else (two, one)
            return "correlation ratio", self.correlation_ratio(number, category)
        return "cramers v", self.cramers_v(one, two)

    def pearson(self, one: Coding, two: Coding) -> float:
        """Return Pearson's correlation over rows that have both."""
        a, b = self.side.numbers[one.name], self.side.numbers[two.name]
        both = ~(np.isnan(a) | np.isnan(b))
        return pearson(a[both], b[both])

    def spearman(self, one: Coding, two: Coding) -> Estimate:
        """Return Spearman's rank correlation over rows that have both."""
        a, b = self._ranks[one.name], self._ranks[two.name]
        missing = np.isnan(a) | np.isnan(b)
        if missing.any():
            both = ~missing
            a, b = midranks(a[both]), midranks(b[both])
        return _sure(pearson(a, b), a.size)

    def correlation_ratio(self, number: Coding, category: Coding) -> Estimate:
        """Return eta: the root of the share of a number's variance that lies between categories (Fisher 1925)."""
        values, bins = self.side.numbers[number.name], self._bins(category)
        present = ~np.isnan(values)
        values, bins = values[present], bins[present]
        if values.size < 2:
            return Estimate(math.nan)
        centred = values - values.mean()
        counts = np.bincount(bins, minlength=category.width)
        sums = np.bincount(bins, weights=centred, minlength=category.width)
        total = float(centred @ centred)
        if total == 0:
            return Estimate(math.nan)
        between = float((sums[counts > 0] ** 2 / counts[counts > 0]).sum())
        return _sure(math.sqrt(min(between / total, 1.0)), values.size)

    def cramers_v(self, one: Coding, two: Coding) -> Estimate:
        """Return Cramer's V (1946); missing is a category."""
        joint = self._bins(one).astype(np.intp) * two.width + self._bins(two)
        table = np.bincount(joint, minlength=one.width * two.width).reshape(one.width, two.width)
        return _sure(cramers_v(table), self.side.rows)

    def _bins(self, coding: Coding) -> NDArray[np.uint8]:
        return self.side.bins[self.view.at(coding.name)]


def _ranked(values: Floats) -> Floats:
    missing = np.isnan(values)
    if not missing.any():
        return midranks(values)
    ranks = np.full(values.size, np.nan)
    ranks[~missing] = midranks(values[~missing])
    return ranks


def _sure(value: float, n: int) -> Estimate:
    return Estimate(value, (1 - min(value * value, 1.0)) / math.sqrt(max(n - 1, 1)), n)


def _gap(one: Estimate, two: Estimate) -> Estimate:
    return Estimate(abs(one.value - two.value), math.hypot(one.error, two.error), min(one.n, two.n))


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)


def _headline(view: View, found: list[Finding], pairs: int) -> Finding:
    def column(values: list[float | None]) -> list[Estimate]:
        return [Estimate(value) for value in values if value is not None]

    errors = [(item.interval.high - (item.value or 0.0)) / 1.96 for item in found if item.interval is not None]
    ours = mean_of(column([item.value for item in found]))
    ours = Estimate(ours.value, float(np.mean(errors)) if errors else math.nan, min((f.n for f in found), default=0))
    held = column([item.ceiling for item in found])
    ceiling = mean_of(held) if held else None
    return figure(
        HEADLINE, ours,
        f"How strongly columns go together is off by {ours.value:.3f} on average over {len(found)} pairs"
        f"{beside(ceiling)}.",
        scope=view.scope(), ceiling=ceiling, baseline=mean_of(column([item.baseline for item in found])),
        interval_by="large-sample, 95 %, errors of pairs added", detail={"pairs": len(found), "of": pairs},
    )  # fmt: skip
