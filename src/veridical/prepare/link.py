"""Which row of its parent does each row of a table point to: one that is there, one that is missing, or none?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.core.errors import SchemaError
from veridical.core.schema import ForeignKey
from veridical.prepare.codec import whole

Rows = NDArray[np.int64]
NONE = -1  # a null key


@dataclass(frozen=True, slots=True)
class Pointing:
    """For each child row the parent's row it points to: 0 to `present` are rows that are there, up to `present +
    missing` are keys without a row (each counted once), -1 is a null key. `first_missing` holds, for each missing key,
    a child row that names it.
    """

    rows: Rows
    present: int
    missing: int
    first_missing: Rows

    @property
    def parents(self) -> int:
        """How many parents there are, those without a row included."""
        return self.present + self.missing

    @property
    def counts(self) -> Rows:
        """How many children each parent has."""
        return np.bincount(self.rows[self.rows >= 0], minlength=self.parents).astype(np.int64)

    @property
    def broken_share(self) -> float:
        """The share of the rows with a key whose parent is missing."""
        named = int((self.rows >= 0).sum())
        return float((self.rows >= self.present).sum() / named) if named else 0.0


def point(tables: Mapping[str, pa.Table], link: ForeignKey) -> Pointing:
    """Return where a link's rows point; of parents with the same key the first one is meant.

    Raises:
        SchemaError: a column is not there.

    Example:
        >>> link = ForeignKey(table="b", columns=("a",), parent="a", parent_columns=("id",))
        >>> found = point({"a": pa.table({"id": [7, 8]}), "b": pa.table({"a": [8, None, 9, 7]})}, link)
        >>> found.rows.tolist(), found.missing
        ([1, -1, 2, 0], 1)
    """
    parent, child = _columns(tables, link.parent, link.parent_columns), _columns(tables, link.table, link.columns)
    size = len(parent[0])
    codes = np.zeros(size + len(child[0]), dtype=np.int64)
    null = np.zeros(size + len(child[0]), dtype=bool)
    for above, below in zip(parent, child, strict=True):
        own, gaps = _codes(above, below)
        null |= gaps
        _, codes = np.unique(codes * (int(own.max(initial=0)) + 1) + own, return_inverse=True)
        codes = codes.ravel()
    return _resolved(codes, null, size)


def _resolved(codes: Rows, null: NDArray[np.bool_], size: int) -> Pointing:
    owner = np.full(int(codes.max(initial=-1)) + 1, -1, dtype=np.int64)
    known = np.flatnonzero(~null[:size])[::-1]
    owner[codes[known]] = known  # the first one is written last
    mine = codes[size:]
    rows = owner[mine]
    gaps = null[size:]
    lost = (rows < 0) & ~gaps
    missing, first, place = np.unique(mine[lost], return_index=True, return_inverse=True)
    rows[lost] = size + place.ravel()
    rows[gaps] = NONE
    return Pointing(rows, size, len(missing), np.flatnonzero(lost)[first])


def _columns(tables: Mapping[str, pa.Table], name: str, columns: Sequence[str]) -> list[pa.Array]:
    if name not in tables:
        raise SchemaError(f"no table {name!r}", where="foreign_keys", fix=f"the tables are {', '.join(tables)}")
    absent = [column for column in columns if column not in tables[name].column_names]
    if absent:
        raise SchemaError(f"no column {', '.join(absent)}", where=name, fix="correct the foreign key")
    return [whole(tables[name][column]) for column in columns]


def _codes(above: pa.Array, below: pa.Array) -> tuple[Rows, NDArray[np.bool_]]:
    if above.type != below.type:
        above, below = _alike(above, below)
    both = pa.concat_arrays([above, below])
    codes = both.dictionary_encode("encode").indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return codes, np.asarray(both.is_null().to_numpy(zero_copy_only=False), dtype=bool)


def _alike(above: pa.Array, below: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Bring keys of different types together: as whole numbers where both are, else as text."""
    for kind in (pa.int64(), pa.string()):
        try:
            return above.cast(kind), below.cast(kind)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            continue
    raise SchemaError(f"keys of {above.type} and {below.type} cannot be compared", fix="store both in one type")
