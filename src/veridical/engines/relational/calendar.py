"""Which columns only spell out parts of a time that stands beside them: its year, month, day or hour?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from veridical.prepare.codec import whole

PARTS = ("year", "month", "day", "hour", "minute", "second", "day_of_week")
ZONES = (
    "UTC", "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Sao_Paulo",
    "Europe/London", "Europe/Berlin", "Europe/Athens", "Europe/Moscow", "Africa/Johannesburg", "Asia/Dubai",
    "Asia/Kolkata", "Asia/Shanghai", "Asia/Seoul", "Asia/Tokyo", "Australia/Sydney", "Pacific/Auckland",
)  # fmt: skip
SAMPLE_ROWS = 2_000
LEAST_AGREEING = 0.999


@dataclass(frozen=True, slots=True)
class Spelled:
    """Columns that follow from the time in `column`: column name -> part; `zone` says in whose clock."""

    column: str
    zone: str
    parts: Mapping[str, str]

    def compute(self, times: pa.Array, kinds: Mapping[str, pa.DataType]) -> dict[str, pa.Array]:
        """Return the columns that spell out these times."""
        local = _local(times, self.zone)
        return {name: _part(local, part).cast(kinds[name], safe=False) for name, part in self.parts.items()}

    def to_plain(self) -> dict[str, Any]:
        """Return this as JSON-like data."""
        return {"column": self.column, "zone": self.zone, "parts": dict(self.parts)}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Spelled:
        """Return what `to_plain` wrote."""
        return cls(plain["column"], plain["zone"], dict(plain["parts"]))


def find(table: pa.Table, columns: Sequence[str]) -> list[Spelled]:
    """Return for each time the columns that spell out parts of it; two or more must agree, or it is chance.

    Example:
        >>> import datetime as d
        >>> times = [d.datetime(2020, 1 + i % 12, 1 + i % 28, i % 24) for i in range(100)]
        >>> parts = {"m": [t.month for t in times], "h": [t.hour for t in times]}
        >>> find(pa.table({"at": pa.array(times, pa.timestamp("us")), **parts}), ["at", "m", "h"])[0].parts
        {'m': 'month', 'h': 'hour'}
    """
    times = [name for name in columns if pa.types.is_timestamp(table.schema.field(name).type)]
    whole_numbers = [name for name in columns if pa.types.is_integer(table.schema.field(name).type)]
    found, taken = [], set()
    for name in times:
        free = [number for number in whole_numbers if number not in taken]
        parts = _best(table, name, free)
        if parts is not None:
            found.append(parts)
            taken |= set(parts.parts)
    return found


def _best(table: pa.Table, name: str, numbers: Sequence[str]) -> Spelled | None:
    step = max(1, table.num_rows // SAMPLE_ROWS)
    some = table.select([name, *numbers]).take(pa.array(range(0, table.num_rows, step)))
    best: Spelled | None = None
    for zone in ZONES if table.schema.field(name).type.tz else ("UTC",):
        parts = _agreeing(some, name, numbers, zone)
        if parts and (best is None or len(parts) > len(best.parts)):
            best = Spelled(name, zone, parts)
    if best is None or len(best.parts) < 2:
        return None
    checked = _agreeing(table, name, list(best.parts), best.zone)
    return Spelled(name, best.zone, checked) if len(checked) >= 2 else None


def _agreeing(table: pa.Table, name: str, numbers: Sequence[str], zone: str) -> dict[str, str]:
    local = _local(whole(table[name]), zone)
    found: dict[str, str] = {}
    for number in numbers:
        values = whole(table[number]).cast(pa.int64())
        for part in PARTS:
            if part in found.values():
                continue
            same = pc.mean(pc.equal(_part(local, part), values).cast(pa.int8())).as_py()
            if same is not None and same >= LEAST_AGREEING and values.null_count == local.null_count:
                found[number] = part
                break
    return found


def _local(times: pa.Array, zone: str) -> pa.Array:
    if times.type.tz is None:
        return times
    return pc.local_timestamp(times.cast(pa.timestamp(times.type.unit, zone)))


def _part(local: pa.Array, part: str) -> pa.Array:
    return getattr(pc, part)(local).cast(pa.int64())
