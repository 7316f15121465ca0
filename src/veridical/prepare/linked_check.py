"""Can rules across tables be kept at all? Asked before anything is learned."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import pyarrow as pa

from veridical.core.contracts import Allowed
from veridical.core.errors import ConstraintError, SpecError
from veridical.core.expression import parse
from veridical.core.restriction import intersect, is_empty, split
from veridical.core.schema import Column, Constraint, Schema
from veridical.prepare.linked_rule import AT_MOST_ONE, TOTAL, child_of, column_above, linked_rules, surplus
from veridical.prepare.violation import rule_text


def check_rules(schema: Schema, tables: Mapping[str, pa.Table] | None = None) -> None:
    """Refuse rules across tables that name what is not there, or that no row could keep.

    With `tables`, a rule of at most one row that says of no kind which rows it means must hold in them.

    Raises:
        ConstraintError: naming the table, the rule, and how to mend it.
    """
    for name, rule in linked_rules(schema):
        try:
            _check(schema, name, rule, tables)
        except SpecError as wrong:
            raise ConstraintError(wrong.what, where=f"{name}: {rule.type}", fix=wrong.fix) from None


def _check(schema: Schema, name: str, rule: Constraint, tables: Mapping[str, pa.Table] | None) -> None:
    own = schema.table(name)
    if rule.type == TOTAL:
        link, text = child_of(schema, name, rule)
        parse(text, schema.table(link.table).columns)
        return
    if rule.type == AT_MOST_ONE:
        kinds = split(parse(rule.when, own.columns))[0] if rule.when is not None else {}
        if rule.when is None and tables is not None and surplus(tables[name], own, rule).any():
            fix = "say which rows it speaks of: `when: active == true`, or make the columns unique"
            where = f"{name}: at most one by {', '.join(rule.columns)}"
            raise ConstraintError("a parent has several rows in the source", where=where, fix=fix)
        if rule.when is not None and not set(kinds) - set(rule.columns):
            raise ConstraintError("no column tells the kind", where=f"{name}: {rule.when}", fix="compare a column")
        return
    dotted = [column for column in rule.columns if "." in column and column not in own.names]
    above = {column: column_above(schema, name, column) for column in dotted}
    said = rule_text(rule, own)
    if said is not None:
        parse(said, [*own.columns, *above.values()])
    if rule.type == "inequality":
        _check_order(name, rule, [above.get(column) or own.column(column) for column in rule.columns])


def _check_order(name: str, rule: Constraint, columns: list[Column]) -> None:
    for one, two in itertools.pairwise(columns):
        meeting = intersect(Allowed(low=one.low), Allowed(high=two.high, high_open=rule.strict))
        if is_empty(meeting):
            told = f"{one.name} is {one.low} at least, and {two.name} {two.high} at most"
            raise ConstraintError(told, where=f"{name}: inequality", fix="widen low and high, or drop the rule")
