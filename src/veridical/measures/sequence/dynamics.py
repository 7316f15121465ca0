"""Do synthetic sequences last, pause, repeat and move together as real ones do, and stay where they began?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.core import rng as streams
from veridical.core.contracts import Evidence, RunContext
from veridical.core.finding import Direction, Finding, not_measured
from veridical.encode.panel import Layout
from veridical.measures.estimate import Estimate, kolmogorov, kolmogorov_p
from veridical.measures.figure import beside, figure
from veridical.measures.sequence.side import Floats, Side, Sides, lagged, sides_of

LAGS = (1, 2, 3, 7)
BANDS = 6
LEAST_PAIRS = 30
_METHOD = "bootstrap of entities, 95 %"
Table = NDArray[np.float64]  # a figure for each column (and lag): rows of a comparison


@dataclass(frozen=True, slots=True, kw_only=True)
class Dynamics:
    """Autocorrelation, cross-correlation, spectrum, lengths, gaps, drift over steps, and time that runs backwards.

    Figures are distances between synthetic and held-out sequences; the ceiling is the same for train. Intervals are by
    drawing entities again with replacement (windows, of few entities). Measured on tables of sequences only.

    Example:
        >>> Dynamics().replicates
        40
    """

    replicates: int = 40

    def measure(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return `sequence.*` of the only table; nothing where its rows are no sequences."""
        sides = sides_of(evidence)
        if sides is None:
            return ()
        seed = streams.derive(ctx.seed, "sequence", "dynamics")
        found = [_lengths(sides), _gaps(sides), _backward(sides)]
        for check, words, table in _DISTANCES:
            found.append(self._distance(sides, check, words, table, seed))
        return found

    def _distance(
        self, sides: Sides, check: str, words: str, table: Callable[[Side, list[str], Floats | None], Table], seed: int
    ) -> Finding:
        names = sides.numbers
        if not names:
            return not_measured(check, "no number changes from row to row")
        ours = self._apart(sides.synthetic, sides.reference, names, table, seed)
        ceiling = None
        if sides.holdout is not None:
            ceiling = self._apart(sides.train, sides.reference, names, table, seed)
        mean = "at most" if table is drifts else "on average"
        said = f"{words} differ by {ours.value:.3f} {mean} from held-out sequences{beside(ceiling)}."
        return figure(check, ours, said, direction=Direction.CEILING, ceiling=ceiling, limits=(0.0, np.inf),
                      interval_by=_METHOD)  # fmt: skip

    def _apart(
        self,
        one: Side,
        two: Side,
        names: list[str],
        table: Callable[[Side, list[str], Floats | None], Table],
        seed: int,
    ) -> Estimate:
        # One column that drifts away among many that do not is what a mean would hide.
        gap = _worst_gap if table is drifts else _mean_gap
        value = gap(table(one, names, None), table(two, names, None))
        rng = np.random.default_rng(seed)
        drawn = []
        for _ in range(self.replicates):
            weights = [_weights(side, rng) for side in (one, two)]
            drawn.append(gap(table(one, names, weights[0]), table(two, names, weights[1])))
        known = np.array([value for value in drawn if np.isfinite(value)])
        error = float(known.std()) if len(known) > 1 else 0.0
        rows = int(min(one.block.max(initial=-1), two.block.max(initial=-1))) + 1
        return Estimate(value, error, rows)


def _mean_gap(one: Table, two: Table) -> float:
    both = np.isfinite(one) & np.isfinite(two)
    lost = np.isnan(one) & np.isfinite(two)  # a column that stands still correlates with nothing
    if not (both | lost).any():
        return float("nan")
    return float(np.where(lost, 1.0, np.abs(np.nan_to_num(one) - np.nan_to_num(two)))[both | lost].mean())


def _worst_gap(one: Table, two: Table) -> float:
    both = np.isfinite(one) & np.isfinite(two)
    return float(np.abs(one[both] - two[both]).max()) if both.any() else float("nan")


def _weights(side: Side, rng: np.random.Generator) -> Floats:
    blocks = int(side.block.max(initial=-1)) + 1
    times = np.bincount(rng.integers(blocks, size=blocks), minlength=blocks).astype(np.float64)
    return times[side.block]


def _centred(side: Side, values: Floats) -> Floats:
    """Return values over their entity's mean, in units of the column's spread."""
    known = ~np.isnan(values)
    layout = side.layout
    total = np.bincount(layout.owner, np.where(known, values, 0.0), layout.entities)
    count = np.bincount(layout.owner, known, layout.entities)
    return values - (total / np.maximum(count, 1))[layout.owner]


def correlation(one: Floats, two: Floats, weights: Floats | None) -> float:
    """Return the correlation over rows where both are known; nan where one of them stands still."""
    known = ~(np.isnan(one) | np.isnan(two))
    if known.sum() < LEAST_PAIRS:
        return float("nan")
    w = np.ones(int(known.sum())) if weights is None else weights[known]
    a, b = one[known], two[known]
    total = max(w.sum(), 1e-12)
    a, b = a - (w @ a) / total, b - (w @ b) / total
    scale = np.sqrt((w @ (a * a)) * (w @ (b * b)))
    return float((w @ (a * b)) / scale) if scale > 1e-12 * total else float("nan")


def autocorrelations(side: Side, names: list[str], weights: Floats | None) -> Table:
    """Return columns x lags: how a value over its entity's mean resembles the one some steps before."""
    lags = [lag for lag in LAGS if lag < max(2, np.median(side.layout.lengths))]
    found = np.full((len(names), len(LAGS)), np.nan)
    for row, name in enumerate(names):
        values = _centred(side, side.moving[name])
        for lag in lags:
            found[row, LAGS.index(lag)] = correlation(values, lagged(side, values, lag), weights)
    return found


def first_lag(side: Side, names: list[str], weights: Floats | None) -> Table:
    """Return the autocorrelation at lag 1 alone."""
    return autocorrelations(side, names, weights)[:, :1]


def cross_correlations(side: Side, names: list[str], weights: Floats | None) -> Table:
    """Return for each pair of columns the correlation of their changes, at the same step and one step apart."""
    changes = [side.moving[name] - lagged(side, side.moving[name], 1) for name in names[:12]]
    earlier = [lagged(side, change, 1) for change in changes]
    found = [
        correlation(one, two, weights)
        for i, one in enumerate(changes)
        for j in range(len(changes))
        for two in (([changes[j]] if j > i else []) + [earlier[j]])
    ]
    return np.array(found)


def spectra(side: Side, names: list[str], weights: Floats | None) -> Table:
    """Return columns x bands: how a series' movement is shared between slow and fast (octaves of frequency)."""
    found = np.full((len(names), BANDS), np.nan)
    whole = pieces(side) if side.is_few else side.layout
    starts = whole.starts
    long = np.flatnonzero(whole.lengths >= 2**BANDS // 2)[:200]
    if not len(long):
        return found
    for row, name in enumerate(names):
        shares, weight = [], []
        for entity in long:
            part = side.moving[name][starts[entity] : starts[entity + 1]]
            part = np.where(np.isnan(part), np.nanmean(part) if np.isfinite(part).any() else 0.0, part)
            power = np.abs(np.fft.rfft(part - part.mean()))[1:] ** 2
            if power.sum() < 1e-12 * len(part):
                continue
            octave = np.minimum(np.floor(-np.log2(np.arange(1, len(power) + 1) / len(power))), BANDS - 1)
            shares.append(np.bincount(octave.astype(int), power, BANDS) / power.sum())
            weight.append(1.0 if weights is None else float(weights[starts[entity]]))
        if shares and sum(weight) > 0:
            found[row] = np.average(np.stack(shares), axis=0, weights=weight)
    return found


def pieces(side: Side) -> Layout:
    """Return stretches of a few series that are about 64 rows long, as all sides' are: slow movement needs room."""
    counts = np.maximum(side.runs.lengths // 2**BANDS, 1)
    marks = [
        np.linspace(start, end, count + 1).astype(np.int64)[:-1]
        for start, end, count in zip(side.runs.starts, side.runs.starts[1:], counts, strict=False)
    ]
    return Layout(np.append(np.concatenate(marks), side.rows))


def drifts(side: Side, names: list[str], weights: Floats | None) -> Table:
    """Return columns x 2: how far the level, and the spread, move from the first to the last third of a sequence."""
    found = np.full((len(names), 2), np.nan)
    part = side.layout.position / np.maximum(side.layout.lengths[side.layout.owner] - 1, 1)
    w = np.ones(side.rows) if weights is None else weights
    for row, name in enumerate(names):
        values = side.moving[name]
        ends = [(part <= 1 / 3) & ~np.isnan(values), (part >= 2 / 3) & ~np.isnan(values)]
        if min(w[mask].sum() for mask in ends) < LEAST_PAIRS:
            continue
        means = [np.average(values[mask], weights=w[mask]) for mask in ends]
        spreads = [
            np.sqrt(np.average((values[mask] - mean) ** 2, weights=w[mask]))
            for mask, mean in zip(ends, means, strict=True)
        ]
        whole = float(np.nanstd(values))
        if whole < 1e-12:
            continue
        found[row] = (means[1] - means[0]) / whole, np.log((spreads[1] + 1e-3 * whole) / (spreads[0] + 1e-3 * whole))
    return found


_DISTANCES: tuple[tuple[str, str, Callable[[Side, list[str], Floats | None], Table]], ...] = (
    ("sequence.autocorrelation", "Autocorrelations at lags 1, 2, 3 and 7", autocorrelations),
    ("sequence.lag_1", "Autocorrelations at lag 1", first_lag),
    ("sequence.cross_correlation", "Correlations of columns' changes", cross_correlations),
    ("sequence.spectrum", "Shares of slow and fast movement", spectra),
    ("sequence.drift", "Moves of level and spread from a sequence's first to its last third", drifts),
)


def _lengths(sides: Sides) -> Finding:
    if sides.train.layout.entities < 10:
        return not_measured("sequence.length_ks", "there are too few entities", n=sides.train.layout.entities)
    return _ks(sides, "sequence.length_ks", "lengths of sequences", lambda side: side.layout.lengths.astype(np.float64))


def _gaps(sides: Sides) -> Finding:
    return _ks(sides, "sequence.gap_ks", "times between rows", lambda side: np.round(side.gaps, 6))


def _ks(sides: Sides, check: str, what: str, of: Callable[[Side], Floats]) -> Finding:
    samples = [np.sort(of(side)) for side in (sides.synthetic, sides.reference)]
    if min(map(len, samples)) < 5:
        return not_measured(check, "there are too few of them", n=min(map(len, samples)))
    ours = kolmogorov(samples[0], samples[1])
    ceiling = None if sides.holdout is None else kolmogorov(np.sort(of(sides.train)), samples[1])
    p_value = kolmogorov_p(ours.value, len(samples[0]), len(samples[1]))
    said = f"The cumulative curves of {what} are at most {ours.value:.3f} apart{beside(ceiling)}."
    return figure(check, ours, said, ceiling=ceiling, p_value=p_value, direction=Direction.CEILING)


def _backward(sides: Sides) -> Finding:
    ours, real = sides.synthetic.backward, sides.train.backward
    said = f"Time runs backwards in {ours:.2%} of the rows of an entity as they stand; in {real:.2%} of the real ones."
    rows = sides.synthetic.rows
    return figure("sequence.backward_time", Estimate(ours, 0.0, rows), said, ceiling=Estimate(real, 0.0, rows),
                  direction=Direction.CEILING)  # fmt: skip
