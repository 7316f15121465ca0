"""How do dates, times and durations reach an engine as whole numbers, and come back in their own type?"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from veridical.core.contracts import Allowed
from veridical.core.errors import SchemaError
from veridical.core.schema import Column, Kind
from veridical.core.timetext import as_moments, in_form
from veridical.prepare.codec import Arrays, Place, Plain, Support, beyond, from_numpy, support_of, to_numpy, whole
from veridical.prepare.storage import is_text, parse_type, store

SECONDS = {"day": 86_400, "hour": 3_600, "minute": 60, "s": 1}
PARTS = {"ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
UNITS = ("day", "hour", "minute", "s", "ms", "us", "ns")
CLOCK = " (time of day)"  # the second modelled column of a split timestamp
_SHORTEST_SPLIT_DAYS = 4
_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})")
_DURATION = re.compile(
    r"(-)?P(?:(\d+(?:\.\d+)?)D)?(?:T(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?"
)


@dataclass(frozen=True, slots=True)
class MomentCodec:
    """One temporal column as a count of `unit` since 1970-01-01 (or midnight, or zero); in local time where zoned.

    `split` models the day number and the time of day apart. `low` and `high` bound the count.
    """

    column: Column
    unit: str
    split: bool
    low: int | None
    high: int | None
    support: Support | None = None  # in counts of `unit`

    @classmethod
    def learn(cls, table: pa.Table, column: Column, *, rare_below: int, may_split: bool = True) -> MomentCodec:
        """Return the codec of a column, with the coarsest unit that loses nothing.

        Raises:
            SchemaError: the column holds no dates or times.
        """
        finest = _finest(table, column)
        seen = _counts(table, column, finest).drop_null().to_numpy(zero_copy_only=False)
        unit = _coarsest(seen, column, finest)
        seen = seen // _ratio(unit, finest)
        split = may_split and column.kind is Kind.DATETIME and _is_split(seen, unit)
        support = support_of(seen, rare_below)
        return cls(column, unit, split, *bounds_in(column, unit), support)

    @property
    def names(self) -> Sequence[str]:
        return (self.column.name,)

    @property
    def modelled(self) -> Sequence[Column]:
        plain = replace(self.column, kind=Kind.INTEGER, storage="int64", step=None, decimals=None)
        if not self.split:
            return (replace(plain, low=self.low, high=self.high),)
        low, high = (None if end is None else end // self._day for end in (self.low, self.high))
        clock = replace(plain, name=self.column.name + CLOCK, low=0, high=self._day - 1)
        return replace(plain, low=low, high=high), clock

    def encode(self, table: pa.Table) -> Arrays:
        counts = _counts(table, self.column, self.unit)
        if not self.split:
            return {self.column.name: counts}
        values, null = to_numpy(counts)
        day, clock = np.divmod(values, self._day)
        return {self.column.name: from_numpy(day, null), self.column.name + CLOCK: from_numpy(clock, null)}

    def decode(self, drawn: Arrays, place: Place) -> Arrays:
        values, null = to_numpy(drawn[self.column.name])
        if self.split:
            clock, unknown = to_numpy(drawn[self.column.name + CLOCK])
            missing = unknown & ~null
            if missing.any():  # the day was drawn and the time was not: borrow another row's
                known = clock[~unknown]
                clock = clock.copy()
                clock[missing] = place.rng.choice(known, size=int(missing.sum())) if len(known) else 0
            values = values * self._day + np.clip(clock, 0, self._day - 1)
        return {self.column.name: self.stored(values, null)}

    def stored(self, values: NDArray[Any], null: NDArray[np.bool_]) -> pa.Array:
        """Return counts of `unit` as the column's own type, held within its bounds."""
        low, high = self.ends
        held = np.clip(values.astype(np.int64), low, max(low, high))
        return _stored(np.where(null, max(0, low) if low > 0 else min(0, high), held), null, self.column, self.unit)

    @property
    def ends(self) -> tuple[int, int]:
        """The first and the last count that may be emitted."""
        low = max(self.low if self.low is not None else -(2**62), _first(self.unit, self.column))
        high = min(self.high if self.high is not None else 2**62, _last(self.unit, self.column))
        return low, max(low, high)

    def limit(self, name: str, allowed: Allowed) -> Mapping[str, Allowed] | None:
        try:
            low, high = (_read(end, self.column, self.unit) for end in (allowed.low, allowed.high))
            values = None if allowed.values is None else [_read(v, self.column, self.unit) for v in allowed.values]
        except (TypeError, ValueError):
            return None
        if beyond(replace(allowed, low=low, high=high), self.support):
            return {name: Allowed(values=())}
        if self.split:
            days = None if values is None else tuple(sorted({int(v) // self._day for v in values if v is not None}))
            low, high = (None if end is None else int(end) // self._day for end in (low, high))
            limits = {name: Allowed(values=days, low=low, high=high, nulls=allowed.nulls)}
            if values is not None:
                clocks = tuple(sorted({int(v) % self._day for v in values if v is not None}))
                limits[name + CLOCK] = Allowed(values=clocks, nulls=True)
            return limits
        exact = None if values is None else tuple(int(value) for value in values if value is not None)
        floor = None if low is None else int(np.ceil(low))
        ceiling = None if high is None else int(np.floor(high))
        if allowed.low_open and floor is not None and floor == low:
            floor += 1
        if allowed.high_open and ceiling is not None and ceiling == high:
            ceiling -= 1
        return {name: Allowed(values=exact, low=floor, high=ceiling, nulls=allowed.nulls)}

    def to_plain(self) -> Plain:
        return {
            "codec": "moment",
            "column": self.column.name,
            "unit": self.unit,
            "split": self.split,
            "low": self.low,
            "high": self.high,
            "support": self.support,
        }

    @property
    def _day(self) -> int:
        return _ratio("day", self.unit)


def _ratio(coarse: str, fine: str) -> int:
    """Return how many fine units one coarse unit holds."""
    if fine in PARTS:
        return SECONDS[coarse] * PARTS[fine] if coarse in SECONDS else PARTS[fine] // PARTS[coarse]
    return SECONDS[coarse] // SECONDS[fine]


def counted(table: pa.Table, column: Column) -> tuple[str, NDArray[np.int64]]:
    """Return the coarsest unit that a column's moments are whole in, and the moments that are there as counts of it.

    Raises:
        SchemaError: the schema disagrees with the data.
    """
    finest = _finest(table, column)
    values, null = to_numpy(_counts(table, column, finest))
    seen = values[~null].astype(np.int64)
    unit = _coarsest(seen, column, finest)
    return unit, seen // (_ratio(unit, finest) if unit != finest else 1)


def told(counts: NDArray[np.int64], column: Column, unit: str) -> pa.Array:
    """Return counts of `unit` in the storage of a column of moments."""
    return _stored(counts, np.zeros(len(counts), dtype=bool), column, unit)


def _finest(table: pa.Table, column: Column) -> str:
    kind = table.schema.field(column.name).type
    if pa.types.is_timestamp(kind) or pa.types.is_time(kind) or pa.types.is_duration(kind):
        return str(kind.unit)
    return "day" if column.kind is Kind.DATE or pa.types.is_date(kind) else "us"


def _counts(table: pa.Table, column: Column, unit: str) -> pa.Array:
    """Return a column as counts of `unit`."""
    array = _parsed(whole(table[column.name]), column)
    kind = array.type
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        array = pc.local_timestamp(array)
        kind = array.type
    if pa.types.is_date(kind):
        array, have = array.cast(pa.date32()).cast(pa.int32()).cast(pa.int64()), "day"
    else:
        have = kind.unit
        array = array.cast(pa.int32()).cast(pa.int64()) if kind.bit_width == 32 else array.cast(pa.int64())
    values, null = to_numpy(array)
    if UNITS.index(have) >= UNITS.index(unit):
        return from_numpy(values // _ratio(unit, have), null)
    return from_numpy(values * _ratio(have, unit), null)


def _parsed(array: pa.Array, column: Column) -> pa.Array:
    kind = array.type
    if pa.types.is_temporal(kind):
        return array
    try:
        if pa.types.is_null(kind):
            return array.cast(pa.timestamp("us"))
        if pa.types.is_integer(kind) or pa.types.is_floating(kind):
            if column.kind is Kind.DURATION:
                return pc.multiply(array.cast(pa.float64()), 1e6).cast(pa.int64(), safe=False).cast(pa.duration("us"))
        elif is_text(kind) and column.kind is Kind.TIME:
            form = column.datetime_format or "%H:%M:%S"
            return as_moments(array, form).cast(pa.time64("us"))
        elif is_text(kind) and column.datetime_format is not None:
            return as_moments(array, column.datetime_format)
        elif is_text(kind) and column.kind is not Kind.DURATION:
            return array.cast(pa.string()).cast(pa.timestamp("us"))
    except pa.ArrowInvalid:
        pass
    raise SchemaError(
        f"the schema says {column.kind.value}, the data holds something else ({kind})",
        where=column.name,
        fix="correct the column's kind or datetime_format in the schema, or learn the source again",
    )


def _coarsest(seen: NDArray[Any], column: Column, finest: str) -> str:
    asked = column.resolution if column.resolution in UNITS else ("day" if column.resolution else None)
    if asked is not None and UNITS.index(asked) <= UNITS.index(finest):
        return asked
    for unit in UNITS[: UNITS.index(finest)]:
        if len(seen) and not np.any(seen % _ratio(unit, finest)):
            return unit
    return finest


def _is_split(counts: NDArray[Any], unit: str) -> bool:
    if unit == "day" or not len(counts):
        return False
    day = _ratio("day", unit)
    if counts.max() // day - counts.min() // day < _SHORTEST_SPLIT_DAYS:
        return False
    return bool(np.any(counts % day != counts[0] % day))


def bounds_in(column: Column, unit: str) -> tuple[int | None, int | None]:
    """Return a column's bounds as the first and the last count of `unit` within them.

    Raises:
        SchemaError: a bound is not ISO text (or seconds, for durations).
    """
    try:
        low, high = _read(column.low, column, unit), _read(column.high, column, unit)
    except (TypeError, ValueError):
        fix = "write bounds as ISO text: '2024-01-31', '09:30', or seconds for durations"
        raise SchemaError("a bound cannot be read", where=column.name, fix=fix) from None
    return None if low is None else int(np.ceil(low)), None if high is None else int(np.floor(high))


def _read(value: Any, column: Column, unit: str) -> float | int | None:
    """Return a limit in counts of `unit`, exact where it is whole."""
    if value is None:
        return None
    if column.kind is Kind.DURATION:
        seconds = _seconds(value)
        return seconds * PARTS[unit] if unit in PARTS else seconds / SECONDS[unit]
    if column.kind is Kind.TIME:
        clock = dt.time.fromisoformat(str(value))
        since = ((clock.hour * 60 + clock.minute) * 60 + clock.second) * 10**6 + clock.microsecond
    else:
        moment = dt.datetime.fromisoformat(str(value))
        if moment.tzinfo is not None:
            moment = _local(moment, column)
        since = (moment - dt.datetime(1970, 1, 1)) // dt.timedelta(microseconds=1)
    if unit == "ns":
        return since * 1_000
    per = _ratio(unit, "us")
    return since // per if since % per == 0 else since / per


def _local(moment: dt.datetime, column: Column) -> dt.datetime:
    zone = zone_of(column)
    if zone is None:
        return moment.astimezone(dt.UTC).replace(tzinfo=None)
    return pc.local_timestamp(pa.scalar(moment, pa.timestamp("us", zone))).as_py()


def zone_of(column: Column) -> str | None:
    """Return the time zone a column is stored in, if any."""
    kind = parse_type(column.storage)
    return kind.tz if pa.types.is_timestamp(kind) else None


def _seconds(value: Any) -> float:
    if isinstance(value, int | float):
        return float(value)
    found = _DURATION.fullmatch(str(value))
    if found is None:
        return float(value)
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups()[1:])
    total = days * 86_400 + hours * 3_600 + minutes * 60 + seconds
    return -total if found[1] else total


def _first(unit: str, column: Column) -> int:
    if column.kind is Kind.TIME:
        return 0
    return -(2**62) if column.kind is Kind.DURATION else _since(dt.datetime(1, 1, 1), unit)


def _last(unit: str, column: Column) -> int:
    if column.kind is Kind.TIME:
        return _ratio("day", unit) - 1
    return 2**62 if column.kind is Kind.DURATION else _since(dt.datetime(9999, 12, 31, 23, 59, 59), unit)


def _since(moment: dt.datetime, unit: str) -> int:
    seconds = (moment - dt.datetime(1970, 1, 1)) // dt.timedelta(seconds=1)
    count = seconds // SECONDS[unit] if unit in SECONDS else seconds * PARTS[unit]
    return max(-(2**62), min(2**62, count))


def _stored(values: NDArray[Any], null: NDArray[np.bool_], column: Column, unit: str) -> pa.Array:
    kind = parse_type(column.storage)
    if column.kind is Kind.DURATION:
        if pa.types.is_duration(kind):
            return from_numpy(_rescaled(values, unit, kind.unit), null).cast(kind)
        seconds = values / PARTS[unit] if unit in PARTS else values * SECONDS[unit]
        return store(from_numpy(seconds, null), column.storage)
    if column.kind is Kind.TIME:
        clock = from_numpy(_rescaled(values, unit, "us"), null).cast(pa.time64("us"))
        if is_text(kind):
            moment = clock.cast(pa.int64()).cast(pa.timestamp("us"))
            return store(in_form(moment, column.datetime_format or "%H:%M:%S"), column.storage)
        return store(clock, column.storage)
    if unit == "day" and not pa.types.is_timestamp(kind):
        moment = from_numpy(values.astype(np.int32), null).cast(pa.date32())
    else:
        fine = kind.unit if pa.types.is_timestamp(kind) else ("ns" if unit == "ns" else "us")
        moment = from_numpy(_rescaled(values, unit, fine), null).cast(pa.timestamp(fine))
    zone = zone_of(column)
    if zone is not None:
        return pc.assume_timezone(moment, zone, ambiguous="earliest", nonexistent="earliest").cast(kind)
    if is_text(kind) and column.datetime_format is not None:
        return store(_in_zone(moment, column.datetime_format, column.timezone), column.storage)
    return store(moment, column.storage)


def _in_zone(moment: pa.Array, form: str, zone: str | None) -> pa.Array:
    """Return text whose offset is the one that all texts had; where there were several, in UTC."""
    found = _OFFSET.fullmatch(zone or "")
    if found is None or "%z" not in form:
        return in_form(moment, form)
    minutes = int(found[2]) * 60 + int(found[3])
    ahead = pa.scalar(60 * (-minutes if found[1] == "-" else minutes), pa.duration("s"))
    return in_form(pc.add(moment, ahead.cast(pa.duration(moment.type.unit))), form.replace("%z", found[0]))


def _rescaled(values: NDArray[Any], have: str, want: str) -> NDArray[Any]:
    if UNITS.index(have) <= UNITS.index(want):
        return values * _ratio(have, want)
    return values // _ratio(want, have)
