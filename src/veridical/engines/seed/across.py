"""How do made-up tables come to keep rules across tables: order after sign-up, totals of lines, one open row each?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from veridical.core import rng as random_streams
from veridical.core.errors import ConstraintError
from veridical.core.schema import Schema
from veridical.prepare import linked_ruling
from veridical.prepare.linked_rule import TOTAL, broken_rows, child_of, linked_rules
from veridical.prepare.violation import row_rules


def full_parents(schema: Schema, table: str) -> frozenset[str]:
    """Return the parents of a table of which each owns a row: a total is one of lines."""
    found = set()
    for name, rule in linked_rules(schema):
        if rule.type == TOTAL and child_of(schema, name, rule)[0].table == table:
            found.add(name)
    return frozenset(found)


def ruled(tables: Mapping[str, pa.Table], schema: Schema, seed: int) -> dict[str, pa.Table]:
    """Return tables that keep the rules across them, and each table's own still.

    Raises:
        ConstraintError: a rule cannot be kept, or not beside the others.
    """
    rules = list(linked_rules(schema))
    if not rules:
        return dict(tables)
    made = linked_ruling.ruled(tables, schema, random_streams.stream(seed, "seed-db", "across"))
    for name, rule in rules:
        broken = int(broken_rows(made, schema, name, rule).sum())
        if broken:
            told = rule.expression or rule.when or ", ".join(rule.columns)
            fix = "say wider ranges for its columns, or drop the rule"
            raise ConstraintError(f"{rule.type} ({told}) is kept in all but {broken} rows", where=name, fix=fix)
    _still_kept(made, schema)
    return made


def _still_kept(tables: Mapping[str, pa.Table], schema: Schema) -> None:
    for own in schema.tables:
        there = set(tables[own.name].column_names)
        for rule in row_rules(own):
            if rule.constraint.type == "formula" or not set(rule.expression.columns) <= there:
                continue
            broken = np.asarray(rule.broken(tables[own.name]))
            if broken.any():
                told = rule.constraint.reason or rule.expression.text
                fix = "the rules across tables leave too little room for it: say wider ranges"
                raise ConstraintError(f"{told} would be broken in {int(broken.sum())} rows", where=own.name, fix=fix)
