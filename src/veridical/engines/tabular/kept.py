"""Do rows still keep the rules once values were moved to be unique, and can those that do not be mended?

Values that must be unique are moved, and keys numbered, after the rules were checked. Rows that a rule refuses for that
swap the moved values with other rows: whatever was unique stays so. When no swap helps, the rule is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.core.errors import ConstraintError
from veridical.engines.tabular.condition import Condition
from veridical.prepare import Restore
from veridical.prepare.codec import whole
from veridical.prepare.violation import RowRule

ROUNDS = 80
Mask = NDArray[np.bool_]
Places = NDArray[np.intp]


def broken_rows(table: pa.Table, rules: Sequence[RowRule], condition: Condition) -> Mask:
    """Say for each row whether it breaks a rule or the condition."""
    found = condition.broken(table)
    for rule in rules:
        found |= rule.broken(table)
    return found


def mended(
    table: pa.Table,
    excused: Mask,
    restore: Restore,
    rules: Sequence[RowRule],
    condition: Condition,
    rng: np.random.Generator,
) -> pa.Table:
    """Return the table with every row keeping the rules that it kept before values were moved.

    `excused` marks rows that broke a rule before: what was given breaks it, and given cells are never changed.

    Raises:
        ConstraintError: unique values and a rule cannot both be kept.
    """

    def amiss(rows: pa.Table) -> Mask:
        return broken_rows(rows, rules, condition) & ~excused

    broken = amiss(table)
    for names, others in _movable(restore):
        if not broken.any():
            return table
        table = _swapped(table, names, others, restore, amiss, rng)
        broken = amiss(table)
    if broken.any():
        raise _clash(int(broken.sum()), table, restore, rules, condition)
    return table


def _movable(restore: Restore) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Yield the columns that are moved together, and those that say among which rows they are unique."""
    for unique in restore.uniques:
        moved = tuple(name for codec in unique.moved for name in codec.names)
        yield moved, tuple(name for name in unique.columns if name not in moved)
    for name in restore.keys:
        yield (name,), ()


def _swapped(
    table: pa.Table,
    names: Sequence[str],
    others: Sequence[str],
    restore: Restore,
    amiss: Callable[[pa.Table], Mask],
    rng: np.random.Generator,
) -> pa.Table:
    groups = _groups(table, others)
    broken = amiss(table)
    for _ in range(ROUNDS):
        one, two = _pairs(np.flatnonzero(broken), groups, rng)
        if not len(one):
            break
        trial = amiss(_with_swaps(table, names, one, two, restore))
        better = ~trial[one] & (~trial[two] | broken[two])
        if better.any():
            table = _with_swaps(table, names, one[better], two[better], restore)
            broken = amiss(table)
    return table


def _pairs(rows: Places, groups: Places, rng: np.random.Generator) -> tuple[Places, Places]:
    """Return for each row, as far as there is one, another row of its group; no row stands in two pairs."""
    order = rng.permutation(len(groups))
    order = order[np.argsort(groups[order], kind="stable")]
    place = np.empty(len(groups), dtype=np.intp)
    place[order] = np.arange(len(groups))
    # Neighbours in a shuffled order within groups, each place taken in twos.
    partner = order[np.clip(place[rows] ^ 1, 0, len(groups) - 1)]
    fits = (groups[partner] == groups[rows]) & (partner != rows)
    one, two = rows[fits], partner[fits]
    first = (one < two) | ~np.isin(two, one)
    return one[first], two[first]


def _with_swaps(table: pa.Table, names: Sequence[str], one: Places, two: Places, restore: Restore) -> pa.Table:
    source = np.arange(table.num_rows)
    source[one], source[two] = two, one
    for name in names:
        moved = whole(table[name]).take(pa.array(source))
        table = table.set_column(table.column_names.index(name), name, moved)
    return restore.derived(table)


def _groups(table: pa.Table, names: Sequence[str]) -> Places:
    code = np.zeros(table.num_rows, dtype=np.int64)
    for name in names:
        own = whole(table[name]).dictionary_encode("encode").indices.to_numpy(zero_copy_only=False).astype(np.int64)
        _, code = np.unique(code * (int(own.max(initial=0)) + 1) + own, return_inverse=True)
    return code.ravel().astype(np.intp)


def _clash(
    rows: int, table: pa.Table, restore: Restore, rules: Sequence[RowRule], condition: Condition
) -> ConstraintError:
    moved = {name for names, _ in _movable(restore) for name in names}
    words = [f"unique {', '.join(unique.columns)}" for unique in restore.uniques]
    words += [f"key {name}" for name in restore.keys]
    against = [
        f"{rule.constraint.type} {', '.join(rule.constraint.columns) or rule.constraint.when}"
        for rule in rules
        if moved & set(rule.expression.columns) and rule.broken(table).any()
    ]
    against += [f"where {condition.text}"] if condition.text and condition.broken(table).any() else []
    return ConstraintError(
        f"{rows:,} rows cannot both be unique and keep {'; '.join(against) or 'the rules'}",
        where="; ".join(words),
        fix="ask for fewer rows, widen the bounds, or drop one of the two",
    )
