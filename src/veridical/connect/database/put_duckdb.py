"""How do Arrow tables get into DuckDB?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from veridical.connect.database.naming import quoted
from veridical.connect.database.order import Order
from veridical.connect.database.put_sqlite import whole as whole
from veridical.connect.database.structure import Link, SqlTable, Structure

_MOST_DRAWN = 20_000_000
_HERE = "database_name = current_database() AND schema_name = current_schema()"


@contextmanager
def transaction(connection: Any) -> Iterator[None]:
    """Commit everything at the end, or nothing."""
    connection.execute("BEGIN TRANSACTION")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def tables(connection: Any) -> set[str]:
    """Return the names of the tables that are there."""
    query = f"SELECT table_name FROM duckdb_tables() WHERE {_HERE} AND NOT internal"
    return {str(row[0]) for row in connection.execute(query).fetchall()}


def drop(connection: Any, names: list[str]) -> None:
    """Drop tables."""
    for name in names:
        connection.execute(f"DROP TABLE {quoted(name)}")


def run(connection: Any, statement: str) -> None:
    """Run one statement of the structure."""
    connection.execute(statement)


def attempt(connection: Any, statements: Sequence[str]) -> tuple[str, ...]:  # noqa: ARG001
    """Nothing is run: a statement that failed would undo everything with it."""
    return tuple(statements)


def relax(connection: Any) -> None:
    """Nothing: rows come parents first."""


def rows(connection: Any, table: SqlTable, data: pa.Table) -> None:
    """Write rows; those that link to rows of their own table come after them."""
    listed = ", ".join(quoted(column.name) for column in table.columns)
    columns = [_plain(data.column(column.name)) for column in table.columns]
    plain = pa.table(columns, names=[column.name for column in table.columns])
    own = [link for link in table.links if link.parent == table.name and set(link.columns) <= set(plain.column_names)]
    for piece in _generations(plain, own[0]) if own else [plain]:
        connection.register("veridical_rows", piece)
        connection.execute(f"INSERT INTO {quoted(table.name)} ({listed}) SELECT * FROM veridical_rows")
        connection.unregister("veridical_rows")


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _generations(data: pa.Table, link: Link) -> Iterator[pa.Table]:
    """Yield rows whose parents are written already, until none are left; rows in a circle come last, together."""
    keys = list(zip(*(data.column(name).to_pylist() for name in link.parent_columns), strict=True))
    wanted = list(zip(*(data.column(name).to_pylist() for name in link.columns), strict=True))
    written: set[tuple[Any, ...]] = set()
    left = list(range(data.num_rows))
    while left:
        ready = [row for row in left if None in wanted[row] or wanted[row] in written or wanted[row] == keys[row]]
        ready = ready or left
        yield data.take(pa.array(ready))
        written.update(keys[row] for row in ready)
        gone = set(ready)
        left = [row for row in left if row not in gone]


@contextmanager
def deferred(connection: Any, tables: list[SqlTable], order: Order) -> Iterator[bool]:  # noqa: ARG001
    """DuckDB has no circles between tables: a link can only be declared to a table that is there."""
    yield not order.late


def update(connection: Any, table: SqlTable, data: pa.Table, names: tuple[str, ...]) -> None:
    """Set columns that stayed null, row by row, found by the primary key."""
    sets = ", ".join(f"{quoted(name)} = ?" for name in names)
    keys = " AND ".join(f"{quoted(name)} = ?" for name in table.primary_key)
    values = zip(*(data.column(name).to_pylist() for name in (*names, *table.primary_key)), strict=True)
    connection.executemany(f"UPDATE {quoted(table.name)} SET {sets} WHERE {keys}", [list(row) for row in values])


def advance(connection: Any, tables: list[SqlTable]) -> None:
    """Draw from every sequence that a default uses until it is past the last key: DuckDB cannot set one."""
    for table in tables:
        for column in table.columns:
            found = re.search(r"nextval\('(.+?)'\)", column.default or "", re.IGNORECASE)
            if found is None:
                continue
            name = found[1].rpartition(".")[2].strip('"')
            last, start, step = connection.execute(
                "SELECT last_value, start_value, increment_by FROM duckdb_sequences() "
                f"WHERE {_HERE} AND sequence_name = ?", [name],
            ).fetchall()[0]  # fmt: skip
            most = connection.execute(f"SELECT max({quoted(column.name)}) FROM {quoted(table.name)}").fetchall()[0][0]
            behind = 0 if most is None else -(-(int(most) - (start - step if last is None else last)) // step)
            if 0 < behind <= _MOST_DRAWN:
                connection.execute(f"SELECT count(nextval('{found[1]}')) FROM range({behind})").fetchall()


def check(connection: Any, structure: Structure) -> None:
    """Nothing: every row was checked as it came."""


def count(connection: Any, name: str) -> int:
    """Return 1 when a table holds a row, else 0."""
    # A result that is not read to its end keeps the connection busy.
    found = connection.execute(f"SELECT count(*) FROM (SELECT 1 FROM {quoted(name)} LIMIT 1)").fetchall()
    return int(found[0][0])
