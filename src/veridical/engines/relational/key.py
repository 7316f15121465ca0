"""Which fresh keys do new rows get, so that none is a real one's by more than form and none comes twice?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from veridical.core.schema import Column, Kind, TableSchema
from veridical.prepare.codec import Codec, Place, whole
from veridical.prepare.fresh import KeyCodec
from veridical.prepare.link import Rows
from veridical.prepare.plain import codec_of

LEAST_FILLED = 0.5  # of a grid of times or numbers, from which its places are dealt out rather than drawn


@dataclass(frozen=True, slots=True)
class Fresh:
    """A column whose values are new and unique."""

    codec: Codec

    @classmethod
    def learn(cls, table: pa.Table, column: Column) -> Fresh:
        """Return how keys of this column look."""
        as_key = replace(column, kind=Kind.IDENTIFIER, nullable=False, unique=True)
        return cls(KeyCodec.learn(table, as_key, unique=True))

    def make(self, rows: int, key: int, *, avoid: pa.Array | None = None) -> pa.Array:
        """Return `rows` new keys; none of them is in `avoid`."""
        name = self.codec.names[0]
        spare = 0
        while True:
            count = rows + spare
            place = Place(rows=count, rng=np.random.default_rng(0), total_rows=count, key=key)
            made = whole(self.codec.decode({}, place)[name])
            if avoid is None or not len(avoid):
                return made
            free = made.filter(pc.invert(pc.is_in(made, avoid.cast(made.type))))
            if len(free) >= rows:
                return free.slice(0, rows)
            spare = max(2 * spare, len(avoid), 16)

    def to_plain(self) -> dict[str, Any]:
        """Return this as JSON-like data."""
        return self.codec.to_plain()

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any], schema: TableSchema) -> Fresh:
        """Return what `to_plain` wrote."""
        return cls(codec_of(dict(plain), schema))


@dataclass(frozen=True, slots=True)
class Grid:
    """A column that numbers a parent's rows: places `low`, `low + step` ... `size` of them; `ordinal`: 1, 2, 3 ..."""

    column: str
    low: int
    step: int
    size: int
    ordinal: bool

    @classmethod
    def learn(cls, column: str, values: pa.Array, groups: Rows) -> Grid | None:
        """Return the grid of a column within groups of rows; None where most of its places are empty."""
        if not _countable(values.type) or values.null_count or not len(values):
            return None
        ticks = _ticks(values)
        order = np.lexsort((ticks, groups))
        starts = np.flatnonzero(np.r_[True, np.diff(groups[order]) != 0])
        sizes = np.diff(np.r_[starts, len(order)])
        place = np.arange(len(order)) - np.repeat(starts, sizes)
        first = int(ticks.min())
        if pa.types.is_integer(values.type) and first in (0, 1) and np.mean(ticks[order] == place + first) > 0.98:
            return cls(column, first, 1, int(sizes.max()), ordinal=True)
        levels = np.unique(ticks)
        step = int(np.gcd.reduce(np.diff(levels))) if len(levels) > 1 else 1
        size = (int(levels[-1]) - first) // step + 1
        filled = len(ticks) / (size * len(sizes))
        return cls(column, first, step, size, ordinal=False) if filled >= LEAST_FILLED else None

    def deal(self, groups: Rows, kind: pa.DataType, rng: np.random.Generator) -> pa.Array:
        """Return a place for each row, no two alike in a group; groups are runs of rows."""
        starts = np.flatnonzero(np.r_[True, groups[1:] != groups[:-1]]) if len(groups) else np.zeros(0, np.intp)
        sizes = np.diff(np.r_[starts, len(groups)])
        if self.ordinal:
            place = np.arange(len(groups)) - np.repeat(starts, sizes)
        else:
            # A larger group than ever seen goes on after the last place.
            picks = [np.sort(rng.permutation(max(self.size, size))[:size]) for size in sizes.tolist()]
            place = np.concatenate(picks) if picks else np.zeros(0, dtype=np.int64)
        return _typed(self.low + self.step * place.astype(np.int64), kind)

    def to_plain(self) -> dict[str, Any]:
        """Return this as JSON-like data."""
        return {name: getattr(self, name) for name in self.__slots__}


def _countable(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_timestamp(kind) or pa.types.is_date(kind))


def _ticks(values: pa.Array) -> Rows:
    if pa.types.is_date32(values.type):
        values = values.cast(pa.int32())
    found = values if pa.types.is_integer(values.type) else values.cast(pa.int64())
    return np.asarray(found.to_numpy(zero_copy_only=False)).astype(np.int64)


def _typed(ticks: Rows, kind: pa.DataType) -> pa.Array:
    if pa.types.is_integer(kind):
        return pa.array(ticks).cast(kind)
    narrow = pa.array(ticks, pa.int64()).cast(pa.int32()) if pa.types.is_date32(kind) else pa.array(ticks, pa.int64())
    return narrow.cast(kind)


def lost_keys(
    held: Sequence[pa.Array], fresh: Fresh | None, count: int, seed: int, rng_of: Callable[[], np.random.Generator]
) -> list[pa.Array]:
    """Return `count` keys that no row of the parent has; `held` are the columns of the keys that are there."""
    if len(held) == 1 and fresh is not None:
        return [fresh.make(count, seed, avoid=held[0])]
    rng = rng_of()
    rows = pa.array(rng.integers(max(1, len(held[0])), size=len(held[0]) + count)[len(held[0]) :])
    return unlike([each.take(rows) for each in held], held, rng)


def unlike(columns: Sequence[pa.Array], taken: Sequence[pa.Array], rng: np.random.Generator) -> list[pa.Array]:
    """Return keys of several columns of which none is taken; `columns` hold the keys to start from.

    The last countable column is moved to a place that is free beside the others, or past the end.
    """
    moved = list(columns)
    place = next((i for i in reversed(range(len(columns))) if _countable(columns[i].type)), None)
    if place is None:
        last = columns[-1].cast(pa.string())
        numbers = pa.array([f"{i}" for i in range(len(last))], pa.string())
        moved[-1] = pc.binary_join_element_wise(last, numbers, "~").cast(columns[-1].type)
        return moved
    ticks, others = _ticks(columns[place].fill_null(0)), _ticks(taken[place].fill_null(0))
    levels = np.unique(others)
    step = int(np.gcd.reduce(np.diff(levels))) if len(levels) > 1 else 1
    grid = np.arange(levels[0], levels[-1] + step, step) if (levels[-1] - levels[0]) // step < 2**22 else levels[:0]
    rest = [i for i in range(len(columns)) if i != place]
    mine, theirs = _group_codes([columns[i] for i in rest], [taken[i] for i in rest], len(ticks), len(others))
    found = levels[-1] + step * (1 + np.arange(len(ticks)))
    for label in np.unique(mine)[:1000]:
        rows = np.flatnonzero(mine == label)
        free = rng.permutation(np.setdiff1d(grid, others[theirs == label]))[: len(rows)]
        found[rows[: len(free)]] = free
    moved[place] = _typed(found, columns[place].type)
    return moved


def _group_codes(one: Sequence[pa.Array], two: Sequence[pa.Array], ones: int, twos: int) -> tuple[Rows, Rows]:
    codes = np.zeros(ones + twos, dtype=np.int64)
    for above, below in zip(one, two, strict=True):
        both = pa.concat_arrays([above, below.cast(above.type)]).dictionary_encode("encode")
        own = both.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        _, codes = np.unique(codes * (int(own.max(initial=0)) + 1) + own, return_inverse=True)
        codes = codes.ravel()
    return codes[:ones], codes[ones:]
