"""How sure is a share of so many trials?"""

from __future__ import annotations

import math
from statistics import NormalDist

from veridical.core.finding import Interval

LEVEL = 0.95


def wilson(hits: float, n: float, level: float = LEVEL) -> Interval:
    """Return the score interval of a share (Wilson 1927); (0, 1) when nothing was tried.

    Example:
        >>> round(wilson(0, 10).high, 3)
        0.278
    """
    if n <= 0:
        return Interval(0.0, 1.0, level)
    centre, half = score_centre(hits, n, deviations(level))
    # At the ends the bound is exact; rounding would leave 1e-17.
    low = 0.0 if hits == 0 else max(0.0, centre - half)
    high = 1.0 if hits == n else min(1.0, centre + half)
    return Interval(low, high, level)


def deviations(level: float) -> float:
    """Return how many standard deviations to either side hold a share `level` of a normal law.

    Example:
        >>> round(deviations(0.95), 3)
        1.96
    """
    return NormalDist().inv_cdf((1 + level) / 2)


def score_centre(hits: float, n: float, z: float) -> tuple[float, float]:
    """Return the centre and half the width of the score interval at `z` deviations."""
    share, spread = hits / n, z * z / n
    centre = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    return centre, half
