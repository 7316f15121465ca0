"""Which columns name the entity, stay the same for it, belong to the time, or change from row to row?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from veridical.core.errors import SchemaError, SpecError
from veridical.core.expression import parse
from veridical.core.schema import NUMERIC_KINDS, Column, Constraint, Kind, Role, TableSchema
from veridical.encode.panel import Layout, codes_of, is_shared, is_static
from veridical.engines.sequence import since

_MADE_UP = frozenset({Kind.IDENTIFIER, Kind.PERSONAL, Kind.TEXT})


@dataclass(frozen=True)
class Columns:
    """The columns of a sequence table by what they do, in the table's order.

    `keys` name the entity, `static` ones never change within it, `shared` ones follow from the time alone, `moving`
    ones are all others, of which those in `since` are told by how long after `time` they lie; `time` orders the rows.
    """

    keys: tuple[str, ...]
    static: tuple[str, ...]
    shared: tuple[str, ...]
    moving: tuple[str, ...]
    time: str
    since: tuple[str, ...] = ()

    @property
    def attributes(self) -> tuple[str, ...]:
        """What is drawn once an entity."""
        return (*self.keys, *self.static)


def split(schema: TableSchema, table: pa.Table, layout: Layout, ticks: np.ndarray) -> Columns:
    """Return the columns of a sorted table by what they do.

    Raises:
        SchemaError: the schema names no order, or columns that are not there.
    """
    series, time = checked(schema, table)
    static, shared, moving = [], [], []
    for column in schema.columns:
        name = column.name
        if name in series or name == time or column.role is Role.DROP:
            continue
        codes = codes_of(table[name])
        if column.role is Role.CONTEXT or is_static(codes, layout):
            static.append(name)
        elif _may_be_shared(column) and is_shared(codes, ticks, layout):
            shared.append(name)
        else:
            moving.append(name)
    return Columns(series, tuple(static), tuple(shared), tuple(moving), time, since.find(table, schema, moving, time))


def checked(schema: TableSchema, table: pa.Table) -> tuple[tuple[str, ...], str]:
    """Return the columns that name the entity and the one of time, after finding them in the table.

    Raises:
        SchemaError: the schema names none, or columns that are not there.
    """
    if schema.series is None or schema.order_by is None:
        raise SchemaError(
            "the schema does not say that rows follow each other",
            where=schema.name,
            fix="name the entity's columns under `series:` ([] for one long series) and the time under `order_by:`",
        )
    missing = [name for name in (*schema.series, schema.order_by) if name not in table.column_names]
    if missing:
        raise SchemaError(f"there is no column {', '.join(missing)}", where=schema.name, fix="correct the schema")
    return schema.series, schema.order_by


def _may_be_shared(column: Column) -> bool:
    whole = column.kind is Kind.INTEGER
    return column.kind not in _MADE_UP and (column.kind not in NUMERIC_KINDS or whole)


def schema_of(schema: TableSchema, names: Sequence[str]) -> TableSchema:
    """Return the schema of some columns, with the rules that speak of them alone.

    Orders between numbers are left out: steps keep them by how they are told.
    """
    held = set(names)
    rules = tuple(
        rule
        for rule in schema.constraints
        if rule.columns
        and set(rule.columns) <= held
        and rule.type not in ("inequality", "unique")
        and _inside(rule, held)
    )
    columns = tuple(replace(c, unique=False) for c in schema.columns if c.name in held)
    return TableSchema(name=schema.name, columns=columns, constraints=rules)


def _inside(rule: Constraint, held: set[str]) -> bool:
    if rule.expression is None:
        return True
    try:
        parse(rule.expression, sorted(held))
    except SpecError:
        return False
    return True


def partners(schema: TableSchema, names: Sequence[str]) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """Return for each number the earlier ones it never lies below and above, and so the order they are drawn in.

    Those with the fewest partners come first: open and close before high and low.
    """
    pairs = [
        pair
        for rule in schema.constraints
        if rule.type == "inequality"
        for pair in zip(rule.columns, rule.columns[1:], strict=False)
        if set(pair) <= set(names)
    ]
    count = {name: sum(name in pair for pair in pairs) for name in names}
    sides = {name: len({pair.index(name) for pair in pairs if name in pair}) for name in names}
    order = sorted(names, key=lambda name: (sides[name] == 1 and count[name] > 1, count[name] > 0))
    found: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
    for name in order:
        lows = tuple(dict.fromkeys(low for low, high in pairs if high == name and low in found))
        highs = tuple(dict.fromkeys(high for low, high in pairs if low == name and high in found))
        found[name] = (lows, highs)
    return found
