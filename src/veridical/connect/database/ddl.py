"""Which statements make these tables in this database?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from veridical.connect.database import condition, sqltype
from veridical.connect.database.address import DUCKDB, MYSQL, POSTGRES, SQLITE
from veridical.connect.database.naming import quoted
from veridical.connect.database.order import order_of
from veridical.connect.database.structure import Family, Link, SqlColumn, SqlTable, Structure

_PLAIN_DEFAULT = re.compile(
    r"^\(?(?P<value>[-+]?\d+(\.\d+)?|'(?:[^']|'')*'|TRUE|FALSE|NULL)\)?(::[\w\s().,\"]+)?$", re.IGNORECASE
)
_NOW = re.compile(r"^\(?(CURRENT_TIMESTAMP|NOW\(\)|GET_CURRENT_TIMESTAMP\(\))(\(\d*\))?\)?(::[\w\s]+)?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Statements in the order they are run: `before` the rows, `after` them; `lost` names what is not kept."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    order: tuple[str, ...]
    lost: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()


def plan(structure: Structure, dialect: str) -> Plan:
    """Return what makes a structure in a database of a dialect.

    In its own dialect a structure keeps every word; in another one, what both understand (types, keys, NOT NULL,
    UNIQUE, conditions and defaults that can be said in both, plain indexes), and the rest is named in `lost`.
    """
    tables = [table for table in structure.tables if not table.is_view]
    order = order_of(tables)
    if structure.dialect != dialect:
        return _Translator(structure, dialect).plan(tables, order.names)
    makers = {POSTGRES: _postgres, SQLITE: _verbatim, MYSQL: _verbatim, DUCKDB: _verbatim}
    before, after = makers[dialect](structure, [structure.table(name) for name in order.names])
    return Plan(
        before=tuple(before), after=tuple(after), order=order.names, functions=structure.functions,
        extras=structure.extras,
    )  # fmt: skip


def _verbatim(structure: Structure, tables: list[SqlTable]) -> tuple[list[str], list[str]]:
    before = [*structure.before, *(table.definition or "" for table in tables)]
    indexes = [index.definition for table in tables for index in table.indexes if index.definition]
    return before, [*indexes, *structure.after]


def _postgres(structure: Structure, tables: list[SqlTable]) -> tuple[list[str], list[str]]:
    before = [*structure.before, *(line for table in tables for line in (_postgres_table(table), *table.parts))]
    after = [index.definition for table in tables for index in table.indexes]
    # Links come last: the server then checks each once over all rows, and circles are no trouble.
    after += [
        f"ALTER TABLE {quoted(table.name)} ADD CONSTRAINT {quoted(link.name)} {link.definition}"
        for table in tables for link in table.links
    ]  # fmt: skip
    return before, [*after, *structure.after]


def _postgres_table(table: SqlTable) -> str:
    lines = [_postgres_column(column) for column in table.columns]
    if table.primary_key:
        name = f"CONSTRAINT {quoted(table.primary_key_name)} " if table.primary_key_name else ""
        lines.append(f"{name}{table.primary_key_definition or f'PRIMARY KEY ({_listed(table.primary_key)})'}")
    lines += [f"CONSTRAINT {quoted(unique.name)} {unique.definition}" for unique in table.uniques]
    lines += [f"CONSTRAINT {quoted(check.name)} {check.definition}" for check in table.checks if check.definition]
    lines += table.others
    kind = "UNLOGGED TABLE" if table.is_unlogged else "TABLE"
    tail = f" {table.tail}" if table.tail else ""
    return f"CREATE {kind} {quoted(table.name)} (\n  " + ",\n  ".join(lines) + f"\n){tail}"


def _postgres_column(column: SqlColumn) -> str:
    parts = [quoted(column.name), column.type.domain or column.type.text]
    parts += [f"COLLATE {quoted(column.collation)}"] if column.collation else []
    if column.generated is not None:
        parts.append(f"GENERATED ALWAYS AS ({column.generated}) {'STORED' if column.stored else 'VIRTUAL'}")
    elif column.identity in ("always", "default"):
        options = f" ({column.identity_options})" if column.identity_options else ""
        parts.append(f"GENERATED {'ALWAYS' if column.identity == 'always' else 'BY DEFAULT'} AS IDENTITY{options}")
    elif column.default is not None:
        parts.append(f"DEFAULT {column.default}")
    return " ".join([*parts, *([] if column.nullable or column.required_by_type else ["NOT NULL"])])


def _listed(names: tuple[str, ...], mark: str = '"') -> str:
    return ", ".join(quoted(name, mark) for name in names)


class _Translator:
    """Says a structure in another dialect, and remembers what could not be said."""

    def __init__(self, structure: Structure, dialect: str) -> None:
        self.structure, self.dialect = structure, dialect
        self.mark = "`" if dialect == MYSQL else '"'
        self.lost: list[str] = []

    def plan(self, tables: list[SqlTable], names: tuple[str, ...]) -> Plan:
        ordered = [self.structure.table(name) for name in names]
        before = [self._table(table, set(names[:place])) for place, table in enumerate(ordered)]
        after = [line for table in ordered for line in self._indexes(table)]
        if self.dialect in (POSTGRES, MYSQL):
            after += [
                f"ALTER TABLE {self._name(table.name)} ADD {self._link(link)}"
                for table in tables
                for link in table.links
            ]
        if self.structure.after and self.structure.dialect == SQLITE:
            self.lost.append(f"{len(self.structure.after)} triggers")
        self.lost += [f"view {name}" for name in self.structure.views]
        return Plan(before=tuple(before), after=tuple(after), order=names, lost=tuple(self.lost))

    def _name(self, name: str) -> str:
        return quoted(name, self.mark)

    def _table(self, table: SqlTable, made: set[str]) -> str:
        lines = [self._column(column, table) for column in table.columns]
        if table.primary_key and not (self.dialect == SQLITE and self._is_rowid(table)):
            lines.append(f"PRIMARY KEY ({_listed(table.primary_key, self.mark)})")
        lines += [f"UNIQUE ({_listed(unique.columns, self.mark)})" for unique in table.uniques]
        lines += list(self._checks(table))
        if self.dialect == SQLITE:
            lines += [self._link(link) for link in table.links]
        if self.dialect == DUCKDB:
            for link in table.links:
                if link.parent in made or link.parent == table.name:
                    lines.append(self._link(link))
                else:
                    self.lost.append(f"{table.name}: the link to {link.parent}, part of a circle")
        self.lost += [f"{table.name}: {definition}" for definition in table.others]
        # Any letter, and no two of them alike: what other databases take for granted.
        tail = " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin" if self.dialect == MYSQL else ""
        return f"CREATE TABLE {self._name(table.name)} (\n  " + ",\n  ".join(lines) + f"\n){tail}"

    @staticmethod
    def _is_rowid(table: SqlTable) -> bool:
        key = table.primary_key
        column = table.column(key[0])
        return len(key) == 1 and bool(column.identity) and column.type.family is Family.INTEGER

    def _column(self, column: SqlColumn, table: SqlTable) -> str:
        keyed = any(column.name in names for names in (table.primary_key, *table.unique_sets))
        keyed = keyed or any(column.name in link.columns for link in table.links)
        parts = [self._name(column.name), sqltype.spell(column.type, self.dialect, key=keyed)]
        if self.dialect == SQLITE and column.identity and table.primary_key == (column.name,) and self._is_rowid(table):
            return f"{self._name(column.name)} INTEGER PRIMARY KEY"
        if column.generated is not None:
            parts += self._generated(column, table)
        elif column.identity and self.dialect in (POSTGRES, MYSQL):
            parts.append("GENERATED BY DEFAULT AS IDENTITY" if self.dialect == POSTGRES else "AUTO_INCREMENT")
        elif column.default is not None and not column.identity:
            parts += self._default(column, table)
        return " ".join([*parts, *([] if column.nullable else ["NOT NULL"])])

    def _generated(self, column: SqlColumn, table: SqlTable) -> list[str]:
        read = condition.read(column.generated or "", table.names)
        spelled = None if read is None else self._spelled(read)
        if spelled is None:
            self.lost.append(f"{table.name}.{column.name}: that the database computes it")
            return []
        return [f"GENERATED ALWAYS AS ({spelled}) {'VIRTUAL' if self.dialect == DUCKDB else 'STORED'}"]

    def _spelled(self, read: object) -> str | None:
        from veridical.core.expression import Expression

        spelled = condition.spell(read.tree) if isinstance(read, Expression) else None
        return spelled.replace('"', "`") if spelled is not None and self.dialect == MYSQL else spelled

    def _default(self, column: SqlColumn, table: SqlTable) -> list[str]:
        text = (column.default or "").strip()
        if _NOW.match(text) and column.type.family in (Family.TIMESTAMP, Family.DATE):
            return (
                ["DEFAULT CURRENT_TIMESTAMP"] if column.type.family is Family.TIMESTAMP or self.dialect != MYSQL else []
            )
        found = _PLAIN_DEFAULT.match(text)
        if found is None:
            self.lost.append(f"{table.name}.{column.name}: the default")
            return []
        value = found["value"]
        if column.type.family is Family.BOOLEAN:
            value = {"1": "TRUE", "0": "FALSE"}.get(value, value)
        return [f"DEFAULT {value}"]

    def _checks(self, table: SqlTable) -> Iterator[str]:
        for check in table.checks:
            read = condition.read(check.text, table.names)
            spelled = None if read is None else self._spelled(read)
            if spelled is None:
                self.lost.append(f"{table.name}: the condition {check.name or check.text[:60]}")
                continue
            name = f"CONSTRAINT {self._name(check.name)} " if check.name else ""
            yield f"{name}CHECK ({spelled})"
        if self.dialect != MYSQL:
            for column in table.columns:
                if column.type.labels:
                    listed = ", ".join("'" + label.replace("'", "''") + "'" for label in column.type.labels)
                    yield f"CHECK ({self._name(column.name)} IN ({listed}))"

    def _link(self, link: Link) -> str:
        text = (
            f"FOREIGN KEY ({_listed(link.columns, self.mark)}) REFERENCES {self._name(link.parent)} "
            f"({_listed(link.parent_columns, self.mark)})"
        )
        if self.dialect == DUCKDB:
            return text
        text += f" ON DELETE {link.on_delete}" if link.on_delete else ""
        text += f" ON UPDATE {link.on_update}" if link.on_update else ""
        if link.defer and self.dialect != MYSQL:
            text += f" DEFERRABLE INITIALLY {'DEFERRED' if link.defer == 'deferred' else 'IMMEDIATE'}"
        return text

    def _indexes(self, table: SqlTable) -> Iterator[str]:
        for index in table.indexes:
            if not index.columns or index.partial:
                self.lost.append(f"{table.name}: the index {index.name}")
                continue
            unique = "UNIQUE " if index.unique else ""
            columns = _listed(index.columns, self.mark)
            yield f"CREATE {unique}INDEX {self._name(index.name)} ON {self._name(table.name)} ({columns})"
