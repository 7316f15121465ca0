"""How is a file of one JSON object a line read?"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from veridical.connect.header import clean
from veridical.connect.note import with_notes
from veridical.core.errors import DataError

SHOWN = 20
BATCH_ROWS = 65_536
_INT64 = range(-(2**63), 2**63)


def read(path: Path, *, columns: Sequence[str] | None = None, cells: str = "typed") -> pa.Table:
    """Return a JSONL file as a table; a key that is absent is null, nested values stay JSON text.

    With `cells` of "text" all columns are text, by a rule that looks at no other cell.

    Raises:
        DataError: the file is absent or empty, or a line is not a JSON object (all named).
    """
    records = list(_records(path))
    if not records:
        raise DataError("the file is empty", where=str(path), fix="give a file with one JSON object a line")
    keys = list(dict.fromkeys(key for record in records for key in record))
    if columns is not None:
        absent = [name for name in columns if name not in keys]
        if absent:
            raise DataError(f"no column {', '.join(map(repr, absent))}", where=str(path), fix="check the names")
        keys = list(columns)
    header = clean(keys, where=str(path))
    arrays, fields = [], []
    for key, name in zip(keys, header.names, strict=True):
        values = [record.get(key) for record in records]
        array, notes = _column(values) if cells != "text" else (pa.array(list(map(_text, values)), pa.string()), [])
        renamed = [header.notes[name]] if name in header.notes else []
        arrays.append(array)
        fields.append(with_notes(pa.field(name, array.type), *notes, *renamed))
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def scan(path: Path, *, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Yield a JSONL file's rows in batches of 65,536.

    Raises:
        DataError: as `read` does.
    """
    yield from read(path, columns=columns).to_batches(max_chunksize=BATCH_ROWS)


def _records(path: Path) -> Iterator[dict[str, Any]]:
    wrong: list[int] = []
    try:
        with pa.input_stream(str(path), compression="detect") as stream:
            content: bytes = stream.read()
    except FileNotFoundError as absent:
        raise DataError("there is no such file", where=str(path), fix="check the path") from absent
    except OSError as broken:
        raise DataError("the file cannot be read to its end", where=str(path), fix="fetch it again") from broken
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        if isinstance(record, dict):
            yield record
        else:
            wrong.append(number)
    if wrong:
        shown = ", ".join(map(str, wrong[:SHOWN])) + (f" and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else "")
        raise DataError(
            f"not a JSON object: line{'s' if len(wrong) > 1 else ''} {shown}",
            where=str(path),
            fix="give one JSON object a line, as UTF-8",
        )


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _column(values: list[Any]) -> tuple[pa.Array, list[str]]:
    kinds = {type(value) for value in values if value is not None}
    if not kinds:
        return pa.nulls(len(values), pa.string()), []
    if kinds == {bool}:
        return pa.array(values, pa.bool_()), []
    if kinds == {int} and all(value is None or value in _INT64 for value in values):
        return pa.array(values, pa.int64()), []
    if kinds <= {int, float} and all(type(value) is not int or abs(value) <= 2**53 for value in values):
        return pa.array(values, pa.float64()), []
    if kinds == {str}:
        return pa.array(values, pa.string()), []
    texts = list(map(_text, values))
    mixed = "values of several types, kept as text" if len(kinds) > 1 else "kept as text"
    return pa.array(texts, pa.string()), [mixed]
