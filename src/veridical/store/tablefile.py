"""How is a table written to one file, piece by piece, in the same bytes every time?"""

from __future__ import annotations

import base64
import gzip
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO, Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from veridical.core.errors import DataError, SpecError
from veridical.store.runfolder import writing_file

FORMATS = ("parquet", "csv", "jsonl")
_LABEL = {"synthetic": "true", "generator": "veridical"}


class TableWriter(Protocol):
    """Takes a table's pieces in order."""

    def __call__(self, piece: pa.Table) -> None: ...


def format_of(path: Path) -> str:
    """Return the format a file's name asks for; text may be packed as well (.csv.gz, .jsonl.gz).

    Raises:
        SpecError: the ending names none of the formats.

    Example:
        >>> format_of(Path("people.csv"))
        'csv'
    """
    inner = Path(path.stem) if is_packed(path) else path
    ending = inner.suffix.lower().lstrip(".")
    name = {"ndjson": "jsonl", "pq": "parquet"}.get(ending, ending)
    if name not in FORMATS or (name == "parquet" and is_packed(path)):
        raise SpecError(
            f"the ending {path.suffix!r} names no format", where=str(path), fix="use .parquet, .csv(.gz) or .jsonl(.gz)"
        )
    return name


def is_packed(path: Path) -> bool:
    """Whether a file's name asks for gzip."""
    return path.suffix.lower() == ".gz"


@contextmanager
def writing_table(path: Path, form: str, schema: pa.Schema, *, through: Path | None = None) -> Iterator[TableWriter]:
    """Write pieces of one table to a file that takes its name only when all of it is there.

    Raises:
        DataError: a column cannot be written in this format, or a piece has another schema.
    """
    plain = plain_schema(schema)
    with writing_file(path, through=through) as file:
        if form == "parquet":
            with _parquet(file, plain.with_metadata(_LABEL), schema) as write:
                yield write
        else:
            encode = _ENCODERS[form]
            # No name and no time in the packed file: the same rows are the same bytes.
            with gzip.GzipFile("", "wb", 6, file, 0) if is_packed(path) else nullcontext(file) as text:
                text.write(header(plain, form))
                yield lambda piece: _write_text(text, encode(_fitted(piece, plain)))


@contextmanager
def _parquet(file: IO[bytes], plain: pa.Schema, schema: pa.Schema) -> Iterator[TableWriter]:
    """Write text that comes as a dictionary as one, which is quick, into a file that says it is plain text."""
    fields = [coded if _is_coded(coded.type) else field for coded, field in zip(schema, plain, strict=True)]
    coded = pa.schema(fields, metadata=plain.metadata)
    with pq.ParquetWriter(file, coded, compression="zstd", store_schema=False) as parquet:
        yield lambda piece: parquet.write_table(_fitted(piece, coded).replace_schema_metadata(plain.metadata))
        said = base64.b64encode(plain.serialize().to_pybytes()).decode()
        parquet.add_key_value_metadata({**_LABEL, "ARROW:schema": said})


def _is_coded(kind: pa.DataType) -> bool:
    return bool(pa.types.is_dictionary(kind) and pa.types.is_string(kind.value_type))


def header(schema: pa.Schema, form: str) -> bytes:
    """Return what a text file of this schema starts with."""
    if form != "csv":
        return b""
    empty = pa.table({name: pa.array([], pa.string()) for name in schema.names})
    return _csv(empty, include_header=True)


def encode(table: pa.Table, form: str) -> bytes:
    """Return rows as text in one format, without a header."""
    return _ENCODERS[form](_fitted(table, plain_schema(table.schema)))


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """Return the schema with dictionaries replaced by their values and without metadata."""
    kinds = [field.type.value_type if pa.types.is_dictionary(field.type) else field.type for field in schema]
    return pa.schema([pa.field(field.name, kind) for field, kind in zip(schema, kinds, strict=True)])


def jsonl(table: pa.Table) -> bytes:
    """Return one JSON object a row, nulls included, in the column order.

    Example:
        >>> jsonl(pa.table({"a": [1, None], "b": ["x", 'say "hi"']})).decode().splitlines()
        ['{"a":1,"b":"x"}', '{"a":null,"b":"say \\\\"hi\\\\""}']
    """
    if table.num_rows == 0:
        return b""
    keys = [json.dumps(name, ensure_ascii=False) for name in table.column_names]
    pieces: list[Any] = []
    for position, (key, column) in enumerate(zip(keys, table.columns, strict=True)):
        pieces += [pa.scalar(("{" if position == 0 else ",") + key + ":", pa.large_string()), _json_cells(column)]
    pieces.append(pa.scalar("}\n", pa.large_string()))
    lines = pc.binary_join_element_wise(*pieces, pa.scalar("", pa.large_string()))
    return b"".join(_text_bytes(chunk) for chunk in (lines.chunks if isinstance(lines, pa.ChunkedArray) else [lines]))


def _json_cells(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        cells = pc.cast(column, pa.large_string())
    elif pa.types.is_floating(kind):
        finite = pc.if_else(pc.is_finite(column), column, pa.scalar(None, kind))
        cells = pc.cast(finite, pa.large_string())
    elif pa.types.is_nested(kind):
        cells = pa.chunked_array(
            [[json.dumps(v, ensure_ascii=False, default=str) for v in column.to_pylist()]], pa.large_string()
        )
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        cells = _quoted(column)
    else:
        cells = _quoted(pc.cast(column, pa.string()))
    return pc.fill_null(cells, "null")


def _quoted(column: pa.ChunkedArray) -> pa.ChunkedArray:
    # Every distinct text is escaped once; most columns have few.
    coded = column.combine_chunks().dictionary_encode()
    coded = coded.combine_chunks() if isinstance(coded, pa.ChunkedArray) else coded
    texts = pa.array([json.dumps(text, ensure_ascii=False) for text in coded.dictionary.to_pylist()], pa.large_string())
    return pa.chunked_array([texts.take(coded.indices)], pa.large_string())


def _text_bytes(lines: pa.Array) -> bytes:
    offsets = lines.buffers()[1]
    ends = memoryview(offsets).cast("q")[lines.offset : lines.offset + len(lines) + 1]
    return bytes(lines.buffers()[2].slice(ends[0], ends[-1] - ends[0]).to_pybytes())


def _csv(table: pa.Table, *, include_header: bool = False) -> bytes:
    sink = io.BytesIO()
    options = pa_csv.WriteOptions(include_header=include_header, quoting_style="needed")
    try:
        pa_csv.write_csv(table, sink, options)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as wrong:
        nested = ", ".join(field.name for field in table.schema if pa.types.is_nested(field.type))
        raise DataError(
            "a column cannot be written as CSV", where=nested or None, fix="use parquet or jsonl"
        ) from wrong
    return sink.getvalue()


def _write_text(file: IO[bytes] | gzip.GzipFile, content: bytes) -> None:
    file.write(content)


def _fitted(piece: pa.Table, schema: pa.Schema) -> pa.Table:
    if piece.column_names != schema.names:
        raise DataError("a shard has other columns than the first one", where=", ".join(piece.column_names[:20]))
    for place, field in enumerate(schema):
        if _is_coded(field.type) and not pa.types.is_dictionary(piece.schema.field(place).type):
            piece = piece.set_column(place, field.name, piece.column(place).dictionary_encode())
    return piece.cast(schema)


_ENCODERS: dict[str, Callable[[pa.Table], bytes]] = {"csv": _csv, "jsonl": jsonl}
