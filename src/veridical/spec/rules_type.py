"""Which field types can rules have, and which options does each take?"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
COMMON = ("nulls", "unique", "locale")

# type: (options it needs, options it may have)
DISTRIBUTIONS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "normal": (("mean", "sd"), ("low", "high", "decimals")),
    "lognormal": (("median", "sigma"), ("low", "high", "decimals")),
    "uniform": (("low", "high"), ("decimals",)),
    "exponential": (("mean",), ("low", "high", "decimals")),
    "beta": (("a", "b"), ("low", "high", "decimals")),
    "poisson": (("mean",), ("low", "high")),
    "zipf": (("a", "n"), ()),
    "empirical": (("quantiles",), ("decimals",)),
}
TYPES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    **DISTRIBUTIONS,
    "integer": (("low", "high"), ()),
    "decimal": (("low", "high"), ("decimals",)),
    "boolean": ((), ("p",)),
    "choice": (("values",), ()),
    "constant": (("value",), ()),
    "pattern": (("pattern",), ()),
    "date": ((), ("start", "end", "after", "days", "weekdays")),
    "datetime": ((), ("start", "end", "after", "days", "business_hours", "weekdays")),
    "sequence": ((), ("start", "step", "within")),
    "formula": (("expression",), ("decimals", "as")),
    "template": (("template",), ("plain",)),
    "case": (("cases",), ("otherwise",)),
    "key": (("table",), ("column", "skew")),
    "lookup": (("through", "column"), ()),
    "parent": (("column",), ()),
}
NUMBERS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(DISTRIBUTIONS, ("mean", "sd", "median", "sigma", "low", "high", "a", "b", "n", "decimals")),
    "integer": ("low", "high"),
    "decimal": ("low", "high", "decimals"),
    "sequence": ("start", "step"),
    "formula": ("decimals",),
    "key": ("skew",),
}
_PART = re.compile(r"\{([^{}]+)\}")


def template_parts(template: str) -> list[str]:
    """Return literal texts and field names in turn, beginning with a literal.

    Example:
        >>> template_parts("{first}.{last}@example.com")
        ['', 'first', '.', 'last', '@example.com']
    """
    return _PART.split(template)


def needed_columns(kind: str, options: Mapping[str, Any]) -> list[str]:
    """Return the names of fields that options mention."""
    if kind == "template":
        return template_parts(str(options.get("template", "")))[1::2]
    if kind in ("date", "datetime") and options.get("after") is not None:
        return [str(options["after"])]
    if kind == "lookup":
        return [str(options.get("through"))]
    return []


def option_problem(kind: str, option: str, value: Any) -> str:
    """Return what is wrong with one option's value, "" when nothing is."""
    if option in NUMBERS.get(kind, ()):
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return f"{option} is no number"
        if option in ("sd", "sigma", "mean", "a", "b", "n", "step") and kind in DISTRIBUTIONS and value <= 0:
            return "" if option == "mean" and kind in ("normal", "lognormal") else f"{option} is not above 0"
    if kind in ("date", "datetime") and option in ("start", "end"):
        try:
            dt.datetime.fromisoformat(str(value))
        except ValueError:
            return f"{option} is no date such as 2024-01-31"
    if kind == "integer" and option in ("low", "high") and value != int(value):
        return f"{option} is no whole number"
    if option == "weekdays" and value is not True and not _all_weekdays(value):
        return "weekdays is no list of mon tue wed thu fri sat sun"
    if option == "business_hours" and value is not True and not _opening(value):
        return "business_hours is no {open: 9, close: 17} within a day"
    if option == "quantiles" and not _rising(value):
        return "quantiles is no list of two or more rising numbers"
    if option == "values" and (not isinstance(value, list | dict) or not value):
        return "values is no list, and no mapping of value: weight"
    if option == "values" and isinstance(value, dict):
        weights = list(value.values())
        bad = [w for w in weights if isinstance(w, bool) or not isinstance(w, int | float) or w < 0]
        return "weights are numbers of 0 or more, not all 0" if bad or sum(weights) <= 0 else ""
    if option == "p" and not (isinstance(value, int | float) and 0 <= value <= 1):
        return "p is a share from 0 to 1"
    return ""


def _all_weekdays(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(str(day).lower()[:3] in WEEKDAYS for day in value)


def _opening(value: Any) -> bool:
    if not isinstance(value, dict) or not set(value) <= {"open", "close"}:
        return False
    hours = [value.get("open", 9), value.get("close", 17)]
    return all(isinstance(hour, int | float) for hour in hours) and 0 <= hours[0] < hours[1] <= 24


def _rising(value: Any) -> bool:
    if not isinstance(value, list) or len(value) < 2:
        return False
    numbers = all(isinstance(entry, int | float) and not isinstance(entry, bool) for entry in value)
    return numbers and all(one <= other for one, other in pairwise(value))
