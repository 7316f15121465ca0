"""How does an estimate become a finding that says all that a finding must say?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from veridical.core.finding import Direction, Finding, not_measured
from veridical.measures.estimate import Estimate

LEAST_ROWS = 20
METHOD = "delta method, 95 %"


def figure(
    check: str,
    estimate: Estimate,
    sentence: str,
    *,
    direction: Direction = Direction.LOWER,
    scope: Sequence[str] = (),
    ceiling: Estimate | None = None,
    baseline: Estimate | None = None,
    limits: tuple[float, float] = (0.0, 1.0),
    p_value: float | None = None,
    unit: str = "",
    interval_by: str = METHOD,
    detail: Mapping[str, Any] | None = None,
    sensitive: Sequence[str] = (),
) -> Finding:
    """Return the finding of an estimate; not measured when the estimate is not a number."""
    if math.isnan(estimate.value):
        return not_measured(check, "there are no values to compare on one of the sides", n=estimate.n, scope=scope)
    return Finding(
        check=check,
        value=float(estimate.value),
        n=int(estimate.n),
        direction=direction,
        scope=tuple(scope),
        interval=estimate.interval(*limits),
        ceiling=_number(ceiling),
        baseline=_number(baseline),
        p_value=p_value,
        unit=unit,
        sentence=sentence,
        detail={"interval": interval_by, **({} if detail is None else detail)},
        sensitive_detail=tuple(sensitive),
    )


def beside(ceiling: Estimate | None, form: str = ".3f") -> str:
    """Return the words that set a figure beside the ceiling; empty without one.

    Example:
        >>> beside(Estimate(0.0123, 0.0))
        '; for real rows it is 0.012'
    """
    value = _number(ceiling)
    return "" if value is None else f"; for real rows it is {value:{form}}"


def _number(estimate: Estimate | None) -> float | None:
    return None if estimate is None or math.isnan(estimate.value) else float(estimate.value)
