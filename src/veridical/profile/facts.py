"""What is counted of one column, once, for every question asked of it?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from veridical.connect.note import notes_of
from veridical.core.chunks import numbers_of, one_array

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Facts:
    """One column's distinct values with their counts; rows are not kept.

    `values` holds the distinct non-null values in no particular order, `counts` the rows of each.
    """

    name: str
    type: pa.DataType
    rows: int
    nulls: int
    values: pa.Array
    counts: Integers
    position: int = 0
    notes: tuple[str, ...] = ()
    seen_distinct: int | None = None  # kept when the values are let go
    rises: bool = False  # whether numbers go up from each row to the next

    @property
    def valid(self) -> int:
        """Rows that are not null."""
        return self.rows - self.nulls

    @property
    def distinct(self) -> int:
        """Distinct values that are not null."""
        return len(self.values) if self.seen_distinct is None else self.seen_distinct

    @property
    def is_unique(self) -> bool:
        """Whether every row holds a value that no other holds."""
        return self.valid > 1 and self.distinct == self.valid

    @cached_property
    def texts(self) -> list[str]:
        """The distinct values as text."""
        return [str(value) for value in self.values.cast(pa.string()).to_pylist()]

    @cached_property
    def numbers(self) -> Floats:
        """The distinct values as float64, ascending (temporal kinds: in the type's unit)."""
        return self._sorted[0]

    @cached_property
    def number_counts(self) -> Integers:
        """The rows of each of `numbers`."""
        return self._sorted[1]

    @cached_property
    def _sorted(self) -> tuple[Floats, Integers]:
        numbers = numbers_of(self.values)
        order = np.argsort(numbers, kind="stable")
        return numbers[order], self.counts[order]

    def common(self, rare_below: int) -> list[tuple[str, int]]:
        """Return the values that at least k rows carry, most frequent first (ties by text), with their rows."""
        kept = np.flatnonzero(self.counts >= rare_below)
        texts = self.values.take(pa.array(kept)).cast(pa.string()).to_pylist()
        pairs = zip(texts, self.counts[kept].tolist(), strict=True)
        return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))


def facts_of(table: pa.Table) -> Iterator[Facts]:
    """Yield the facts of each column."""
    for position, field in enumerate(table.schema):
        yield column_facts(field, table.column(position), position)


def column_facts(field: pa.Field, cells: pa.ChunkedArray, position: int = 0) -> Facts:
    """Return the facts of one column; nested and binary values are counted by their text."""
    cells = countable(cells)
    counted = cells.value_counts()
    values, counts = counted.field("values"), counted.field("counts").to_numpy(zero_copy_only=False)
    if isinstance(values.type, pa.DictionaryType):
        # A dictionary may hold a value twice.
        merged = values.dictionary_decode().dictionary_encode("encode")
        values, places = merged.dictionary, merged.indices.to_numpy(zero_copy_only=False)
        counts = np.bincount(places, counts, len(values)).astype(np.int64)
    present = values.is_valid().to_numpy(zero_copy_only=False)
    nulls = int(counts[~present].sum())
    values = values.filter(pa.array(present)) if nulls else values
    return Facts(
        name=field.name,
        type=values.type,
        rows=len(cells),
        nulls=nulls,
        values=values,
        counts=counts[present].astype(np.int64),
        position=position,
        notes=notes_of(field),
        rises=len(values) == len(cells) > 1 and _rises(values),
    )


def _rises(values: pa.Array) -> bool:
    """Whether distinct numbers, in the order in which they first appear, go up."""
    if not pa.types.is_integer(values.type):
        return False
    numbers = values.to_numpy(zero_copy_only=False)
    return bool(np.all(numbers[1:] > numbers[:-1]))


def countable(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return cells that Arrow can count: nested, binary and null types as text."""
    kind = cells.type
    if pa.types.is_dictionary(kind):
        return cells
    if pa.types.is_nested(kind) or pa.types.is_null(kind):
        texts = [None if value is None else str(value) for value in cells.to_pylist()]
        return pa.chunked_array([pa.array(texts, pa.string())])
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return pa.chunked_array([pa.array([None if v is None else v.hex() for v in cells.to_pylist()], pa.string())])
    return cells


def codes_of(cells: pa.ChunkedArray) -> Codes:
    """Return one integer a row, equal for equal values; null is -1."""
    encoded = one_array(countable(cells).dictionary_encode())
    return np.asarray(encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False), dtype=np.int32)
