"""Does each column, on its own, hold the same values as often as in the real data?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from veridical.core.contracts import Evidence, RunContext
from veridical.core.finding import Direction, Finding, not_measured
from veridical.measures import view as views
from veridical.measures.column import Coding, Floats
from veridical.measures.estimate import (
    Estimate,
    chi_square_p,
    kolmogorov,
    kolmogorov_p,
    mean_of,
    share,
    total_variation,
    wasserstein,
)
from veridical.measures.figure import beside, figure
from veridical.measures.view import Side, View

Compared = Callable[[Side, Side], Estimate]


@dataclass(frozen=True, slots=True, kw_only=True)
class Marginals:
    """Each column's distribution, missing share, spikes, and categories that were lost or made up.

    Numbers by the Kolmogorov-Smirnov distance and the Wasserstein distance in interquartile ranges of train;
    categories by total variation. A spike is one number that at least `spike_share` of train holds.

    Example:
        >>> Marginals().spike_share
        0.02
    """

    spike_share: float = 0.02

    def measure(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return `fidelity.column_*` for each column and their means."""
        return [finding for view in views.of(evidence, ctx) for finding in self._table(view)]

    def _table(self, view: View) -> list[Finding]:
        found: list[Finding] = []
        distances: list[tuple[Estimate, Estimate | None, Estimate | None]] = []
        for coding in view.codings:
            distance = _distance(view, coding)
            distances.append(distance)
            found.append(_distance_finding(view, coding, distance))
            found.append(_missing(view, coding))
            found += [_transport(view, coding), *self._spikes(view, coding)] if coding.is_number else []
            found += [] if coding.is_number else [_survival(view, coding), _invented(view, coding)]
        reason = "it is missing or empty in one of the tables, or its cells are not of the schema's kind"
        left_out = [not_measured("fidelity.column", reason, scope=view.scope(name)) for name in view.left_out]
        return [_headline(view, distances), *found, *left_out]

    def _spikes(self, view: View, coding: Coding) -> list[Finding]:
        train = view.train.ordered[coding.name]
        values, counts = np.unique(train, return_counts=True)
        spikes = values[counts >= max(self.spike_share * train.size, view.rare_below)]
        if spikes.size == 0 or spikes.size == values.size:
            return []

        def masses(one: Side, other: Side) -> Estimate:
            return total_variation(
                _masses(one.ordered[coding.name], spikes), _masses(other.ordered[coding.name], spikes)
            )

        ours, ceiling = _against(view, masses)
        words = (
            f"{coding.name} has {spikes.size} values that stand out by how common they are; "
            f"{ours.value:.1%} of the rows would have to move for them to be as common as in the real data"
        )
        return [
            figure(
                "fidelity.column_spikes", ours, f"{words}{beside(ceiling, '.1%')}.",
                scope=view.scope(coding.name), ceiling=ceiling, detail={"spikes": int(spikes.size)},
            )
        ]  # fmt: skip


def _against(view: View, compared: Compared) -> tuple[Estimate, Estimate | None]:
    peer = view.peer
    return compared(view.fake, view.reference), None if peer is None else compared(peer, view.reference)


def _distance(view: View, coding: Coding) -> tuple[Estimate, Estimate | None, Estimate | None]:
    name = coding.name
    if coding.is_number:

        def apart(one: Side, other: Side) -> Estimate:
            return kolmogorov(one.ordered[name], other.ordered[name])

        return *_against(view, apart), _uniform_numbers(view, name)
    told = _told(view, coding)

    def moved(one: Side, other: Side) -> Estimate:
        return total_variation(counts_of(one, name, told.size)[told], counts_of(other, name, told.size)[told])

    even = np.zeros(told.size)
    even[: coding.known] = 1.0
    return *_against(view, moved), total_variation(even[told], counts_of(view.reference, name, told.size)[told])


def _told(view: View, coding: Coding) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Say which categories may be told: not those of fewer training rows than any release may show."""
    held = counts_of(view.train, coding.name, len(coding.labels))
    told = (held == 0) | (held >= view.rare_below)  # what no training row holds is no one's, and wrong if it comes
    return told if (told & (held > 0)).any() else np.ones(len(held), dtype=bool)


def counts_of(side: Side, name: str, width: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return how many rows hold each exact code (missing left out)."""
    return np.bincount(side.codes[name] + 1, minlength=width + 1)[1:]


def _uniform_numbers(view: View, name: str) -> Estimate:
    train = view.train.ordered[name]
    return kolmogorov(np.linspace(train[0], train[-1], 1000), view.reference.ordered[name])


def _distance_finding(
    view: View, coding: Coding, distance: tuple[Estimate, Estimate | None, Estimate | None]
) -> Finding:
    ours, ceiling, baseline = distance
    check = "fidelity.column_ks" if coding.is_number else "fidelity.column_tvd"
    what = f"the share of rows in the wrong category is {ours.value:.3f}{_left_out(view, coding)}"
    if coding.is_number:
        what = f"the two cumulative curves are at most {ours.value:.3f} apart"
    return figure(
        check, ours, f"For {coding.name}, {what}{beside(ceiling)}.",
        scope=view.scope(coding.name), ceiling=ceiling, baseline=baseline, p_value=_p_value(view, coding, ours),
        detail={"against": view.reference_name, "baseline": "all values alike common"},
    )  # fmt: skip


def _p_value(view: View, coding: Coding, ours: Estimate) -> float | None:
    if np.isnan(ours.value):
        return None
    name = coding.name
    if coding.is_number:
        return kolmogorov_p(ours.value, view.fake.ordered[name].size, view.reference.ordered[name].size)
    told = _told(view, coding)
    return chi_square_p(*(counts_of(side, name, told.size)[told] for side in (view.fake, view.reference)))


def _left_out(view: View, coding: Coding) -> str:
    if coding.is_number or (told := _told(view, coding)).all():
        return ""
    return f" (without {(~told).sum()} categories of fewer than {view.rare_below} training rows)"


def _transport(view: View, coding: Coding) -> Finding:
    name = coding.name
    scale = spread_of(view.train.ordered[name])

    def moved(one: Side, other: Side) -> Estimate:
        found = wasserstein(one.ordered[name], other.ordered[name])
        return Estimate(found.value / scale, found.error / scale, found.n)

    ours, ceiling = _against(view, moved)
    return figure(
        "fidelity.column_wasserstein", ours,
        f"Values of {name} would have to move by {ours.value:.3f} interquartile ranges on average{beside(ceiling)}.",
        scope=view.scope(name), ceiling=ceiling, limits=(0.0, np.inf), unit="interquartile ranges",
        detail={"against": view.reference_name},
    )  # fmt: skip


def spread_of(ordered: Floats) -> float:
    """Return the interquartile range of sorted numbers; where it is zero their standard deviation, or else 1."""
    low, high = np.quantile(ordered, (0.25, 0.75)) if ordered.size else (0.0, 0.0)
    if high > low:
        return float(high - low)
    deviation = float(ordered.std()) if ordered.size else 0.0
    return deviation if deviation > 0 else 1.0


def _missing(view: View, coding: Coding) -> Finding:
    place = view.at(coding.name)

    def gap(one: Side, other: Side) -> Estimate:
        shares = [share(int((side.bins[place] == coding.width - 1).sum()), side.rows) for side in (one, other)]
        error = float(np.hypot(shares[0].error, shares[1].error))
        return Estimate(abs(shares[0].value - shares[1].value), error, min(one.rows, other.rows))

    ours, ceiling = _against(view, gap)
    return figure(
        "fidelity.column_missing", ours,
        f"The share of rows without {coding.name} is off by {ours.value:.2%}{beside(ceiling, '.2%')}.",
        scope=view.scope(coding.name), ceiling=ceiling, detail={"against": view.reference_name},
    )  # fmt: skip


def _survival(view: View, coding: Coding) -> Finding:
    name, width = coding.name, len(coding.labels)
    real = counts_of(view.reference, name, width)
    common = real >= view.rare_below
    if not common.any():
        reason = f"no category is held by {view.rare_below} rows of {view.reference_name}"
        return not_measured("fidelity.category_coverage", reason, scope=view.scope(name))

    def seen(side: Side) -> Estimate:
        there = counts_of(side, name, width)[common] > 0
        missed = np.exp(-real[common] / real.sum() * side.rows)  # the chance that so many rows hold none
        error = float(np.sqrt((missed * (1 - missed)).sum())) / there.size
        return Estimate(float(there.mean()), error, side.rows)

    ours, ceiling = seen(view.fake), None if view.peer is None else seen(view.peer)
    lost = np.flatnonzero(common & (counts_of(view.fake, name, width) == 0))
    rows = float(real[lost].sum() / max(real.sum(), 1))
    labels = [coding.labels[code] for code in lost[:50]]
    return figure(
        "fidelity.category_coverage", ours,
        f"{ours.value:.0%} of the categories of {name} that at least {view.rare_below} real rows hold are there; "
        f"those missing hold {rows:.2%} of the real rows.",
        direction=Direction.HIGHER, scope=view.scope(name), ceiling=ceiling,
        interval_by="chance of missing each category, 95 %", sensitive=("lost_categories",),
        detail={"lost": len(lost), "lost_share_of_rows": rows, "lost_categories": labels},
    )  # fmt: skip


def _invented(view: View, coding: Coding) -> Finding:
    def made_up(side: Side) -> Estimate:
        codes = side.codes[coding.name]
        return share(int((codes >= coding.known).sum()), side.rows)

    ours, ceiling = made_up(view.synthetic), None if view.holdout is None else made_up(view.holdout)
    return figure(
        "fidelity.category_invented", ours,
        f"{ours.value:.2%} of the rows hold a category of {coding.name} that train does not have"
        f"{beside(ceiling, '.2%')}.",
        scope=view.scope(coding.name), ceiling=ceiling,
    )  # fmt: skip


def _masses(ordered: Floats, spikes: Floats) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    inside = np.searchsorted(ordered, spikes, side="right") - np.searchsorted(ordered, spikes, side="left")
    return np.r_[inside, ordered.size - inside.sum()]


def _headline(view: View, distances: list[tuple[Estimate, Estimate | None, Estimate | None]]) -> Finding:
    measured = [item for item in distances if not np.isnan(item[0].value)]
    ours = mean_of([item[0] for item in measured])
    ceilings = [item[1] for item in measured if item[1] is not None]
    ceiling = mean_of(ceilings) if len(ceilings) == len(measured) and measured else None
    baseline = mean_of([item[2] for item in measured if item[2] is not None])
    return figure(
        "fidelity.columns", ours,
        f"Column by column, synthetic and real differ by {ours.value:.3f} on average (0 alike, 1 nothing in common)"
        f"{beside(ceiling)}.",
        scope=view.scope(), ceiling=ceiling, baseline=baseline,
        interval_by="delta method, 95 %, errors of columns added",
        detail={"columns": len(measured), "against": view.reference_name},
    )  # fmt: skip
