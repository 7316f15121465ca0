"""Are all groups there as often as in the source, and do they have the label as often?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from veridical.core.contracts import Evidence, RunContext
from veridical.core.finding import Direction, Finding, not_measured
from veridical.measures import view as views
from veridical.measures.estimate import Estimate, share, total_variation
from veridical.measures.fairness.group import NO_COLUMNS, Grouping, groupings_of, positive_of
from veridical.measures.figure import beside, figure
from veridical.measures.target import Target, target_of
from veridical.measures.view import Side, View

SHARES, SMALLEST = "fairness.representation", "fairness.smallest_ratio"
RATES, AMPLIFIED = "fairness.label_rates", "fairness.amplification"


@dataclass(frozen=True, slots=True, kw_only=True)
class Representation:
    """Shares and label rates of groups, by protected column and by two together, against held-out rows.

    Groups need `least_rows` held-out rows. The smallest ratio is that of the group which lost most of its share.
    Amplification is by how much the largest gap of label rates between groups grew (0: as in the source).

    Example:
        >>> Representation(columns=("sex",)).least_rows
        50
    """

    columns: tuple[str, ...] | None = None
    target: str | None = None
    least_rows: int = 50

    def measure(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return the four figures of each table, and those of each grouping and group."""
        return [finding for view in views.of(evidence, ctx) for finding in self._table(view)]

    def _table(self, view: View) -> list[Finding]:
        groupings = groupings_of(view, self.columns)
        if not groupings:
            checks = (SHARES, SMALLEST, RATES, AMPLIFIED)
            return [not_measured(check, NO_COLUMNS, scope=view.scope()) for check in checks]
        found = [finding for grouping in groupings for finding in self._shares(view, grouping)]
        target = target_of(view, self.target)
        reason = "no column can be predicted: none is named, or it holds one value only"
        if target is None:
            rates = [not_measured(check, reason, scope=view.scope()) for check in (RATES, AMPLIFIED)]
        else:
            rates = [
                finding
                for grouping in groupings
                if target.name not in grouping.columns
                for finding in self._rates(view, grouping, target)
            ]
        return _with_worst(view, [*found, *rates])

    def _shares(self, view: View, grouping: Grouping) -> list[Finding]:
        real = grouping.counts(view, view.reference)
        ours = grouping.counts(view, view.fake)
        peer = None if view.peer is None else grouping.counts(view, view.peer)
        distance, ceiling = total_variation(ours, real), None if peer is None else total_variation(peer, real)
        name = " and ".join(grouping.columns)
        out = [
            figure(
                SHARES, distance, f"By {name}, {distance.value:.1%} of the rows are in the wrong group"
                f"{beside(ceiling, '.1%')}.", scope=view.scope(*grouping.columns), ceiling=ceiling,
            )
        ]  # fmt: skip
        large = np.flatnonzero(real >= self.least_rows)
        if large.size == 0:
            reason = f"no group of {name} has {self.least_rows} rows"
            return [*out, not_measured(SMALLEST, reason, scope=view.scope(*grouping.columns))]
        ratios = _ratios(ours, real)[large]
        worst = int(large[ratios.argmin()])
        lowest = None if peer is None else Estimate(float(_ratios(peer, real)[large].min()))
        ratio = _ratio(int(ours[worst]), int(ours.sum()), int(real[worst]), int(real.sum()))
        label = " and ".join(grouping.names[worst])
        out.append(
            figure(
                SMALLEST, ratio, f"The group that lost most is {label}: it has {ratio.value:.0%} of its real share"
                f"{beside(lowest, '.0%')}.", direction=Direction.HIGHER, scope=view.scope(*grouping.columns),
                ceiling=lowest, limits=(0.0, math.inf), interval_by="delta method, 95 %", detail={"group": label},
            )
        )  # fmt: skip
        return out

    def _rates(self, view: View, grouping: Grouping, target: Target) -> list[Finding]:
        sides = {"real": view.reference, "ours": view.fake} | ({} if view.peer is None else {"peer": view.peer})
        rates = {name: _rates_of(view, grouping, target, side) for name, side in sides.items()}
        large = np.flatnonzero((rates["real"][1] >= self.least_rows) & (rates["ours"][1] > 0))
        scope = view.scope(*grouping.columns)
        if large.size < 2:
            reason = f"fewer than two groups have {self.least_rows} rows"
            return [not_measured(check, reason, scope=scope) for check in (RATES, AMPLIFIED)]
        gaps = {name: _gaps(rates[name], rates["real"], large) for name in rates if name != "real"}
        worst = max(gaps["ours"], key=lambda item: item.value)
        label = " and ".join(grouping.names[int(large[gaps["ours"].index(worst)])])
        ceiling = max(gaps["peer"], key=lambda item: item.value) if "peer" in gaps else None
        spreads = {name: _spread(found, large) for name, found in rates.items()}
        grown = _grown(spreads["ours"], spreads["real"])
        held = _grown(spreads["peer"], spreads["real"]) if "peer" in spreads else None
        name = " and ".join(grouping.columns)
        return [
            figure(
                RATES, worst, f"How often {label} has the label ({target.name}) is off by {worst.value:.1%}, the most "
                f"of all groups{beside(ceiling, '.1%')}.", scope=scope, ceiling=ceiling, detail={"group": label},
            ),
            figure(
                AMPLIFIED, grown, f"The largest gap of {target.name} between groups of {name} is "
                f"{spreads['ours'].value:.1%}; in the real data it is {spreads['real'].value:.1%}.",
                scope=scope, ceiling=held, limits=(-1.0, 1.0),
            ),
        ]  # fmt: skip


Rates = tuple[NDArray[np.float64], NDArray[np.int64]]  # the rate and the rows of each group


def _rates_of(view: View, grouping: Grouping, target: Target, side: Side) -> Rates:
    positive = positive_of(view, target, side)
    known = ~np.isnan(positive)
    groups = grouping.of(view, side)[known]
    rows = np.bincount(groups, minlength=len(grouping.names))
    hits = np.bincount(groups, weights=positive[known], minlength=len(grouping.names))
    return hits / np.maximum(rows, 1), rows


def _gaps(one: Rates, real: Rates, groups: NDArray[np.int64]) -> list[Estimate]:
    out = []
    for group in groups:
        sure = [share(round(rates[group] * rows[group]), int(rows[group])) for rates, rows in (one, real)]
        if sure[0].n == 0:
            sure[0] = Estimate(0.0, 0.0)
        gap = abs(sure[0].value - sure[1].value)
        out.append(Estimate(gap, math.hypot(sure[0].error, sure[1].error), int(min(one[1][group], real[1][group]))))
    return out


def _spread(rates: Rates, groups: NDArray[np.int64]) -> Estimate:
    high, low = (groups[int(place)] for place in (rates[0][groups].argmax(), rates[0][groups].argmin()))
    errors = [share(round(rates[0][g] * rates[1][g]), max(int(rates[1][g]), 1)).error for g in (high, low)]
    return Estimate(float(rates[0][high] - rates[0][low]), math.hypot(*errors), int(rates[1][groups].min()))


def _grown(one: Estimate, real: Estimate) -> Estimate:
    return Estimate(one.value - real.value, math.hypot(one.error, real.error), min(one.n, real.n))


def _ratios(one: NDArray[np.int64], real: NDArray[np.int64]) -> NDArray[np.float64]:
    return (one / max(one.sum(), 1)) / np.maximum(real / max(real.sum(), 1), 1e-12)


def _ratio(hits: int, n: int, real: int, m: int) -> Estimate:
    value = (hits / max(n, 1)) / (real / m)
    error = (value if hits else 1 / max(n, 1) / (real / m)) * math.sqrt(1 / max(hits, 1) + 1 / real)
    return Estimate(value, error, min(hits, real))


def _with_worst(view: View, found: list[Finding]) -> list[Finding]:
    """Return a finding of the whole table for each check - its worst grouping - before all others."""
    heads = []
    for check in (SHARES, SMALLEST, RATES, AMPLIFIED):
        own = [finding for finding in found if finding.check == check and finding.scope != view.scope()]
        measured = [finding for finding in own if finding.measured]
        if not measured:
            heads += [not_measured(check, own[0].reason, scope=view.scope())] if own else []
            continue
        worst = sorted(measured, key=_badness)[-1]
        heads.append(whole_table(view, worst))
    return [*heads, *found]


def whole_table(view: View, worst: Finding) -> Finding:
    """Return a grouping's finding as that of the whole table."""
    return replace(worst, scope=view.scope(), detail={**worst.detail, "columns": list(worst.scope)})


def _badness(finding: Finding) -> float:
    gap = (finding.value or 0.0) - (finding.ceiling or 0.0)
    return -gap if finding.direction is Direction.HIGHER else gap
