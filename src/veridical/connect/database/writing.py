"""How are tables written into a database, all or nothing?"""

from __future__ import annotations

import re
from dataclasses import dataclass
from dataclasses import replace as replaced
from typing import Any

import pyarrow as pa

from veridical.connect.database import ddl, put_duckdb, put_mysql, put_postgres, put_sqlite
from veridical.connect.database.address import DUCKDB, MYSQL, POSTGRES, SQLITE, Address, parse
from veridical.connect.database.order import Order, can_wait, order_of
from veridical.connect.database.parting import with_room
from veridical.connect.database.reading import catalog_of
from veridical.connect.database.session import connected, translated
from veridical.connect.database.structure import Family, SqlTable, SqlType, Structure
from veridical.core.contracts import Progress, silent
from veridical.core.dataset import Dataset
from veridical.core.errors import ConstraintError, DataError

_PUTS: dict[str, Any] = {SQLITE: put_sqlite, POSTGRES: put_postgres, MYSQL: put_mysql, DUCKDB: put_duckdb}


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """How many rows each table got, and what of the structure the target could not keep."""

    rows: dict[str, int]
    lost: tuple[str, ...] = ()


def write(
    url: str, structure: Structure, dataset: Dataset, *, replace: bool = False, progress: Progress = silent
) -> Written:
    """Make a structure's tables in an empty database and fill them: all of it, or nothing.

    `replace` drops tables of the same names first, within the same transaction (MySQL has none for tables: there a
    failure drops what was made). Sequences and identity columns go on past the last key.

    Raises:
        DataError: the target is not empty, or rows break a constraint.
        ProviderError: the server is absent, refuses or breaks off; nothing is kept.
    """
    address = parse(url)
    structure, retyped = _as_held(structure, dataset) if structure.dialect != address.dialect else (structure, ())
    structure, added = with_room(structure, dataset)
    plan = ddl.plan(structure, address.dialect)
    put = _PUTS[address.dialect]
    with (
        put.whole(address) as target,
        connected(target, write=True, doing="write") as connection,
        put.transaction(connection),
    ):
        _clear(connection, target, plan.order, replace=replace)
        waiting = put.attempt(connection, plan.functions)
        _run(connection, target, plan.before, doing="make the tables")
        put.relax(connection)
        rows = _fill(connection, target, structure, dataset, plan.order, progress)
        _run(connection, target, plan.after, doing="make keys and indexes")
        with translated(target, doing="set sequences"):
            put.advance(connection, [structure.table(name) for name in plan.order])
        put.check(connection, structure)
        missing = put.attempt(connection, (*waiting, *plan.extras))
    return Written(rows=rows, lost=(*retyped, *added, *plan.lost, *(_title(statement) for statement in missing)))


def _title(statement: str) -> str:
    """What a statement makes, in a few words."""
    found = re.match(
        r"(?:CREATE (?:OR REPLACE )?|COMMENT ON )([\w ]+?) ((?:\"[^\"]*\"|[\w.])+)", statement, re.IGNORECASE
    )
    return statement[:60] if found is None else f"{found[1].lower()} {found[2]}"


def fill(url: str, dataset: Dataset, *, progress: Progress = silent) -> Written:
    """Fill tables that exist and are empty, in one transaction, with the constraints that they have.

    Raises:
        DataError: a table holds rows already, or rows break a constraint.
        ConstraintError: tables need each other and neither link can wait.
        ProviderError: the server is absent, refuses or breaks off; nothing is kept.
    """
    address = parse(url)
    put = _PUTS[address.dialect]
    with connected(address, write=True, doing="write") as connection, put.transaction(connection):
        structure = catalog_of(address, connection)
        unknown = [name for name in dataset.tables if name not in {table.name for table in structure.tables}]
        if unknown:
            raise DataError(f"no table {', '.join(unknown)}", where=str(address))
        tables = [structure.table(name) for name in dataset.tables]
        full = [table.name for table in tables if put.count(connection, table.name)]
        if full:
            fix = "empty them, or name another database"
            raise DataError(f"tables that hold rows already: {', '.join(full[:8])}", where=str(address), fix=fix)
        order = order_of(tables)
        with put.deferred(connection, tables, order) as deferred:
            late = {} if deferred else _late(tables, order)
            rows = _fill(connection, address, structure, dataset, order.names, progress, late)
            for name in late:
                _set_late(connection, address, structure.table(name), dataset.tables[name], late[name])
        with translated(address, doing="set sequences"):
            put.advance(connection, tables)
        put.check(connection, structure)
    return Written(rows=rows)


def _as_held(structure: Structure, dataset: Dataset) -> tuple[Structure, tuple[str, ...]]:
    """Make columns of texts that declare numbers text columns: SQLite lets such cells be, others refuse them."""
    tables, told = [], []
    for table in structure.tables:
        columns = []
        for column in table.columns:
            rows = dataset.tables.get(table.name)
            held = None if rows is None or column.name not in rows.column_names else rows.schema.field(column.name).type
            if held is not None and pa.types.is_string(held) and column.type.family in _NUMBERS:
                told.append(f"{table.name}.{column.name}: the type {column.type.text}, since it holds text")
                column = replaced(column, type=SqlType(text="text", family=Family.TEXT))
            columns.append(column)
        tables.append(replaced(table, columns=tuple(columns)))
    return replaced(structure, tables=tuple(tables)), tuple(told)


_NUMBERS = frozenset({Family.INTEGER, Family.FLOAT, Family.BOOLEAN})


def _late(tables: list[SqlTable], order: Order) -> dict[str, tuple[str, ...]]:
    """The columns that stay null until all rows are there."""
    found: dict[str, tuple[str, ...]] = {}
    by_name = {table.name: table for table in tables}
    for name, links in order.late.items():
        for link in links:
            table = by_name[name]
            if not can_wait(table, link) or not table.primary_key:
                where = f"{name} ({', '.join(link.columns)}) and {link.parent}"
                fix = "let one of them be null, or make the link DEFERRABLE"
                raise ConstraintError("two tables need each other's rows first", where=where, fix=fix)
            nullable = [c for c in link.columns if table.column(c).nullable and c not in table.primary_key]
            found[name] = (*found.get(name, ()), *nullable)
    return found


def _set_late(connection: Any, address: Address, table: SqlTable, rows: pa.Table, names: tuple[str, ...]) -> None:
    with translated(address, doing=f"link {table.name}"):
        _PUTS[address.dialect].update(connection, table, rows, names)


def _clear(connection: Any, address: Address, names: tuple[str, ...], *, replace: bool) -> None:
    put = _PUTS[address.dialect]
    present = put.tables(connection)
    if not present:
        return
    if not replace:
        fix = "name an empty database (in Python, replace_tables=True drops tables of the same names)"
        raise DataError(
            f"the target is not empty: it holds {', '.join(sorted(present)[:8])}", where=str(address), fix=fix
        )
    with translated(address, doing="drop the old tables"):
        put.drop(connection, [name for name in reversed(names) if name in present])


def _run(connection: Any, address: Address, statements: tuple[str, ...], *, doing: str) -> None:
    put = _PUTS[address.dialect]
    for statement in statements:
        with translated(address, doing=f"{doing}: {_title(statement)}"):
            put.run(connection, statement)


def _fill(
    connection: Any, address: Address, structure: Structure, dataset: Dataset, names: tuple[str, ...],
    progress: Progress, late: dict[str, tuple[str, ...]] | None = None,
) -> dict[str, int]:  # fmt: skip
    put: Any = _PUTS[address.dialect]
    rows: dict[str, int] = {}
    for position, name in enumerate(names):
        progress("write", done=position, total=len(names))
        table = structure.table(name)
        data = dataset.tables.get(name)
        if data is None:
            rows[name] = 0
            continue
        table, data = _written(table, data, () if late is None else late.get(name, ()))
        with translated(address, doing=f"write {name}"):
            put.rows(connection, table, data)
        rows[name] = data.num_rows
    return rows


def _written(table: SqlTable, data: pa.Table, empty: tuple[str, ...]) -> tuple[SqlTable, pa.Table]:
    """Keep the columns that rows bring, in the table's order; the database computes or defaults the others."""
    kept = tuple(column for column in table.written if column.name in data.column_names)
    missing = [
        c.name
        for c in table.written
        if c.name not in data.column_names and not c.nullable and not c.default and not c.identity
    ]
    if missing:
        raise DataError(
            f"no values for {', '.join(missing[:8])}", where=table.name, fix="a column that is NOT NULL needs values"
        )
    data = data.select([column.name for column in kept])
    for name in empty:
        place = data.column_names.index(name)
        data = data.set_column(place, name, pa.nulls(data.num_rows, data.schema.field(name).type))
    return replaced(table, columns=kept), data
