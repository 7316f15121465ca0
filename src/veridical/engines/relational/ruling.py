"""How do finished tables come to keep rules that count over several rows: totals, and at most one of a kind?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from veridical.core.errors import ConstraintError
from veridical.core.expression import parse
from veridical.core.restriction import split
from veridical.core.schema import Constraint, Schema, TableSchema
from veridical.prepare.codec import whole
from veridical.prepare.linked_rule import AT_MOST_ONE, TOTAL, linked_rules, surplus, totals
from veridical.prepare.storage import store


def ruled(tables: Mapping[str, pa.Table], schema: Schema, rng: np.random.Generator) -> dict[str, pa.Table]:
    """Return the tables with surplus rows turned to another kind, then totals computed from their lines.

    Raises:
        ConstraintError: there is no other kind to turn a row to.
    """
    found = dict(tables)
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
    name = next((name for name in limits if name not in rule.columns), None)
    kind = np.asarray(pc.fill_null(whole(told.evaluate(rows)), False).to_numpy(zero_copy_only=False), dtype=bool)
    others = np.flatnonzero(~kind)
    if name is None:
        raise ConstraintError("no column tells the kind", where=f"{schema.name}: {rule.when}", fix="compare a column")
    source = np.arange(rows.num_rows)
    values = whole(rows[name])
    if len(others):
        source[many] = rng.choice(others, size=int(many.sum()))
        moved = values.take(pa.array(source))
    elif pa.types.is_boolean(values.type):
        moved = pc.if_else(pa.array(many), pc.invert(values), values)
    elif schema.column(name).nullable:
        moved = pc.if_else(pa.array(many), pa.scalar(None, values.type), values)
    else:
        raise ConstraintError(
            "there is no row of another kind", where=f"{schema.name}: {rule.when}", fix="drop the rule"
        )
    return rows.set_column(rows.column_names.index(name), name, moved)
