"""What does a DuckDB database declare?"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import Any

from veridical.connect.database import sqltype
from veridical.connect.database.address import DUCKDB
from veridical.connect.database.created import parts_of
from veridical.connect.database.naming import quoted
from veridical.connect.database.structure import Check, Index, Link, SqlColumn, SqlTable, Structure, Unique

_HERE = "database_name = current_database() AND schema_name = current_schema()"


def catalog(connection: Any, *, include_views: bool = False) -> Structure:
    """Return all that the current schema declares."""
    columns: dict[str, list[SqlColumn]] = defaultdict(list)
    for table, name, kind, nullable, default in _rows(
        connection,
        "SELECT table_name, column_name, data_type, is_nullable, column_default FROM duckdb_columns() "
        f"WHERE {_HERE} AND NOT internal ORDER BY table_name, column_index",
    ):
        columns[table].append(_column(name, kind, nullable, default))
    tables = [
        _table(connection, name, columns[name], written)
        for name, written in _rows(
            connection, f"SELECT table_name, sql FROM duckdb_tables() WHERE {_HERE} AND NOT internal ORDER BY 1"
        )
    ]
    seen = _rows(
        connection, f"SELECT view_name, sql FROM duckdb_views() WHERE {_HERE} AND NOT internal ORDER BY view_oid"
    )
    views = tuple(str(row[0]) for row in seen)
    if include_views:
        tables += [SqlTable(name=name, columns=tuple(columns[name]), is_view=True) for name in views]
    before = [row[0] for row in _rows(connection, f"SELECT sql FROM duckdb_sequences() WHERE {_HERE} ORDER BY 1")]
    types = _rows(
        connection,
        f"SELECT type_name, labels FROM duckdb_types() WHERE {_HERE} AND NOT internal "
        "AND logical_type = 'ENUM' ORDER BY 1",
    )
    for name, labels in types:
        listed = ", ".join("'" + str(label).replace("'", "''") + "'" for label in labels)
        before.append(f"CREATE TYPE {quoted(name)} AS ENUM ({listed})")
    return Structure(
        dialect=DUCKDB, tables=tuple(tables), before=tuple(before), views=views, extras=tuple(row[1] for row in seen)
    )


def _rows(connection: Any, query: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = connection.execute(query, parameters).fetchall()
    return found


def _column(name: str, kind: str, nullable: bool, default: str | None) -> SqlColumn:
    labels: tuple[str, ...] = ()
    if kind.startswith("ENUM("):
        from veridical.connect.database.token import tokens

        labels = tuple(word.value for word in tokens(kind) if word.kind == "text")
    serial = "serial" if default is not None and "nextval(" in default.lower() else ""
    return SqlColumn(
        name=name,
        type=sqltype.read(kind, dialect=DUCKDB, labels=labels),
        nullable=nullable,
        default=default,
        identity=serial,
    )


def _table(connection: Any, name: str, columns: list[SqlColumn], written: str) -> SqlTable:
    rows = _rows(
        connection,
        "SELECT constraint_type, constraint_name, constraint_column_names, expression, referenced_table, "
        f"referenced_column_names FROM duckdb_constraints() WHERE {_HERE} AND table_name = ? ORDER BY constraint_index",
        [name],
    )
    indexes = _rows(
        connection,
        f"SELECT index_name, sql, is_unique, expressions FROM duckdb_indexes() "
        f"WHERE {_HERE} AND table_name = ? ORDER BY 1",
        [name],
    )
    known = {column.name for column in columns}
    computed = parts_of(written).generated
    columns = [
        replace(c, generated=computed[c.name.lower()], default=None, stored=False) if c.name.lower() in computed else c
        for c in columns
    ]
    return SqlTable(
        name=name, columns=tuple(columns), definition=written,
        primary_key=next((tuple(row[2]) for row in rows if row[0] == "PRIMARY KEY"), ()),
        uniques=tuple(Unique(name=row[1] or "", columns=tuple(row[2])) for row in rows if row[0] == "UNIQUE"),
        checks=tuple(Check(name=row[1] or "", text=row[3]) for row in rows if row[0] == "CHECK"),
        links=tuple(
            Link(name=row[1] or "", columns=tuple(row[2]), parent=row[4], parent_columns=tuple(row[5]))
            for row in rows if row[0] == "FOREIGN KEY"
        ),
        indexes=tuple(_index(row, known) for row in indexes),
    )  # fmt: skip


def _index(row: tuple[Any, ...], known: set[str]) -> Index:
    name, sql, unique, expressions = row
    names = tuple(part.strip().strip("\"'") for part in str(expressions).strip("[]").split(","))
    return Index(name=name, definition=sql, unique=unique, columns=names if set(names) <= known else ())
