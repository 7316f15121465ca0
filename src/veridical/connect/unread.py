"""How are a file's rows left where they are until a stage asks for them?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from weakref import ReferenceType, ref

import pyarrow as pa

from veridical.connect import parquet
from veridical.core.dataset import Unread
from veridical.core.errors import DataError


class UnreadFile(Unread):
    """The only table of a Parquet file; it is read again when nobody holds it any more."""

    def __init__(self, path: Path, name: str, read: Callable[[Path], pa.Table]) -> None:
        self._path, self._name, self._read = path, name, read
        self._rows = parquet.rows_of(path)
        self._state = _state(path)
        self._held: ReferenceType[pa.Table] | None = None

    @property
    def rows(self) -> int:
        """Rows of the table, as the file says."""
        return self._rows

    def __getitem__(self, name: str) -> pa.Table:
        if name != self._name:
            raise KeyError(name)
        table = None if self._held is None else self._held()
        if table is None:
            if not self._path.exists() or _state(self._path) != self._state:
                raise DataError("the file changed while it was in use", where=str(self._path), fix="start again")
            table = self._read(self._path)
            self._held = ref(table)
        return table

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_held": None}

    def __iter__(self) -> Iterator[str]:
        return iter((self._name,))

    def __len__(self) -> int:
        return 1


def _state(path: Path) -> tuple[int, int]:
    told = path.stat()
    return told.st_size, told.st_mtime_ns
