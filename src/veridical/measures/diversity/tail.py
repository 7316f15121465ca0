"""Are the rare things still there: both ends of each number, rare categories, rare combinations?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.core.contracts import Evidence, RunContext
from veridical.core.finding import Direction, Finding, not_measured
from veridical.measures import view as views
from veridical.measures.column import Coding
from veridical.measures.estimate import Estimate, independent_mean, share
from veridical.measures.fidelity.marginal import counts_of
from veridical.measures.figure import beside, figure
from veridical.measures.view import Side, View

TAILS, RARE = "diversity.tails", "diversity.rare_categories"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tails:
    """The mass beyond train's outer quantiles, and of categories that fewer than `rare_share` of the rows hold.

    A number's tail holds a share q of train's rows at each end, for each q of `quantiles` (left out where ties make
    it larger than 2 q). The figure is the share of the held-out rows' mass there which synthetic rows have: 1 is
    right, 0 is a lost tail, more than 1 counts as 1. Rare categories are weighed alike, each by how much of its share
    survives, and must be held by at least k training rows and one held-out row.

    Example:
        >>> Tails().quantiles
        (0.01, 0.05)
    """

    quantiles: tuple[float, ...] = (0.01, 0.05)
    rare_share: float = 0.01

    def measure(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return `diversity.tail` of each end, `diversity.tails` and `diversity.rare_categories` of each table."""
        return [finding for view in views.of(evidence, ctx) for finding in [*self._tails(view), *self._rare(view)]]

    def _tails(self, view: View) -> list[Finding]:
        found = []
        for coding in view.numeric:
            for quantile in self.quantiles:
                found += [_tail(view, coding, quantile, upper=upper) for upper in (False, True)]
        kept = [finding for finding in found if finding is not None and finding.measured]
        if not kept:
            reason = "no number has a tail: it has no values on one side, or ties reach to both ends"
            return [not_measured(TAILS, reason, scope=view.scope())]
        worst = min(kept, key=lambda finding: finding.value or 0.0)
        held = [finding.ceiling for finding in kept if finding.ceiling is not None]
        ours = independent_mean([Estimate(item.value or 0.0, _error_of(item), item.n) for item in kept])
        ceiling = Estimate(float(np.mean(held))) if held else None
        head = figure(
            TAILS, ours,
            f"Of what lies in the tails of numbers, {ours.value:.0%} is there on average{beside(ceiling, '.0%')}; "
            f"least in {' '.join(worst.scope)}: {worst.value:.0%}.",
            direction=Direction.HIGHER, scope=view.scope(), ceiling=ceiling,
            interval_by="binomial, 95 %, tails taken as independent", detail={"tails": len(kept)},
        )  # fmt: skip
        return [head, *kept]

    def _rare(self, view: View) -> list[Finding]:
        found: list[tuple[Estimate, Estimate | None]] = []
        names = []
        for coding in view.categorical:
            width = len(coding.labels)
            train = counts_of(view.train, coding.name, width)
            rare = (train >= view.rare_below) & (train < self.rare_share * view.train.rows)
            if not rare.any():
                continue
            ours = _surviving(view.fake, view.reference, coding, rare)
            if np.isnan(ours.value):
                continue
            peer = None if view.peer is None else _surviving(view.peer, view.reference, coding, rare)
            found.append((ours, peer))
            names.append(coding.name)
        if not found:
            return [not_measured(RARE, "there is no rare category that k rows hold", scope=view.scope())]
        out = [
            figure(
                RARE, ours, f"Of the rare categories of {name}, {ours.value:.0%} survives{beside(ceiling, '.0%')}.",
                direction=Direction.HIGHER, scope=view.scope(name), ceiling=ceiling,
                interval_by="over categories, 95 %",
            )
            for name, (ours, ceiling) in zip(names, found, strict=True)
        ]  # fmt: skip
        ours = independent_mean([item[0] for item in found])
        held = [item[1] for item in found if item[1] is not None]
        ceiling = independent_mean(held) if held else None
        head = figure(
            RARE, ours, f"Of rare categories, {ours.value:.0%} survives{beside(ceiling, '.0%')}.",
            direction=Direction.HIGHER, scope=view.scope(), ceiling=ceiling, detail={"columns": names},
            interval_by="over categories, 95 %, columns taken as independent",
        )  # fmt: skip
        return [head, *out]


def _tail(view: View, coding: Coding, quantile: float, *, upper: bool) -> Finding | None:
    train = view.train.ordered[coding.name]
    place = int(quantile * train.size)
    if place < view.rare_below:
        return None
    limit = train[-1 - place] if upper else train[place]
    if not 0 < _beyond(train, limit, upper=upper) <= 2 * quantile * train.size:
        return None
    reference = view.reference.ordered[coding.name]
    expected = _beyond(reference, limit, upper=upper) / max(reference.size, 1)
    if expected == 0:
        return None

    def mass(side: Side) -> Estimate:
        ordered = side.ordered[coding.name]
        found = share(_beyond(ordered, limit, upper=upper), ordered.size)
        doubt = math.hypot(found.error / expected, found.value / expected / math.sqrt(expected * reference.size))
        return Estimate(min(found.value / expected, 1.0), doubt, min(ordered.size, reference.size))

    ours, ceiling = mass(view.fake), None if view.peer is None else mass(view.peer)
    end = "highest" if upper else "lowest"
    return figure(
        "diversity.tail", ours,
        f"Of the {quantile:.0%} {end} values of {coding.name}, {ours.value:.0%} is there{beside(ceiling, '.0%')}.",
        direction=Direction.HIGHER, scope=view.scope(coding.name, f"{end} {quantile:.0%}"), ceiling=ceiling,
        interval_by="binomial, 95 %",
    )  # fmt: skip


def _beyond(ordered: NDArray[np.float64], limit: float, *, upper: bool) -> int:
    if upper:
        return int(ordered.size - np.searchsorted(ordered, limit, side="right"))
    return int(np.searchsorted(ordered, limit, side="left"))


def _surviving(side: Side, reference: Side, coding: Coding, rare: NDArray[np.bool_]) -> Estimate:
    width = len(coding.labels)
    real, counts = (counts_of(one, coding.name, width) for one in (reference, side))
    asked = rare & (real > 0)
    if not asked.any() or not counts.sum():
        return Estimate(math.nan)
    expected = real[asked] / real.sum() * counts.sum()
    kept = np.minimum(counts[asked] / expected, 1.0)
    # A count of mean m varies by root m: that is the doubt of each category's share.
    # No share between 0 and 1 varies by more than a half.
    spread = np.minimum(1 / expected + 1 / real[asked], 0.25)
    return Estimate(float(kept.mean()), float(np.sqrt(spread.sum())) / kept.size, min(side.rows, reference.rows))


def _error_of(finding: Finding) -> float:
    return 0.0 if finding.interval is None else (finding.interval.high - finding.interval.low) / 2 / 1.96
