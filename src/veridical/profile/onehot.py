"""Which 0/1 columns are one category, spread out?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from veridical.core.schema import Column, Constraint, Kind
from veridical.profile.header import words
from veridical.profile.sample import Sample, numbers_for

LEAST = 3


def find(table: pa.Table, sample: Sample) -> list[Constraint]:
    """Return groups of neighbouring 0/1 columns of which exactly one is 1 in every row.

    Example:
        >>> from veridical.profile.table import learn_table
        >>> rows = np.eye(3, dtype=int)[np.random.default_rng(0).integers(3, size=300)]
        >>> table = pa.table({f"colour_{c}": rows[:, i] for i, c in enumerate("rgb")})
        >>> learn_table(table, name="t")[0].constraints[0].columns
        ('colour_r', 'colour_g', 'colour_b')
    """
    flags = [c for c in sample.columns if c.kind is Kind.BOOLEAN and not c.nullable and _is_numeric(table, c.name)]
    found = []
    for group in _groups(flags):
        total = np.zeros(sample.rows)
        for column in group:
            values = sample.numbers(column.name)
            total += 0 if values is None else values
        if np.all(total == 1) and all(_varies(sample, column.name) for column in group) and _holds(table, group):
            names = tuple(column.name for column in group)
            reason = f"exactly one of the {len(names)} is 1 in all {table.num_rows:,} rows"
            found.append(Constraint(type="one_hot", columns=names, source="learned", reason=reason, confidence=0.97))
    return found


def _is_numeric(table: pa.Table, name: str) -> bool:
    kind = table.schema.field(name).type
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)


def _varies(sample: Sample, name: str) -> bool:
    return bool(np.ptp(sample.codes(name)) > 0)


def _groups(flags: Sequence[Column]) -> list[list[Column]]:
    """Columns that share the beginning of their names; else all of them."""
    by_start: dict[str, list[Column]] = {}
    for column in flags:
        parts = words(column.name)
        for depth in range(1, min(len(parts), 4)):
            by_start.setdefault("_".join(parts[:depth]), []).append(column)
    groups = [group for group in by_start.values() if len(group) >= LEAST]
    if len(flags) >= LEAST and flags not in groups:
        groups.append(list(flags))
    used: set[str] = set()
    kept = []
    for group in sorted(groups, key=len):
        if not used & {column.name for column in group}:
            kept.append(group)
    return kept


def _holds(table: pa.Table, group: Sequence[Column]) -> bool:
    total = np.zeros(table.num_rows)
    for column in group:
        values = numbers_for(table.column(column.name), column)
        if values is None:
            return False
        total += values
    return bool(np.all(total == 1))
