"""How do PostgreSQL's rows become Arrow batches?"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from veridical.connect.database.naming import quoted
from veridical.connect.database.sqltype import arrow_of
from veridical.connect.database.structure import Family, SqlColumn, SqlTable
from veridical.connect.note import with_notes

BYTES_PER_BATCH = 8 * 2**20
_DIRECT = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean)
_MOST_DIGITS = 76  # that an Arrow decimal holds
_DATE = r"^\d{4}-\d\d-\d\d( [\d:.]+(\+00)?)?$"
_TIME = r"^([01]\d|2[0-3]):"
_DECIMAL = r"^-?[\d.]+$"
_CALENDAR = "NOT isfinite({0}) OR extract(year FROM {0}) NOT BETWEEN 1 AND 9999"
_STRANGE = {
    Family.DATE: _CALENDAR, Family.TIMESTAMP: _CALENDAR, Family.DECIMAL: "{0} IN ('NaN', 'Infinity', '-Infinity')",
}  # fmt: skip


def arrow_schema(connection: Any, table: SqlTable) -> pa.Schema:
    """Return the Arrow types of a table's columns; unbounded numerics get the digits that their values need.

    Infinite dates, years that Arrow cannot hold and numerics that are no number read as missing, with a note.
    """
    fields = [pa.field(column.name, _kind(connection, table, column)) for column in table.columns]
    strange = {column.name: _STRANGE[column.type.family] for column in table.columns if column.type.family in _STRANGE}
    if not strange:
        return pa.schema(fields)
    listed = ", ".join(f"count(*) FILTER (WHERE {test.format(quoted(name))})" for name, test in strange.items())
    counts = dict(
        zip(strange, connection.execute(f"SELECT {listed} FROM {quoted(table.name)}").fetchone(), strict=True)
    )
    return pa.schema(
        [
            with_notes(field, f"{counts[field.name]} values without a finite number or date read as missing")
            if counts.get(field.name) else field
            for field in fields
        ]
    )  # fmt: skip


def _kind(connection: Any, table: SqlTable, column: SqlColumn) -> pa.DataType:
    kind = column.type
    if kind.family is not Family.DECIMAL or kind.precision is not None:
        return arrow_of(kind)
    cell = quoted(column.name)
    widest, after = connection.execute(
        f"SELECT max(length(trunc(abs({cell}))::text)), max(scale({cell})) FROM {quoted(table.name)} "
        f"WHERE {cell} NOT IN ('NaN', 'Infinity', '-Infinity')"
    ).fetchone()
    before, after = widest or 1, after or 0
    if before + after > _MOST_DIGITS:
        return pa.string()
    return pa.decimal128(38, after) if before + after <= 38 else pa.decimal256(_MOST_DIGITS, after)


def batches(connection: Any, table: SqlTable, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Yield a table's rows as the server sends them, about 8 MB at a time."""
    listed = ", ".join(quoted(name) for name in table.names)
    order = ", ".join(quoted(name) for name in table.primary_key)
    query = f"SELECT {listed} FROM {quoted(table.name)}{f' ORDER BY {order}' if order else ''}"
    block: list[bytes] = []
    size = 0
    with connection.cursor() as cursor, cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT csv)") as copy:
        for row in copy:  # the server sends a row a message
            block.append(bytes(row))
            size += len(block[-1])
            if size >= BYTES_PER_BATCH:
                yield _batch(b"".join(block), schema)
                block, size = [], 0
    if block:
        yield _batch(b"".join(block), schema)


def _batch(text: bytes, schema: pa.Schema) -> pa.RecordBatch:
    kinds = {field.name: field.type if any(fits(field.type) for fits in _DIRECT) else pa.string() for field in schema}
    read = pa_csv.read_csv(
        io.BytesIO(text),
        read_options=pa_csv.ReadOptions(column_names=schema.names, use_threads=False, block_size=len(text) + 1),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=pa_csv.ConvertOptions(
            column_types=kinds, strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""],
            true_values=["t"], false_values=["f"],
        ),
    )  # fmt: skip
    arrays = [_converted(read.column(field.name).combine_chunks(), field.type) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _converted(text: pa.Array, kind: pa.DataType) -> pa.Array:
    if text.type == kind:
        return text
    if pa.types.is_binary(kind):
        return pa.array([None if v is None else bytes.fromhex(v[2:]) for v in text.to_pylist()], kind)
    form = _DECIMAL if pa.types.is_decimal(kind) else _TIME if pa.types.is_time(kind) else _DATE
    plain = pc.if_else(pc.match_substring_regex(text, form), text, pa.scalar(None, pa.string()))
    if pa.types.is_time(kind):
        return pc.binary_join_element_wise("1970-01-01", plain, " ").cast(pa.timestamp("us")).cast(kind)
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return pc.replace_substring(plain, "+00", "Z").cast(kind)
    return plain.cast(kind)
