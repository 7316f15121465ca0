"""What has been looked at in this run, and is there budget left to look again?

A ledger is opened with the whole budget and is asked *before* every look; a look that would overspend never happens.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from veridical.core.contracts import PrivacyEvent
from veridical.core.errors import BudgetError, SpecError
from veridical.privacy.accountants import FREE, Cost, cost_of, epsilon_of, rho_of, total

_SLACK = 1.0 + 1e-9  # sums of parts may exceed the whole by rounding
LARGEST_DELTA = 1e-2
UNTOLD = ": nothing stands out of the noise, so its values are made up"  # how the note of such a column ends
UNNAMED = " of its rows hold values that too few share to be named: others stand in for them"
STABILITY_SHARE = 0.1  # the part of delta kept for category sets that are discovered


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What may be spent on one release: epsilon and delta, for add-or-remove-one-unit neighbours.

    `share` is the part of it that one of several tables of the release may use.

    Raises:
        SpecError: epsilon is not a finite number above 0, or delta is not between 0 and 1/100.

    Example:
        >>> round(Budget(epsilon=1.0, delta=1e-6).rho, 4)
        0.0241
    """

    epsilon: float
    delta: float = 1e-6
    share: float = 1.0

    def __post_init__(self) -> None:
        if not (self.epsilon > 0 and math.isfinite(self.epsilon)):
            fix = "give a finite number above 0, such as 1; at 10 or more little is promised"
            raise SpecError(f"epsilon {self.epsilon:g} promises nothing", where="epsilon", fix=fix)
        if not 0 < self.delta < LARGEST_DELTA:
            fix = "give a number well under one over the number of people, such as 1e-6"
            raise SpecError(f"delta {self.delta:g} is no small chance", where="delta", fix=fix)

    @property
    def rho(self) -> float:
        """The zCDP budget left for noise after the part of delta that category discovery may use."""
        return self.share * rho_of(self.epsilon, self.delta * (1 - STABILITY_SHARE))

    @property
    def stability_delta(self) -> float:
        """The part of delta for category discovery."""
        return self.share * self.delta * STABILITY_SHARE


@dataclass
class Ledger:
    """The events of one run, in order; the one mutable thing in a private fit.

    Example:
        >>> ledger = Ledger(Budget(epsilon=1.0))
        >>> ledger.charge(PrivacyEvent(what="ages", mechanism="laplace", parameters={"epsilon": 0.1}))
        >>> ledger.epsilon < 1.0
        True
    """

    budget: Budget
    whole: Ledger | None = None  # where a part of a release writes too, under its name
    name: str = ""
    _events: list[PrivacyEvent] = field(default_factory=list)

    @property
    def events(self) -> tuple[PrivacyEvent, ...]:
        """Everything charged or declared public so far."""
        return tuple(self._events)

    @property
    def spent(self) -> Cost:
        """What has been charged."""
        return total(self._events)

    @property
    def rho_left(self) -> float:
        """How much rho may still be charged."""
        return max(0.0, self.budget.rho - self.spent.rho)

    @property
    def epsilon(self) -> float:
        """The epsilon spent so far, at the budget's delta."""
        return epsilon_of(self.spent, self.budget.delta)

    def charge(self, event: PrivacyEvent) -> None:
        """Record a look that is about to be made.

        Raises:
            BudgetError: it would exceed the budget, or no accountant knows it; then nothing may be looked at.
        """
        after = self.spent + cost_of(event)
        most = Cost(self.budget.rho, self.budget.stability_delta)
        if after.rho > most.rho * _SLACK or after.delta > most.delta * _SLACK:
            raise BudgetError(
                f"this look would spend epsilon {epsilon_of(after, self.budget.delta):.4g} of {self.budget.epsilon:g}",
                where=event.what,
                fix="give a larger epsilon, or ask for less",
            )
        self._write(event)

    def declare(self, what: str) -> None:
        """Record what is public by the user's word and was not taken from the rows."""
        self._write(PrivacyEvent(what=what, mechanism="public"))

    def note(self, what: str) -> None:
        """Record what was decided by charged figures alone; deciding costs nothing more."""
        self._write(PrivacyEvent(what=what, mechanism="noted"))

    def note_untold(self, column: str) -> None:
        """Record that the noisy counts show nothing of a column."""
        self.note(f"{column}{UNTOLD}")

    def note_unnamed(self, column: str, share: float) -> None:
        """Record that about so large a share of a column's rows hold values that may not be named."""
        self.note(f"{column}: about {share:.0%}{UNNAMED}")

    def _write(self, event: PrivacyEvent) -> None:
        if self.whole is not None:
            told = replace(event, what=f"{self.name}: {event.what}")
            self.whole.charge(told) if event.mechanism not in FREE else self.whole._write(told)
        self._events.append(event)


def event_from(plain: Mapping[str, Any]) -> PrivacyEvent:
    """Return the event that `plain_event` wrote."""
    return PrivacyEvent(
        what=str(plain["what"]),
        mechanism=str(plain["mechanism"]),
        parameters=dict(plain.get("parameters", {})),
        count=int(plain.get("count", 1)),
    )


def plain_event(event: PrivacyEvent) -> dict[str, Any]:
    """Return an event as JSON-like data."""
    return {
        "what": event.what,
        "mechanism": event.mechanism,
        "parameters": dict(event.parameters),
        "count": event.count,
    }
