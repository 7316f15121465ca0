"""What does a SQLite database declare?"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from typing import Any

from veridical.connect.database import sqltype
from veridical.connect.database.address import SQLITE
from veridical.connect.database.created import Parts, parts_of
from veridical.connect.database.naming import quoted
from veridical.connect.database.structure import (
    Index,
    Link,
    SqlColumn,
    SqlTable,
    Structure,
    Unique,
)

_HIDDEN, _VIRTUAL, _STORED = 1, 2, 3


def catalog(connection: sqlite3.Connection, *, include_views: bool = False) -> Structure:
    """Return all that the database declares; its own CREATE statements are kept word for word."""
    listed = connection.execute(
        "SELECT name, type, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    )
    rows = [(str(name), str(kind), str(sql or "")) for name, kind, sql in listed]
    kinds = {str(row[1]): str(row[2]) for row in connection.execute("PRAGMA table_list") if row[0] == "main"}
    names = [name for name, kind, _ in rows if kind == "table" and kinds.get(name, "table") == "table"]
    virtual = [name for name, kind, _ in rows if kind == "table" and kinds.get(name) == "virtual"]
    views = tuple(name for name, kind, _ in rows if kind == "view")
    written = {name: sql for name, kind, sql in rows if kind == "table"}
    tables = [_table(connection, name, written[name]) for name in sorted(names)]
    tables = [_resolved(table, tables) for table in tables]
    notes = [f"virtual table {name} is left out" for name in virtual]
    if include_views:
        tables += [_view(connection, name) for name in views]
    triggers = tuple(sql for _, kind, sql in rows if kind == "trigger")
    said = tuple(sql for _, kind, sql in rows if kind == "view")
    return Structure(dialect=SQLITE, tables=tuple(tables), after=triggers, views=views, notes=tuple(notes), extras=said)


def _table(connection: sqlite3.Connection, name: str, written: str) -> SqlTable:
    details = [row for row in _pragma(connection, "table_xinfo", name) if row[6] != _HIDDEN]
    parts = parts_of(written)
    keyed = [row for row in sorted(details, key=lambda row: row[5]) if row[5]]
    key = tuple(str(row[1]) for row in keyed)
    # An INTEGER PRIMARY KEY is the row's own number, handed out by the database.
    rowid = len(keyed) == 1 and str(keyed[0][2]).upper() == "INTEGER" and "WITHOUT ROWID" not in written.upper()
    columns = tuple(_column(row, parts, rowid=rowid and row[5] == 1, keyed=bool(row[5])) for row in details)
    uniques, indexes = _indexes(connection, name)
    return SqlTable(
        name=name, columns=columns, primary_key=key, uniques=tuple(uniques), indexes=tuple(indexes),
        checks=tuple(parts.checks), links=tuple(_links(connection, name, parts)), definition=written,
    )  # fmt: skip


def _column(row: Any, parts: Parts, *, rowid: bool, keyed: bool) -> SqlColumn:
    name, declared, required, default, hidden = str(row[1]), str(row[2]), bool(row[3]), row[4], row[6]
    generated = parts.generated.get(name.lower()) if hidden in (_VIRTUAL, _STORED) else None
    return SqlColumn(
        name=name, type=sqltype.read(declared.removesuffix("GENERATED ALWAYS").strip(), dialect=SQLITE),
        # A key may hold nulls in SQLite unless it says NOT NULL; nobody means that.
        nullable=not (required or keyed), default=default, generated=generated, stored=hidden != _VIRTUAL,
        identity="default" if rowid else "",
    )  # fmt: skip


def _indexes(connection: sqlite3.Connection, name: str) -> tuple[list[Unique], list[Index]]:
    uniques, indexes = [], []
    for _, index, unique, origin, partial in sorted(
        _pragma(connection, "index_list", name), key=lambda row: str(row[1])
    ):
        columns = tuple(row[2] for row in _pragma(connection, "index_info", str(index)))
        plain = () if None in columns else tuple(str(column) for column in columns)
        if origin == "u":
            uniques.append(Unique(name=str(index), columns=plain))
        elif origin == "c":
            sql = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", [index]).fetchone()[0]
            indexes.append(
                Index(name=str(index), definition=str(sql), columns=plain, unique=bool(unique), partial=bool(partial))
            )
    return uniques, indexes


def _links(connection: sqlite3.Connection, name: str, parts: Parts) -> list[Link]:
    grouped: dict[int, list[Any]] = defaultdict(list)
    for row in _pragma(connection, "foreign_key_list", name):
        grouped[int(row[0])].append(row)
    links = []
    for _, rows in sorted(grouped.items(), reverse=True):
        rows.sort(key=lambda row: row[1])
        columns = tuple(str(row[3]) for row in rows)
        parent_columns = tuple(str(row[4]) for row in rows if row[4] is not None)
        links.append(
            Link(
                name="",
                columns=columns,
                parent=str(rows[0][2]),
                parent_columns=parent_columns,
                on_update=_action(rows[0][5]),
                on_delete=_action(rows[0][6]),
                defer="deferred" if parts.deferred else "",
            )
        )
    return links


def _action(word: object) -> str:
    return "" if str(word).upper() == "NO ACTION" else str(word)


def _resolved(table: SqlTable, tables: list[SqlTable]) -> SqlTable:
    """Names of parents are looked up without regard to case, and a link without columns means the parent's key."""
    from dataclasses import replace

    by_name = {other.name.lower(): other for other in tables}
    links = []
    for link in table.links:
        parent = by_name.get(link.parent.lower())
        if parent is None:
            continue  # a link to nowhere: SQLite lets it stand until a row is written
        spelled = {name.lower(): name for name in parent.names}
        own = {name.lower(): name for name in table.names}
        columns = link.parent_columns or parent.primary_key
        links.append(
            replace(
                link,
                parent=parent.name,
                columns=tuple(own.get(c.lower(), c) for c in link.columns),
                parent_columns=tuple(spelled.get(c.lower(), c) for c in columns),
            )
        )
    return replace(table, links=tuple(links))


def _view(connection: sqlite3.Connection, name: str) -> SqlTable:
    rows = _pragma(connection, "table_info", name)
    columns = tuple(SqlColumn(name=str(row[1]), type=sqltype.read(str(row[2]), dialect=SQLITE)) for row in rows)
    return SqlTable(name=name, columns=columns, is_view=True)


def _pragma(connection: sqlite3.Connection, pragma: str, name: str) -> list[Any]:
    return connection.execute(f"PRAGMA {pragma}({quoted(name)})").fetchall()
