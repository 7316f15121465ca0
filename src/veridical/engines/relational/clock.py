"""Which whole numbers are times of day, written as hours and minutes (1455), and which follow from two columns?

Told in minutes such a column has no holes from 60 to 99, and a delay is a difference like any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from veridical.core.schema import Column, TableSchema
from veridical.prepare.codec import whole
from veridical.prepare.storage import store

LEAST_DISTINCT = 60
_HARMLESS = frozenset({"mutual_missing"})


@dataclass(frozen=True, slots=True)
class Clock:
    """A column of times of day; where `hour` and `minute` name columns, it is spelled by them."""

    column: str
    hour: str | None = None
    minute: str | None = None

    def compute(self, columns: Mapping[str, pa.Array], kind: pa.DataType) -> pa.Array:
        """Return the column as its hours and minutes spell it."""
        hours, minutes = columns[str(self.hour)].cast(pa.int64()), columns[str(self.minute)].cast(pa.int64())
        return store(pc.add(pc.multiply(hours, 100), minutes), kind)


def find(schema: TableSchema, table: pa.Table, names: Sequence[str], known: Sequence[str]) -> tuple[Clock, ...]:
    """Return the clock columns among `names`; `known` are columns by which one may be spelled.

    Example:
        >>> from veridical.core.schema import Kind
        >>> column = Column(name="at", kind=Kind.INTEGER, storage="int64")
        >>> times = [100 * h + m for h in range(24) for m in range(0, 60, 5)]
        >>> find(TableSchema(name="t", columns=(column,)), pa.table({"at": times}), ["at"], [])
        (Clock(column='at', hour=None, minute=None),)
    """
    ruled = {name for rule in schema.constraints if rule.type not in _HARMLESS for name in rule.columns}
    found = []
    for name in names:
        if name not in ruled and pa.types.is_integer(table.schema.field(name).type) and _is_clock(whole(table[name])):
            hour, minute = _spelled_by(table, name, known)
            found.append(Clock(name, hour, minute))
    return tuple(found)


def _is_clock(values: pa.Array) -> bool:
    values = values.drop_null().unique().cast(pa.int64())
    if len(values) < LEAST_DISTINCT:
        return False
    ends = pc.min_max(values).as_py()
    if ends["min"] < 0 or ends["max"] > 2400 or ends["max"] < 1200:
        return False
    minutes = pc.subtract(values, pc.multiply(pc.divide(values, 100), 100))
    return bool(pc.max(minutes).as_py() < 60)


def _spelled_by(table: pa.Table, name: str, known: Sequence[str]) -> tuple[str | None, str | None]:
    values = whole(table[name]).cast(pa.int64())
    hours = pc.divide(values, 100)
    minutes = pc.subtract(values, pc.multiply(hours, 100))
    by: list[str | None] = []
    for part in (hours, minutes):
        same = (
            other for other in known
            if other != name and pa.types.is_integer(table.schema.field(other).type)
            and whole(table[other]).cast(pa.int64()).equals(part)
        )  # fmt: skip
        by.append(next(same, None))
    return (by[0], by[1]) if None not in by else (None, None)


def to_minutes(values: pa.Array) -> pa.Array:
    """Return times of day as minutes since midnight.

    Example:
        >>> to_minutes(pa.array([1455, None])).to_pylist()
        [895, None]
    """
    numbers = values.cast(pa.int64())
    hours = pc.divide(numbers, 100)
    return pc.add(pc.multiply(hours, 60), pc.subtract(numbers, pc.multiply(hours, 100)))


def from_minutes(values: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return minutes since midnight as times of day."""
    hours = pc.divide(values.cast(pa.int64()), 60)
    return store(pc.add(pc.multiply(hours, 100), pc.subtract(values, pc.multiply(hours, 60))), kind)


def in_minutes(column: Column) -> Column:
    """Return the column as it is told in minutes."""
    low = None if not isinstance(column.low, int | float) else float(column.low // 100 * 60 + column.low % 100)
    high = 1440.0 if not isinstance(column.high, int | float) else float(column.high // 100 * 60 + column.high % 100)
    return replace(column, storage="int64", low=low, high=min(high, 1440.0), step=None, categories=None)
