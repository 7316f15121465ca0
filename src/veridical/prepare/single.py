"""How is one column learned, or what is made up in its place?"""

from __future__ import annotations

import pyarrow as pa

from veridical.core.errors import SchemaError
from veridical.core.schema import (
    CATEGORY_KINDS,
    NUMERIC_KINDS,
    TEMPORAL_KINDS,
    Column,
    Kind,
    Role,
)
from veridical.prepare.category import CategoryCodec, as_text
from veridical.prepare.codec import Codec, whole
from veridical.prepare.fresh import FabricatedCodec, KeyCodec, shape_of
from veridical.prepare.made_up import learn_text
from veridical.prepare.moment import MomentCodec
from veridical.prepare.number import NumberCodec
from veridical.prepare.unseen import UnseenCodec


def learn_codec(table: pa.Table, column: Column, *, rare_below: int, unique: bool, may_split: bool = True) -> Codec:
    """Return how one column is learned.

    Raises:
        SchemaError: the schema disagrees with the data.
    """
    if column.role is Role.CONTEXT:
        return _learned(table, column, rare_below=rare_below, may_split=may_split)
    if column.kind is Kind.IDENTIFIER:
        return KeyCodec.learn(table, column, unique=unique)
    array = whole(table[column.name])
    if array.null_count == len(array):
        return _without_data(column, unique=unique)
    if column.kind is Kind.PERSONAL:
        return FabricatedCodec(column, _tells_nulls(array, column, rare_below), unique=unique)
    if column.kind is Kind.TEXT:
        model = learn_text(array, rare_below=rare_below)
        return FabricatedCodec(column, _tells_nulls(array, column, rare_below), model)
    if len(array) - array.null_count < rare_below and not column.public:
        return _without_data(column, unique=unique)
    return _learned(table, column, rare_below=rare_below, may_split=may_split)


def _learned(table: pa.Table, column: Column, *, rare_below: int, may_split: bool) -> Codec:
    if column.kind in NUMERIC_KINDS:
        return NumberCodec.learn(table, column, rare_below=rare_below)
    if column.kind in TEMPORAL_KINDS:
        return MomentCodec.learn(table, column, rare_below=rare_below, may_split=may_split)
    if column.kind not in CATEGORY_KINDS and column.role is not Role.CONTEXT:
        raise SchemaError(f"{column.kind.value} columns cannot be learned", where=column.name, fix="give another kind")
    codec = CategoryCodec.learn(table, column, rare_below=rare_below)
    if codec.values:
        return codec
    if column.categories:
        return UnseenCodec(column)
    array = whole(table[column.name])
    if column.kind is Kind.BOOLEAN:
        return UnseenCodec(column)
    return _in_shape(as_text(table, column), column, _tells_nulls(array, column, rare_below))


def _in_shape(text: pa.Array, column: Column, with_nulls: bool) -> Codec:
    """Every value is rare: only their shape is told."""
    pattern = shape_of(text.drop_null().slice(0, 2_000).to_pylist())
    return FabricatedCodec(column, with_nulls, {"pattern": pattern})


def _tells_nulls(array: pa.Array, column: Column, rare_below: int) -> bool:
    return column.nullable and min(array.null_count, len(array) - array.null_count) >= rare_below


def _without_data(column: Column, *, unique: bool) -> Codec:
    """Too few records carry a value: nothing is learned, what the schema allows is drawn."""
    if column.kind is Kind.PERSONAL:
        return FabricatedCodec(column, with_nulls=False, unique=unique)
    return UnseenCodec(column)
