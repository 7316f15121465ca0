"""How are the rows of a database read, piece by piece and all at one moment?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from veridical.connect.database import (
    catalog_duckdb,
    catalog_mysql,
    catalog_postgres,
    catalog_sqlite,
    orphan,
    rows_duckdb,
    rows_mysql,
    rows_postgres,
    rows_sqlite,
)
from veridical.connect.database.address import DUCKDB, MYSQL, POSTGRES, SQLITE, Address, parse
from veridical.connect.database.schema import schema_of
from veridical.connect.database.session import connected, translated
from veridical.connect.database.structure import SqlTable, Structure
from veridical.core.contracts import Progress, silent
from veridical.core.dataset import Dataset
from veridical.core.errors import DataError
from veridical.core.schema import Schema

_CATALOGS: dict[str, Callable[..., Structure]] = {
    SQLITE: catalog_sqlite.catalog, POSTGRES: catalog_postgres.catalog, MYSQL: catalog_mysql.catalog,
    DUCKDB: catalog_duckdb.catalog,
}  # fmt: skip
_ROWS: dict[str, Any] = {SQLITE: rows_sqlite, POSTGRES: rows_postgres, MYSQL: rows_mysql, DUCKDB: rows_duckdb}
# Read only, and every table as it was at one moment.
_SNAPSHOT = {
    SQLITE: ("BEGIN",),
    POSTGRES: (
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
        "SET LOCAL TIME ZONE 'UTC'", "SET LOCAL DateStyle TO 'ISO, YMD'", "SET LOCAL bytea_output TO 'hex'",
        "SET LOCAL IntervalStyle TO 'iso_8601'",
    ),
    MYSQL: (
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SET time_zone = '+00:00'",
        "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
    ),
    DUCKDB: ("BEGIN TRANSACTION",),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """All of a database: its rows, the schema they keep, and what it declares in its own words."""

    dataset: Dataset
    schema: Schema
    structure: Structure


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A database at one moment: what it declares, and its rows a table at a time."""

    address: Address
    structure: Structure
    connection: Any

    def schema(self, name: str) -> pa.Schema:
        """Return the Arrow types that a table's rows will have."""
        found: pa.Schema = _ROWS[self.address.dialect].arrow_schema(self.connection, self.structure.table(name))
        return found

    def batches(self, name: str) -> Iterator[pa.RecordBatch]:
        """Yield a table's rows in the order of its primary key; memory does not grow with the table.

        Raises:
            ProviderError: the database broke off.
        """
        table = self.structure.table(name)
        with translated(self.address, doing=f"read {name}"):
            yield from _ROWS[self.address.dialect].batches(self.connection, table, self.schema(name))

    def count(self, name: str) -> int:
        """Return how many rows a table has."""
        return _count(self.connection, self.structure.table(name), self.address.dialect)


def catalog_of(address: Address, connection: Any, *, include_views: bool = False) -> Structure:
    """Return what the database behind an open connection declares."""
    return _CATALOGS[address.dialect](connection, include_views=include_views)


@contextmanager
def snapshot(url: str, *, include_views: bool = False) -> Iterator[Snapshot]:
    """Open a database to read it as it is at this moment, without a right or a way to change it.

    Raises:
        SpecError: the URL names no database that is known.
        ProviderError: the server is absent or refuses.
        DataError: the file is absent or no database, or there is no table.
    """
    address = parse(url)
    with connected(address, doing="read the structure") as connection:
        _begin(connection, address.dialect)
        structure = catalog_of(address, connection, include_views=include_views)
        if not structure.tables:
            fix = "name another database or schema"
            fix += "; --include-views reads its views" if structure.views else ""
            raise DataError("there is no table", where=str(address), fix=fix)
        yield Snapshot(address, structure, connection)


def _begin(connection: Any, dialect: str) -> None:
    cursor = connection.cursor()
    for statement in _SNAPSHOT[dialect]:
        cursor.execute(statement)


def _count(connection: Any, table: SqlTable, dialect: str) -> int:
    from veridical.connect.database.naming import quoted

    cursor = connection.cursor()
    cursor.execute(f"SELECT count(*) FROM {quoted(table.name, '`' if dialect == MYSQL else chr(34))}")
    return int(cursor.fetchall()[0][0])


def read_structure(url: str, *, include_views: bool = False) -> Structure:
    """Return what a database declares; no row is read.

    Raises:
        VeridicalError: as `snapshot` does.
    """
    with snapshot(url, include_views=include_views) as opened:
        return opened.structure


def read(
    url: str, *, tables: tuple[str, ...] | None = None, include_views: bool = False, progress: Progress = silent
) -> Database:
    """Return a database's rows, schema and declarations, all tables as they were at one moment.

    A table without rows is there with its columns. Views are named in the schema's notes, and read as tables
    with `include_views`.

    Raises:
        SpecError: the URL names no database that is known.
        ProviderError: the server is absent, refuses or breaks off.
        DataError: there is no table, or none of a name.
    """
    with snapshot(url, include_views=include_views) as opened:
        structure = opened.structure if tables is None else opened.structure.only(tables)
        opened = replace(opened, structure=structure)
        found: dict[str, pa.Table] = {}
        for position, table in enumerate(structure.tables):
            progress("read", done=position, total=len(structure.tables))
            batches = list(opened.batches(table.name))
            found[table.name] = pa.Table.from_batches(
                batches, schema=batches[0].schema if batches else opened.schema(table.name)
            )
        broken = list(orphan.orphans(opened.connection, structure))
    if structure.views and not include_views:
        views = tuple(f"view {name} is left out" for name in structure.views)
        structure = replace(structure, notes=(*structure.notes, *views))
    storages = {name: {field.name: str(field.type) for field in rows.schema} for name, rows in found.items()}
    schema = _with_broken(schema_of(structure, storages=storages), broken)
    return Database(dataset=Dataset(found), schema=schema, structure=structure)


def _with_broken(schema: Schema, broken: list[orphan.Orphans]) -> Schema:
    """Say of each link which share of its rows has no parent."""
    shares = {(found.table, found.link.columns, found.link.parent): found for found in broken}
    keys = []
    for key in schema.foreign_keys:
        found = shares.get((key.table, key.columns, key.parent))
        keys.append(key if found is None else replace(key, broken_share=round(found.rows / found.of, 6)))
    notes = tuple(
        f"{found.table} ({', '.join(found.link.columns)}): {found.rows:,} of {found.of:,} rows have no row of "
        f"{found.link.parent}"
        for found in broken
    )
    return replace(schema, foreign_keys=tuple(keys), notes=(*schema.notes, *notes))
