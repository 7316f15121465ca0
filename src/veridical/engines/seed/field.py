"""What may a column hold, by all that is declared of it?"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import pyarrow as pa

from veridical.connect.database import look
from veridical.connect.database.sqltype import arrow_of
from veridical.connect.database.structure import Family, SqlColumn, SqlTable
from veridical.core.contracts import Allowed
from veridical.core.expression import Expression
from veridical.core.restriction import ANY, conjuncts, intersect, split
from veridical.core.schema import Column, Kind, TableSchema
from veridical.engines.seed.form import forms_of
from veridical.prepare.storage import parse_type
from veridical.prepare.violation import RowRule, row_rules

_FAMILIES = {
    Kind.INTEGER: Family.INTEGER, Kind.DECIMAL: Family.DECIMAL, Kind.BOOLEAN: Family.BOOLEAN, Kind.DATE: Family.DATE,
    Kind.DATETIME: Family.TIMESTAMP, Kind.TIME: Family.TIME, Kind.DURATION: Family.INTERVAL,
}  # fmt: skip


# MySQL's types that hold less than their names say elsewhere.
_SPANS = (
    (re.compile(r"year(\(\d\))?"), 1901, 2155),
    (re.compile(r"timestamp(\(\d\))?"), "1970-01-02", "2038-01-18"),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One column to be filled: its declaration, its type's limits, and the values that conditions leave."""

    column: Column
    family: Family
    arrow: pa.DataType
    type_text: str = ""
    bits: int = 64
    unsigned: bool = False
    precision: int | None = None
    scale: int | None = None
    shortest: int = 0  # characters
    longest: int | None = None
    labels: tuple[str, ...] = ()
    personal: str | None = None  # what values of the type are, where they are personal
    form: str | None = None  # the pattern that values of the type follow
    is_range: bool = False
    identity: bool = False
    has_default: bool = False
    computed: bool = False  # the database fills it
    forms: tuple[str, ...] = ()  # regular expressions that texts must match
    allowed: Allowed = ANY

    @property
    def name(self) -> str:
        """The column's name."""
        return self.column.name

    @property
    def low(self) -> float | None:
        """The least number (dates: as days or microseconds since 1970 stay text in `allowed`)."""
        return _number(self.allowed.low)

    @property
    def high(self) -> float | None:
        """The greatest number."""
        return _number(self.allowed.high)


def fields_of(schema: TableSchema, table: SqlTable | None, dialect: str) -> dict[str, Field]:
    """Return a table's fields by name, narrowed to what its conditions allow each by itself."""
    declared = {} if table is None else {column.name: column for column in table.columns}
    fields = {column.name: _field(column, declared.get(column.name), dialect) for column in schema.columns}
    for name, forms in forms_of(() if table is None else table.checks, fields).items():
        fields[name] = replace(fields[name], forms=forms)
    for rule in row_rules(schema):
        for part in _parts(rule):
            _narrow(fields, part)
    return fields


def _field(column: Column, declared: SqlColumn | None, dialect: str) -> Field:
    allowed = Allowed(low=column.low, high=column.high, nulls=True)
    if declared is None:
        arrow = parse_type(column.storage)
        if pa.types.is_dictionary(arrow):
            arrow = arrow.value_type
        family = _family_of(column, arrow)
        bits = arrow.bit_width if pa.types.is_integer(arrow) else 64
        return Field(
            column=column, family=family, arrow=arrow, bits=bits, scale=column.decimals, allowed=allowed,
            unsigned=pa.types.is_unsigned_integer(arrow), labels=column.categories or (),
            precision=arrow.precision if pa.types.is_decimal(arrow) else None,
        )  # fmt: skip
    kind = declared.type
    for form, low, high in _SPANS:
        if form.fullmatch(kind.text):
            allowed = intersect(allowed, Allowed(low=low, high=high, nulls=True))
    return Field(
        column=column, family=kind.family, arrow=arrow_of(kind), type_text=kind.text, bits=kind.bits or 64,
        unsigned=kind.unsigned, precision=kind.precision, scale=kind.scale, longest=kind.length,
        labels=column.categories or kind.labels, personal=look.personal_of(kind), form=look.pattern_of(kind, dialect),
        is_range=look.is_range(kind), identity=bool(declared.identity),
        has_default=declared.default is not None, computed=not declared.is_written, allowed=allowed,
    )  # fmt: skip


def _family_of(column: Column, arrow: pa.DataType) -> Family:
    if pa.types.is_boolean(arrow):
        return Family.BOOLEAN
    if pa.types.is_integer(arrow):
        return Family.INTEGER
    if pa.types.is_floating(arrow) or pa.types.is_decimal(arrow):
        return Family.DECIMAL
    if pa.types.is_binary(arrow):
        return Family.BYTES
    return Family.UUID if column.personal == "uuid" else _FAMILIES.get(column.kind, Family.TEXT)


def _parts(rule: RowRule) -> list[Expression]:
    """What a rule asks of each row, as parts that must all hold."""
    tree = _plain(rule.expression.tree)
    return [rule.expression.part(_plain(part)) for part in conjuncts(tree)]


def _plain(tree: ast.expr) -> ast.expr:
    """Take a double "not" away, and turn "not (a not in b)" round."""
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not):
        inner = tree.operand
        if isinstance(inner, ast.UnaryOp) and isinstance(inner.op, ast.Not):
            return _plain(inner.operand)
        if isinstance(inner, ast.Compare) and len(inner.ops) == 1 and type(inner.ops[0]) in _OPPOSITE:
            return ast.Compare(left=inner.left, ops=[_OPPOSITE[type(inner.ops[0])]()], comparators=inner.comparators)
    return tree


_OPPOSITE: Mapping[type[ast.cmpop], type[ast.cmpop]] = {
    ast.NotIn: ast.In, ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
}  # fmt: skip


def _narrow(fields: dict[str, Field], part: Expression) -> None:
    lengths = _length(part.tree)
    if lengths is not None and lengths[0] in fields:
        name, least, most = lengths
        field = fields[name]
        longest = field.longest if most is None else most if field.longest is None else min(most, field.longest)
        fields[name] = replace(field, shortest=max(field.shortest, least), longest=longest)
        return
    limits, _ = split(part)
    for name, allowed in limits.items():
        if name in fields:
            field = fields[name]
            both = intersect(field.allowed, replace(allowed, nulls=True))
            labels = field.labels
            if both.values is not None and field.family in (Family.TEXT, Family.ENUM):
                listed = tuple(str(value) for value in both.values)
                labels = tuple(v for v in labels if v in listed) or listed
            fields[name] = replace(field, allowed=both, labels=labels)


def _length(tree: ast.expr) -> tuple[str, int, int | None] | None:
    """A column and the characters it must have, where the condition is about that."""
    if not isinstance(tree, ast.Compare) or len(tree.ops) != 1:
        return None
    call, right = tree.left, tree.comparators[0]
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "len"):
        return None
    if not (isinstance(call.args[0], ast.Name) and isinstance(right, ast.Constant) and isinstance(right.value, int)):
        return None
    name, value = call.args[0].id, right.value
    match tree.ops[0]:
        case ast.Eq():
            return name, value, value
        case ast.Gt() | ast.GtE():
            return name, value + isinstance(tree.ops[0], ast.Gt), None
        case ast.Lt() | ast.LtE():
            return name, 0, value - isinstance(tree.ops[0], ast.Lt)
    return None


def _number(value: Any) -> float | None:
    if value is None or isinstance(value, str | date | datetime):
        return None
    return float(value)
