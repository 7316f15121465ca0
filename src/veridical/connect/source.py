"""What is this source, and which tables does it hold?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import pyarrow as pa

from veridical.connect import csv, dataframe, jsonl, parquet
from veridical.connect.note import with_notes
from veridical.connect.unread import UnreadFile
from veridical.core.dataset import DEFAULT_TABLE, Dataset
from veridical.core.errors import DataError
from veridical.kernel.memory import sparing

_COMPRESSIONS = (".gz", ".zst", ".bz2", ".lz4")
_SHEETS = frozenset({".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".numbers"})
_DATABASES = {".db": "sqlite", ".sqlite": "sqlite", ".sqlite3": "sqlite", ".duckdb": "duckdb", ".ddb": "duckdb"}
_RECORDS = frozenset(("croissant.json", "manifest.dsse.json"))  # of a release, beside its tables
_FORMATS = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".psv": "csv", ".tab": "csv",
    ".parquet": "parquet", ".pq": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl",
}  # fmt: skip


def read(
    source: Any,
    *,
    table_name: str | None = None,
    columns: Sequence[str] | None = None,
    on_bad_rows: str = "error",
    cells: str = "typed",
) -> Dataset:
    """Return a file, a folder of files, a dataframe or a mapping of them as a data set.

    CSV (any dialect, encoding, gz/zst), Parquet and JSONL files are told by their suffix; a folder's files
    become tables of their names. A database is told by its URL (sqlite:///shop.db). `on_bad_rows` ("error" or
    "skip") says what becomes of CSV rows that do not have the header's width. `cells` of "text" leaves the cells of CSV
    and JSONL files text, so that no cell decides what another one is; "kept" leaves numbers with marks (1.234,50) text.

    Example:
        >>> read(pa.table({"age": [31, 45]})).only.num_rows
        2

    Raises:
        DataError: the source is absent, empty, broken or of no known format.
    """
    if isinstance(source, Dataset):
        return source
    if isinstance(source, Mapping) and not hasattr(source, "columns"):
        tables = {
            str(name): read(part, columns=columns, on_bad_rows=on_bad_rows, cells=cells).only
            for name, part in source.items()
        }
        return Dataset(tables)
    if not isinstance(source, str | PathLike):
        table = dataframe.to_arrow(source)
        table = table.select(list(columns)) if columns is not None else table
        return Dataset.of(_checked(table, "the table"), table_name or DEFAULT_TABLE)
    if isinstance(source, str) and ":/" in source:
        from veridical.connect import database

        if database.is_url(source):
            return database.read(source).dataset
    path = Path(source)
    if path.is_dir():
        return Dataset(_read_folder(path, columns, on_bad_rows, cells))
    return Dataset.of(_read_file(path, columns, on_bad_rows, cells), table_name or _table_name(path))


def on_disk(source: Any, *, table_name: str | None = None) -> Dataset:
    """Return what `read` does; the rows of a Parquet file stay in it, and are read whenever a stage asks for them.

    Example:
        >>> on_disk(pa.table({"age": [31, 45]})).rows
        2

    Raises:
        DataError: as `read` does.
    """
    if isinstance(source, str | PathLike) and Path(source).is_file() and format_of(Path(source)) == "parquet":
        path = Path(source)
        whole = partial(_read_file, columns=None, on_bad_rows="error", cells="typed")
        tables = UnreadFile(path, table_name or _table_name(path), whole)
        if tables.rows:
            return Dataset(tables)
    return read(source, table_name=table_name)


def scan(path: str | PathLike[str], *, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Yield a file's rows in record batches, so that memory does not grow with the file (JSONL excepted).

    Raises:
        DataError: as `read` does.
    """
    file = Path(path)
    return {"csv": csv.scan, "parquet": parquet.scan, "jsonl": jsonl.scan}[format_of(file)](file, columns=columns)


def format_of(path: Path) -> str:
    """Return "csv", "parquet" or "jsonl", by the suffix.

    Raises:
        DataError: the suffix is of no known format.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    while suffixes and suffixes[-1] in _COMPRESSIONS:
        suffixes.pop()
    if suffixes and suffixes[-1] in _FORMATS:
        return _FORMATS[suffixes[-1]]
    if suffixes and suffixes[-1] in _DATABASES:
        fix = f"name it as one: {_DATABASES[suffixes[-1]]}:///{path}"
        raise DataError("this is the file of a database", where=str(path), fix=fix)
    if suffixes and suffixes[-1] in _SHEETS:
        raise DataError(
            "this is a spreadsheet", where=str(path), fix="save the sheet as CSV (UTF-8), or give a dataframe"
        )
    raise DataError("the suffix is of no known format", where=str(path), fix="use .csv, .tsv, .parquet or .jsonl (.gz)")


def _read_folder(path: Path, columns: Sequence[str] | None, on_bad_rows: str, cells: str) -> dict[str, pa.Table]:
    """Read every file of a folder; beside others with rows, one may have none."""
    files = _files(path)
    several = len(files) > 1
    tables = {_table_name(file): _read_file(file, columns, on_bad_rows, cells, may_be_empty=several) for file in files}
    if not any(table.num_rows for table in tables.values()):
        raise DataError("no table has a row", where=str(path), fix="give tables with rows")
    return tables


@sparing()
def _read_file(
    path: Path, columns: Sequence[str] | None, on_bad_rows: str, cells: str, *, may_be_empty: bool = False
) -> pa.Table:
    if not path.exists():
        raise DataError("there is no such file", where=str(path), fix="check the path")
    kind = format_of(path)
    if kind == "csv":
        found = csv.read(path, columns=columns, on_bad_rows=on_bad_rows, cells=cells)
    elif kind == "jsonl":
        found = jsonl.read(path, columns=columns, cells=cells)
    else:
        found = parquet.read(path, columns=columns)
    if may_be_empty and found.num_rows == 0 and found.num_columns:
        kinds = [pa.string() if pa.types.is_null(field.type) else field.type for field in found.schema]
        return pa.schema(list(zip(found.column_names, kinds, strict=True))).empty_table()
    return _checked(found, str(path))


def _files(folder: Path) -> list[Path]:
    files = []
    for path in sorted(folder.iterdir()):
        suffixes = {suffix.lower() for suffix in path.suffixes}
        if path.name in _RECORDS:
            continue
        if path.is_file() and suffixes & set(_FORMATS) and not path.name.startswith((".", "_")):
            files.append(path)
    if not files:
        raise DataError("the folder holds no table", where=str(folder), fix="put .csv, .parquet or .jsonl files there")
    names = [_table_name(path) for path in files]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise DataError(f"two files are called {', '.join(doubled)}", where=str(folder), fix="rename or move one")
    return files


def _table_name(path: Path) -> str:
    return path.name.split(".")[0] or DEFAULT_TABLE


def _checked(table: pa.Table, where: str) -> pa.Table:
    if table.num_columns == 0:
        raise DataError("the table has no column", where=where, fix="give a table with columns and rows")
    if table.num_rows == 0:
        raise DataError("the table has no row", where=where, fix="give a table with rows")
    return _without_nonfinite(table)


def _without_nonfinite(table: pa.Table) -> pa.Table:
    """Turn NaN and infinities into nulls, with a note: no engine can model them."""
    import pyarrow.compute as pc

    for index, field in enumerate(table.schema):
        if not pa.types.is_floating(field.type):
            continue
        column = table.column(index)
        finite = pc.is_finite(column)
        strange = int(pc.sum(pc.invert(finite)).as_py() or 0)
        if strange:
            infinite = int(pc.sum(pc.is_inf(column)).as_py() or 0)
            words = [
                f"{strange - infinite} NaN" if strange > infinite else "",
                f"{infinite} infinite" if infinite else "",
            ]
            note = f"{' and '.join(word for word in words if word)} values read as missing"
            column = pc.if_else(finite, column, pa.scalar(None, field.type))
            table = table.set_column(index, with_notes(field, note), column)
    return table
