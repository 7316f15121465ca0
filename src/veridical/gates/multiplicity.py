"""How strict must one gate be, so that many gates together seldom alarm on good data?"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

from veridical.core.finding import Interval


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's step-down adjusted p-values, in the order given.

    Rejecting those below alpha keeps the chance of any false rejection under alpha, whatever the
    dependence between them. Source: Holm 1979.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted = [0.0] * len(p_values)
    running = 0.0
    for rank, index in enumerate(order):
        running = max(running, min(1.0, p_values[index] * (len(p_values) - rank)))
        adjusted[index] = running
    return adjusted


def widened(interval: Interval, value: float, *, comparisons: int, family_error: float) -> tuple[float, float]:
    """Return the interval stretched about the value from its own level to the family's (Bonferroni, normal scale).

    A gate under the "interval" rule fails on one side only, so each comparison gets `family_error /
    comparisons` of one tail. Each arm is stretched by itself: a Wilson interval stays lopsided. It is never
    narrowed.

    Example:
        >>> low, high = widened(Interval(0.4, 0.6), 0.5, comparisons=1, family_error=0.025)
        >>> round(low, 6), round(high, 6)
        (0.4, 0.6)
    """
    normal = NormalDist()
    own = normal.inv_cdf(0.5 + interval.level / 2)
    wanted = normal.inv_cdf(1 - family_error / max(comparisons, 1))
    factor = max(1.0, wanted / own)
    # An interval need not hold its value (bias-corrected ones): arms are never negative.
    return value - max(value - interval.low, 0.0) * factor, value + max(interval.high - value, 0.0) * factor
