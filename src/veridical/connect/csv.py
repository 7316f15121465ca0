"""How is a CSV file read, whatever its dialect, encoding and compression, without losing a cell?"""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv

from veridical.connect import encoding, ragged
from veridical.connect.cell import CellTypes, as_text
from veridical.connect.dialect import Dialect, column_names, rows, sniff, without_preamble
from veridical.connect.header import Header, clean
from veridical.connect.note import with_notes
from veridical.core.errors import DataError

BLOCK_BYTES = 8 << 20
SAMPLE_BYTES = 1 << 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What one pass over a file's bytes tells before it is parsed."""

    path: Path
    codec: str
    dialect: Dialect
    header: Header
    odd_quotes: bool
    skipped_lines: int = 0  # before the header: sep=;, a title, a comment


def read(
    path: Path, *, columns: Sequence[str] | None = None, on_bad_rows: str = "error", cells: str = "typed"
) -> pa.Table:
    """Return a CSV file as a table of int64, float64 and string columns; of text alone when `cells` is "text".

    With cells "kept", numbers written with marks (1.234,50 or $5) stay text: nothing is written in another way.

    Dates, codes with leading zeros and numbers too long for a float stay text, so that nothing is lost;
    notes about missing marks and changed headers are kept with the fields (`connect.note`).
    `on_bad_rows` is "error" or "skip". Cells as text are read by a rule that looks at no other cell.

    Raises:
        DataError: the file is absent, empty, broken text, or has rows of another width (all named by line).
    """
    survey = look(path)
    table = _parse(survey, on_bad_rows=on_bad_rows)
    table = _chosen(table, columns, where=str(path))
    if cells == "text":
        return pa.table({name: as_text(column) for name, column in zip(table.column_names, table.columns)})
    arrays, fields = [], []
    for name, column in zip(table.column_names, table.columns, strict=True):
        seen = _cell_types(survey, marked=cells == "typed")
        seen.see(column)
        arrays.append(seen.cast(column))
        fields.append(_noted(seen.field(name), survey.header))
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields, metadata=table.schema.metadata))


def scan(path: Path, *, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Yield a CSV file's rows in blocks of about 8 MiB of text: two passes, the first finds the types.

    Raises:
        DataError: as `read` does.
    """
    survey = look(path)
    if survey.odd_quotes:
        yield from read(path, columns=columns).to_batches()
        return
    seen: dict[str, CellTypes] = {}
    for table in _blocks(survey, columns):
        for name, cells in zip(table.column_names, table.columns, strict=True):
            seen.setdefault(name, _cell_types(survey)).see(cells)
    fields = {name: _noted(types.field(name), survey.header) for name, types in seen.items()}
    for table in _blocks(survey, columns):
        cast = [seen[name].cast(cells) for name, cells in zip(table.column_names, table.columns, strict=True)]
        schema = pa.schema([fields[name] for name in table.column_names])
        yield from pa.Table.from_arrays(cast, schema=schema).combine_chunks().to_batches()


def _cell_types(survey: Survey, *, marked: bool = True) -> CellTypes:
    return CellTypes(marked=marked, comma_first=survey.dialect.delimiter == ";")


def look(path: Path) -> Survey:
    """Return a file's encoding, dialect and header; reads it once, in blocks.

    Raises:
        DataError: the file is absent, empty or not text.
    """
    with _opened(path) as stream:
        sample: bytes = stream.read(SAMPLE_BYTES)
        if not sample.strip():
            raise DataError("the file is empty", where=str(path), fix="give a file with a header and rows")
        codec = encoding.guess(sample, whole=len(sample) < SAMPLE_BYTES)
        if b"\x00" in sample and codec not in ("utf-16", "utf-32"):
            raise DataError("the file holds zero bytes: it is not text", where=str(path), fix="export it as CSV")
        codec, quotes = _survey_rest(stream, sample, codec)
    text = codecs.getincrementaldecoder(codec)(errors="replace").decode(sample).replace("\ufeff", "")
    skipped, text = without_preamble(text)
    dialect = sniff(text)
    header = clean(column_names(rows(text, dialect), dialect), where=str(path))
    return Survey(
        path=path, codec=codec, dialect=dialect, header=header, odd_quotes=quotes[dialect.quote] % 2 == 1,
        skipped_lines=skipped,
    )  # fmt: skip


def _survey_rest(stream: Any, sample: bytes, codec: str) -> tuple[str, dict[str, int]]:
    quotes = {'"': 0, "'": 0}
    decoder = codecs.getincrementaldecoder(codec)() if codec == "utf-8" else None
    block = sample
    while True:
        for mark in quotes:
            quotes[mark] += block.count(mark.encode())
        if decoder is not None:
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError as broken:
                start = max(broken.start - SAMPLE_BYTES // 2, 0)
                codec, decoder = encoding.guess_legacy(block[start : start + SAMPLE_BYTES]), None
        if not block:
            return codec, quotes
        block = stream.read(BLOCK_BYTES)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with pa.input_stream(str(path), compression="detect") as stream:
            yield stream
    except FileNotFoundError as absent:
        raise DataError("there is no such file", where=str(path), fix="check the path") from absent
    except PermissionError as closed:
        raise DataError("the file may not be read", where=str(path), fix="check its permissions") from closed
    except OSError as broken:
        raise DataError("the file cannot be read to its end", where=str(path), fix="fetch it again") from broken


def _options(survey: Survey, wrong: list[Any], columns: Sequence[str] | None = None) -> dict[str, Any]:
    names = list(survey.header.names)

    def on_wrong_width(row: Any) -> str:
        wrong.append(row)
        return "skip"

    return {
        "read_options": pa.csv.ReadOptions(
            column_names=names,
            skip_rows=survey.skipped_lines,
            skip_rows_after_names=1 if survey.dialect.header else 0,
            encoding="utf8" if survey.codec == "utf-8" else survey.codec,
            block_size=BLOCK_BYTES,
        ),
        "parse_options": pa.csv.ParseOptions(
            delimiter=survey.dialect.delimiter,
            quote_char=survey.dialect.quote,
            escape_char=survey.dialect.escape or False,
            double_quote=survey.dialect.escape is None,
            newlines_in_values=True,
            ignore_empty_lines=len(names) > 1,
            invalid_row_handler=on_wrong_width,
        ),
        "convert_options": pa.csv.ConvertOptions(
            column_types={name: pa.string() for name in names},
            include_columns=list(columns) if columns is not None else None,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    }


def _parse(survey: Survey, *, on_bad_rows: str) -> pa.Table:
    wrong: list[Any] = []
    trouble = survey.odd_quotes
    table = None
    if not trouble:
        try:
            with _opened(survey.path) as stream:
                table = pa.csv.read_csv(stream, **_options(survey, wrong))
        except (pa.ArrowInvalid, UnicodeError):
            trouble = True
    if table is None or trouble or wrong:
        with _opened(survey.path) as stream:
            return ragged.read(
                stream, survey.codec, survey.dialect, survey.header, where=str(survey.path), on_bad_rows=on_bad_rows,
                skipped_lines=survey.skipped_lines,
            )  # fmt: skip
    return table


def _blocks(survey: Survey, columns: Sequence[str] | None) -> Iterator[pa.Table]:
    wrong: list[Any] = []
    try:
        with _opened(survey.path) as stream, pa.csv.open_csv(stream, **_options(survey, wrong, columns)) as reader:
            for batch in reader:
                yield pa.Table.from_batches([batch])
    except pa.ArrowInvalid as broken:
        read(survey.path)  # names the lines
        raise DataError("the file cannot be parsed", where=str(survey.path), fix="check its quotes") from broken
    if wrong:
        read(survey.path)
        raise DataError(f"{len(wrong)} rows have another width", where=str(survey.path), fix="mend or drop them")


def _chosen(table: pa.Table, columns: Sequence[str] | None, *, where: str) -> pa.Table:
    if columns is None:
        return table
    absent = [name for name in columns if name not in table.column_names]
    if absent:
        raise DataError(
            f"no column {', '.join(map(repr, absent))}",
            where=where,
            fix=f"the columns are {', '.join(table.column_names[:20])}",
        )
    return table.select(list(columns))


def _noted(field: pa.Field, header: Header) -> pa.Field:
    return with_notes(field, header.notes[field.name]) if field.name in header.notes else field
