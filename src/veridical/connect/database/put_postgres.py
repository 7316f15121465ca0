"""How do Arrow tables get into PostgreSQL?"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from veridical.connect.database.address import Address
from veridical.connect.database.naming import quoted
from veridical.connect.database.order import Order
from veridical.connect.database.structure import SqlTable, Structure

ROWS_PER_COPY = 50_000


@contextmanager
def whole(address: Address) -> Iterator[Address]:
    """Yield where to write; the transaction makes it whole."""
    yield address


@contextmanager
def transaction(connection: Any) -> Iterator[None]:
    """Commit everything at the end, or nothing."""
    with connection.transaction():
        connection.execute("SET LOCAL TIME ZONE 'UTC'")
        yield


def tables(connection: Any) -> set[str]:
    """Return the names of the tables that are there."""
    found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()").fetchall()
    return {str(row[0]) for row in found}


def drop(connection: Any, names: list[str]) -> None:
    """Drop tables, with the links that lead to them."""
    if names:
        connection.execute(f"DROP TABLE {', '.join(quoted(name) for name in names)} CASCADE")


def run(connection: Any, statement: str) -> None:
    """Run one statement of the structure; a type or sequence that is there already is left as it is."""
    if statement.startswith("CREATE EXTENSION"):
        attempt(connection, [statement])  # where it may not be made and is needed, what needs it says so
        return
    made = re.match(r'CREATE (TYPE|DOMAIN|SEQUENCE) "((?:[^"]|"")*)"', statement)
    if made is not None and _is_there(connection, made[1], made[2].replace('""', '"')):
        return
    connection.execute(statement)


def _is_there(connection: Any, what: str, name: str) -> bool:
    if what == "SEQUENCE":
        query = "SELECT 1 FROM pg_sequences WHERE schemaname = current_schema() AND sequencename = %s"
    else:
        query = (
            "SELECT 1 FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace "
            "WHERE n.nspname = current_schema() AND t.typname = %s"
        )
    return connection.execute(query, [name]).fetchone() is not None


def attempt(connection: Any, statements: Sequence[str]) -> tuple[str, ...]:
    """Run what may fail without harm (functions, views, comments), and return what did."""
    import psycopg

    failed = []
    connection.execute("SET LOCAL check_function_bodies = off")
    for statement in statements:
        try:
            with connection.transaction():
                connection.execute(statement)
        except psycopg.Error:
            if connection.closed:
                raise
            failed.append(statement)
    return tuple(failed)


def relax(connection: Any) -> None:
    """Nothing: links are added after the rows."""


def rows(connection: Any, table: SqlTable, data: pa.Table) -> None:
    """Write rows by COPY."""
    listed = ", ".join(quoted(column.name) for column in table.columns)
    arrays = [_spelled(data.column(column.name)) for column in table.columns]
    names = [str(place) for place in range(len(arrays))]
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {quoted(table.name)} ({listed}) FROM STDIN (FORMAT csv)") as copy,
    ):
        text = pa.table(arrays, names=names)
        for start in range(0, data.num_rows, ROWS_PER_COPY):
            stream = io.BytesIO()
            options = pa_csv.WriteOptions(include_header=False)
            pa_csv.write_csv(text.slice(start, ROWS_PER_COPY), stream, options)
            copy.write(stream.getvalue())


def _spelled(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return cells as PostgreSQL reads them; numbers and texts as they are."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _spelled(column.cast(kind.value_type))
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_date(kind):
        return column
    if pa.types.is_floating(kind):
        # Rows that hold no number keep their null; "inf" and "nan" are understood as they are written.
        return column.cast(pa.string())
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return pa.chunked_array([[None if v is None else "\\x" + v.hex() for v in column.to_pylist()]], pa.string())
    if pa.types.is_nested(kind):
        return pa.chunked_array([[None if v is None else array_text(v) for v in column.to_pylist()]], pa.string())
    if pa.types.is_duration(kind):
        micro = column.cast(pa.duration("us")).cast(pa.int64()).cast(pa.string())
        return pc.binary_join_element_wise(micro, " microseconds", "")
    return column.cast(pa.string())


def array_text(values: Any) -> str:
    """Return a list as PostgreSQL spells an array.

    Example:
        >>> array_text(["a b", None, 'c"d'])
        '{"a b",NULL,"c\\\\"d"}'
    """
    parts = []
    for value in values:
        if value is None:
            parts.append("NULL")
        elif isinstance(value, list):
            parts.append(array_text(value))
        else:
            parts.append('"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"')
    return "{" + ",".join(parts) + "}"


@contextmanager
def deferred(connection: Any, tables: list[SqlTable], order: Order) -> Iterator[bool]:  # noqa: ARG001
    """Let links that go round in a circle be checked at the end; yield whether all of them are.

    A link that is not deferrable is made so for this transaction, which takes the right to alter its table.
    """
    import psycopg

    altered = []
    everything = True
    for name, links in order.late.items():
        for link in links:
            if link.defer:
                continue
            change = f"ALTER TABLE {quoted(name)} ALTER CONSTRAINT {quoted(link.name)}"
            try:
                with connection.transaction():
                    connection.execute(f"{change} DEFERRABLE")
                altered.append(f"{change} NOT DEFERRABLE")
            except psycopg.errors.InsufficientPrivilege:
                everything = False
    connection.execute("SET CONSTRAINTS ALL DEFERRED")
    yield everything
    connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    for statement in altered:
        connection.execute(statement)


def update(connection: Any, table: SqlTable, data: pa.Table, names: tuple[str, ...]) -> None:
    """Set columns that stayed null, row by row, found by the primary key."""
    sets = ", ".join(f"{quoted(name)} = %s" for name in names)
    keys = " AND ".join(f"{quoted(name)} = %s" for name in table.primary_key)
    values = zip(*(data.column(name).to_pylist() for name in (*names, *table.primary_key)), strict=True)
    with connection.cursor() as cursor:
        cursor.executemany(f"UPDATE {quoted(table.name)} SET {sets} WHERE {keys}", list(values))


def advance(connection: Any, tables: list[SqlTable]) -> None:
    """Set every sequence and identity column past the last key."""
    for table in tables:
        for column in table.columns:
            if not column.identity:
                continue
            found = re.search(r"nextval\('(.+?)'::regclass\)", column.default or "")
            query = "SELECT pg_get_serial_sequence(%s, %s)"
            name = found[1] if found else connection.execute(query, [quoted(table.name), column.name]).fetchone()[0]
            if name is not None:
                connection.execute(_ADVANCE.format(cell=quoted(column.name), table=quoted(table.name)), [name])


# A sequence never goes back (several columns may share one), nor before its start or past its end.
_ADVANCE = """
SELECT setval(s.seqrelid::regclass, ends.key)
FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_sequences v ON v.schemaname = n.nspname AND v.sequencename = c.relname,
LATERAL (
  SELECT CASE WHEN s.seqincrement > 0 THEN least(max({cell})::numeric, s.seqmax)
              ELSE greatest(min({cell})::numeric, s.seqmin) END::bigint AS key FROM {table}
) ends
WHERE s.seqrelid = %s::regclass
  AND sign(s.seqincrement) * ends.key >= sign(s.seqincrement) * coalesce(v.last_value, s.seqstart)"""


def check(connection: Any, structure: Structure) -> None:  # noqa: ARG001
    """Check now what was put off to the end of the transaction."""
    connection.execute("SET CONSTRAINTS ALL IMMEDIATE")


def count(connection: Any, name: str) -> int:
    """Return 1 when a table holds a row, else 0."""
    return int(connection.execute(f"SELECT count(*) FROM (SELECT 1 FROM {quoted(name)} LIMIT 1) AS one").fetchone()[0])
