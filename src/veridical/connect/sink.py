"""How is a table, or a stream of batches, written as CSV, Parquet or JSONL?"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from veridical.connect.source import format_of
from veridical.core.errors import DataError


def write(data: pa.Table | Iterable[pa.RecordBatch], path: str | os.PathLike[str], format: str | None = None) -> int:  # noqa: A002
    """Write a table or an iterator of record batches to a file and return the number of rows.

    `format` is "csv", "parquet" or "jsonl" (None: by the suffix); a `.gz` or `.zst` suffix compresses CSV and
    JSONL. The file appears under its name only when it is whole.

    Raises:
        DataError: the format is unknown, or a stream holds no batch.
    """
    target = Path(path)
    kind = format_of(target) if format is None else format
    if kind not in _WRITERS:
        raise DataError(f"unknown format {kind!r}", where=str(target), fix="use csv, parquet or jsonl")
    batches = iter(data.to_batches() if isinstance(data, pa.Table) else data)
    first = next(batches, None)
    schema = data.schema if isinstance(data, pa.Table) else None if first is None else first.schema
    if schema is None:
        raise DataError("there is nothing to write", where=str(target), fix="give at least one batch")
    with _whole(target) as partial:
        return _WRITERS[kind](_chained(first, batches), schema, partial, target)


def _chained(first: pa.RecordBatch | None, rest: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    if first is not None:
        yield first
    yield from rest


@contextmanager
def _whole(target: Path) -> Iterator[Path]:
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        yield partial
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _stream(partial: Path, target: Path) -> Any:
    compression = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}.get(target.suffix.lower())
    return pa.output_stream(str(partial), compression=compression)


def _write_csv(batches: Iterator[pa.RecordBatch], schema: pa.Schema, partial: Path, target: Path) -> int:
    flat = pa.schema([pa.field(field.name, _flat_type(field.type)) for field in schema])
    rows = 0
    with _stream(partial, target) as stream, pyarrow.csv.CSVWriter(stream, flat) as writer:
        for batch in batches:
            arrays = [_flat(column, field.type) for column, field in zip(batch.columns, flat, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=flat))
            rows += batch.num_rows
    return rows


def _flat_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return _flat_type(kind.value_type)
    return pa.string() if pa.types.is_nested(kind) or pa.types.is_null(kind) else kind


def _flat(column: pa.Array, kind: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_nested(column.type):
        texts = [None if v is None else json.dumps(v, ensure_ascii=False, default=str) for v in column.to_pylist()]
        return pa.array(texts, pa.string())
    return column.cast(kind)


def _write_parquet(batches: Iterator[pa.RecordBatch], schema: pa.Schema, partial: Path, _target: Path) -> int:
    rows = 0
    with pq.ParquetWriter(partial, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows


def _write_jsonl(batches: Iterator[pa.RecordBatch], schema: pa.Schema, partial: Path, target: Path) -> int:
    rows = 0
    # What JSON lines held as objects and lists was read as text: it is written as it was.
    folded = [f.name for f in schema if b"kept as text" in (f.metadata or {}).get(b"veridical:notes", b"")]
    with _stream(partial, target) as stream:
        for batch in batches:
            for record in batch.to_pylist():
                record |= {name: _unfolded(record[name]) for name in folded}
                stream.write((json.dumps(record, ensure_ascii=False, default=str) + "\n").encode())
            rows += batch.num_rows
    return rows


def _unfolded(value: Any) -> Any:
    if not isinstance(value, str) or value[:1] not in ("{", "["):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


_WRITERS = {"csv": _write_csv, "parquet": _write_parquet, "jsonl": _write_jsonl}
