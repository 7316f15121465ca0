"""How sure is a share, and is it more than the control's share?"""

from __future__ import annotations

import math
from dataclasses import dataclass

from veridical.core.finding import Interval
from veridical.core.proportion import LEVEL, deviations, score_centre, wilson

__all__ = ["LEVEL", "Rate", "Risk", "more_than", "risk_over", "wilson"]


@dataclass(frozen=True, slots=True)
class Rate:
    """`hits` out of `n` trials.

    Example:
        >>> Rate(3, 10).share
        0.3
    """

    hits: int
    n: int

    @property
    def share(self) -> float:
        """Hits over trials; 0 when there was none."""
        return self.hits / self.n if self.n else 0.0

    @property
    def interval(self) -> Interval:
        """The Wilson interval at 95 %."""
        return wilson(self.hits, self.n)


@dataclass(frozen=True, slots=True)
class Risk:
    """How much an attack gains over its control: 0 for nothing, 1 for certainty, negative for less than control."""

    value: float
    interval: Interval


def more_than(rate: Rate, control: Rate) -> float:
    """Return the one-sided p-value of `rate` being no more than `control`.

    The test is conditional on the total (Fisher's exact, hypergeometric), with the mid-p correction that keeps
    it near uniform when counts are small (Lancaster 1961). 1 when one side was never tried.

    Example:
        >>> more_than(Rate(30, 100), Rate(10, 100)) < 0.001
        True
    """
    total, hits = rate.n + control.n, rate.hits + control.hits
    if rate.n == 0 or control.n == 0:
        return 1.0
    if hits == 0 or hits == total:
        return 0.5
    from scipy.stats import hypergeom

    law = hypergeom(total, hits, rate.n)
    above = float(law.sf(rate.hits)) + 0.5 * float(law.pmf(rate.hits))
    return min(1.0, max(above, 0.0))


def risk_over(attack: Rate, control: Rate, level: float = LEVEL) -> Risk:
    """Return (attack - control) / (1 - control), both by the Wilson centre, with errors propagated.

    Source: Giomi et al. 2023, "A unified framework for quantifying privacy risk in synthetic data", section 3.
    """
    z = deviations(level)
    if attack.n == 0 or control.n == 0:
        return Risk(0.0, Interval(-1.0, 1.0, level))
    hit, hit_half = score_centre(attack.hits, attack.n, z)
    base, base_half = score_centre(control.hits, control.n, z)
    # A control that is nearly always right leaves nothing to gain: the risk is held at -1, not minus infinity.
    value = max(-1.0, (hit - base) / (1 - base))
    by_hit, by_base = 1 / (1 - base), (hit - 1) / (1 - base) ** 2
    half = math.hypot(by_hit * hit_half, by_base * base_half)
    return Risk(value, Interval(max(-1.0, value - half), min(1.0, value + half), level))
