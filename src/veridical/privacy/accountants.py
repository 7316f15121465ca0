"""What do the events of a ledger add up to?

Events say what was done; accountants say what that costs, and refuse an event they do not know: a silent zero would
be a lie. The zCDP accountant is our own (Bun & Steinke 2016; conversion of Canonne, Kamath & Steinke 2020, Prop. 7) and
is what every run is charged by; RDP and PLD come from `dp-accounting` and confirm it, or account for DP-SGD.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from veridical.core.contracts import PrivacyEvent
from veridical.core.errors import BudgetError, MissingExtraError, SpecError

FREE = frozenset({"public", "noted"})  # declared by a person; decided by charged figures alone
GAUSSIAN = frozenset({"gaussian", "discrete_gaussian"})


@dataclass(frozen=True, slots=True)
class Cost:
    """A delta-approximate rho-zCDP guarantee; costs of several events add."""

    rho: float
    delta: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.rho + other.rho, self.delta + other.delta)


def cost_of(event: PrivacyEvent) -> Cost:
    """Return what one event (all `count` of it) costs.

    Raises:
        BudgetError: the event is of a mechanism that this accountant does not know, or lacks a parameter.

    Example:
        >>> cost_of(PrivacyEvent(what="a choice", mechanism="exponential", parameters={"epsilon": 1.0})).rho
        0.125
    """
    values = event.parameters
    try:
        if event.mechanism in FREE:
            return Cost(0.0)
        if event.mechanism in GAUSSIAN:
            one = Cost(_positive(values, "sensitivity") ** 2 / (2 * _positive(values, "sigma") ** 2))
        elif event.mechanism == "stability":
            # A noisy histogram of which only cells above a threshold are shown.
            rho = _positive(values, "sensitivity") ** 2 / (2 * _positive(values, "sigma") ** 2)
            one = Cost(rho, _positive(values, "delta"))
        elif event.mechanism == "exponential":
            one = Cost(_positive(values, "epsilon") ** 2 / 8)  # bounded range: Cesar & Rogers 2021
        elif event.mechanism == "laplace":
            one = Cost(_positive(values, "epsilon") ** 2 / 2)
        elif event.mechanism == "dpsgd":
            # Each step is a Gaussian mechanism. Rows drawn at random for a step only hide people better, which zCDP
            # cannot tell: what is charged is right for all rows at once, and too much for a part of them.
            one = Cost(_positive(values, "steps") / (2 * _positive(values, "sigma") ** 2))
        else:
            raise BudgetError(
                f"the zCDP accountant knows no mechanism {event.mechanism!r}",
                where=event.what,
                fix="account by rdp or pld, or leave the event out of the run",
            )
    except KeyError as missing:
        raise BudgetError(f"the event lacks {missing}", where=event.what, fix="record what was done in full") from None
    return Cost(one.rho * event.count, one.delta * event.count)


def total(events: Iterable[PrivacyEvent]) -> Cost:
    """Return what events cost together.

    Raises:
        BudgetError: an event is unknown.
    """
    return sum((cost_of(event) for event in events), Cost(0.0))


def delta_of(rho: float, epsilon: float) -> float:
    """Return the smallest delta for which rho-zCDP is known to give (epsilon, delta)-DP.

    Example:
        >>> delta_of(0.5, 8.0) < 1e-6
        True
    """
    if rho <= 0:
        return 0.0
    low, high = 1.0 + 1e-9, max(2.0, 4 * (epsilon + 1) / (2 * rho) + 2)
    for _ in range(200):  # the logarithm of the bound is convex in the order: narrow by its slope
        order = (low + high) / 2
        slope = (2 * order - 1) * rho - epsilon + math.log1p(-1.0 / order)
        low, high = (order, high) if slope < 0 else (low, order)
    order = (low + high) / 2
    log_delta = (order - 1) * (order * rho - epsilon) - math.log(order - 1) + order * math.log1p(-1.0 / order)
    return min(1.0, math.exp(min(0.0, log_delta)))


def epsilon_of(cost: Cost, delta: float) -> float:
    """Return the epsilon that a cost gives at `delta`; infinite where the cost's own delta leaves nothing.

    Example:
        >>> round(epsilon_of(Cost(rho_of(1.0, 1e-6)), 1e-6), 6)
        1.0
    """
    left = delta - cost.delta
    if cost.rho <= 0:
        return 0.0 if left >= 0 else math.inf
    if left <= 0:
        return math.inf
    low, high = 0.0, cost.rho + 2 * math.sqrt(cost.rho * math.log(1 / left)) + 1e-9
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (low, middle) if delta_of(cost.rho, middle) <= left else (middle, high)
    return high


@cache
def rho_of(epsilon: float, delta: float) -> float:
    """Return the largest rho whose zCDP gives (epsilon, delta)-DP."""
    low, high = 0.0, epsilon + 1.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if delta_of(middle, epsilon) <= delta else (low, middle)
    return low


def epsilon_by(accountant: str, events: Sequence[PrivacyEvent], delta: float) -> float:
    """Return epsilon at `delta` by the accountant "zcdp", "rdp" or "pld".

    Raises:
        BudgetError: an event is unknown to the accountant.
        SpecError: there is no such accountant.
        MissingExtraError: dp-accounting is not installed.
    """
    if accountant == "zcdp":
        return epsilon_of(total(events), delta)
    if accountant not in ("rdp", "pld"):
        raise SpecError(f"no accountant {accountant!r}", fix="use zcdp, rdp or pld")
    library = _library()
    own = sum(cost_of(event).delta for event in events if event.mechanism == "stability")
    if delta <= own:
        return math.inf
    composed = library.ComposedDpEvent([_foreign(library, event) for event in events])
    counter: Any
    if accountant == "rdp":
        from dp_accounting.rdp import RdpAccountant

        counter = RdpAccountant()
    else:
        from dp_accounting.pld import PLDAccountant

        counter = PLDAccountant()
    return float(counter.compose(composed).get_epsilon(delta - own))


def _foreign(library: Any, event: PrivacyEvent) -> Any:
    values = event.parameters
    if event.mechanism in FREE:
        return library.NoOpDpEvent()
    if event.mechanism in GAUSSIAN or event.mechanism == "stability":
        one = library.GaussianDpEvent(values["sigma"] / values["sensitivity"])
    elif event.mechanism == "laplace":
        one = library.LaplaceDpEvent(1.0 / values["epsilon"])
    elif event.mechanism == "exponential":
        # Dominated by the zCDP it satisfies; as a Gaussian of the same rho this holds for RDP.
        one = library.GaussianDpEvent(2.0 / values["epsilon"])
    elif event.mechanism == "dpsgd":
        step = library.PoissonSampledDpEvent(values["sampling_rate"], library.GaussianDpEvent(values["sigma"]))
        return library.SelfComposedDpEvent(step, int(values["steps"]) * event.count)
    else:
        raise BudgetError(f"no accountant knows {event.mechanism!r}", where=event.what, fix="leave the event out")
    return library.SelfComposedDpEvent(one, event.count)


def _positive(values: Any, name: str) -> float:
    value = float(values[name])
    if not (value > 0 and math.isfinite(value)):
        raise BudgetError(f"{name} is {value:g}", where="ledger", fix="record what was done in full")
    return value


def _library() -> Any:
    try:
        import dp_accounting
    except ImportError as missing:
        raise MissingExtraError(
            "rdp and pld need dp-accounting, which is not installed", where="dp", fix="pip install 'veridical[dp]'"
        ) from missing
    return dp_accounting
