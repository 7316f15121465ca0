"""How is a Parquet file read?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from veridical.core.errors import DataError
from veridical.kernel.memory import give_back

BATCH_ROWS = 65_536
STRETCH = 1 << 18  # rows of one column unpacked at a time


def read(path: Path, *, columns: Sequence[str] | None = None) -> pa.Table:
    """Return a Parquet file as a table, its types as they are.

    Raises:
        DataError: the file is absent, truncated or not Parquet, or a column is not there.
    """
    with _opened(path) as file:
        chosen = _chosen(file, columns, path)
        names = file.schema_arrow.names if chosen is None else chosen
        if len(set(names)) < len(names) or any("." in name for name in names):
            return file.read(columns=chosen)  # such names cannot be asked for one by one
        return _by_column(file, names)


def _by_column(file: pq.ParquetFile, names: Sequence[str]) -> pa.Table:
    """Return a file's columns, read one after the other in stretches: unpacking all at once takes as much again."""
    parts = []
    for name in names:
        batches = list(file.iter_batches(batch_size=STRETCH, columns=[name], use_threads=False))
        part = pa.Table.from_batches(batches) if batches else file.read(columns=[name])
        # Each stretch may have a dictionary of its own.
        parts.append(part if pa.types.is_dictionary(part.schema.types[0]) else part.combine_chunks())
        del batches, part
        give_back()
    schema = pa.schema([part.schema.field(0) for part in parts], metadata=file.schema_arrow.metadata)
    return pa.Table.from_arrays([part.column(0) for part in parts], schema=schema)


def scan(path: Path, *, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Yield a Parquet file's rows in batches of 65,536.

    Raises:
        DataError: as `read` does.
    """
    with _opened(path) as file:
        yield from file.iter_batches(batch_size=BATCH_ROWS, columns=_chosen(file, columns, path))


def rows_of(path: Path) -> int:
    """Return how many rows a Parquet file says that it holds.

    Raises:
        DataError: as `read` does.
    """
    with _opened(path) as file:
        return int(file.metadata.num_rows)


@contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    try:
        with pq.ParquetFile(path) as file:
            yield file
    except FileNotFoundError as absent:
        raise DataError("there is no such file", where=str(path), fix="check the path") from absent
    except (pa.ArrowInvalid, OSError) as broken:
        raise DataError("not a whole Parquet file", where=str(path), fix="write or fetch it again") from broken


def _chosen(file: pq.ParquetFile, columns: Sequence[str] | None, path: Path) -> list[str] | None:
    if columns is None:
        return None
    known = file.schema_arrow.names
    absent = [name for name in columns if name not in known]
    if absent:
        raise DataError(
            f"no column {', '.join(map(repr, absent))}", where=str(path), fix=f"the columns are {', '.join(known[:20])}"
        )
    return list(columns)
