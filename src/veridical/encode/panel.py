"""Whose rows are these, in which order, and what stays the same within one entity or at one time?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from veridical.core.chunks import whole
from veridical.core.schema import Column
from veridical.core.timetext import as_moments

Numbers = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Layout:
    """Rows of entities one after the other: entity e holds rows `starts[e]` to `starts[e + 1]`.

    Example:
        >>> layout = Layout.of_lengths(np.array([2, 3]))
        >>> layout.owner.tolist(), layout.position.tolist()
        ([0, 0, 1, 1, 1], [0, 1, 0, 1, 2])
    """

    starts: Places

    @classmethod
    def of_lengths(cls, lengths: NDArray[np.int64]) -> Layout:
        """Return the layout of entities of these lengths."""
        return cls(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))

    @property
    def entities(self) -> int:
        """How many entities there are."""
        return len(self.starts) - 1

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return int(self.starts[-1])

    @cached_property
    def lengths(self) -> Places:
        """The rows of each entity."""
        return np.diff(self.starts)

    @cached_property
    def owner(self) -> Places:
        """Each row's entity."""
        return np.repeat(np.arange(self.entities), self.lengths)

    @cached_property
    def position(self) -> Places:
        """Each row's place among its entity's rows, from 0."""
        return np.arange(self.rows) - self.starts[self.owner]

    @cached_property
    def firsts(self) -> Places:
        """The first row of each entity."""
        return self.starts[:-1]


@dataclass(frozen=True, slots=True)
class Ordered:
    """A table sorted by entity and time, and its layout; `undated` rows had no time and were left out."""

    table: pa.Table
    layout: Layout
    undated: int


def in_order(table: pa.Table, series: Sequence[str], order_by: str) -> Ordered:
    """Return the rows of each entity together, by time; rows of equal time keep the order they came in."""
    dated = table.filter(table[order_by].is_valid()) if table[order_by].null_count else table
    owner = owners(dated, series)
    time = whole(dated[order_by])
    if pa.types.is_string(time.type) or pa.types.is_large_string(time.type):
        time = time.dictionary_encode()
        rank = np.argsort(np.argsort(np.array(time.dictionary.to_pylist())))
        moment = rank[time.indices.to_numpy(zero_copy_only=False)]
    elif pa.types.is_temporal(time.type):
        moment = time.cast(pa.int64() if time.type.bit_width == 64 else pa.int32()).to_numpy(zero_copy_only=False)
    else:
        moment = time.to_numpy(zero_copy_only=False)
    order = np.lexsort((moment, owner))
    sorted_table = dated if np.array_equal(order, np.arange(len(order))) else dated.take(pa.array(order))
    _, lengths = np.unique(owner, return_counts=True)
    return Ordered(sorted_table, Layout.of_lengths(lengths.astype(np.int64)), table.num_rows - dated.num_rows)


def owners(table: pa.Table, series: Sequence[str]) -> Places:
    """Return the number of each row's entity, in order of first appearance; 0 for all when nothing names them."""
    owner = np.zeros(table.num_rows, dtype=np.int64)
    for name in series:
        coded = whole(table[name]).dictionary_encode(null_encoding="encode")
        indices = coded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        owner = owner * (int(indices.max(initial=0)) + 1) + indices
    _, first, inverse = np.unique(owner, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first, kind="stable")] = np.arange(len(first))
    return rank[inverse]


def times_of(table: pa.Table, column: Column) -> Numbers:
    """Return times in seconds, or plain numbers as they are."""
    array = whole(table[column.name])
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        if column.datetime_format is not None:
            array = as_moments(array, column.datetime_format)
        else:
            array = array.cast(pa.timestamp("us"))
    if pa.types.is_date(array.type):
        array = array.cast(pa.timestamp("s"))
    if pa.types.is_timestamp(array.type) or pa.types.is_duration(array.type) or pa.types.is_time(array.type):
        per = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}[array.type.unit]
        width = pa.int32() if array.type.bit_width == 32 else pa.int64()
        # Nanoseconds since 1970 are more than a double counts one by one.
        return np.asarray(array.cast(width).to_numpy(zero_copy_only=False), np.float64) / per
    return np.asarray(array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)


def codes_of(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """Return a code a row, equal for equal values (null is a value)."""
    coded = whole(column).dictionary_encode(null_encoding="encode")
    return coded.indices.to_numpy(zero_copy_only=False).astype(np.int64)


def is_static(codes: NDArray[np.int64], layout: Layout) -> bool:
    """Say whether a column never changes within an entity."""
    return layout.entities > 1 and bool(np.all(codes == codes[layout.firsts][layout.owner]))


def is_shared(codes: NDArray[np.int64], moments: NDArray[np.int64], layout: Layout) -> bool:
    """Say whether all entities hold the same value at the same time, often enough that it is no accident."""
    if layout.entities < 2 or codes.max(initial=0) == 0:
        return False
    _, inverse, counts = np.unique(moments, return_inverse=True, return_counts=True)
    if np.median(counts) < 2 or len(counts) < 10:
        return False
    held = np.zeros(len(counts), dtype=np.int64)
    held[inverse] = codes
    return bool(np.all(held[inverse] == codes))


def filled(values: Numbers, layout: Layout) -> Numbers:
    """Return values with gaps filled by the last known one of the entity (before the first: by the next known one).

    An entity with no value at all gets the mean of all.
    """
    known = ~np.isnan(values)
    if known.all():
        return values
    rows = np.arange(len(values))
    last = np.maximum.accumulate(np.where(known, rows, -1))
    last = np.where(last >= layout.starts[layout.owner], last, -1)
    following = np.minimum.accumulate(np.where(known, rows, len(values))[::-1])[::-1]
    following = np.where(following < layout.starts[layout.owner + 1], following, -1)
    source = np.where(last >= 0, last, following)
    mean = float(np.nanmean(values)) if known.any() else 0.0
    return np.where(source >= 0, values[np.maximum(source, 0)], mean)


def means(values: Numbers, layout: Layout) -> Numbers:
    """Return each entity's mean of the known values; nan where there are none."""
    known = ~np.isnan(values)
    total = np.bincount(layout.owner, np.where(known, values, 0.0), layout.entities)
    count = np.bincount(layout.owner, known, layout.entities)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def numbers(array: pa.Array | pa.ChunkedArray) -> Numbers:
    """Return a numeric column as float64, with nan for null."""
    found: Numbers = whole(array).cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return found.copy()


def places(array: pa.Array | pa.ChunkedArray, vocabulary: Sequence[str]) -> Numbers:
    """Return each value's place in a vocabulary, as float64 with nan for null and for what is not in it."""
    texts = whole(array).cast(pa.string())
    found = pc.index_in(texts, value_set=pa.array(vocabulary, pa.string()))
    return numbers(found)


def words(found: Numbers, vocabulary: Sequence[str]) -> pa.Array:
    """Return the dictionary array of places in a vocabulary."""
    null = np.isnan(found)
    indices = pa.array(np.where(null, 0, found).astype(np.int32), mask=null)
    return pa.DictionaryArray.from_arrays(indices, pa.array(vocabulary, pa.string()))
