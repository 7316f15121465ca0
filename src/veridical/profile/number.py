"""On which grid do numbers lie, within which bounds, and where do they pile up?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from veridical.profile.facts import Facts, Floats, Integers

MAX_DECIMALS = 9
EXACT = 2**53
ROUNDING = 1e-12  # of a number: what arithmetic in float64 leaves; float32 stored as float64 is off by far more
NEIGHBOURS = 10
SPIKE_RATIO = 5.0
SENTINELS = (-1.0, -9.0, -99.0, -999.0, -9999.0, 999.0, 9999.0, 99999.0, 999999.0)


@dataclass(frozen=True, slots=True)
class Grid:
    """Digits after the point (None: no grid was found), and the step when it is wider than those digits."""

    decimals: int | None
    step: float | None


@dataclass(frozen=True, slots=True)
class Bounds:
    """A range that holds every value and shows no extreme that fewer than k rows carry."""

    low: float
    high: float


def grid_of(numbers: Floats, *, single: bool = False) -> Grid:
    """Return the grid that all of the numbers lie on; `single` says that they came as float32.

    Example:
        >>> grid_of(np.array([0.05, 0.1, 0.35, 1.0, 2.25]))
        Grid(decimals=2, step=0.05)
    """
    if len(numbers) == 0:
        return Grid(None, None)
    for decimals in range(MAX_DECIMALS + 1):
        scaled = numbers * 10.0**decimals
        if np.abs(scaled).max() > EXACT:
            return Grid(None, None) if decimals else Grid(0, None)
        whole = np.rint(scaled)
        if single:
            fits = bool(np.all(np.float32(whole / 10.0**decimals) == numbers.astype(np.float32)))
        else:
            fits = bool(np.all(np.abs(scaled - whole) <= ROUNDING * np.maximum(np.abs(scaled), 1.0)))
        if fits:
            return Grid(decimals, _step(whole.astype(np.int64), decimals))
    return Grid(None, None)


def _step(whole: Integers, decimals: int) -> float | None:
    divisor = int(np.gcd.reduce(np.abs(whole)))
    if divisor <= 1 or np.count_nonzero(whole) < 5:
        return None
    return divisor / 10**decimals if decimals else float(divisor)


def bounds_of(numbers: Floats, counts: Integers, *, rare_below: int, decimals: int | None) -> Bounds:
    """Return a range around ascending numbers: an end is exact only when at least k rows carry it.

    Other ends are moved outward to the next round number; zero stays an end of what is never negative.

    Example:
        >>> bounds_of(np.array([3.0, 40.0, 97.0]), np.array([1, 9, 9]), rare_below=5, decimals=0)
        Bounds(low=0.0, high=97.0)
    """
    first, last = float(numbers[0]), float(numbers[-1])
    cumulative = np.cumsum(counts)
    middle = np.interp([0.01, 0.99], cumulative / cumulative[-1], numbers)
    step = _round_step(float(middle[1] - middle[0]) or abs(first) or 1.0)
    low, high = first, last
    if counts[0] < rare_below:
        low = _outward(first, -1, step)
        low = max(low, 0.0) if first >= 0 else low
    if counts[-1] < rare_below:
        high = _outward(last, 1, step)
        high = min(high, 0.0) if last <= 0 else high
    digits = decimals if decimals is not None else 12
    # Rounding may never cut off what was seen: twelve digits do not hold every number.
    return Bounds(min(round(low, digits), first), max(round(high, digits), last))


def _round_step(spread: float) -> float:
    return float(10.0 ** math.floor(math.log10(spread / 2))) if spread > 0 else 1.0


def _outward(value: float, sign: int, step: float) -> float:
    # A lone far value is rounded to its own size, not to the spread of the others.
    step = max(step, 10.0 ** math.floor(math.log10(abs(value)) - 1)) if value else step
    edge = math.floor(value / step) if sign < 0 else math.ceil(value / step)
    return float((edge + sign * (edge * step == value)) * step)


def quantiles_of(numbers: Floats, counts: Integers, *, rare_below: int, points: int = 101) -> tuple[float, ...]:
    """Return quantiles that show no single row: each is a value k rows carry, or the mean of k rows.

    `numbers` ascend. Fewer points are given when there are few rows, none when there are fewer than k.
    """
    total = int(counts.sum())
    if total < max(rare_below, 2):
        return ()
    points = max(2, min(points, total // rare_below + 1))
    cumulative = np.cumsum(counts)
    # The window of k rows around each rank stays inside the data: both ends are pulled in.
    starts = np.rint(np.linspace(0, total - rare_below, points)).astype(np.int64)
    ranks = starts[:, None] + np.arange(rare_below)
    return tuple(
        float(f"{value:.10g}") for value in numbers[np.searchsorted(cumulative, ranks, side="right")].mean(axis=1)
    )


def spikes_of(numbers: Floats, counts: Integers, *, rare_below: int) -> tuple[tuple[float, float], ...]:
    """Return (value, share) of values that carry far more rows than their neighbours do, largest first.

    Example:
        >>> spikes_of(np.arange(100.0), np.array([900] + [2] * 99), rare_below=5)
        ((0.0, 0.819672131147541),)
    """
    if len(numbers) < 2 * NEIGHBOURS:
        return ()
    total = counts.sum()
    candidates = np.flatnonzero(counts >= max(rare_below, 0.005 * total))
    found = []
    for index in candidates[np.argsort(-counts[candidates])][:50]:
        start = int(np.clip(index - NEIGHBOURS, 0, len(counts) - 2 * NEIGHBOURS - 1))
        window = np.delete(counts[max(start, 0) : start + 2 * NEIGHBOURS + 1], index - max(start, 0))
        beside = np.concatenate([counts[max(index - 2, 0) : index], counts[index + 1 : index + 3]])
        high = counts[index] > SPIKE_RATIO * max(float(np.median(window)), 1.0)
        # A count that falls off smoothly (0, 1, 2 ...) has no spike at 1, however few its tail holds.
        if high and counts[index] > 2.5 * beside.max() and counts[index] > 2 * np.quantile(window, 0.9):
            found.append((float(numbers[index]), float(counts[index] / total)))
    return tuple(found[:20])


def findings_of(facts: Facts, *, rare_below: int, spikes: tuple[tuple[float, float], ...]) -> tuple[str, ...]:
    """Return in words: zero inflation, a cap, heaping, and numbers that may stand for missing."""
    numbers, counts = facts.numbers, facts.number_counts
    if len(numbers) < 2:
        return ()
    total = counts.sum()
    found = []
    zero = dict(spikes).get(0.0, 0.0)
    if zero >= 0.05:
        found.append(f"zero in {zero:.0%} of the rows: far more often than its neighbours")
    found += _caps(numbers, counts, rare_below)
    others = [f"{value:g} ({share:.1%})" for value, share in spikes if value != 0][:5]
    if others:
        found.append(f"spikes at {', '.join(others)}")
    heap = _heap(numbers, counts)
    if heap:
        share = counts[np.mod(numbers, heap) == 0].sum() / total
        found.append(f"heaped: {share:.0%} are multiples of {heap}")
    for end, inner in ((0, 1), (-1, -2)):
        spread = abs(float(numbers[-2 if end == -1 else -1] - numbers[0 if end == -1 else 1]))
        apart = abs(numbers[end] - numbers[inner]) > 0.5 * max(spread, 1.0)
        if numbers[end] in SENTINELS and counts[end] >= rare_below and apart and len(numbers) > 10:
            found.append(f"{numbers[end]:g} stands far from the rest: it may mark missing values (kept as a number)")
    return tuple(found)


def _caps(numbers: Floats, counts: Integers, rare_below: int) -> list[str]:
    found = []
    total = counts.sum()
    for end, near, word in ((-1, slice(-11, -1), "top"), (0, slice(1, 11), "bottom")):
        enough = len(numbers) >= 20 and counts[end] >= max(rare_below, 0.0005 * total)
        if enough and numbers[end] != 0 and counts[end] > SPIKE_RATIO * max(float(np.median(counts[near])), 1.0):
            found.append(f"{word} coded at {numbers[end]:g}: {counts[end] / total:.2%} of the rows stand there")
    return found


def _heap(numbers: Floats, counts: Integers) -> int | None:
    total = counts.sum()
    if len(numbers) < 30 or np.any(numbers != np.rint(numbers)):
        return None
    nonzero = numbers != 0
    for base in (1000, 500, 100, 50, 10, 5):
        share = counts[nonzero & (np.mod(numbers, base) == 0)].sum() / max(counts[nonzero].sum(), 1)
        # On the grid everywhere is a step, not heaping.
        if share < 1 and share > 0.4 + 1 / base and numbers[-1] - numbers[0] >= 4 * base and total >= 100:
            return base
    return None
