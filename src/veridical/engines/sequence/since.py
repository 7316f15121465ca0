"""Which times of a row are told by how long after the row's own time they lie: the end of a visit, a due date?

Told so, an end never comes before its start, and a stay of two hours lasts two hours in any year.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from veridical.core.schema import Column, Kind, TableSchema
from veridical.prepare.codec import whole

NEAR = 0.5  # of a column's own spread: closer to the row's time than that, it is told by it
LEAST_ROWS = 20


def find(table: pa.Table, schema: TableSchema, moving: Sequence[str], time: str) -> tuple[str, ...]:
    """Return the moving columns that are told since the row's time: those that a rule ties to it, or that lie near it.

    Example:
        >>> from veridical.core.schema import Column
        >>> days = np.arange(40).astype("datetime64[D]")
        >>> rows = pa.table({"from": days, "to": days + 2, "born": days[::-1]})
        >>> names = [Column(name=name, kind=Kind.DATE, storage="date32") for name in rows.column_names]
        >>> find(rows, TableSchema(name="stays", columns=tuple(names)), ["to", "born"], "from")
        ('to',)
    """
    kind = table.schema.field(time).type
    if not pa.types.is_temporal(kind):
        return ()
    tied = {
        name for rule in schema.constraints if rule.type == "inequality" and time in rule.columns
        for name in rule.columns
    }  # fmt: skip
    return tuple(
        name for name in moving
        if table.schema.field(name).type == kind and (name in tied or _near(table[time], table[name]))
    )  # fmt: skip


def _near(time: pa.ChunkedArray, other: pa.ChunkedArray) -> bool:
    mine, apart = _ticks(whole(other)), between(whole(time), whole(other))
    known = apart.drop_null().to_numpy(zero_copy_only=False)
    if len(known) < LEAST_ROWS:
        return False
    return bool(np.std(known) < NEAR * np.std(mine.drop_null().to_numpy(zero_copy_only=False)))


def told(table: pa.Table, names: Sequence[str], time: str) -> pa.Table:
    """Return the table with these columns as whole numbers since the row's time, in the type's own unit."""
    for name in names:
        apart = between(whole(table[time]), whole(table[name]))
        table = table.set_column(table.column_names.index(name), name, apart)
    return table


def as_number(column: Column) -> Column:
    """Return the column as it is told."""
    return replace(
        column, kind=Kind.INTEGER, storage="int64", low=None, high=None, step=None, decimals=0, categories=None,
        datetime_format=None, timezone=None, resolution=None, public=False,
    )  # fmt: skip


def schema_of(schema: TableSchema, names: Sequence[str]) -> TableSchema:
    """Return the schema of `told`; rules that read a date in these columns are left to the finished table."""
    if not names:
        return schema
    columns = tuple(as_number(column) if column.name in names else column for column in schema.columns)
    rules = tuple(
        rule for rule in schema.constraints
        if rule.type in ("inequality", "mutual_missing") or not (set(rule.columns) & set(names) or rule.expression
                                                                 or rule.when or rule.then)
    )  # fmt: skip
    return replace(schema, columns=columns, constraints=rules)


def at(time: pa.Array, since: pa.Array) -> pa.Array:
    """Return the times that lie so long after each row's time.

    Example:
        >>> str(at(pa.array([3], pa.date32()), pa.array([2]))[0])
        '1970-01-06'
    """
    ticks = pc.add(_ticks(time), since.cast(pa.int64()))
    return ticks.cast(pa.int32()).cast(time.type) if time.type.bit_width == 32 else ticks.cast(time.type)


def between(time: pa.Array, other: pa.Array) -> pa.Array:
    """Return how long after each time the other one lies, in the type's own unit."""
    return pc.subtract(_ticks(other), _ticks(time))


def _ticks(values: pa.Array) -> pa.Array:
    narrow = values.cast(pa.int32()) if values.type.bit_width == 32 else values
    return narrow.cast(pa.int64())
