"""How far apart are two samples, and how sure is that?

Intervals are by the delta method: the distance is linearised where it stands and the multinomial variance of both
samples is put through (van der Vaart 1998, ch. 3). Near zero, where a distance has no slope, this is on the wide side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veridical.core.finding import Interval
from veridical.measures.column import Floats

LEVEL = 0.95
_Z = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its standard error.

    Example:
        >>> Estimate(0.1, 0.01).interval()
        Interval(low=0.0804..., high=0.1195..., level=0.95)
    """

    value: float
    error: float = 0.0
    n: int = 0

    def interval(self, low: float = 0.0, high: float = 1.0) -> Interval:
        """Return the 95 % interval, held within what the figure can be."""
        half = _Z * self.error
        return Interval(float(max(low, self.value - half)), float(min(high, self.value + half)), LEVEL)


def mean_of(estimates: list[Estimate]) -> Estimate:
    """Return the mean, its error taken as if all errors moved together: an upper bound, whatever the dependence."""
    if not estimates:
        return Estimate(math.nan, math.nan)
    return Estimate(
        float(np.mean([item.value for item in estimates])),
        float(np.mean([item.error for item in estimates])),
        min(item.n for item in estimates),
    )


def independent_mean(estimates: list[Estimate]) -> Estimate:
    """Return the mean of estimates whose errors have nothing to do with each other."""
    if not estimates:
        return Estimate(math.nan, math.nan)
    error = math.sqrt(sum(item.error**2 for item in estimates)) / len(estimates)
    return Estimate(float(np.mean([item.value for item in estimates])), error, min(item.n for item in estimates))


def total_variation(one: NDArray[Any], two: NDArray[Any]) -> Estimate:
    """Return the total variation distance of two count tables (any shape, the same for both).

    Example:
        >>> total_variation(np.array([5, 5]), np.array([10, 0])).value
        0.5
    """
    n, m = int(one.sum()), int(two.sum())
    if n == 0 or m == 0:
        return Estimate(math.nan, math.nan)
    p, q = one.ravel() / n, two.ravel() / m
    sign = np.sign(p - q)
    value = 0.5 * float(np.abs(p - q).sum())
    spread = _variance(sign, p) / n + _variance(sign, q) / m
    return Estimate(value, 0.5 * math.sqrt(spread), min(n, m))


def _variance(values: NDArray[Any], weights: NDArray[Any]) -> float:
    mean = float(values @ weights)
    return max(float((values * values) @ weights) - mean * mean, 0.0)


def kolmogorov(one: Floats, two: Floats) -> Estimate:
    """Return the two-sample Kolmogorov-Smirnov distance of two sorted samples.

    Example:
        >>> kolmogorov(np.array([1.0, 2.0]), np.array([1.0, 3.0])).value
        0.5
    """
    n, m = one.size, two.size
    if n == 0 or m == 0:
        return Estimate(math.nan, math.nan)
    # The largest gap stands at a value of the smaller sample, or just before one of them.
    small, large = (one, two) if n <= m else (two, one)
    at, before = np.searchsorted(large, small, side="right"), np.searchsorted(large, small, side="left")
    ends = np.searchsorted(small, small, side="right") / small.size
    starts = np.searchsorted(small, small, side="left") / small.size
    gaps = np.concatenate([np.abs(ends - at / large.size), np.abs(starts - before / large.size)])
    place = int(gaps.argmax())
    f = float(np.concatenate([ends, starts])[place])
    g = float((np.concatenate([at, before]) / large.size)[place])
    error = math.sqrt(f * (1 - f) / small.size + g * (1 - g) / large.size)
    return Estimate(float(gaps[place]), error, min(n, m))


def kolmogorov_p(value: float, n: int, m: int) -> float:
    """Return the asymptotic p-value of a Kolmogorov-Smirnov distance (Smirnov 1939)."""
    from scipy.stats import kstwobign

    return float(kstwobign.sf(value * math.sqrt(n * m / (n + m))))


def chi_square_p(one: NDArray[Any], two: NDArray[Any]) -> float:
    """Return the p-value of one law behind both count tables; cells with under 5 expected are pooled."""
    from scipy.stats import chi2

    both = np.stack([one.ravel(), two.ravel()]).astype(np.float64)
    totals = both.sum(axis=1)
    expected = both.sum(axis=0) * totals.min() / totals.sum()
    big = expected >= 5
    table = np.column_stack([both[:, big], both[:, ~big].sum(axis=1)])
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2:
        return 1.0
    fitted = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    return float(chi2.sf(float(((table - fitted) ** 2 / fitted).sum()), table.shape[1] - 1))


def wasserstein(one: Floats, two: Floats) -> Estimate:
    """Return the first Wasserstein distance of two sorted samples, in the values' unit."""
    if one.size == 0 or two.size == 0:
        return Estimate(math.nan, math.nan)
    every = np.concatenate([one, two])
    every.sort(kind="stable")
    steps = np.diff(every)
    gaps = (
        np.searchsorted(one, every[:-1], side="right") / one.size
        - np.searchsorted(two, every[:-1], side="right") / two.size
    )
    value = float((np.abs(gaps) * steps).sum())
    # d W / d F = -integral of sign(F - G): the distance is a difference of means of h.
    h = np.r_[0.0, -np.cumsum(np.sign(gaps) * steps)]
    error = math.sqrt(
        sum(float(np.var(h[np.searchsorted(every, sample, side="left")])) / sample.size for sample in (one, two))
    )
    return Estimate(value, error, min(one.size, two.size))


def share(hits: int, n: int) -> Estimate:
    """Return a share; its error is that of Agresti and Coull (1998), which is not zero at the ends."""
    if n == 0:
        return Estimate(math.nan, math.nan)
    middle = (hits + 2) / (n + 4)
    return Estimate(hits / n, math.sqrt(middle * (1 - middle) / (n + 4)), n)


def area_under_curve(negative: NDArray[Any], positive: NDArray[Any]) -> Estimate:
    """Return the area under the ROC curve; the error is DeLong's (DeLong et al. 1988, by ranks: Sun and Xu 2014).

    Example:
        >>> area_under_curve(np.array([0.1, 0.4]), np.array([0.3, 0.9])).value
        0.75
    """
    if positive.size == 0 or negative.size == 0:
        return Estimate(math.nan, math.nan)
    above, below = placements(negative, positive)
    n = min(positive.size, negative.size)
    # At perfect separation DeLong's error is zero, which no finite sample supports.
    return Estimate(float(above.mean()), max(_placement_error(above, below), 0.5 / n), n)


def area_gain(one: tuple[Floats, Floats], two: tuple[Floats, Floats]) -> Estimate:
    """Return by how much the area of `two` is above that of `one`, from `placements` of the same rows (DeLong)."""
    above, below = two[0] - one[0], two[1] - one[1]
    return Estimate(float(above.mean()), _placement_error(above, below), min(above.size, below.size))


def placements(negative: NDArray[Any], positive: NDArray[Any]) -> tuple[Floats, Floats]:
    """Return, for each positive, the share of negatives below it, and for each negative that of positives above."""
    m, n = positive.size, negative.size
    ranks = midranks(np.concatenate([positive, negative]))
    return (ranks[:m] - midranks(positive)) / n, 1.0 - (ranks[m:] - midranks(negative)) / m


def _placement_error(above: Floats, below: Floats) -> float:
    return math.sqrt(sum(float(np.var(part, ddof=1)) / part.size for part in (above, below) if part.size > 1))


def midranks(values: NDArray[Any]) -> Floats:
    """Return the rank of each value, from 1; equal values share their mean rank."""
    if values.size == 0:
        return np.zeros(0)
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    ends = np.r_[starts[1:], ordered.size]
    ranks = np.empty(values.size)
    ranks[order] = np.repeat((starts + ends + 1) / 2, ends - starts)
    return ranks


def pearson(a: Floats, b: Floats) -> float:
    """Return Pearson's correlation; not a number when a side is constant or there are fewer than two rows."""
    if a.size < 2:
        return math.nan
    a, b = a - a.mean(), b - b.mean()
    lengths = float(np.linalg.norm(a)), float(np.linalg.norm(b))
    if 0.0 in lengths:
        return math.nan
    return float(np.clip((a / lengths[0]) @ (b / lengths[1]), -1.0, 1.0))


def cramers_v(table: NDArray[np.int64]) -> float:
    """Return Cramer's V of a contingency table; not a number when it has one row or column."""
    table = table[:, table.sum(axis=0) > 0]
    kept = table[table.sum(axis=1) > 0].astype(np.float64)
    if min(kept.shape) < 2:
        return math.nan
    total = kept.sum()
    expected = kept.sum(axis=1, keepdims=True) * kept.sum(axis=0) / total
    return math.sqrt(float(((kept - expected) ** 2 / expected).sum()) / total / (min(kept.shape) - 1))
