"""How do SQLite's rows become Arrow batches, when any cell may hold any type?"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from veridical.connect.database.naming import quoted
from veridical.connect.database.structure import Family, SqlColumn, SqlTable
from veridical.connect.note import with_notes

ROWS_PER_BATCH = 50_000
_CLASSES = ("integer", "real", "text", "blob")
_LONGEST_INTEGER = 15  # digits that a real keeps


def arrow_schema(connection: sqlite3.Connection, table: SqlTable) -> pa.Schema:
    """Return the Arrow types of a table's columns, by what their cells hold and not only by what they declare."""
    fields = [_field(connection, table.name, column) for column in table.columns]
    return pa.schema(fields)


def batches(connection: sqlite3.Connection, table: SqlTable, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Yield a table's rows, at most 50,000 at a time."""
    listed = ", ".join(quoted(name) for name in table.names)
    order = ", ".join(quoted(name) for name in table.primary_key)
    cursor = connection.cursor()
    cursor.execute(f"SELECT {listed} FROM {quoted(table.name)}{f' ORDER BY {order}' if order else ''}")
    while rows := cursor.fetchmany(ROWS_PER_BATCH):
        cells = zip(*rows, strict=True)
        arrays = [_array(values, field.type) for values, field in zip(cells, schema, strict=True)]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _field(connection: sqlite3.Connection, table: str, column: SqlColumn) -> pa.Field:
    name = quoted(column.name)
    listed = ", ".join(f"count(CASE WHEN typeof({name}) = '{kind}' THEN 1 END)" for kind in _CLASSES)
    fits = "count(*)"
    if column.type.family is Family.DECIMAL and column.type.scale is not None:
        # Kept as a binary fraction; exact when rounding to the declared digits changes nothing.
        fits = f"count(CASE WHEN typeof({name}) = 'real' AND round({name}, {column.type.scale}) <> {name} THEN 1 END)"
    whole = f"CASE WHEN typeof({name}) = 'integer' THEN {name} END"
    spread = f"min({whole}), max({whole})"
    row = connection.execute(f"SELECT {listed}, {fits}, {spread} FROM {quoted(table)}").fetchone()
    held = {kind: count for kind, count in zip(_CLASSES, row, strict=False) if count}
    kind = _kind(column, held, int(row[4]), row[5], row[6])
    field = pa.field(column.name, kind)
    if len(held) > 1 and pa.types.is_string(kind):
        return with_notes(field, f"cells hold several types ({', '.join(held)}), read as text")
    return field


def _kind(column: SqlColumn, held: dict[str, int], misfits: int, low: Any, high: Any) -> pa.DataType:
    family = column.type.family
    if not held:
        return _declared(family)
    numbers = set(held) <= {"integer", "real"}
    if family is Family.BOOLEAN and set(held) == {"integer"} and low >= 0 and high <= 1:
        return pa.bool_()
    if family is Family.DECIMAL and numbers and column.type.scale is not None and misfits == 0:
        precision = max(column.type.precision or 38, column.type.scale)
        if precision <= _LONGEST_INTEGER:
            widest = max(abs(low or 0), abs(high or 0))
            if widest < 10 ** (precision - column.type.scale):
                return pa.decimal128(precision, column.type.scale)
    if set(held) == {"integer"}:
        return pa.float64() if family is Family.FLOAT else pa.int64()
    if numbers:
        return pa.float64()
    return pa.binary() if set(held) == {"blob"} else pa.string()


def _declared(family: Family) -> pa.DataType:
    return {
        Family.INTEGER: pa.int64(), Family.FLOAT: pa.float64(), Family.DECIMAL: pa.float64(),
        Family.BOOLEAN: pa.bool_(), Family.BYTES: pa.binary(),
    }.get(family, pa.string())  # fmt: skip


def _array(values: tuple[Any, ...], kind: pa.DataType) -> pa.Array:
    if pa.types.is_decimal(kind):
        return pa.array([None if v is None else float(v) for v in values], pa.float64()).cast(kind)
    if pa.types.is_boolean(kind):
        return pa.array([None if v is None else bool(v) for v in values], kind)
    if pa.types.is_floating(kind):
        return pa.array([None if v is None else float(v) for v in values], kind)
    if pa.types.is_string(kind):
        return pa.array([v if v is None or isinstance(v, str) else _text(v) for v in values], kind)
    return pa.array(values, kind)


def _text(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
