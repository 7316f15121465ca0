"""How is a column that follows from others computed anew for every row?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from veridical.core.errors import ConstraintError
from veridical.core.expression import parse
from veridical.core.schema import NUMERIC_KINDS, TEMPORAL_KINDS, Column, Constraint, TableSchema
from veridical.prepare.category import from_text
from veridical.prepare.codec import Place, Plain
from veridical.prepare.number import NumberCodec
from veridical.prepare.storage import store

_NOWHERE = Place(rows=0, rng=np.random.default_rng(0))  # numbers need no random stream


@dataclass(frozen=True, slots=True)
class Formula:
    """One derived column: the expression's value, on the column's grid and in its storage.

    The column's own bounds do not bend it: a row whose value lies outside is drawn again.
    """

    column: Column
    expression: str
    names: tuple[str, ...]  # the columns that may be read

    def compute(self, made: Mapping[str, pa.Array], rows: int) -> pa.Array:
        """Return the column, shape (rows,)."""
        expression = parse(self.expression, self.names)
        read = {name: made[name] for name in expression.columns}
        table = pa.table(read) if read else pa.table({"": pa.nulls(rows)})
        value = expression.evaluate(table)
        column = self.column
        if column.kind in NUMERIC_KINDS and not pa.types.is_string(value.type):
            if pa.types.is_boolean(value.type):
                value = value.cast(pa.int64())
            free = NumberCodec(replace(column, low=None, high=None), False)
            encoded = {column.name: value.cast(pa.float64(), safe=False)}
            return free.decode(free.encode(pa.table(encoded)), _NOWHERE)[column.name]
        if column.kind in TEMPORAL_KINDS:
            return _stored_moment(value, column)
        text = pc.if_else(value, "true", "false") if pa.types.is_boolean(value.type) else value.cast(pa.string())
        return from_text(text, column)

    def to_plain(self) -> Plain:
        """Return the formula as JSON-like data."""
        return {"column": self.column.name, "expression": self.expression}

    @classmethod
    def from_plain(cls, plain: Plain, schema: TableSchema) -> Formula:
        """Return what `to_plain` wrote."""
        return cls(schema.column(plain["column"]), plain["expression"], schema.names)


def learn_formulas(schema: TableSchema) -> tuple[Formula, ...]:
    """Return the schema's formulas in an order in which each finds what it reads.

    Raises:
        ConstraintError: formulas run in a circle.
    """
    rules: dict[str, Constraint] = {}
    for rule in schema.constraints:
        if rule.type == "formula" and rule.columns and rule.expression is not None:
            rules.setdefault(rule.columns[0], rule)
    done: list[Formula] = []
    for name in rules:
        _append(name, rules, schema, done, ())
    return tuple(done)


def _append(
    name: str, rules: Mapping[str, Constraint], schema: TableSchema, done: list[Formula], path: Sequence[str]
) -> None:
    if name in path:
        circle = " -> ".join([*path[path.index(name) :], name])
        raise ConstraintError(f"formulas run in a circle: {circle}", where=schema.name, fix="drop one of them")
    if any(formula.column.name == name for formula in done):
        return
    text = rules[name].expression or ""
    for read in parse(text, schema.names).columns:
        if read in rules:
            _append(read, rules, schema, done, (*path, name))
    done.append(Formula(schema.column(name), text, schema.names))


def _stored_moment(value: pa.Array, column: Column) -> pa.Array:
    if pa.types.is_floating(value.type) or pa.types.is_integer(value.type):
        seconds = pc.multiply(value.cast(pa.float64()), 1e6)
        value = seconds.cast(pa.int64(), safe=False).cast(pa.duration("us"))
    return store(value, column.storage)
