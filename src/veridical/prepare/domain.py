"""What may a column hold, as a range or a set that can be narrowed, joined and taken from?"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from veridical.core.contracts import Allowed
from veridical.core.errors import ConstraintError
from veridical.core.restriction import intersect
from veridical.core.schema import CATEGORY_KINDS, NUMERIC_KINDS, Column, Constraint, Kind
from veridical.prepare.number import grid_of


def is_on(value: Any) -> bool:
    """Say whether a value means on, true or 1."""
    return str(value).strip().lower() in ("1", "true", "1.0", "yes", "y", "t")


def own_domain(column: Column) -> Allowed:
    """Return what the column itself says it may hold."""
    low, high = comparable(column.low, column), comparable(column.high, column)
    values: tuple[Any, ...] | None = None
    if column.kind is Kind.BOOLEAN:
        values = (False, True)
    elif column.kind in CATEGORY_KINDS and column.categories:
        values = column.categories
    return Allowed(values=values, low=low, high=high, nulls=column.nullable)


def own_words(column: Column) -> str:
    """Return the same in words."""
    if column.kind in CATEGORY_KINDS and column.categories:
        return f"column {column.name}: {len(column.categories)} categories"
    return f"column {column.name}: {range_words(own_domain(column))}"


def range_words(allowed: Allowed) -> str:
    """Return a range in words.

    Example:
        >>> range_words(Allowed(low=3.0))
        '3 or more'
    """
    low = None if allowed.low is None else _shown(allowed.low)
    high = None if allowed.high is None else _shown(allowed.high)
    if low is not None and high is not None:
        return f"{low} to {high}"
    above, below = ("above", "below")
    if low is not None:
        return f"{above} {low}" if allowed.low_open else f"{low} or more"
    if high is not None:
        return f"{below} {high}" if allowed.high_open else f"{high} or less"
    return "any value"


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def bounds_of(rule: Constraint, column: Column) -> Allowed:
    """Return what a bounds rule allows."""
    low, high = comparable(rule.low, column), comparable(rule.high, column)
    return Allowed(low=low, high=high, low_open=rule.strict, high_open=rule.strict, nulls=True)


def comparable(bound: Any, column: Column) -> Any:
    """Return a bound in terms that compare: numbers, or moments in time."""
    if bound is None:
        return None
    try:
        if column.kind in (Kind.DATETIME, Kind.DATE):
            moment = dt.datetime.fromisoformat(str(bound))
            return moment.astimezone(dt.UTC).replace(tzinfo=None) if moment.tzinfo is not None else moment
        if column.kind is Kind.TIME:
            return dt.time.fromisoformat(str(bound))
        if column.kind in NUMERIC_KINDS:
            return float(bound)
    except ValueError:
        fix = "write numbers plainly, and dates as '2024-01-31'"
        raise ConstraintError("a bound cannot be read", where=column.name, fix=fix) from None
    return bound


def spelled(value: Any) -> Any:
    """Return a bound as a schema writes it."""
    return value.isoformat() if isinstance(value, dt.datetime | dt.time) else value


def of_kind(value: Any, column: Column) -> Any:
    """Return one value in terms that compare with the column's domain."""
    if column.kind is Kind.BOOLEAN:
        return is_on(value)
    return str(value) if column.kind in CATEGORY_KINDS else comparable(value, column)


def without(now: Allowed, gone: Allowed, column: Column) -> Allowed:
    """Return what is left of a domain when part of it is taken away, as far as one range or set can tell."""
    gone = replace(gone, low=comparable(gone.low, column), high=comparable(gone.high, column))
    nulls = now.nulls and not (gone.nulls and gone.values == ())
    if now.values is not None:
        taken = frozenset(of_kind(value, column) for value in gone.values) if gone.values is not None else None
        inside = intersect(Allowed(values=now.values), replace(gone, values=None)).values or ()
        left = [value for value in now.values if value not in (taken if taken is not None else inside)]
        return Allowed(values=tuple(left), nulls=nulls)
    if gone.values is not None:
        return replace(now, nulls=nulls)
    if gone.low is not None and gone.high is None:
        return Allowed(high=gone.low, high_open=not gone.low_open, nulls=nulls)
    if gone.high is not None and gone.low is None:
        return Allowed(low=gone.high, low_open=not gone.high_open, nulls=nulls)
    return Allowed(values=() if gone == Allowed() else None, nulls=nulls)


def tidied(allowed: Allowed, column: Column) -> Allowed:
    """Close open ends on a whole grid, so that 3 < x < 4 is seen to be empty for integers."""
    if column.kind not in NUMERIC_KINDS or grid_of(column) != 1.0:
        return allowed
    low, high = allowed.low, allowed.high
    if is_number(low):
        low = float(int(low // 1) + (1 if allowed.low_open or low % 1 else 0))
    if is_number(high):
        high = float(-int(-high // 1) - (1 if allowed.high_open or high % 1 else 0))
    return replace(allowed, low=low, high=high, low_open=False, high_open=False)


def is_number(value: Any) -> bool:
    """Say whether a value is a finite number."""
    return isinstance(value, int | float) and value == value and abs(value) != float("inf")


def lowest(allowed: Allowed) -> Any:
    """Return the lowest value allowed; None when there is none to name."""
    return min(allowed.values, default=None) if allowed.values and _plain(allowed.values) else allowed.low


def highest(allowed: Allowed) -> Any:
    """Return the highest value allowed; None when there is none to name."""
    return max(allowed.values, default=None) if allowed.values and _plain(allowed.values) else allowed.high


def _plain(values: Iterable[Any]) -> bool:
    return all(isinstance(value, int | float) for value in values)
