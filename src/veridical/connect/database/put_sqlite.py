"""How do Arrow tables get into SQLite?"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pyarrow as pa

from veridical.connect.database.address import Address
from veridical.connect.database.naming import quoted
from veridical.connect.database.order import Order
from veridical.connect.database.structure import SqlTable, Structure
from veridical.core.errors import DataError

ROWS_PER_BATCH = 50_000


@contextmanager
def whole(address: Address) -> Iterator[Address]:
    """Yield where to write: a file that does not exist yet takes its name only when it is whole."""
    path = address.path
    if path.exists():
        yield address
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield replace(address, database=str(partial))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit everything at the end, or nothing."""
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("PRAGMA defer_foreign_keys = ON")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def tables(connection: sqlite3.Connection) -> set[str]:
    """Return the names of the tables that are there."""
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    return {str(row[0]) for row in connection.execute(query)}


def drop(connection: sqlite3.Connection, names: list[str]) -> None:
    """Drop tables."""
    for name in names:
        connection.execute(f"DROP TABLE {quoted(name)}")


def run(connection: sqlite3.Connection, statement: str) -> None:
    """Run one statement of the structure."""
    connection.execute(statement)


def attempt(connection: sqlite3.Connection, statements: Sequence[str]) -> tuple[str, ...]:
    """Run what may fail without harm (views), and return what did."""
    failed = []
    for statement in statements:
        try:
            connection.execute(statement)
        except sqlite3.Error:
            failed.append(statement)
    return tuple(failed)


def relax(connection: sqlite3.Connection) -> None:
    """Nothing: links are checked when the transaction ends."""


def rows(connection: sqlite3.Connection, table: SqlTable, data: pa.Table) -> None:
    """Write rows, 50,000 at a time."""
    listed = ", ".join(quoted(column.name) for column in table.columns)
    marks = ", ".join("?" * len(table.columns))
    statement = f"INSERT INTO {quoted(table.name)} ({listed}) VALUES ({marks})"
    for start in range(0, data.num_rows, ROWS_PER_BATCH):
        piece = data.slice(start, ROWS_PER_BATCH)
        connection.executemany(statement, zip(*(_cells(column) for column in piece.columns), strict=True))


def _cells(column: pa.ChunkedArray) -> list[object]:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _cells(column.cast(kind.value_type))
    if pa.types.is_decimal(kind):
        return [None if v is None else int(v) if v == v.to_integral_value() else float(v) for v in column.to_pylist()]
    if pa.types.is_timestamp(kind):
        return [None if v is None else v.replace(tzinfo=None).isoformat(sep=" ") for v in _micro(column).to_pylist()]
    if pa.types.is_date(kind) or pa.types.is_time(kind):
        return [None if v is None else v.isoformat() for v in column.to_pylist()]
    if pa.types.is_boolean(kind):
        return [None if v is None else int(v) for v in column.to_pylist()]
    if pa.types.is_nested(kind) or pa.types.is_duration(kind):
        return [None if v is None else str(v) for v in column.to_pylist()]
    found: list[object] = column.to_pylist()
    return found


def _micro(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.timestamp("us", tz=column.type.tz), safe=False)


@contextmanager
def deferred(connection: sqlite3.Connection, tables: list[SqlTable], order: Order) -> Iterator[bool]:  # noqa: ARG001
    """Circles are no trouble: links are checked when the transaction ends."""
    yield True


def update(connection: sqlite3.Connection, table: SqlTable, data: pa.Table, names: tuple[str, ...]) -> None:
    """Set columns that stayed null, row by row, found by the primary key."""
    sets = ", ".join(f"{quoted(name)} = ?" for name in names)
    keys = " AND ".join(f"{quoted(name)} = ?" for name in table.primary_key)
    values = zip(*(_cells(data.column(name)) for name in (*names, *table.primary_key)), strict=True)
    connection.executemany(f"UPDATE {quoted(table.name)} SET {sets} WHERE {keys}", values)


def advance(connection: sqlite3.Connection, tables: list[SqlTable]) -> None:
    """Nothing: SQLite goes on from the last key by itself."""


def check(connection: sqlite3.Connection, structure: Structure) -> None:  # noqa: ARG001
    """Look for broken links now, to name the tables; the commit would only say that there are some.

    Raises:
        DataError: naming the tables with their counts.
    """
    broken: dict[tuple[str, str], int] = {}
    for table, _, parent, _ in connection.execute("PRAGMA foreign_key_check"):
        broken[table, parent] = broken.get((table, parent), 0) + 1
    if broken:
        told = ", ".join(
            f"{count} rows of {table} without a row of {parent}" for (table, parent), count in broken.items()
        )
        raise DataError(f"orphan keys: {told}", fix="add the parents, or drop the rows")


def count(connection: sqlite3.Connection, name: str) -> int:
    """Return 1 when a table holds a row, else 0."""
    return int(connection.execute(f"SELECT EXISTS (SELECT 1 FROM {quoted(name)})").fetchone()[0])
