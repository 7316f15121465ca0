"""Which column is the key, the target, the person, the clock; and which define groups to protect?"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pyarrow as pa

from veridical.core.schema import CATEGORY_KINDS, Column, Constraint, Kind, TableSchema
from veridical.profile import header
from veridical.profile.facts import Facts, codes_of

_PERSONS = frozenset(
    {"patient", "customer", "client", "user", "person", "member", "subject", "employee", "student", "account",
     "household", "passenger", "driver", "player", "cust", "환자", "고객", "회원", "직원"}
)  # fmt: skip
CLOCKS = frozenset((word,) for word in ("day", "days", "time", "visit", "step", "week", "month", "timestamp", "seq"))
MOST_CLASSES = 50
HEAD = 100_000
ACCIDENT = 20.0  # equal pairs there would be by chance in a key of several columns


def assign(
    name: str, columns: Sequence[Column], facts: Sequence[Facts], constraints: tuple[Constraint, ...], table: pa.Table
) -> TableSchema:
    """Return the table's schema with the roles that its columns' names and values make obvious."""
    key = _primary_key(columns, facts, table)
    unit = _unit(columns, facts)
    return TableSchema(
        name=name,
        columns=tuple(columns),
        primary_key=key,
        constraints=constraints,
        target=_target(columns, facts),
        protected=tuple(c.name for c in columns if c.kind in CATEGORY_KINDS and _is_protected(c)),
        unit=unit,
        order_by=_clock(columns, unit, key),
    )


def _is_protected(column: Column) -> bool:
    # An age is a quantity; steps of age are groups.
    return header.is_protected(column.name) or (
        column.kind is Kind.ORDINAL and header.words(column.name)[:1] == ("age",)
    )


def _primary_key(columns: Sequence[Column], facts: Sequence[Facts], table: pa.Table) -> tuple[str, ...]:
    unique = [c for c in columns if c.kind is Kind.IDENTIFIER and c.unique and not c.nullable]
    if unique:
        said = [c for c in unique if header.words(c.name)[-1:] in (("id",), ("key",), ("pk",))]
        return ((said or unique)[0].name,)
    # A key of two columns: both look like part of one, and chance would give many equal pairs.
    parts = [
        (c, f) for c, f in zip(columns, facts, strict=True)
        if not c.nullable and (c.kind is Kind.IDENTIFIER or c.kind in (Kind.DATE, Kind.DATETIME)
                               or (header.says_id(c.name, strongly=True) and c.kind in (Kind.CATEGORY, Kind.INTEGER)))
    ][:6]  # fmt: skip
    named = next(
        (pair for pair in zip(columns, facts, strict=True) if pair[0].kind is Kind.CATEGORY and not pair[0].nullable),
        None,
    )
    if named is not None and named not in parts and len(parts) == 1:
        parts = [named, *parts]
    for (one, left), (other, right) in combinations(parts, 2):
        if one.kind in (Kind.DATE, Kind.DATETIME) and other.kind in (Kind.DATE, Kind.DATETIME):
            continue
        chance = table.num_rows**2 / 2 / max(left.distinct, 1) / max(right.distinct, 1)
        if (
            chance >= ACCIDENT
            and left.distinct * right.distinct >= table.num_rows
            and _is_key(table, one.name, other.name)
        ):
            return (one.name, other.name)
    return ()


def _is_key(table: pa.Table, one: str, other: str) -> bool:
    # Most pairs fail early: all rows are looked at only when the first ones are distinct.
    for rows in (HEAD, table.num_rows):
        a, b = (codes_of(table.column(name).slice(0, rows)).astype(np.int64) for name in (one, other))
        both = a * (int(b.max(initial=0)) + 1) + b
        if len(np.unique(both)) < len(both):
            return False
    return True


def _unit(columns: Sequence[Column], facts: Sequence[Facts]) -> str | None:
    """The person a row belongs to, when rows of one person repeat."""
    repeated = [
        c.name for c, f in zip(columns, facts, strict=True)
        if c.kind is Kind.IDENTIFIER and not c.unique and f.distinct < f.valid and not c.nullable
    ]  # fmt: skip
    persons = [name for name in repeated if _PERSONS & set(header.words(name))]
    if persons:
        return persons[0]
    plain = [name for name in repeated if header.words(name) in (("id",), ("uid",), ("pid",))]
    return plain[0] if plain else None


def _clock(columns: Sequence[Column], unit: str | None, key: tuple[str, ...]) -> str | None:
    times = [c.name for c in columns if c.kind in (Kind.DATE, Kind.DATETIME) and not c.nullable]
    in_key = [name for name in key if name in times]
    if in_key:
        return in_key[0]
    if unit is None:
        return None
    counted = [c.name for c in columns if c.kind is Kind.INTEGER and header.words(c.name)[-1:] in CLOCKS]
    return next(iter([*times, *counted]), None)


def _target(columns: Sequence[Column], facts: Sequence[Facts]) -> str | None:
    named = [
        (header.target_rank(c.name), c.name)
        for c, f in zip(columns, facts, strict=True)
        if c.kind in CATEGORY_KINDS and 2 <= f.distinct <= MOST_CLASSES
    ]
    ranked = sorted((rank, name) for rank, name in named if rank is not None)
    if ranked:
        return ranked[0][1]
    last, of_last = columns[-1], facts[-1]
    binary = last.kind in CATEGORY_KINDS and of_last.distinct == 2 and of_last.nulls == 0
    return last.name if binary and len(columns) >= 4 and of_last.rows >= 50 else None
