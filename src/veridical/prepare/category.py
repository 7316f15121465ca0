"""How does a column of categories reach an engine with no rare value, and come back in its own type?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from veridical.core.contracts import Allowed
from veridical.core.schema import Column, Kind, Role
from veridical.prepare.codec import Arrays, Place, Plain, whole
from veridical.prepare.storage import is_text, parse_type, store

_TRUE = frozenset({"true", "1", "yes", "t", "y", "1.0"})


@dataclass(frozen=True, slots=True)
class CategoryCodec:
    """One column of categories; `values` are the ones that may be emitted, `weights` how often each was seen.

    A value outside `values` is rare: it is learned as a safe one, drawn by weight (as null for context columns).
    """

    column: Column
    values: tuple[str, ...]
    weights: tuple[float, ...]

    @classmethod
    def learn(cls, table: pa.Table, column: Column, *, rare_below: int) -> CategoryCodec:
        """Return the codec of a column; values carried by fewer than `rare_below` records are left out."""
        counts = _counts(as_text(table, column))
        if column.public and column.categories is not None:
            safe = {value: counts.get(value, 0) for value in column.categories}
        else:
            listed = None if column.categories is None else frozenset(column.categories)
            safe = {
                value: count
                for value, count in counts.items()
                if count >= rare_below and (listed is None or value in listed)
            }
        values = _ordered(safe, column)
        return cls(column, values, tuple(float(safe[value]) for value in values))

    @property
    def names(self) -> Sequence[str]:
        return (self.column.name,)

    @property
    def modelled(self) -> Sequence[Column]:
        return (replace(self.column, storage="dictionary", categories=self.values),)

    def encode(self, table: pa.Table) -> Arrays:
        text = as_text(table, self.column)
        known = pa.array(self.values, pa.string())
        codes = pc.index_in(text, value_set=known)
        rare = pc.and_(codes.is_null(), text.is_valid()).to_numpy(zero_copy_only=False)
        if self.column.role is not Role.CONTEXT and rare.any():
            # The same rows get the same stand-ins whoever asks: the stream belongs to the column, not to a run.
            rng = np.random.default_rng(len(self.values))
            drawn = np.array(codes.fill_null(0).to_numpy(zero_copy_only=False))
            drawn[rare] = rng.choice(len(self.values), size=int(rare.sum()), p=self._shares())
            codes = pa.array(drawn, pa.int32(), mask=text.is_null().to_numpy(zero_copy_only=False))
        return {self.column.name: pa.DictionaryArray.from_arrays(codes.cast(pa.int32()), known)}

    def decode(self, drawn: Arrays, place: Place) -> Arrays:  # noqa: ARG002
        text, kind = drawn[self.column.name], parse_type(self.column.storage)
        if pa.types.is_dictionary(text.type) and is_text(kind) and not pa.types.is_dictionary(kind):
            # Few texts stand for many rows: spelled out (`plain`) only where somebody reads them row by row.
            values = text.dictionary.cast(kind)
            return {self.column.name: pa.DictionaryArray.from_arrays(text.indices.cast(pa.int32()), values)}
        return {self.column.name: from_text(text, self.column)}

    def limit(self, name: str, allowed: Allowed) -> Mapping[str, Allowed] | None:
        kept = [value for value in self.values if holds(self._comparable(value), allowed, self._reader())]
        return {name: Allowed(values=tuple(kept), nulls=allowed.nulls)}

    def to_plain(self) -> Plain:
        return {
            "codec": "category",
            "column": self.column.name,
            "values": list(self.values),
            "weights": list(self.weights),
        }

    def _shares(self) -> Any:
        weights = np.asarray(self.weights)
        return weights / weights.sum() if weights.sum() > 0 else None

    def _comparable(self, value: str) -> Any:
        if self.column.kind is Kind.ORDINAL and self.column.categories and value in self.column.categories:
            return self.column.categories.index(value)
        return self._typed(value)

    def _typed(self, value: Any) -> Any:
        kind = parse_type(self.column.storage)
        if pa.types.is_boolean(kind):
            return str(value).strip().lower() in _TRUE
        if pa.types.is_integer(kind) or pa.types.is_floating(kind):
            return float(value)
        return str(value)

    def _reader(self) -> Any:
        if self.column.kind is Kind.ORDINAL and self.column.categories:
            order = {value: place for place, value in enumerate(self.column.categories)}
            return lambda value: order[str(value)]
        return self._typed


def holds(value: Any, allowed: Allowed, read: Any) -> bool:
    """Say whether a value that is not null is allowed; limits are read into its terms by `read`.

    What cannot be compared counts as allowed: rows are checked in the end.
    """
    if allowed.values is not None:
        listed = []
        for one in allowed.values:
            try:
                listed.append(read(one))
            except (KeyError, TypeError, ValueError):
                continue
        if value not in listed:
            return False
    try:
        low = None if allowed.low is None else read(allowed.low)
        high = None if allowed.high is None else read(allowed.high)
        above = low is None or value > low or (value == low and not allowed.low_open)
        return bool(above and (high is None or value < high or (value == high and not allowed.high_open)))
    except (KeyError, TypeError, ValueError):
        return True


def as_text(table: pa.Table, column: Column) -> pa.Array:
    """Return a column as text, one spelling a value; nan is null."""
    array = table[column.name]
    if isinstance(array, pa.ChunkedArray):
        array = whole(array)
    if pa.types.is_floating(array.type):
        array = pc.if_else(pc.is_finite(array), array, pa.scalar(None, array.type))
    if pa.types.is_boolean(array.type):
        return pc.if_else(array, "true", "false")
    return array.cast(pa.string())


def from_text(array: pa.Array, column: Column) -> pa.Array:
    """Return text, or a dictionary of it, in the column's storage."""
    kind = parse_type(column.storage)
    if pa.types.is_dictionary(array.type):
        known = array.dictionary
        if pa.types.is_dictionary(kind):
            values = _cast(known, kind.value_type)
            return pa.DictionaryArray.from_arrays(array.indices.cast(kind.index_type), values)
        return _cast(known, kind).take(array.indices)
    if pa.types.is_dictionary(kind):
        return store(_cast(array, kind.value_type), column.storage)
    return _cast(array, kind)


def _cast(text: pa.Array, kind: pa.DataType) -> pa.Array:
    if pa.types.is_boolean(kind):
        return (
            pc.is_in(pc.utf8_lower(text), value_set=pa.array(sorted(_TRUE)))
            if not text.null_count
            else pc.if_else(
                text.is_null(),
                pa.scalar(None, pa.bool_()),
                pc.is_in(pc.utf8_lower(text), value_set=pa.array(sorted(_TRUE))),
            )
        )
    return store(text, str(kind))


def _counts(text: pa.Array) -> dict[str, int]:
    counted = pc.value_counts(text.drop_null())
    pairs = zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True)
    return dict(pairs)


def _ordered(safe: Mapping[str, int], column: Column) -> tuple[str, ...]:
    if column.categories is not None:
        return tuple(value for value in column.categories if value in safe)
    return tuple(sorted(safe, key=lambda value: (-safe[value], value)))
