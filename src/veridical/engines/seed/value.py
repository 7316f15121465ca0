"""Which values does a column get, by its type, its name and its limits?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from veridical import fabricate
from veridical.connect.database.structure import Family
from veridical.core.errors import ConstraintError, SpecError
from veridical.core.schema import Kind
from veridical.core.timetext import in_form
from veridical.engines.seed import meaning
from veridical.engines.seed.field import Field
from veridical.engines.seed.form import matches

_DAY = np.timedelta64(1, "D")
_STATUSES = ("active", "pending", "inactive", "closed", "archived")
_CATEGORIES = ("standard", "basic", "premium", "special", "other")
_LANGUAGES = ("en", "de", "fr", "es", "ko", "ja")
_COUNTRIES = ("US", "GB", "DE", "FR", "ES", "KR", "JP", "CA", "AU", "BR", "IN", "ZA")
_CURRENCIES = ("USD", "EUR", "GBP", "JPY", "KRW")
_ENUMERATED = {
    "status": _STATUSES, "category": _CATEGORIES, "language": _LANGUAGES, "country_code": _COUNTRIES,
    "currency_code": _CURRENCIES,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Draw:
    """How many values, from which stream, in which locale, and where in the table the first one stands."""

    rows: int
    rng: np.random.Generator
    locale: str | None = None
    key: int = 0
    start: int = 0


def draw(field: Field, table: str, ask: Draw, *, unique: bool) -> pa.Array:
    """Return values that the column takes, in its Arrow type; `unique` ones never repeat within `key`.

    Raises:
        ConstraintError: the type is unknown and the column must not be null, or nothing is allowed.
    """
    maker = _MAKERS.get(field.family, _other)
    if field.labels:
        maker = _label
    values = maker(field, table, ask, unique)
    return values.cast(field.arrow) if values.type != field.arrow else values


def capacity(field: Field) -> int | None:
    """Return how many different values a column can hold where that is few, else None."""
    if field.labels:
        return len(field.labels)
    if field.family is Family.BOOLEAN:
        return 2
    if field.family is Family.INTEGER:
        low, high = whole_limits(field)
        return high - low + 1 if high - low < 10**6 else None
    if field.family is Family.DATE and field.allowed.low is not None and field.allowed.high is not None:
        first, last = moments(field)
        return int((last - first) / _DAY) + 1
    return None


def whole_limits(field: Field) -> tuple[int, int]:
    """Return the least and greatest integer that type and conditions allow."""
    bits = field.bits
    low, high = (0, 2**bits - 1) if field.unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    if field.low is not None:
        low = max(low, int(np.ceil(field.low)) + (field.allowed.low_open and field.low == int(field.low)))
    if field.high is not None:
        high = min(high, int(np.floor(field.high)) - (field.allowed.high_open and field.high == int(field.high)))
    if low > high:
        raise ConstraintError("the conditions allow no whole number", where=field.name)
    return low, min(high, 2**63 - 1)


def _label(field: Field, _table: str, ask: Draw, unique: bool) -> pa.Array:
    labels = pa.array(field.labels)
    if unique:
        return labels.take(pa.array((ask.start + np.arange(ask.rows)) % len(labels)))
    # Few labels carry most rows, as in life.
    weights = 1 / (1 + np.arange(len(labels)))
    return labels.take(pa.array(ask.rng.choice(len(labels), ask.rows, p=weights / weights.sum())))


def _integer(field: Field, _table: str, ask: Draw, unique: bool) -> pa.Array:
    if field.allowed.values is not None:
        return _picked(field, ask)
    low, high = whole_limits(field)
    if unique:
        first = max(low, 1) if high >= 1 else low
        return pa.array(first + ask.start + np.arange(ask.rows), pa.int64())
    asked = meaning.number_range(field.name)
    if asked is None:
        numbers = np.rint(ask.rng.lognormal(3.5, 1.2, ask.rows)).astype(np.int64) + (low if low > 1 else 0)
        return pa.array(low + (numbers - low) % (high - low + 1) if high - low < 100 else np.clip(numbers, low, high))
    first, last = max(low, int(asked[0])), min(high, int(asked[1]))
    if first > last:
        first, last = low, min(high, low + 1000)
    return pa.array(ask.rng.integers(first, last, ask.rows, endpoint=True))


def _picked(field: Field, ask: Draw) -> pa.Array:
    values = list(field.allowed.values or ())
    if not values:
        raise ConstraintError("the conditions allow no value", where=field.name)
    return pa.array([values[place] for place in ask.rng.integers(len(values), size=ask.rows)])


def _decimal(field: Field, _table: str, ask: Draw, unique: bool) -> pa.Array:
    if field.allowed.values is not None:
        return _picked(field, ask)
    scale = field.scale if field.scale is not None else 2
    most = 10.0 ** min(field.precision - scale, 15) - 10.0**-scale if field.precision is not None else 1e12
    low, high = decimal_limits(field, scale, most)
    first, last = meaning.number_range(field.name) or (0.0, 1000.0)
    first, last = (
        (max(first, low), min(last, high)) if max(first, low) <= min(last, high) else (low, min(high, low + 1e3))
    )
    step = 10.0**-scale
    if unique:
        numbers = first + (ask.start + np.arange(ask.rows)) * step
    else:
        # Most amounts are small and a few large.
        numbers = first + (last - first) * ask.rng.beta(1.2, 4.0, ask.rows)
    rounded = np.clip(np.round(np.round(numbers / step) * step, scale), low, high)
    return _in_decimals(rounded, field)


def decimal_limits(field: Field, scale: int, most: float) -> tuple[float, float]:
    """Return the least and greatest number of so many digits that conditions allow."""
    step = 10.0**-scale
    low, high = -most, most
    if field.low is not None:
        low = max(low, field.low + (step if field.allowed.low_open else 0.0))
    if field.high is not None:
        high = min(high, field.high - (step if field.allowed.high_open else 0.0))
    if low > high:
        raise ConstraintError("the conditions allow no number", where=field.name)
    return low, high


def _in_decimals(numbers: NDArray[np.float64], field: Field) -> pa.Array:
    if pa.types.is_string(field.arrow):
        return pa.array([format(number, f".{field.scale or 2}f") for number in numbers])
    return pa.array(numbers).cast(field.arrow)


def _boolean(_field: Field, _table: str, ask: Draw, unique: bool) -> pa.Array:
    return pa.array((ask.start + np.arange(ask.rows)) % 2 == 0) if unique else pa.array(ask.rng.random(ask.rows) < 0.6)


def _moment(field: Field, _table: str, ask: Draw, unique: bool) -> pa.Array:
    first, last = moments(field)
    span = max(int((last - first) / np.timedelta64(1, "s")), 0)
    if unique:
        seconds = (ask.start + np.arange(ask.rows, dtype=np.int64)) * (86_400 if field.family is Family.DATE else 61)
    else:
        seconds = ask.rng.integers(0, span, ask.rows, endpoint=True)
    stamps = first + seconds.astype("timedelta64[s]")
    if field.family is Family.DATE:
        return _spelled(pa.array(stamps.astype("datetime64[D]")), field)
    return _spelled(pa.array(stamps.astype("datetime64[us]")), field)


def moments(field: Field) -> tuple[np.datetime64, np.datetime64]:
    """Return the first and last moment that name and conditions ask for."""
    asked = meaning.moment_range(field.name)
    first, last = _day(asked[0]), _day(asked[1])
    low, high = _stamp(field.allowed.low), _stamp(field.allowed.high)
    tick = _DAY if field.family is Family.DATE else np.timedelta64(1, "s")
    low = None if low is None else low + tick * field.allowed.low_open
    high = None if high is None else high - tick * field.allowed.high_open
    if low is not None and high is not None and low > high:
        raise ConstraintError("the conditions allow no moment", where=field.name)
    if (low is not None and low > last) or (high is not None and high < first):
        # What the name asks for is not allowed: a year beside the end that is.
        first = low if low is not None else high - 365 * _DAY if high is not None else first
        last = high if high is not None else first + 365 * _DAY
    return max(first, low) if low is not None else first, min(last, high) if high is not None else last


def _day(text: str) -> np.datetime64:
    return np.datetime64(text, "us")


def _stamp(value: object) -> np.datetime64 | None:
    if value is None:
        return None
    text = value.isoformat() if isinstance(value, date | datetime) else str(value)
    return np.datetime64(text.replace(" ", "T").removesuffix("Z").split("+")[0], "us")


def _spelled(values: pa.Array, field: Field) -> pa.Array:
    if not pa.types.is_string(field.arrow):
        if pa.types.is_timestamp(field.arrow) and field.arrow.tz is not None:
            return values.cast(pa.timestamp("us")).cast(pa.timestamp("us", tz="UTC"))
        return values
    form = field.column.datetime_format or ("%Y-%m-%d" if field.family is Family.DATE else "%Y-%m-%d %H:%M:%S")
    return in_form(values.cast(pa.timestamp("s")), form)


def _time(field: Field, _table: str, ask: Draw, unique: bool) -> pa.Array:
    seconds = (ask.start + np.arange(ask.rows)) % 86_400 if unique else ask.rng.integers(86_400, size=ask.rows)
    times = pa.array(seconds.astype(np.int64) * 1_000_000).cast(pa.time64("us"))
    if pa.types.is_string(field.arrow):
        return pc.utf8_slice_codeunits(times.cast(pa.string()), 0, 8)
    return times


def _interval(field: Field, _table: str, ask: Draw, unique: bool) -> pa.Array:
    seconds = ask.rng.integers(60, 30 * 86_400, ask.rows) if not unique else 60 + ask.start + np.arange(ask.rows)
    if pa.types.is_duration(field.arrow):
        return pa.array(seconds.astype("timedelta64[s]"))
    return pc.binary_join_element_wise(pa.array(seconds).cast(pa.string()), " seconds", "")


def _bytes(_field: Field, _table: str, ask: Draw, unique: bool) -> pa.Array:
    size = 16
    if unique:
        return pa.array([(ask.start + row).to_bytes(size, "big") for row in range(ask.rows)])
    raw = ask.rng.bytes(size * ask.rows)
    return pa.array([raw[size * row : size * row + size] for row in range(ask.rows)])


def _uuid(_field: Field, _table: str, ask: Draw, unique: bool) -> pa.Array:
    return fabricate.column(
        "uuid", locale=ask.locale, rows=ask.rows, rng=ask.rng, unique=unique, start_row=ask.start, key=ask.key
    )


def _json(_field: Field, _table: str, ask: Draw, _unique: bool) -> pa.Array:
    words = fabricate.column("word", locale=ask.locale, rows=ask.rows, rng=ask.rng)
    numbers = pa.array(ask.start + np.arange(ask.rows)).cast(pa.string())
    return pc.binary_join_element_wise('{"id": ', numbers, ', "label": "', words, '"}', "")


def _text(field: Field, table: str, ask: Draw, unique: bool) -> pa.Array:
    column = field.column
    kind = column.personal or meaning.text_kind(field.name, table)
    if kind == "country" and field.longest is not None and field.longest <= 3:
        kind = "country_code"
    if column.pattern is not None or kind in fabricate.KINDS:
        values = _fabricated(kind, column.locale or ask.locale, column.pattern, ask, unique)
    elif column.kind in (Kind.DATE, Kind.DATETIME, Kind.TIME):
        values = (
            _moment(field, table, ask, unique) if column.kind is not Kind.TIME else _time(field, table, ask, unique)
        )
    elif kind in _ENUMERATED and not unique:
        labels = _ENUMERATED[kind]
        values = pa.array(labels).take(pa.array(ask.rng.integers(len(labels), size=ask.rows)))
    else:
        values = _composed(kind, ask, unique)
    values = fitted(values, field, ask, unique=unique)
    if field.forms and not matches(values, field.forms):
        return _formed(values, field, ask, unique)
    return values


def _formed(values: pa.Array, field: Field, ask: Draw, unique: bool) -> pa.Array:
    """Texts made from the first expression that can be; where none can, the database has the last word."""
    for form in field.forms:
        try:
            made = _fabricated("word", None, form.removeprefix("^").removesuffix("$"), ask, unique)
        except SpecError:
            continue
        if matches(made, field.forms):
            return made
    return values


def _fabricated(kind: str, locale: str | None, pattern: str | None, ask: Draw, unique: bool) -> pa.Array:
    return fabricate.column(
        kind,
        locale=locale,
        rows=ask.rows,
        rng=ask.rng,
        unique=unique,
        pattern=pattern,
        start_row=ask.start,
        key=ask.key,
    ).cast(pa.string())


def _composed(kind: str, ask: Draw, unique: bool) -> pa.Array:
    one = fabricate.column("word", locale=ask.locale, rows=ask.rows, rng=ask.rng)
    two = fabricate.column("word", locale=ask.locale, rows=ask.rows, rng=ask.rng)
    number = pa.array(ask.start + np.arange(ask.rows) + 1).cast(pa.string())
    if kind == "code":
        return fabricate.column(
            "word", locale=ask.locale, rows=ask.rows, rng=ask.rng, unique=unique, pattern="AAA-999999",
            start_row=ask.start, key=ask.key,
        )  # fmt: skip
    if kind == "hash":
        made = _uuid_text(ask, unique)
        return pc.replace_substring(made, "-", "")
    joined = {
        "slug": (one, two, "-"), "file": (one, pa.array([".txt"] * ask.rows), ""), "product": (_title(one), two, " "),
        "title": (_title(one), two, " "),
    }.get(kind, (one, two, " "))  # fmt: skip
    values = pc.binary_join_element_wise(*joined)
    return pc.binary_join_element_wise(values, number, "-" if kind in ("slug", "file") else " ") if unique else values


def _uuid_text(ask: Draw, unique: bool) -> pa.Array:
    return fabricate.column(
        "uuid", locale=None, rows=ask.rows, rng=ask.rng, unique=unique, start_row=ask.start, key=ask.key
    )


def _title(values: pa.Array) -> pa.Array:
    return pc.utf8_capitalize(values)


def fitted(values: pa.Array, field: Field, ask: Draw, *, unique: bool) -> pa.Array:
    """Return texts within the column's length; unique ones that were cut end in their row's number."""
    longest = field.longest
    if longest is not None and (pc.max(pc.utf8_length(values)).as_py() or 0) > longest:
        cut = pc.utf8_slice_codeunits(values, 0, longest)
        if unique and len(cut.unique()) < len(cut):
            width = min(longest, 6)
            tails = [_base36(ask.start + row, width) for row in range(ask.rows)]
            cut = pc.binary_join_element_wise(pc.utf8_slice_codeunits(values, 0, longest - width), pa.array(tails), "")
        values = cut if unique else pc.utf8_rtrim_whitespace(cut)
    if field.shortest:
        values = pc.utf8_rpad(values, field.shortest, "x")
    return values


def _base36(number: int, width: int) -> str:
    digits = ""
    for _ in range(width):
        number, rest = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[rest] + digits
    return digits


def _other(field: Field, _table: str, ask: Draw, unique: bool) -> pa.Array:
    """Values of a type with a form of its own."""
    pattern = field.column.pattern or field.form
    if field.is_range and unique and field.column.pattern is None:
        return _stretches(field, ask)
    if pattern is not None or field.personal is not None:
        return _fabricated(field.personal or "word", None, pattern, ask, unique)
    if not field.type_text:
        return _composed("words", ask, unique)  # SQLite: a column of no type takes anything
    if field.column.nullable:
        return pa.nulls(ask.rows, pa.string())
    fix = "list values for it under categories: in schema.yaml, or leave the column nullable"
    raise ConstraintError(f"no values are known for the type {field.type_text}", where=field.name, fix=fix)


def _stretches(field: Field, ask: Draw) -> pa.Array:
    """Ranges that follow each other and never overlap."""
    starts = 1 + 2 * (ask.start + np.arange(ask.rows))
    if "date" not in field.type_text and not field.type_text.startswith("ts"):
        ends = [pa.array(numbers).cast(pa.string()) for numbers in (starts, starts + 1)]
    else:
        days = np.datetime64("2020-01-01", "D") + starts.astype("timedelta64[D]")
        ends = [pa.array(found.astype("datetime64[D]")).cast(pa.string()) for found in (days, days + _DAY)]
    inner = pc.binary_join_element_wise(*ends, ",")
    return pc.binary_join_element_wise("[", inner, ")", "")


_MAKERS: dict[Family, Callable[[Field, str, Draw, bool], pa.Array]] = {
    Family.INTEGER: _integer, Family.DECIMAL: _decimal, Family.FLOAT: _decimal, Family.BOOLEAN: _boolean,
    Family.TEXT: _text, Family.BYTES: _bytes, Family.DATE: _moment, Family.TIME: _time, Family.TIMESTAMP: _moment,
    Family.INTERVAL: _interval, Family.UUID: _uuid, Family.JSON: _json, Family.ARRAY: _other,
}  # fmt: skip
