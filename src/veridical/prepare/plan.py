"""Which columns are learned together, which follow from others, and which are made up?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pyarrow as pa

from veridical.core.errors import SchemaError
from veridical.core.schema import Column, Kind, Role, TableSchema
from veridical.prepare.codec import Codec
from veridical.prepare.combination import CombinationCodec
from veridical.prepare.gap import GapCodec
from veridical.prepare.moment import MomentCodec
from veridical.prepare.number import NumberCodec
from veridical.prepare.one_hot import OneHotCodec
from veridical.prepare.single import learn_codec

_NOT_LEARNED = frozenset({Kind.IDENTIFIER, Kind.PERSONAL, Kind.TEXT})
_TO_KEY = frozenset({Kind.INTEGER, Kind.TEXT, Kind.CATEGORY, Kind.ORDINAL})


def check_columns(table: pa.Table, schema: TableSchema) -> None:
    """Raise when the table lacks a column that the schema names, or has no row.

    Raises:
        SchemaError: columns are missing.
    """
    wanted = [column.name for column in schema.columns if column.role is not Role.DROP]
    missing = [name for name in wanted if name not in table.column_names]
    if missing:
        raise SchemaError(
            f"the data lacks {len(missing)} columns of the schema: {', '.join(missing[:10])}",
            where=schema.name,
            fix="remove them from the schema, or learn the source again",
        )


def learn_codecs(table: pa.Table, schema: TableSchema, *, rare_below: int) -> tuple[Codec, ...]:
    """Return a codec for every column that is modelled or made up; derived ones are left out.

    Raises:
        SchemaError: the schema disagrees with the data.
        ConstraintError: a fixed combination leaves nothing to emit.
    """
    derived = {rule.columns[0] for rule in schema.constraints if rule.type == "formula" and rule.columns}
    columns = {c.name: _as_key(c, schema) for c in schema.columns if c.role is not Role.DROP and c.name not in derived}
    grouped: dict[str, Codec] = {}
    for codec in _groups(table, schema, columns, rare_below):
        grouped |= dict.fromkeys(codec.names, codec)
    codecs: dict[str, Codec] = {}
    unsplit = {name for rule in schema.constraints if rule.type in ("inequality", "unique") for name in rule.columns}
    unsplit |= set(schema.primary_key)
    for name, column in columns.items():
        if name in grouped:
            codecs[name] = grouped[name]
            continue
        unique = is_unique(column, schema)
        codecs[name] = learn_codec(table, column, rare_below=rare_below, unique=unique, may_split=name not in unsplit)
    _open_gaps(table, schema, codecs)
    return _in_order(codecs)


def is_unique(column: Column, schema: TableSchema) -> bool:
    """Say whether no two rows may share a value of the column."""
    alone = any(rule.type == "unique" and rule.columns == (column.name,) for rule in schema.constraints)
    return column.unique or alone or schema.primary_key == (column.name,)


def _as_key(column: Column, schema: TableSchema) -> Column:
    # Keys are made fresh whatever kind was guessed; a unique category is a key in all but name.
    is_key = schema.primary_key == (column.name,) and column.kind in _TO_KEY
    is_key |= is_unique(column, schema) and column.kind in (Kind.CATEGORY, Kind.ORDINAL, Kind.TEXT)
    return replace(column, kind=Kind.IDENTIFIER) if is_key and column.role is Role.MODEL else column


def _groups(
    table: pa.Table, schema: TableSchema, columns: dict[str, Column], rare_below: int
) -> Iterator[CombinationCodec | OneHotCodec]:
    taken: set[str] = set()
    for rule in schema.constraints:
        if rule.type == "one_hot" and _all_learned(rule.columns, columns) and not taken & set(rule.columns):
            taken |= set(rule.columns)
            yield OneHotCodec.learn(table, [columns[name] for name in rule.columns], rare_below=rare_below)
    wanted = [rule for rule in schema.constraints if rule.type == "fixed_combinations"]
    for names in _merged([rule.columns for rule in wanted if _all_learned(rule.columns, columns)]):
        if taken & set(names) or len(names) < 2:
            continue
        taken |= set(names)
        yield CombinationCodec.learn(table, [_inner(table, columns[name]) for name in names], rare_below=rare_below)


def _all_learned(names: Sequence[str], columns: dict[str, Column]) -> bool:
    return all(
        name in columns and columns[name].kind not in _NOT_LEARNED and columns[name].role is Role.MODEL
        for name in names
    )


def _inner(table: pa.Table, column: Column) -> Codec:
    # The combination is protected as a whole: its parts keep every value here.
    free = replace(column, nullable=True)
    codec = learn_codec(table, free, rare_below=1, unique=False, may_split=False)
    if len(codec.modelled) == 1 and codec.modelled[0].name == column.name:
        return codec
    raise SchemaError("a fixed combination needs values", where=column.name, fix="drop the column or the constraint")


def _merged(groups: Sequence[Sequence[str]]) -> list[list[str]]:
    """Join groups that share a column."""
    merged: list[list[str]] = []
    for names in groups:
        touching = [group for group in merged if set(group) & set(names)]
        joined = list(dict.fromkeys(name for group in [*touching, names] for name in group))
        merged = [group for group in merged if group not in touching] + [joined]
    return merged


def _open_gaps(table: pa.Table, schema: TableSchema, codecs: dict[str, Codec]) -> None:
    """Learn columns as their distance over a lower one, where that tells more (and no circle arises)."""
    plain = dict(codecs)
    over: dict[str, str] = {}
    for rule in schema.constraints:
        if rule.type != "inequality":
            continue
        for low, high in zip(rule.columns, rule.columns[1:], strict=False):
            one, two = plain.get(low), plain.get(high)
            if not (isinstance(one, NumberCodec | MomentCodec) and isinstance(two, NumberCodec | MomentCodec)):
                continue
            if high in over or _reaches(low, high, over) or two.column.role is not Role.MODEL:
                continue
            gap = GapCodec.learn(table, one, two, strict=rule.strict)
            if gap is not None:
                codecs[high], over[high] = gap, low


def _reaches(start: str, goal: str, over: dict[str, str]) -> bool:
    while start in over:
        start = over[start]
        if start == goal:
            return True
    return False


def _in_order(codecs: dict[str, Codec]) -> tuple[Codec, ...]:
    """Return each codec once, a lower column before the one learned as a distance over it."""
    done: dict[int, Codec] = {}

    def add(name: str) -> None:
        codec = codecs[name]
        if isinstance(codec, GapCodec):
            add(codec.low.column.name)
        done.setdefault(id(codec), codec)

    for name in codecs:
        add(name)
    return tuple(done.values())
