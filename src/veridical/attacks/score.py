"""How well does a score tell members from others, and how many members at one false alarm in a hundred?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.attacks.nearness import smaller_than
from veridical.attacks.proportion import LEVEL, Rate, more_than
from veridical.core.finding import Direction, Finding, Interval

FALSE_ALARMS = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Separation:
    """Area under the ROC curve and the true-positive rate at 1 % false positives, with p-values of no skill."""

    area: float
    interval: Interval
    p_value: float
    caught: Rate
    caught_p_value: float


def separation(members: NDArray[np.float64], others: NDArray[np.float64]) -> Separation:
    """Return how far scores of members lie above those of others.

    The area's interval is Hanley & McNeil's (1982). The second p-value asks whether members crowd the top 1 % of both
    sides together: which rows are there does not depend on the labels, so the test is exact.
    """
    area, p_value = smaller_than(-members, -others)
    n, m = members.size, others.size
    twice, both = area / (2 - area), 2 * area * area / (1 + area)
    spread = math.sqrt(
        max(0.0, (area * (1 - area) + (n - 1) * (twice - area * area) + (m - 1) * (both - area * area)) / (n * m))
    )
    from scipy.special import ndtri

    half = float(ndtri((1 + LEVEL) / 2)) * spread
    limit = np.quantile(others, 1 - FALSE_ALARMS, method="higher")
    top = np.quantile(np.concatenate([members, others]), 1 - FALSE_ALARMS)
    return Separation(
        area=area,
        interval=Interval(max(0.0, area - half), min(1.0, area + half), LEVEL),
        p_value=p_value,
        caught=Rate(int((members > limit).sum()), n),
        caught_p_value=more_than(Rate(int((members > top).sum()), n), Rate(int((others > top).sum()), m)),
    )


def findings(check: str, scope: tuple[str, ...], found: Separation, others: int, how: str) -> list[Finding]:
    """Return the finding of the area, and that of the true-positive rate at 1 % false positives."""
    tpr = found.caught.interval
    rate = {"tpr_at_1_percent_fpr": found.caught.share, "tpr_interval": [tpr.low, tpr.high]}
    area = Finding(
        check=check,
        scope=scope,
        value=found.area,
        n=found.caught.n + others,
        direction=Direction.LOWER,
        interval=found.interval,
        ceiling=0.5,
        baseline=0.5,
        p_value=found.p_value,
        sentence=(
            f"An attacker who scores {how} ranks a person learned from above one never learned from "
            f"{found.area:.1%} of the time; guessing gives 50 %."
        ),
        detail={"control": 0.5, **rate, "non_members": others},
    )
    caught = Finding(
        check=f"{check}.tpr_at_1_percent_fpr",
        scope=scope,
        value=found.caught.share,
        n=found.caught.n,
        direction=Direction.LOWER,
        interval=tpr,
        ceiling=FALSE_ALARMS,
        baseline=FALSE_ALARMS,
        p_value=found.caught_p_value,
        sentence=(
            f"Allowed one false alarm in a hundred, the same attacker recognises {found.caught.share:.1%} of the "
            "people learned from; guessing gives 1 %."
        ),
        detail={"control": FALSE_ALARMS, "non_members": others},
    )
    return [area, caught]
