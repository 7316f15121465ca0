"""How do MySQL's rows become Arrow batches?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pyarrow as pa

from veridical.connect.database.naming import quoted
from veridical.connect.database.sqltype import arrow_of
from veridical.connect.database.structure import Family, SqlColumn, SqlTable

ROWS_PER_BATCH = 50_000


def arrow_schema(connection: Any, table: SqlTable) -> pa.Schema:
    """Return the Arrow types of a table's columns; times that are no time of day are kept as text."""
    fields = []
    for column in table.columns:
        kind = arrow_of(column.type)
        if pa.types.is_time(kind) and _exceeds_day(connection, table.name, column.name):
            kind = pa.string()
        fields.append(pa.field(column.name, kind))
    return pa.schema(fields)


def _exceeds_day(connection: Any, table: str, name: str) -> bool:
    cell = quoted(name, "`")
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {quoted(table, '`')} WHERE {cell} < '00:00:00' OR {cell} >= '24:00:00'")
        return int(cursor.fetchone()[0]) > 0


def batches(connection: Any, table: SqlTable, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Yield a table's rows through a cursor that the server keeps, at most 50,000 at a time."""
    from pymysql.cursors import SSCursor

    listed = ", ".join(_cell(column, field.type) for column, field in zip(table.columns, schema, strict=True))
    order = ", ".join(quoted(name, "`") for name in table.primary_key)
    with connection.cursor(SSCursor) as cursor:
        cursor.execute(f"SELECT {listed} FROM {quoted(table.name, '`')}{f' ORDER BY {order}' if order else ''}")
        while rows := cursor.fetchmany(ROWS_PER_BATCH):
            cells = zip(*rows, strict=True)
            arrays = [_array(values, field.type) for values, field in zip(cells, schema, strict=True)]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _cell(column: SqlColumn, kind: pa.DataType) -> str:
    name = quoted(column.name, "`")
    if column.type.text.startswith("bit"):
        return f"{name} + 0"
    return f"CAST({name} AS CHAR)" if column.type.family is Family.TIME and pa.types.is_string(kind) else name


def _array(values: tuple[Any, ...], kind: pa.DataType) -> pa.Array:
    if pa.types.is_boolean(kind):
        return pa.array([None if v is None else bool(v) for v in values], kind)
    if pa.types.is_string(kind):
        return pa.array([None if v is None else v if isinstance(v, str) else _text(v) for v in values], kind)
    if pa.types.is_time64(kind):
        micro = [None if v is None else int(v / timedelta(microseconds=1)) for v in values]
        return pa.array(micro, pa.int64()).cast(kind)
    return pa.array(values, kind)


def _text(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
