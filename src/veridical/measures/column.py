"""How does one column become numbers, exact codes and bins that all tables share?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from veridical.core.schema import TEMPORAL_KINDS, Column, Kind
from veridical.encode import neighbours

Floats = NDArray[np.float64]
Codes = NDArray[np.int32]
Bins = NDArray[np.uint8]

GRID_VALUES = 120  # up to this many distinct values, each gets a bin of its own and so does what lies between
QUANTILES = 180
LEVELS = 252
SPIKE_SHARE = 0.005
_FEW = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Coding:
    """The bins of one column, learned from train.

    A number has `cuts`: bin i holds cuts[i-1] <= x < cuts[i]; the outer bins hold what lies beyond train's own
    range. A category has `labels`, the commonest in train first, then those train never had; bin `levels` takes
    all that have no bin of their own. The last bin, `width - 1`, is missing.
    """

    name: str
    kind: Kind
    width: int
    cuts: Floats | None = None
    labels: tuple[str, ...] = ()
    known: int = 0  # how many of the labels stand in train
    levels: int = 0

    @property
    def is_number(self) -> bool:
        """Whether the column is compared as a number (times included)."""
        return self.cuts is not None

    def bins(self, values: NDArray[Any]) -> Bins:
        """Return the bin of each number (NaN is missing) or each exact code (-1 is missing)."""
        missing = self.width - 1
        if self.cuts is not None:
            found = np.searchsorted(self.cuts, values, side="right")
            return np.where(np.isnan(values), missing, found).astype(np.uint8)
        own = np.full(len(self.labels) + 1, self.levels, np.uint8)
        own[: min(self.levels, self.known)] = np.arange(min(self.levels, self.known), dtype=np.uint8)
        own[-1] = missing  # code -1
        return own[values]


@dataclass(frozen=True, slots=True)
class Encoded:
    """One column of several tables: its coding, and for each table the values (float64, or int32 codes)."""

    coding: Coding
    values: tuple[NDArray[Any], ...]


def encode(column: Column, parts: Sequence[pa.ChunkedArray]) -> Encoded:
    """Return one column of several tables, coded alike; the first part (train) decides the bins.

    Raises:
        DataError: the schema says number and a cell cannot be read as one.

    Example:
        >>> age = Column(name="age", kind=Kind.INTEGER)
        >>> found = encode(age, [pa.chunked_array([[30, 40, None]]), pa.chunked_array([[35, 99]])])
        >>> found.coding.bins(found.values[1]).tolist()  # between two values of train; beyond all of them
        [2, 4]
    """
    kinds = [part.type for part in parts if not pa.types.is_null(part.type)]
    if kinds and neighbours.is_number(column, kinds[0]):
        return _encode_number(column, parts)
    return _encode_category(column, parts)


def _encode_number(column: Column, parts: Sequence[pa.ChunkedArray]) -> Encoded:
    values = tuple(_numbers(part, column) for part in _same_unit(column, parts))
    cuts = _cuts(values[0][~np.isnan(values[0])])
    return Encoded(Coding(name=column.name, kind=column.kind, width=len(cuts) + 2, cuts=cuts), values)


def _numbers(part: pa.ChunkedArray, column: Column) -> Floats:
    if pa.types.is_null(part.type):
        return np.full(len(part), np.nan)
    if pa.types.is_boolean(part.type):
        part = part.cast(pa.int8())
    found = neighbours.as_numbers(part, column)
    infinite = np.isinf(found)
    return np.where(infinite, np.nan, found) if infinite.any() else found


def _same_unit(column: Column, parts: Sequence[pa.ChunkedArray]) -> list[pa.ChunkedArray]:
    """Return temporal parts in train's unit: another tool may have written ms where train has us, or dates."""
    first = parts[0].type
    if column.kind not in TEMPORAL_KINDS or not pa.types.is_temporal(first):
        return list(parts)
    same = [part if part.type == first or not pa.types.is_temporal(part.type) else part.cast(first, safe=False)
            for part in parts]  # fmt: skip
    return same


def _cuts(present: Floats) -> Floats:
    if present.size == 0:
        return np.zeros(0)
    ordered = np.sort(present)
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    if starts.size <= GRID_VALUES:
        values = ordered[starts]
        return np.unique(np.r_[values, np.nextafter(values, np.inf)])
    at = (np.linspace(0, 1, QUANTILES + 1) * (ordered.size - 1)).astype(np.int64)
    counts = np.diff(np.r_[starts, ordered.size])
    common = np.argsort(counts)[::-1][:30]
    spikes = ordered[starts[common[counts[common] >= SPIKE_SHARE * ordered.size]]]
    return np.unique(np.r_[ordered[at], spikes, np.nextafter(np.r_[spikes, ordered[-1]], np.inf)])


def _encode_category(column: Column, parts: Sequence[pa.ChunkedArray]) -> Encoded:
    coded = [_dictionary(neighbours.as_texts(_booleans_as_text(part))) for part in parts]
    order, known = _order(coded)
    place = {label: code for code, label in enumerate(order)}
    values = tuple(_recoded(indices, labels, place) for indices, labels in coded)
    levels = min(known, LEVELS)
    coding = Coding(
        name=column.name, kind=column.kind, width=levels + 2, labels=tuple(order), known=known, levels=levels
    )
    return Encoded(coding, values)


def _booleans_as_text(part: pa.ChunkedArray) -> pa.ChunkedArray:
    return part.cast(pa.string()) if pa.types.is_boolean(part.type) else part


def _dictionary(texts: pa.ChunkedArray) -> tuple[Codes, list[str]]:
    whole = texts.combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        whole = pa.concat_arrays(whole.chunks)
    found = whole.dictionary_encode()
    indices = np.asarray(pc.fill_null(found.indices, -1).to_numpy(zero_copy_only=False), np.int32)
    return indices, found.dictionary.to_pylist()


def _order(coded: Sequence[tuple[Codes, list[str]]]) -> tuple[list[str], int]:
    """Return train's labels, the commonest first (equal ones by name), then all others by name."""
    indices, labels = coded[0]
    counts = np.bincount(indices[indices >= 0], minlength=len(labels))
    first = [label for _, label in sorted(zip((-counts).tolist(), labels, strict=True))]
    others = sorted({label for _, part in coded[1:] for label in part} - set(first))
    return first + others, len(first)


def _recoded(indices: Codes, labels: list[str], place: dict[str, int]) -> Codes:
    codes = np.array([*(place[label] for label in labels), -1], np.int32)
    return codes[indices]
