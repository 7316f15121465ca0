"""How do finished tables come to keep rules that count over several rows: totals, and at most one of a kind?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from veridical.core.chunks import numbers_of
from veridical.core.errors import ConstraintError
from veridical.core.expression import parse
from veridical.core.restriction import split
from veridical.core.schema import Column, Constraint, Kind, Schema, TableSchema
from veridical.core.timetext import as_moments, in_form
from veridical.prepare.codec import whole
from veridical.prepare.link import Rows
from veridical.prepare.linked_rule import (
    AT_MOST_ONE,
    TOTAL,
    broken_rows,
    linked_rules,
    surplus,
    totals,
    with_parents,
)
from veridical.prepare.linked_swap import swapped
from veridical.prepare.linked_unique import apart
from veridical.prepare.storage import is_text, store
from veridical.prepare.violation import row_rules

INEQUALITY = "inequality"
_LAST_DAY = 2_932_896  # 9999-12-31, in days since 1970
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6}


def ruled(tables: Mapping[str, pa.Table], schema: Schema, rng: np.random.Generator) -> dict[str, pa.Table]:
    """Return the tables with rows in order with their parents, surplus rows of another kind, and totals of their lines.

    A row knows the parent that it grew from, and is in order with it; the others are met when it is there already.

    Raises:
        ConstraintError: there is no other kind to turn a row to.
    """
    found = apart(swapped(tables, schema, rng), schema)
    for name, rule in linked_rules(schema):
        if rule.type == INEQUALITY and len(rule.columns) == 2:
            found[name] = _in_order(found, schema, name, rule, rng)
    for name, rule in linked_rules(schema):
        if rule.type == AT_MOST_ONE:
            found[name] = _one_each(found[name], schema.table(name), rule, rng)
    for name, rule in linked_rules(schema):
        if rule.type == TOTAL:
            column = schema.table(name).column(rule.columns[0])
            sums = np.round(totals(found, schema, name, rule), column.decimals if column.decimals is not None else 9)
            place = found[name].column_names.index(column.name)
            found[name] = found[name].set_column(place, column.name, store(pa.array(sums), column.storage))
    return found


def _in_order(
    tables: Mapping[str, pa.Table], schema: Schema, name: str, rule: Constraint, rng: np.random.Generator
) -> pa.Table:
    """Return rows of which none comes before what its parent says: as far from it as some other row is.

    Columns that keep an order with the one that moves move with it.
    """
    rows, own = tables[name], schema.table(name)
    broken = broken_rows(tables, schema, name, rule)
    mine = [column for column in rule.columns if column in own.names]
    if not broken.any() or len(mine) != 1:
        return rows
    theirs = next(column for column in rule.columns if column not in own.names)
    late = own.column(mine[0])
    kind = rows.schema.field(late.name).type
    above = _numbers(whole(with_parents(tables, schema, name, {theirs})[theirs]).cast(kind, safe=False), late)
    values = _numbers(whole(rows[late.name]), late)
    known = np.flatnonzero(~broken & ~np.isnan(above) & ~np.isnan(values))
    apart = (values - above)[known] if len(known) else np.zeros(1)
    moved = np.where(broken, above + rng.choice(apart, size=len(broken)) - values, 0.0)
    for column in _tied(own, mine[0], rows):
        held = _numbers(whole(rows[column]), own.column(column)) + moved
        place, kind = rows.column_names.index(column), rows.schema.field(column).type
        rows = rows.set_column(place, column, _spelled(held, own.column(column), kind))
    return rows


def _numbers(values: pa.Array, column: Column) -> NDArray[np.float64]:
    """Return numbers or moments as numbers, moments spelled as text in microseconds."""
    if is_text(values.type):
        form = column.datetime_format or "%Y-%m-%d"
        values = as_moments(values, form)
    return numbers_of(values)


def _spelled(held: NDArray[np.float64], column: Column, kind: pa.DataType) -> pa.Array:
    """Return what `_numbers` was made of."""
    if not is_text(kind):
        return of_numbers(held, kind)
    return store(in_form(of_numbers(held, pa.timestamp("us")), column.datetime_format or "%Y-%m-%d"), column.storage)


def _tied(own: TableSchema, name: str, rows: pa.Table) -> list[str]:
    """Return a column and those of its type that keep an order with it."""
    found = [name]
    for column in found:
        for rule in own.constraints:
            if rule.type == INEQUALITY and column in rule.columns:
                found += [
                    other for other in rule.columns
                    if other in own.names and other not in found
                    and rows.schema.field(other).type == rows.schema.field(name).type
                ]  # fmt: skip
    return found


def of_numbers(held: NDArray[np.float64], kind: pa.DataType) -> pa.Array:
    """Return what `numbers_of` was made of."""
    gaps = np.isnan(held)
    if not (pa.types.is_temporal(kind) or pa.types.is_integer(kind)):
        return store(pa.array(held, mask=gaps), str(kind))
    ticks = np.rint(np.where(gaps, 0.0, held)).astype(np.int64)
    if pa.types.is_date32(kind) or (pa.types.is_timestamp(kind) and kind.unit != "ns"):
        # Calendars of databases and of Python end with the year 9999.
        per_day = 1 if pa.types.is_date32(kind) else 86_400 * _PER_SECOND[kind.unit]
        ticks = np.minimum(ticks, (_LAST_DAY + 1) * per_day - 1)
    whole_numbers = pa.array(ticks, mask=gaps)
    return (whole_numbers.cast(pa.int32()) if pa.types.is_date32(kind) else whole_numbers).cast(kind)


def _one_each(rows: pa.Table, schema: TableSchema, rule: Constraint, rng: np.random.Generator) -> pa.Table:
    many = surplus(rows, schema, rule)
    if not many.any():
        return rows
    if rule.when is None:
        raise ConstraintError(
            "a parent has several rows", where=f"{schema.name}: at most one by {', '.join(rule.columns)}",
            fix="say which rows it speaks of: `when: active == true`, or make the columns unique",
        )  # fmt: skip
    told = parse(rule.when, schema.columns)
    limits, _ = split(told)
    names = [name for name in limits if name not in rule.columns]
    name = names[0] if names else None
    kind = np.asarray(pc.fill_null(whole(told.evaluate(rows)), False).to_numpy(zero_copy_only=False), dtype=bool)
    others = np.flatnonzero(~kind)
    if name is None:
        raise ConstraintError("no column tells the kind", where=f"{schema.name}: {rule.when}", fix="compare a column")
    values = whole(rows[name])
    if len(others):
        return _turned(rows, schema, names, many, rng.choice(others, size=int(many.sum())))
    if pa.types.is_boolean(values.type):
        moved = pc.if_else(pa.array(many), pc.invert(values), values)
    elif schema.column(name).nullable:
        moved = pc.if_else(pa.array(many), pa.scalar(None, values.type), values)
    else:
        raise ConstraintError(
            "there is no row of another kind", where=f"{schema.name}: {rule.when}", fix="drop the rule"
        )
    return rows.set_column(rows.column_names.index(name), name, moved)


def _turned(rows: pa.Table, schema: TableSchema, names: list[str], many: NDArray[np.bool_], donors: Rows) -> pa.Table:
    """Give rows the kind of others, with the columns that rules tie to it."""
    source = np.arange(rows.num_rows)
    source[many] = donors
    kept = {*schema.primary_key, *(c.name for c in schema.columns if c.unique or c.kind is Kind.IDENTIFIER)}
    tied = list(names)
    for column in tied:
        for rule in row_rules(schema):
            if column in rule.expression.columns:
                tied += [other for other in rule.expression.columns if other not in tied and other not in kept]
    for column in tied:
        place = rows.column_names.index(column)
        rows = rows.set_column(place, rows.schema.field(column), whole(rows[column]).take(pa.array(source)))
    return rows
