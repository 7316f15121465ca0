"""How many rows point to a parent that is not there?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from veridical.connect.database.address import MYSQL, POSTGRES, SQLITE
from veridical.connect.database.naming import quoted
from veridical.connect.database.structure import Link, SqlTable, Structure


@dataclass(frozen=True, slots=True)
class Orphans:
    """The rows of one link whose parent is missing, of those that name one."""

    table: str
    link: Link
    rows: int
    of: int


def orphans(connection: Any, structure: Structure) -> Iterator[Orphans]:
    """Yield the links that are broken, where the database may have let that be.

    SQLite checks links only when asked to, and PostgreSQL not those that are NOT VALID; others never hold one.
    """
    for table in structure.tables:
        for link in table.links:
            lax = structure.dialect == SQLITE or (structure.dialect == POSTGRES and "NOT VALID" in link.definition)
            if lax:
                rows, of = count(connection, table, link, structure.dialect)
                if rows:
                    yield Orphans(table.name, link, rows, of)


def count(connection: Any, table: SqlTable, link: Link, dialect: str) -> tuple[int, int]:
    """Return the rows of a link without a parent, and the rows that name one."""
    mark = "`" if dialect == MYSQL else '"'
    given = " AND ".join(f"c.{quoted(name, mark)} IS NOT NULL" for name in link.columns)
    joined = " AND ".join(
        f"p.{quoted(parent, mark)} = c.{quoted(child, mark)}"
        for child, parent in zip(link.columns, link.parent_columns, strict=True)
    )
    missing = f"NOT EXISTS (SELECT 1 FROM {quoted(link.parent, mark)} p WHERE {joined})"
    cursor = connection.cursor()
    cursor.execute(
        f"SELECT coalesce(sum(CASE WHEN {missing} THEN 1 ELSE 0 END), 0), count(*) "
        f"FROM {quoted(table.name, mark)} c WHERE {given}"
    )
    rows, of = cursor.fetchall()[0]
    return int(rows), int(of)
