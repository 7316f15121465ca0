"""Which time do numbers spell: 20240131, or a year in one column and its quarter in the next?

The schema says so by `datetime_format` on columns of whole numbers: `%Y%m%d`, `%Y%m`, or one part each (`%Y` on the
column of `order_by`; `%q` quarter, `%m`, `%d`, `%H` on others). Rows are then ordered, learned and judged by the time
that is spelled, and what is made is spelled the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from veridical.core.chunks import whole
from veridical.core.errors import DataError, SpecError
from veridical.core.expression import parse
from veridical.core.schema import Column, Constraint, Kind, Role, Schema, TableSchema

TIME = "#time"
YEAR, QUARTER, MONTH, DAY, HOUR = "%Y", "%q", "%m", "%d", "%H"
MONTHLY, DAILY = "%Y%m", "%Y%m%d"
Whole = NDArray[np.int64]
_RANGES = {YEAR: (1, 9999), QUARTER: (1, 4), MONTH: (1, 12), DAY: (1, 31), HOUR: (0, 23)}
_READ: Mapping[str, Mapping[str, Callable[[Whole], Whole]]] = {
    MONTHLY: {YEAR: lambda held: held // 100, MONTH: lambda held: held % 100},
    DAILY: {YEAR: lambda held: held // 10_000, MONTH: lambda held: held // 100 % 100, DAY: lambda held: held % 100},
}


@dataclass(frozen=True, slots=True)
class Spelling:
    """The columns that together spell a time, each with its format, and all columns in the table's order."""

    parts: tuple[Column, ...]
    names: tuple[str, ...]

    @property
    def column(self) -> Column:
        """The column of the time that is spelled."""
        hourly = any(part.datetime_format == HOUR for part in self.parts)
        kind, storage = (Kind.DATETIME, "timestamp[s]") if hourly else (Kind.DATE, "date32[day]")
        return Column(name=TIME, kind=kind, storage=storage, role=Role.MODEL)

    def to_plain(self) -> dict[str, Any]:
        """Return it as JSON-like data."""
        held = TableSchema(name="spelled", columns=self.parts)
        return {"parts": Schema(tables=(held,)).to_dict(), "names": list(self.names)}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Spelling:
        """Return what `to_plain` wrote."""
        return cls(Schema.from_dict(plain["parts"]).only.columns, tuple(plain["names"]))

    def told(self, table: pa.Table) -> pa.Table:
        """Return the table with the time that its parts spell, beside them.

        Raises:
            DataError: a part lies outside its range (a thirteenth month), or is not there.
        """
        missing = [part.name for part in self.parts if part.name not in table.column_names]
        if missing:
            raise DataError(f"there is no column {', '.join(missing)}", where="time", fix="give all parts of the time")
        return table.append_column(TIME, self.read(table))

    def read(self, table: pa.Table) -> pa.Array:
        """Return the time of each row; null where a part is.

        Raises:
            DataError: a part lies outside its range.
        """
        null = np.zeros(table.num_rows, dtype=bool)
        found: dict[str, Whole] = {}
        for part in self.parts:
            array = whole(table[part.name]).cast(pa.float64(), safe=False)
            gone = np.asarray(array.is_null().to_numpy(zero_copy_only=False))
            values = np.rint(np.nan_to_num(array.fill_null(0.0).to_numpy(zero_copy_only=False))).astype(np.int64)
            null |= gone
            form = str(part.datetime_format)
            for one, take in _READ.get(form, {form: lambda held: held}).items():
                found[one] = _checked(take(values), gone, one, part.name)
        return _composed(found, null, hourly=self.column.kind is Kind.DATETIME)

    def schema(self, schema: TableSchema) -> TableSchema:
        """Return the schema of rows ordered by the time itself, without its parts and rules that speak of them."""
        gone = {part.name for part in self.parts}
        columns = (*(column for column in schema.columns if column.name not in gone), self.column)
        rules = tuple(rule for rule in schema.constraints if not gone & _named(rule, schema))
        key = () if gone & set(schema.primary_key) else schema.primary_key
        return replace(schema, columns=columns, constraints=rules, order_by=TIME, primary_key=key)

    def written(self, table: pa.Table) -> pa.Table:
        """Return a table with a time as its own columns: the time's parts in their storage, all in order."""
        moments = whole(table[TIME]).cast(pa.timestamp("s"))
        year, month = pc.year(moments), pc.month(moments)
        day = pc.day(moments)
        spelled = {
            YEAR: year, MONTH: month, DAY: day, HOUR: pc.hour(moments), QUARTER: pc.quarter(moments),
            MONTHLY: pc.add(pc.multiply(year, 100), month),
            DAILY: pc.add(pc.add(pc.multiply(year, 10_000), pc.multiply(month, 100)), day),
        }  # fmt: skip
        for part in self.parts:
            values = spelled[str(part.datetime_format)].cast(pa.type_for_alias(part.storage), safe=False)
            table = table.append_column(part.name, values)
        return table.select([name for name in self.names if name in table.column_names])


def _named(rule: Constraint, schema: TableSchema) -> set[str]:
    """Return the columns that a rule speaks of; all of them where it cannot be read."""
    if rule.expression is None:
        return set(rule.columns)
    try:
        return {*rule.columns, *parse(rule.expression, list(schema.names)).columns}
    except SpecError:
        return set(schema.names)


def _checked(values: Whole, gone: NDArray[np.bool_], form: str, name: str) -> Whole:
    low, high = _RANGES[form]
    wrong = ~gone & ((values < low) | (values > high))
    if wrong.any():
        raise DataError(
            f"{int(wrong.sum()):,} values are no time: {form} goes from {low} to {high}",
            where=name,
            fix="correct the values, or take datetime_format out of the schema",
        )
    return np.where(gone, low, values)


def _composed(parts: Mapping[str, Whole], null: NDArray[np.bool_], *, hourly: bool) -> pa.Array:
    month = parts.get(MONTH, (parts[QUARTER] - 1) * 3 + 1 if QUARTER in parts else np.ones(len(null), np.int64))
    months = ((parts[YEAR] - 1970) * 12 + month - 1).astype("datetime64[M]")
    days = months.astype("datetime64[D]").astype(np.int64) + parts.get(DAY, np.ones(len(null), np.int64)) - 1
    if not hourly:
        return pa.array(days.astype(np.int32), pa.int32(), mask=null).cast(pa.date32())
    seconds = (days * 24 + parts[HOUR]) * 3600
    return pa.array(seconds, pa.int64(), mask=null).cast(pa.timestamp("s"))


def spelling_of(schema: TableSchema) -> Spelling | None:
    """Return how the time that orders rows is spelled in numbers; None where it stands in a column of its own.

    Example:
        >>> year = Column(name="year", kind=Kind.INTEGER, storage="int64", datetime_format="%Y")
        >>> quarter = Column(name="quarter", kind=Kind.INTEGER, storage="int64", datetime_format="%q")
        >>> table = TableSchema(name="economy", columns=(year, quarter), series=(), order_by="year")
        >>> spelling_of(table).told(pa.table({"year": [1999], "quarter": [2]}))["#time"].to_pylist()
        [datetime.date(1999, 4, 1)]
    """
    if schema.order_by is None or schema.order_by not in schema.names:
        return None
    first = schema.column(schema.order_by)
    if not _is_part(first):
        return None
    if first.datetime_format in (MONTHLY, DAILY):
        return Spelling((first,), schema.names)
    rest = tuple(column for column in schema.columns if column.name != first.name and _is_part(column))
    return Spelling((first, *rest), schema.names) if rest and first.datetime_format == YEAR else None


def _is_part(column: Column) -> bool:
    plain = column.storage.startswith(("int", "uint", "float", "double"))
    return plain and column.kind is Kind.INTEGER and column.datetime_format in (*_RANGES, *_READ)


def with_time(table: pa.Table, schema: TableSchema) -> tuple[pa.Table, TableSchema]:
    """Return a table and its schema with the time that numbers spell in a column of its own, `#time`.

    Both are returned as they are where the time stands in a column already.

    Raises:
        DataError: a part lies outside its range.
    """
    spelling = spelling_of(schema)
    if spelling is None or not all(part.name in table.column_names for part in spelling.parts):
        return table, schema
    return spelling.told(table), spelling.schema(schema)
