"""How do values or combinations that must be unique stay so over all shards, none of which sees another?

Values are counted in steps of the column's grid (combinations of categories are numbered). Shard i of n may use only
the counts that leave i when divided by n, so no two shards can meet; within a shard a repeated count moves on to the
next free one. Where fewer than four counts a row exist, counts are dealt out by a keyed shuffle of all of them
instead: exact up to the last one, at the price of the column's relation to others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from veridical.core.contracts import Allowed, Shard
from veridical.core.errors import ConstraintError
from veridical.core.rng import derive
from veridical.core.schema import Column, Role, TableSchema
from veridical.fabricate.draw import permute
from veridical.prepare.category import CategoryCodec
from veridical.prepare.codec import Codec, Place, from_numpy, to_numpy, whole
from veridical.prepare.fresh import FabricatedCodec, KeyCodec
from veridical.prepare.moment import MomentCodec
from veridical.prepare.number import NumberCodec, grid_of

_FREE = 2**52
_ROOMY = 4  # counts a row, above which repeated ones are moved rather than dealt
Ticks = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Unique:
    """Columns whose combination no two rows may share; `moved` are the ones changed to keep it so."""

    columns: tuple[str, ...]
    moved: tuple[Codec, ...]

    def spread(
        self, table: pa.Table, shard: Shard, total_rows: int, key: int, within: Mapping[str, Allowed]
    ) -> pa.Table:
        """Return the table with repeats moved apart, `within` limits; rows with a null in the columns are left alone.

        Raises:
            ConstraintError: there are fewer values than rows.
        """
        low, high, ticks, free = self._ticks(table)
        low, high = _narrowed(self.moved[0], low, high, within)
        known = np.flatnonzero(free)
        size = high - low + 1
        others = [name for name in self.columns if name not in self._moved_names]
        if not others and size < total_rows:
            raise ConstraintError(
                f"{total_rows:,} unique rows asked, {size:,} values fit",
                where=f"unique {', '.join(self.columns)}",
                fix="widen the bounds, or ask for fewer rows",
            )
        if not others and size < _ROOMY * total_rows:
            rows = np.arange(shard.start, shard.start + table.num_rows, dtype=np.int64)
            dealt = low + permute(rows, size, derive(key, "unique", *self.columns) % 2**62)
            return self._written(table, np.where(free, dealt, ticks), free)
        groups = _groups(table, others)[known]
        step = shard.count if shard.count > 1 else 1
        first = low + (shard.index - low) % step
        last = high - (high - shard.index) % step
        spread = _apart((ticks[known] - first) // step, groups, (last - first) // step)
        if spread is None:
            raise ConstraintError(
                "more rows share the other columns than there are values left",
                where=f"unique {', '.join(self.columns)}",
                fix="widen the bounds, or ask for fewer rows",
            )
        ticks[known] = first + spread * step
        return self._written(table, ticks, free)

    @property
    def _moved_names(self) -> tuple[str, ...]:
        return tuple(name for codec in self.moved for name in codec.names)

    def _ticks(self, table: pa.Table) -> tuple[int, int, Ticks, NDArray[np.bool_]]:
        free = np.ones(table.num_rows, dtype=bool)
        for name in self.columns:
            free &= np.asarray(pc.is_valid(whole(table[name])).to_numpy(zero_copy_only=False))
        first = self.moved[0]
        if isinstance(first, MomentCodec):
            values, _ = to_numpy(first.encode(table)[first.column.name])
            low, high = first.ends
            return low, high, values.astype(np.int64), free
        if isinstance(first, NumberCodec):
            values, _ = to_numpy(first.encode(table)[first.column.name])
            unit = _unit(first.column)
            low = -_FREE if first.column.low is None else int(np.ceil(round(float(first.column.low) / unit, 6)))
            high = _FREE if first.column.high is None else int(np.floor(round(float(first.column.high) / unit, 6)))
            return low, high, np.rint(values / unit).astype(np.int64), free
        code, size = np.zeros(table.num_rows, dtype=np.int64), 1
        for codec in self.moved:
            assert isinstance(codec, CategoryCodec)
            text = pc.cast(whole(codec.encode(table)[codec.column.name]), pa.string())
            places = pc.fill_null(pc.index_in(text, value_set=pa.array(codec.values, pa.string())), 0)
            code = code * len(codec.values) + np.asarray(places.to_numpy(zero_copy_only=False), dtype=np.int64)
            size *= len(codec.values)
        return 0, size - 1, code, free

    def _written(self, table: pa.Table, ticks: Ticks, free: NDArray[np.bool_]) -> pa.Table:
        place = Place(rows=table.num_rows, rng=np.random.default_rng(0))
        first, rest = self.moved[0], ticks
        made: dict[str, pa.Array] = {}
        if isinstance(first, MomentCodec):
            made |= first.decode({first.column.name: from_numpy(rest, ~free)}, place)
        elif isinstance(first, NumberCodec):
            values = rest if first.whole else rest * _unit(first.column)
            made |= first.decode({first.column.name: from_numpy(values, ~free)}, place)
        else:
            for codec in reversed(self.moved):
                assert isinstance(codec, CategoryCodec)
                rest, code = np.divmod(rest, len(codec.values))
                values = pa.array(codec.values, pa.string()).take(pa.array(code, mask=~free))
                made |= codec.decode({codec.column.name: values}, place)
        for name, values in made.items():
            # Rows that a null exempts keep what they hold.
            kept = pc.if_else(pa.array(free), whole(values), whole(table[name]).cast(whole(values).type))
            table = table.set_column(table.column_names.index(name), name, kept.cast(values.type))
        return table


def uniques_of(schema: TableSchema, codecs: Sequence[Codec]) -> tuple[Unique, ...]:
    """Return the combinations that must be kept unique, those a fresh key keeps so by itself left out."""
    by_name = {name: codec for codec in codecs for name in codec.names}
    wanted = [rule.columns for rule in schema.constraints if rule.type == "unique"]
    wanted += [(column.name,) for column in schema.columns if column.unique and column.role is Role.MODEL]
    wanted += [schema.primary_key] if schema.primary_key else []
    found: list[Unique] = []
    for columns in dict.fromkeys(wanted):
        members = [by_name[name] for name in columns if name in by_name]
        if len(members) < len(columns) or any(_is_fresh(codec) for codec in members):
            continue
        moved: Sequence[Codec] = [codec for codec in members if isinstance(codec, NumberCodec | MomentCodec)][:1]
        if not moved and all(isinstance(codec, CategoryCodec) for codec in members):
            moved = members
        if not moved:
            raise ConstraintError(
                "these columns follow from other constraints and cannot be kept unique",
                where=f"unique {', '.join(columns)}",
                fix="drop one of the constraints",
            )
        found.append(Unique(columns, tuple(moved)))
    return tuple(found)


def _narrowed(codec: Codec, low: int, high: int, within: Mapping[str, Allowed]) -> tuple[int, int]:
    """Return the first and last tick that lie within the limits, too."""
    if not isinstance(codec, NumberCodec | MomentCodec) or codec.column.name not in within:
        return low, high
    limits = (codec.limit(codec.column.name, within[codec.column.name]) or {}).get(codec.column.name)
    if limits is None or (isinstance(codec, MomentCodec) and codec.split):
        return low, high
    unit = _unit(codec.column) if isinstance(codec, NumberCodec) else 1.0
    if limits.low is not None:
        tick = round(limits.low / unit, 6)
        low = max(low, int(np.floor(tick)) + 1 if limits.low_open else int(np.ceil(tick)))
    if limits.high is not None:
        tick = round(limits.high / unit, 6)
        high = min(high, int(np.ceil(tick)) - 1 if limits.high_open else int(np.floor(tick)))
    return low, high


def _is_fresh(codec: Codec) -> bool:
    return (isinstance(codec, KeyCodec) and codec.repeats == 1) or (isinstance(codec, FabricatedCodec) and codec.unique)


def _unit(column: Column) -> float:
    # Numbers without a grid get a fine one: a billionth of a unit is no more than a float's own rounding.
    return grid_of(column) or 1e-9


def _groups(table: pa.Table, names: Sequence[str]) -> Ticks:
    code = np.zeros(table.num_rows, dtype=np.int64)
    for name in names:
        own = whole(table[name]).dictionary_encode("encode").indices.to_numpy(zero_copy_only=False).astype(np.int64)
        _, code = np.unique(code * (int(own.max(initial=0)) + 1) + own, return_inverse=True)
    return code.ravel()


def _apart(ticks: Ticks, groups: Ticks, last: int) -> Ticks | None:
    """Return ticks within 0 to `last`, no two alike in a group, moved as little as a sweep up and one down do."""
    order = np.lexsort((ticks, groups))
    sorted_groups, moved = groups[order], np.clip(ticks[order], 0, last)
    starts = np.flatnonzero(np.r_[True, sorted_groups[1:] != sorted_groups[:-1]]) if len(order) else np.zeros(0, int)
    sizes = np.diff(np.r_[starts, len(order)])
    if len(sizes) and int(sizes.max()) > last + 1:
        return None
    place = np.arange(len(order)) - np.repeat(starts, sizes)
    # Rising by at least one a row is the same as never falling once the row's place is taken off.
    apart = _running_max(moved - place, np.repeat(np.arange(len(sizes)), sizes)) + place
    ceiling = last - (np.repeat(sizes, sizes) - 1 - place)
    result = np.empty_like(ticks)
    result[order] = np.minimum(apart, ceiling)
    return result


def _running_max(values: Ticks, groups: Ticks) -> Ticks:
    if not len(values):
        return values
    _, ranks = np.unique(values, return_inverse=True)
    levels = np.unique(values)
    width = len(levels)
    return levels[np.maximum.accumulate(ranks.ravel() + groups * width) - groups * width]
