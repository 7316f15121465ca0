"""Which values lie at the edge of what a column can hold?"""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa

from veridical.connect.database.structure import Family
from veridical.core.contracts import Allowed
from veridical.core.timetext import in_form
from veridical.engines.seed.field import Field
from veridical.engines.seed.value import decimal_limits, whole_limits

LONG = 10_000  # characters, where the type sets no limit
_TEXTS = (
    "", " ", " around ", "O'Brien \"Bob\" \\ ; -- %_", "Ünïcödé ßø", "한국어 漢字 かな", "שלום مرحبا", "👩‍👩‍👧‍👦🎉",
    "NULL", "line one\nline two\ttab", "<b>&amp;</b>", "{}$(x)`", "0", "e\u0301",
)  # fmt: skip
_DAYS = (
    date(2024, 2, 29),
    date(1900, 1, 1),
    date(1970, 1, 1),
    date(2038, 1, 19),
    date(9999, 12, 31),
    date(2000, 2, 29),
)


def edges(field: Field) -> list[Any]:
    """Return the values at the edges of a column, as Python values its Arrow type takes; None where it may be null."""
    found = _values(field)
    if field.column.nullable:
        found.append(None)
    return found


def _values(field: Field) -> list[Any]:
    if field.labels:
        return list(field.labels)
    match field.family:
        case Family.INTEGER if field.allowed.values is None:
            low, high = whole_limits(field)
            return [low, high, *(number for number in (0, 1, -1) if low < number < high)]
        case Family.DECIMAL | Family.FLOAT if field.allowed.values is None:
            return _numbers(field)
        case Family.TEXT if field.column.pattern is None and not field.forms and field.column.datetime_format is None:
            return _texts(field)
        case Family.BOOLEAN:
            return [True, False]
        case Family.DATE:
            return [_spelled(day, field) for day in _DAYS if _inside(day, field.allowed)]
        case Family.TIMESTAMP:
            moments = [datetime(day.year, day.month, day.day, 23, 59, 59) for day in _DAYS]
            return [_spelled(moment, field) for moment in moments if _inside(moment, field.allowed)]
        case Family.TIME if pa.types.is_time(field.arrow):
            return [time(0, 0), time(23, 59, 59, 999_999)]
        case Family.JSON:
            return ["{}", "[]", "null", '{"a": {"b": ["한", 1e10, -0.5, true, null]}}']
        case Family.BYTES:
            return [b"", b"\x00\xff"]
        case Family.UUID:
            return ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"]
        case Family.ARRAY if field.form is not None:
            return ["[]" if field.form.startswith(r"\[") else "{}"]
    return []


def _numbers(field: Field) -> list[Any]:
    scale = field.scale if field.scale is not None else 2
    digits = (field.precision if field.precision is not None else 15) - scale
    most = 10.0 ** min(digits, 15 - scale) - 10.0**-scale
    low, high = decimal_limits(field, scale, most)
    numbers = [low, high, *(number for number in (0.0, 10.0**-scale, -(10.0**-scale)) if low < number < high)]
    if pa.types.is_decimal(field.arrow):
        return [Decimal(f"{number:.{scale}f}") for number in numbers]
    if pa.types.is_string(field.arrow):
        return [f"{number:.{scale}f}" for number in numbers]
    return numbers


def _texts(field: Field) -> list[Any]:
    longest = LONG if field.longest is None else field.longest
    fitting = [text for text in _TEXTS if field.shortest <= len(text) <= longest]
    return [*fitting, "x" * longest, ("한" * longest)[:longest]]


def _spelled(moment: date, field: Field) -> Any:
    if not pa.types.is_string(field.arrow):
        return moment
    form = "%Y-%m-%d %H:%M:%S" if isinstance(moment, datetime) else "%Y-%m-%d"
    return in_form(pa.array([moment]), field.column.datetime_format or form)[0].as_py()


def _inside(moment: date, allowed: Allowed) -> bool:
    text = moment.isoformat()
    above = allowed.low is None or text >= str(allowed.low).replace(" ", "T")
    return above and (allowed.high is None or text <= str(allowed.high).replace(" ", "T"))
