"""How does a test of something random fail less than once in a million runs?

An audit's bounds are wrong in one of twenty trainings at most, so a sound engine fails five independent ones with a
chance below 0.05^5 = 3.2e-7; a planted fault that one training misses with a chance below 0.06 is missed by five with
a chance below 7.8e-7. The first training nearly always settles it, and the others are never made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

TIMES = 5


def stands(train: Callable[[], Any], *, times: int = TIMES) -> bool:
    """Say whether the claim survives one of several independent audits."""
    return any(train().holds for _ in range(times))


def is_caught(train: Callable[[], Any], *, times: int = TIMES) -> bool:
    """Say whether one of several independent audits disproves the claim."""
    return any(not train().holds for _ in range(times))


def worst(audits: tuple[Any, ...]) -> Any:
    """Return the audit of several views that says most against the claim."""
    return max(audits, key=lambda one: max(one.bound, one.gaussian or 0.0))
