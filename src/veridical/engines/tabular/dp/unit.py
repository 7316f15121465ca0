"""Which rows of each unit are used, so that nobody counts more than was agreed?

Which of a unit's rows are kept depends on that unit alone, through a hash of its name and the row's turn among its
own rows: whether somebody else is in the data changes nothing for it.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.core.errors import DataError, SchemaError
from veridical.prepare.codec import whole

_MIX = np.uint64(0x9E3779B97F4A7C15)


def bounded(table: pa.Table, unit: str | None, most: int) -> pa.Table:
    """Return the table with at most `most` rows of each unit; without a unit, every row is one.

    Raises:
        DataError: the unit column has gaps.
        SchemaError: there is no such column.

    Example:
        >>> visits = pa.table({"who": ["a", "a", "a", "b"], "x": [1, 2, 3, 4]})
        >>> bounded(visits, "who", 2).num_rows
        3
    """
    if unit is None:
        return table
    codes = _encoded(table, unit)
    owner = _indices(codes)
    names = _hashed(codes.dictionary.cast(pa.string()))[owner]
    turn = _turns(owner)
    rank = _mixed(names ^ _mixed(turn.astype(np.uint64) + np.uint64(1)))
    order = np.lexsort((turn, rank, owner))
    place = _turns(owner[order])
    return table.take(pa.array(np.sort(order[place < most])))


def owners(table: pa.Table, unit: str) -> NDArray[np.int64]:
    """Return for each row the number of the unit it belongs to, from 0 on.

    Raises:
        DataError: the unit column has gaps.
        SchemaError: there is no such column.
    """
    return _indices(_encoded(table, unit))


def _encoded(table: pa.Table, unit: str) -> pa.DictionaryArray:
    if unit not in table.column_names:
        raise SchemaError(f"there is no column {unit!r}", where="unit", fix="name the column that tells people apart")
    names = whole(table[unit])
    if names.null_count:
        raise DataError(
            "the unit column has gaps", where=unit, fix="fill them or leave those rows out: whose are they?"
        )
    return names.dictionary_encode()


def _indices(codes: pa.DictionaryArray) -> NDArray[np.int64]:
    return np.asarray(codes.indices.to_numpy(zero_copy_only=False)).astype(np.int64)


def _turns(owner: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each row how many rows of its owner stand before it."""
    order = np.argsort(owner, kind="stable")
    counts = np.bincount(owner)
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    turns = np.empty(len(owner), dtype=np.int64)
    turns[order] = np.arange(len(owner)) - starts
    return turns


def _hashed(names: pa.Array) -> NDArray[np.uint64]:
    import hashlib

    digests = (hashlib.blake2b(name.encode(), digest_size=8).digest() for name in names.to_pylist())
    return np.frombuffer(b"".join(digests), dtype=np.uint64)


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return values stirred (SplitMix64)."""
    with np.errstate(over="ignore"):
        stirred = values + _MIX
        stirred = (stirred ^ (stirred >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        stirred = (stirred ^ (stirred >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return stirred ^ (stirred >> np.uint64(31))
