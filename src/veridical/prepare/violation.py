"""Which constraints does a table break, and in how many rows?"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from veridical.core.errors import ConstraintError, SpecError
from veridical.core.expression import Expression, parse, quote
from veridical.core.schema import NUMERIC_KINDS, Constraint, Role, TableSchema
from veridical.prepare.codec import whole
from veridical.prepare.number import grid_of

_ON = "(1, true, 'true', 'yes', 'Y')"


@dataclass(frozen=True, slots=True)
class Violation:
    """How many rows break one constraint."""

    constraint: Constraint
    rows: int


@dataclass(frozen=True, slots=True)
class RowRule:
    """A constraint that each row keeps or breaks by itself, as an expression that must not be false."""

    constraint: Constraint
    expression: Expression

    def broken(self, table: pa.Table) -> NDArray[np.bool_]:
        """Say for each row whether it breaks the rule (a comparison with null breaks nothing)."""
        kept = pc.fill_null(self.expression.evaluate(table), True)
        return ~np.asarray(kept.to_numpy(zero_copy_only=False), dtype=bool)


def violations(table: pa.Table, schema: TableSchema, reference: pa.Table | None = None) -> list[Violation]:
    """Return every constraint of the schema with the rows of `table` that break it.

    Combinations are compared with those in `reference` (the real table); without one they are not counted.

    Example:
        >>> from veridical.core.schema import Column, Kind
        >>> columns = (Column(name="a", kind=Kind.INTEGER), Column(name="b", kind=Kind.INTEGER))
        >>> rule = Constraint(type="inequality", columns=("a", "b"))
        >>> schema = TableSchema(name="t", columns=columns, constraints=(rule,))
        >>> violations(pa.table({"a": [1, 5], "b": [2, 4]}), schema)[0].rows
        1
    """
    found = [Violation(rule.constraint, int(rule.broken(table).sum())) for rule in row_rules(schema)]
    for constraint in _keys(schema):
        found.append(Violation(constraint, repeated(table, constraint.columns)))
    for constraint in schema.constraints:
        if constraint.type == "fixed_combinations" and reference is not None:
            found.append(Violation(constraint, _unseen(table, reference, constraint.columns)))
    return found


@lru_cache(maxsize=256)
def row_rules(schema: TableSchema) -> tuple[RowRule, ...]:
    """Return the constraints that speak of one row at a time.

    Raises:
        ConstraintError: a constraint cannot be read.
    """
    rules: list[RowRule] = []
    present = [column for column in schema.columns if column.role is not Role.DROP]
    names = {column.name for column in present}
    for constraint in schema.constraints:
        text = rule_text(constraint, schema)
        if text is None or not names.issuperset(constraint.columns):
            continue
        try:
            rules.append(RowRule(constraint, parse(text, present)))
        except SpecError as wrong:
            raise ConstraintError(wrong.what, where=f"{constraint.type}: {wrong.where}", fix=wrong.fix) from None
    return tuple(rules)


def derived_rules(schema: TableSchema) -> tuple[RowRule, ...]:
    """Return what a column's own bounds and nullability ask of values that follow from others."""
    present = [column for column in schema.columns if column.role is not Role.DROP]
    rules: list[RowRule] = []
    for constraint in schema.constraints:
        if constraint.type != "formula":
            continue
        column = schema.column(constraint.columns[0])
        own = [Constraint(type="bounds", columns=(column.name,), low=column.low, high=column.high, source="column")]
        if not column.nullable:
            own.append(Constraint(type="forbidden", when=f"{quote(column.name)} is null", source="column"))
        texts = [(rule, rule_text(rule, schema)) for rule in own]
        rules += [RowRule(rule, parse(text, present)) for rule, text in texts if text is not None]
    return tuple(rules)


def rule_text(constraint: Constraint, schema: TableSchema) -> str | None:
    """Return a row rule in the constraint language; None for rules that speak of several rows.

    Example:
        >>> rule_text(Constraint(type="inequality", columns=("start", "end"), strict=True), schema=None)
        'start < end'
    """
    names = [quote(name) for name in constraint.columns]
    less = "<" if constraint.strict else "<="
    match constraint.type:
        case "bounds":
            low = [] if constraint.low is None else [f"{constraint.low!r} {less} {names[0]}"]
            high = [] if constraint.high is None else [f"{names[0]} {less} {constraint.high!r}"]
            return " and ".join(low + high) or None
        case "inequality":
            return " and ".join(f"{one} {less} {two}" for one, two in itertools.pairwise(names))
        case "one_hot":
            return " + ".join(f"({name} in {_ON})" for name in names) + " == 1"
        case "formula":
            return _formula_text(constraint, schema)
        case "conditional":
            return f"not ({constraint.when}) or ({constraint.then})"
        case "forbidden":
            return f"not ({constraint.when})"
        case "mutual_missing":
            pairs = itertools.pairwise(names)
            return " and ".join(f"({one} is null) == ({two} is null)" for one, two in pairs)
    return None


def repeated(table: pa.Table, columns: Sequence[str]) -> int:
    """Return how many rows repeat an earlier row's combination; a null makes a row unlike any other."""
    known = table.select(list(columns)).drop_null()
    if not known.num_rows:
        return 0
    plain = pa.table({name: whole(known[name]) for name in columns})
    return known.num_rows - plain.group_by(list(columns)).aggregate([]).num_rows


def _keys(schema: TableSchema) -> list[Constraint]:
    wanted = [rule for rule in schema.constraints if rule.type == "unique"]
    if schema.primary_key and all(set(rule.columns) != set(schema.primary_key) for rule in wanted):
        wanted.append(Constraint(type="unique", columns=schema.primary_key, source="database"))
    return wanted


def _formula_text(constraint: Constraint, schema: TableSchema) -> str:
    column = schema.column(constraint.columns[0])
    name, expression = quote(column.name), f"({constraint.expression})"
    if column.kind not in NUMERIC_KINDS:
        return f"{name} == {expression}"
    unit = grid_of(column)
    # Half a step of the column's own grid, and a float's last digits, are rounding rather than a broken rule.
    slack = max(constraint.tolerance, 0.0 if unit is None else 0.5 * unit)
    return f"abs({name} - {expression}) <= {slack!r} + 1e-9 * (1 + abs({name}))"


def _unseen(table: pa.Table, reference: pa.Table, columns: Sequence[str]) -> int:
    names = list(columns)
    asked = pa.table({name: whole(table[name]) for name in names})
    seen = pa.table({name: whole(reference[name]).cast(asked[name].type, safe=False) for name in names})
    both = pa.concat_tables([seen, asked])
    codes = [both[name].combine_chunks().dictionary_encode("encode").indices.to_numpy() for name in names]
    ids = np.zeros(both.num_rows, dtype=np.int64)
    for code in codes:
        _, ids = np.unique(ids * (int(code.max(initial=0)) + 1) + code, return_inverse=True)
    return int(np.count_nonzero(~np.isin(ids[seen.num_rows :], ids[: seen.num_rows])))
