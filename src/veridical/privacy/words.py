"""What does this guarantee mean for a person, in words that somebody can sign?"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from veridical.core.contracts import PrivacyEvent
from veridical.core.errors import BudgetError
from veridical.privacy.accountants import FREE, epsilon_of, total
from veridical.privacy.ledger import UNNAMED, UNTOLD, event_from

NOT_COVERED = (
    "what was declared public (names of columns, the file's storage types, and the domains listed as public): it was "
    "taken on the user's word and is protected by nothing",
    "other releases of the same people, by this tool under another name or by anybody else: their epsilons add up",
    "conclusions about a group that hold whether or not a person took part (smoking causes cancer in those who stayed "
    "away too)",
    "how long a computer took, how much memory it used, and whether an error was shown to whoever ran it",
    "figures that anybody computes on the real rows outside the ledger (`veridical validate`, a chart, a count in a "
    "paper): each of them tells of the rows",
    "the real data itself: who may read it, and where copies lie",
)


def is_private(events: Sequence[Mapping[str, Any]], delta: float) -> bool:
    """Say whether recorded events add up to a finite epsilon at all."""
    try:
        return bool(events) and math.isfinite(epsilon_of(total(map(event_from, events)), delta))
    except BudgetError:
        return False


def odds_after(epsilon: float, prior: float) -> float:
    """Return the most an attacker can believe after the release who believed `prior` before (delta aside).

    Example:
        >>> round(odds_after(1.0, 0.5), 2), round(odds_after(1.0, 0.01), 3)
        (0.73, 0.027)
    """
    odds = prior / (1 - prior) * math.exp(min(epsilon, 700.0))
    return odds / (1 + odds)


def explained(events: Sequence[Mapping[str, Any]], parameters: Mapping[str, Any]) -> list[str]:
    """Return the guarantee as sentences, from recorded events and the parameters of the engine."""
    delta, claim = float(parameters["delta"]), float(parameters["epsilon"])
    unit = parameters.get("unit")
    if not is_private(events, delta):
        return [
            "NOT PRIVATE. The noise of this run can be repeated by anybody who knows its seed, or the ledger holds an "
            "event that no accountant knows. Nobody is protected; do not give this data out."
        ]
    spent = epsilon_of(total(map(event_from, events)), delta)
    who, unit = unit_in_words(parameters), None if unit is None else "unit" if is_linked(parameters) else unit
    return [
        f"Differential privacy with epsilon {claim:g} and delta {delta:g}; {spent:.4g} of epsilon was spent.",
        f"Neighbours: two data sets that differ by {who} being there or not. What is released would have been about as "
        f"likely without that {unit or 'row'}: no outcome is more than e^{claim:g} = {math.exp(min(claim, 700)):.3g} "
        f"times as likely with it, but for a chance of {delta:g}.",
        "For an attacker, whatever else they know: the odds that somebody is in the data change by a factor of "
        f"{math.exp(min(claim, 700)):.3g} at most. Who thought it a coin toss (50 %) may come to believe it with "
        f"{100 * odds_after(claim, 0.5):.0f} % at most; who thought it 1 % likely, with "
        f"{100 * odds_after(claim, 0.01):.1f} % at most. The odds between two things that may be true of somebody in "
        f"the data (ill or not) change by the square of that at most, {math.exp(min(2 * claim, 700)):.3g}.",
        *_bounds(parameters.get("unit"), parameters, claim, events),
        _strength(claim),
        *_lost(list(map(event_from, events))),
        f"{sum(e['mechanism'] not in FREE for e in events)} looks at the data were charged before they were made: "
        "kinds, gaps, number of rows, categories, bounds, cells, the choice of marginals and their counts. Noise is "
        "OpenDP's, from the operating system's entropy.",
    ]


def rows_used(most: int, unit: str) -> str:
    """Return how many rows of a unit count.

    Example:
        >>> rows_used(1, "patient_id")
        '1 row of each patient_id is used at most'
    """
    return f"1 row of each {unit} is used at most" if most == 1 else f"{most} rows of each {unit} are used at most"


def is_linked(parameters: Mapping[str, Any]) -> bool:
    """Say whether the unit is a row of one of several tables."""
    return "told_columns" in parameters


def unit_in_words(parameters: Mapping[str, Any]) -> str:
    """Return what two neighbouring data sets differ by.

    Example:
        >>> unit_in_words({"unit": "patient_id"}), unit_in_words({"unit": None})
        ('one patient_id (all its rows)', 'one row')
    """
    unit = parameters.get("unit")
    if is_linked(parameters):
        return f"one unit (by {unit}: its row and every row of other tables that belongs to it)"
    return f"one {unit} (all its rows)" if unit else "one row"


def declared(events: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what was taken as public on the user's word."""
    return [str(event["what"]) for event in events if event["mechanism"] == "public"]


def untold(events: Iterable[PrivacyEvent]) -> list[str]:
    """Return the columns of which the noisy counts show nothing.

    Example:
        >>> untold([PrivacyEvent(what=f"diagnosis{UNTOLD}", mechanism="noted")])
        ['diagnosis']
    """
    return [e.what.removesuffix(UNTOLD) for e in events if e.mechanism == "noted" and e.what.endswith(UNTOLD)]


def partly_told(events: Iterable[PrivacyEvent]) -> list[str]:
    """Return the columns of which many rows hold values that too few share to be named, and about how many.

    Example:
        >>> partly_told([PrivacyEvent(what=f"town: about 30%{UNNAMED}", mechanism="noted")])
        ['town: about 30%']
    """
    return [e.what.removesuffix(UNNAMED) for e in events if e.mechanism == "noted" and e.what.endswith(UNNAMED)]


def table_of(events: Sequence[Mapping[str, Any]], delta: float) -> list[tuple[str, str, float]]:
    """Return each charged event with its mechanism and the epsilon spent up to and with it."""
    lines, before = [], []
    for event in map(event_from, events):
        before.append(event)
        try:
            lines.append((event.what, event.mechanism, epsilon_of(total(before), delta)))
        except BudgetError:
            lines.append((event.what, event.mechanism, math.inf))
    return lines


def _bounds(unit: Any, parameters: Mapping[str, Any], claim: float, events: Sequence[Mapping[str, Any]]) -> list[str]:
    if not unit:
        return [
            "Each row counts as one person. If somebody has several rows, they are protected less: k rows of one "
            f"person with epsilon {claim:g} x k only, and a delta that grows faster. Name the column that tells people "
            "apart (--unit) if there is one."
        ]
    if is_linked(parameters) or parameters.get("rows_per_unit") == "auto":
        said = [str(event["what"]) for event in events if "used at most" in str(event["what"])]
        return [f"Nobody counts for more than was agreed, however many rows they have: {'; '.join(said)}."]
    most = int(parameters.get("rows_per_unit", 1))
    rows = "row was" if most == 1 else "rows were"
    return [f"Of each {unit} at most {most} {rows} used, so nobody counts for more, however many rows they have."]


def _lost(events: Sequence[PrivacyEvent]) -> list[str]:
    none, part = untold(events), partly_told(events)
    said = []
    if none:
        said.append(f"Too few rows share a value for this epsilon in {', '.join(none)}: what stands there is made up.")
    if part:
        said.append(
            f"Of some columns a part of the rows hold values that too few share to be named ({'; '.join(part)}): "
            "named values stand there instead."
        )
    return said


def _strength(epsilon: float) -> str:
    if epsilon <= 1:
        return "An epsilon of 1 or less is widely held to be strong."
    if epsilon <= 10:
        return (
            "An epsilon between 1 and 10 is in use for official statistics; it is a compromise, not a strong promise."
        )
    return "An epsilon above 10 promises little by itself: rest on the attacks and on contracts, too."
