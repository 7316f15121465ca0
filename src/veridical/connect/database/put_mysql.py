"""How do Arrow tables get into MySQL or MariaDB?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any

import pyarrow as pa

from veridical.connect.database import orphan
from veridical.connect.database.address import MYSQL, Address
from veridical.connect.database.naming import quoted
from veridical.connect.database.order import Order
from veridical.connect.database.structure import SqlTable, Structure
from veridical.core.errors import DataError

ROWS_PER_BATCH = 5_000


@contextmanager
def whole(address: Address) -> Iterator[Address]:
    """Yield where to write."""
    yield address


@contextmanager
def transaction(connection: Any) -> Iterator[None]:
    """Commit the rows at the end, or none; tables made meanwhile are dropped on failure, as MySQL cannot undo them."""
    before = tables(connection)
    connection.begin()
    try:
        yield
    except BaseException:
        # A connection that was lost is made anew to clean up; a server that died cannot be, and the first error counts.
        with suppress(import_module("pymysql").Error):
            connection.ping(reconnect=True)
            connection.rollback()
            drop(connection, sorted(tables(connection) - before))
        raise
    connection.commit()


def tables(connection: Any) -> set[str]:
    """Return the names of the tables that are there."""
    query = (
        "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'"
    )
    return {str(row[0]) for row in _fetch(connection, query)}


def drop(connection: Any, names: list[str]) -> None:
    """Drop tables, with the links that lead to them."""
    _execute(connection, "SET FOREIGN_KEY_CHECKS = 0")
    for name in names:
        _execute(connection, f"DROP TABLE {quoted(name, '`')}")


def run(connection: Any, statement: str) -> None:
    """Run one statement of the structure; a link may name a table that comes later."""
    _execute(connection, "SET FOREIGN_KEY_CHECKS = 0")
    _execute(connection, statement)


def attempt(connection: Any, statements: Sequence[str]) -> tuple[str, ...]:  # noqa: ARG001
    """Nothing: MySQL's views name their own database, and are told as lost."""
    return tuple(statements)


def relax(connection: Any) -> None:
    """Put links off; `check` looks at every one of them."""
    _execute(connection, "SET FOREIGN_KEY_CHECKS = 0, SESSION time_zone = '+00:00'")


def rows(connection: Any, table: SqlTable, data: pa.Table) -> None:
    """Write rows, 5,000 to a statement."""
    listed = ", ".join(quoted(column.name, "`") for column in table.columns)
    marks = ", ".join(["%s"] * len(table.columns))
    statement = f"INSERT INTO {quoted(table.name, '`')} ({listed}) VALUES ({marks})"
    with connection.cursor() as cursor:
        for start in range(0, data.num_rows, ROWS_PER_BATCH):
            piece = data.slice(start, ROWS_PER_BATCH)
            cursor.executemany(statement, list(zip(*(_cells(column) for column in piece.columns), strict=True)))


def _cells(column: pa.ChunkedArray) -> list[object]:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _cells(column.cast(kind.value_type))
    if pa.types.is_timestamp(kind):
        values = column.cast(pa.timestamp("us", tz=kind.tz), safe=False).to_pylist()
        return [None if v is None else v.replace(tzinfo=None) for v in values]
    if pa.types.is_nested(kind) or pa.types.is_duration(kind):
        return [None if v is None else str(v) for v in column.to_pylist()]
    found: list[object] = column.to_pylist()
    return found


@contextmanager
def deferred(connection: Any, tables: list[SqlTable], order: Order) -> Iterator[bool]:  # noqa: ARG001
    """Circles are no trouble: links are put off, and `check` looks at every one."""
    relax(connection)
    yield True


def update(connection: Any, table: SqlTable, data: pa.Table, names: tuple[str, ...]) -> None:
    """Set columns that stayed null, row by row, found by the primary key."""
    sets = ", ".join(f"{quoted(name, '`')} = %s" for name in names)
    keys = " AND ".join(f"{quoted(name, '`')} = %s" for name in table.primary_key)
    values = zip(*(_cells(data.column(name)) for name in (*names, *table.primary_key)), strict=True)
    with connection.cursor() as cursor:
        cursor.executemany(f"UPDATE {quoted(table.name, '`')} SET {sets} WHERE {keys}", list(values))


def advance(connection: Any, tables: list[SqlTable]) -> None:
    """Nothing: MySQL goes on from the last key by itself."""


def check(connection: Any, structure: Structure) -> None:
    """Look for broken links, since they were not checked while rows were written.

    Raises:
        DataError: naming the tables with their counts.
    """
    present = tables(connection)
    for table in structure.tables:
        for link in table.links if table.name in present else ():
            orphans, _ = orphan.count(connection, table, link, MYSQL)
            if orphans:
                what = f"orphan keys: {orphans} rows of {table.name} without a row of {link.parent}"
                raise DataError(what, fix="add the parents, or drop the rows")


def count(connection: Any, name: str) -> int:
    """Return 1 when a table holds a row, else 0."""
    return int(_fetch(connection, f"SELECT EXISTS (SELECT 1 FROM {quoted(name, '`')})")[0][0])


def _execute(connection: Any, statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def _fetch(connection: Any, query: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())
