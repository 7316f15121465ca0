"""Which lines of a broken CSV text are wrong, and what remains without them?"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from veridical.connect.dialect import Dialect
from veridical.connect.header import Header
from veridical.core.errors import DataError

SHOWN = 20
NOTE = b"veridical:skipped"
MAX_CELL_CHARACTERS = 64 << 20
MAX_RESTARTS = 1000


@dataclass(slots=True)
class _Trouble:
    lines: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, line: int, what: str) -> None:
        self.count += 1
        if len(self.lines) < SHOWN:
            self.lines.append(f"line {line} {what}")

    def __str__(self) -> str:
        more = f", and {self.count - SHOWN} more" if self.count > SHOWN else ""
        return "; ".join(self.lines) + more


def read(
    stream: Any, codec: str, dialect: Dialect, header: Header, *, where: str, on_bad_rows: str, skipped_lines: int = 0
) -> pa.Table:
    """Return the rows of the right width as text columns; slow and careful, line by line.

    Raises:
        DataError: a row has too few or too many cells, a quote is never closed, or bytes are not text,
            with the lines, unless `on_bad_rows` is "skip".
    """
    trouble = _Trouble()
    width = len(header.names)
    columns: list[list[str | None]] = [[] for _ in range(width)]
    text = _decoded(stream, codec, where=where)
    for line, row in _rows(text, dialect, trouble, skipped_lines):
        if len(row) != width:
            trouble.add(line, f"has {len(row)} cell{'s' if len(row) != 1 else ''}")
            continue
        for cells, cell in zip(columns, row, strict=True):
            cells.append(cell if cell != "" else None)
    if trouble.count and on_bad_rows != "skip":
        raise DataError(
            f"{trouble.count} rows do not have the {width} cells of the header: {trouble}",
            where=where,
            fix="quote cells that hold the delimiter, or read with on_bad_rows='skip' (--skip-bad-rows)",
        )
    schema = pa.schema([pa.field(name, pa.string()) for name in header.names])
    if trouble.count:
        schema = schema.with_metadata({NOTE: str(trouble.count).encode()})
    return pa.Table.from_arrays([pa.chunked_array([pa.array(cells, pa.string())]) for cells in columns], schema=schema)


def _decoded(stream: Any, codec: str, *, where: str) -> str:
    content: bytes = stream.read()
    try:
        return content.decode("utf-8-sig" if codec == "utf-8" else codec)
    except UnicodeDecodeError as broken:
        line = content[: broken.start].count(b"\n") + 1
        raise DataError(
            f"line {line} is not {codec} text", where=where, fix="save the file as UTF-8, or mend the line"
        ) from broken


def _rows(text: str, dialect: Dialect, trouble: _Trouble, start: int) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(MAX_CELL_CHARACTERS)
    lines = list(io.StringIO(text, newline=""))
    in_header = dialect.header
    while start < len(lines):
        reader = csv.reader(lines[start:], strict=True, **dialect.reader_options())  # type: ignore[arg-type]
        first, done = start, 0
        try:
            for row in reader:
                if row and not in_header:
                    yield first + done + 1, row
                in_header = in_header and not row
                done = reader.line_num
            return
        except csv.Error:
            # The open quote may have swallowed good rows: go on with the line after it.
            trouble.add(first + done + 1, "opens a quote that is not closed, or has text after one")
            start = first + done + 1
            in_header = False
            if trouble.count > MAX_RESTARTS:
                return
