"""How do DuckDB's rows become Arrow batches?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from veridical.connect.database.naming import quoted
from veridical.connect.database.sqltype import arrow_of
from veridical.connect.database.structure import Family, SqlColumn, SqlTable

ROWS_PER_BATCH = 50_000
_AS_TEXT = frozenset({Family.UUID, Family.JSON, Family.ARRAY, Family.ENUM, Family.OTHER, Family.INTERVAL})


def arrow_schema(connection: Any, table: SqlTable) -> pa.Schema:  # noqa: ARG001
    """Return the Arrow types of a table's columns."""
    return pa.schema([pa.field(column.name, arrow_of(column.type)) for column in table.columns])


def batches(connection: Any, table: SqlTable, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Yield a table's rows, at most 50,000 at a time."""
    listed = ", ".join(_cell(column) for column in table.columns)
    order = ", ".join(quoted(name) for name in table.primary_key)
    rows = connection.sql(f"SELECT {listed} FROM {quoted(table.name)}{f' ORDER BY {order}' if order else ''}")
    for batch in rows.to_arrow_reader(ROWS_PER_BATCH):
        arrays = [column.cast(field.type) for column, field in zip(batch.columns, schema, strict=True)]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _cell(column: SqlColumn) -> str:
    name = quoted(column.name)
    return f"{name}::VARCHAR" if column.type.family in _AS_TEXT else name
