"""Which schema do a database's declarations come to, before any row is looked at?"""

from __future__ import annotations

from veridical.connect.database import condition
from veridical.connect.database.rule import formula_of, rules_of
from veridical.connect.database.sqltype import arrow_of
from veridical.connect.database.structure import Family, Index, SqlColumn, SqlTable, Structure
from veridical.core.expression import parse
from veridical.core.restriction import split
from veridical.core.schema import Column, Constraint, ForeignKey, Kind, Schema, TableSchema

_KINDS = {
    Family.INTEGER: Kind.INTEGER, Family.DECIMAL: Kind.DECIMAL, Family.FLOAT: Kind.DECIMAL,
    Family.BOOLEAN: Kind.BOOLEAN,
    Family.DATE: Kind.DATE, Family.TIME: Kind.TIME, Family.TIMESTAMP: Kind.DATETIME, Family.INTERVAL: Kind.TEXT,
    Family.UUID: Kind.IDENTIFIER, Family.ENUM: Kind.CATEGORY,
}  # fmt: skip
_NUMBERS = frozenset({Family.INTEGER, Family.DECIMAL, Family.FLOAT})
_RESOLUTION = {Kind.DATE: "day", Kind.DATETIME: "s", Kind.TIME: "s"}


def schema_of(structure: Structure, *, storages: dict[str, dict[str, str]] | None = None) -> Schema:
    """Return the schema that a structure declares; `storages` (table, column) says what reading really gave.

    Every rule has source "database". Conditions that the constraint language cannot say are named in `notes`.
    """
    notes = list(structure.notes)
    tables, keys = [], []
    names = {table.name for table in structure.tables}
    for table in structure.tables:
        made, unread = _table(table, {} if storages is None else storages.get(table.name, {}))
        tables.append(made)
        notes += [f"{table.name}: {line}" for line in unread]
        for link in table.links:
            if link.parent in names:
                keys.append(
                    ForeignKey(
                        table=table.name,
                        columns=link.columns,
                        parent=link.parent,
                        parent_columns=link.parent_columns,
                        source="database",
                        reason=f"FOREIGN KEY {link.name}".strip(),
                    )
                )
    return Schema(tables=tuple(tables), foreign_keys=tuple(keys), notes=tuple(notes))


def _table(table: SqlTable, storages: dict[str, str]) -> tuple[TableSchema, list[str]]:
    links = {name for link in table.links for name in link.columns}
    columns = tuple(_column(column, table, links, storages.get(column.name)) for column in table.columns)
    rules = rules_of(table.checks, columns)
    constraints = list(rules.constraints)
    unread = list(rules.unread)
    for unique in table.unique_sets:
        if unique != table.primary_key:
            constraints.append(Constraint(type="unique", columns=unique, source="database", reason="UNIQUE"))
    for column in table.columns:
        if column.generated is not None:
            formula = formula_of(column.name, column.generated, table.names)
            if formula is None or _reads_text(formula, table, storages):
                unread.append(f"{column.name} is computed by the database")
            else:
                constraints.append(formula)
        if column.type.family is Family.OTHER and column.type.text:
            unread.append(f"{column.name} has the type {column.type.text}, which is passed through as text")
    unread += [f"kept by the database only: {definition}" for definition in table.others]
    for index in table.indexes:
        if index.unique and (index.partial or not index.columns):
            rule = _indexed(index, table.names)
            constraints += [] if rule is None else [rule]
            if rule is None or not index.columns:
                unread.append(f"kept by the database only: the unique index {index.name}")
    made = TableSchema(
        name=table.name, columns=rules.columns, primary_key=table.primary_key, constraints=tuple(constraints)
    )
    return made, unread


def _reads_text(formula: Constraint, table: SqlTable, storages: dict[str, str]) -> bool:
    """Whether a formula counts with a column that holds text where it declares numbers, as SQLite lets it."""
    read = parse(formula.expression or "", table.names).columns
    numbers = {column.name for column in table.columns if column.type.family in _NUMBERS}
    return any(name in numbers and storages.get(name) == "string" for name in read)


def _indexed(index: Index, names: tuple[str, ...]) -> Constraint | None:
    """What a unique index over expressions, or over some of the rows, asks of columns at least."""
    columns = index.mentioned(names)
    why = f"UNIQUE INDEX {index.name}"
    if not index.partial:
        return Constraint(type="unique", columns=columns, source="database", reason=why) if columns else None
    read = condition.read(index.condition or "", names)
    if read is None or not columns or not set(split(read)[0]) - set(columns):
        return None
    return Constraint(type="at_most_one", columns=columns, when=read.text, source="database", reason=why)


def _column(column: SqlColumn, table: SqlTable, links: set[str], storage: str | None) -> Column:
    family = column.type.family
    kind = _KINDS.get(family, Kind.TEXT)
    alone = (column.name,) in table.unique_sets
    if (column.name,) == table.primary_key or column.name in links:
        kind = Kind.IDENTIFIER
    held = str(arrow_of(column.type)) if storage is None else storage
    labels = column.type.labels or None
    return Column(
        name=column.name, kind=kind, storage=held, nullable=column.nullable, unique=alone,
        decimals=column.type.scale if kind is Kind.DECIMAL else 0 if kind is Kind.INTEGER else None,
        categories=labels if kind is Kind.CATEGORY else None, public=labels is not None,
        timezone="UTC" if family is Family.TIMESTAMP and column.type.zoned else None,
        resolution=_RESOLUTION.get(kind), datetime_format=_format(kind) if held == "string" else None,
        pattern="uuid" if family is Family.UUID else None,
        reason=f"declared {column.type.text}".strip(),
    )  # fmt: skip


def _format(kind: Kind) -> str | None:
    return {Kind.DATE: "%Y-%m-%d", Kind.DATETIME: "%Y-%m-%d %H:%M:%S", Kind.TIME: "%H:%M:%S"}.get(kind)
