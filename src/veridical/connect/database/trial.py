"""Which rows would break a condition that only the database itself can read?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.connect.database import condition, put_duckdb, put_mysql, put_postgres, put_sqlite
from veridical.connect.database.address import DUCKDB, MYSQL, POSTGRES, SQLITE, Address, parse
from veridical.connect.database.naming import quoted
from veridical.connect.database.session import connected
from veridical.connect.database.structure import Check, Family, SqlColumn, SqlTable, SqlType
from veridical.connect.database.token import tokens
from veridical.core.errors import VeridicalError

_PUTS: dict[str, Any] = {SQLITE: put_sqlite, POSTGRES: put_postgres, MYSQL: put_mysql, DUCKDB: put_duckdb}
_PROBE, _ROW = "veridical_trial", "veridical_row"


@dataclass(slots=True)
class Trial:
    """An open database that says which made-up rows it would refuse; nothing of it is ever kept.

    `given_up` holds the conditions that it could not be asked about (no right to temporary tables, say).
    """

    address: Address
    connection: Any
    given_up: set[str] = field(default_factory=set)

    def columns(self, table: SqlTable, check: Check) -> tuple[str, ...]:
        """Return the columns that a condition speaks of."""
        said = {word.name.lower() for word in tokens(check.text) if word.kind in ("word", "quoted")}
        return tuple(name for name in table.names if name.lower() in said)

    def broken(self, table: SqlTable, check: Check, rows: pa.Table) -> NDArray[np.bool_]:
        """Say for each row whether it breaks a condition; `rows` hold the columns that it speaks of.

        What cannot be tried breaks nothing here: the database has the last word.
        """
        found = np.zeros(rows.num_rows, dtype=bool)
        if check.text in self.given_up or not rows.num_rows:
            return found
        try:
            with _undone(self.connection, self.address):
                found[self._asked(table, check, rows)] = True
        except VeridicalError:
            self.given_up.add(check.text)
        return found

    def _asked(self, table: SqlTable, check: Check, rows: pa.Table) -> list[int]:
        mark = "`" if self.address.dialect == MYSQL else '"'
        cells = ", ".join(quoted(name, mark) for name in rows.column_names)
        number = "CAST(0 AS SIGNED)" if self.address.dialect == MYSQL else "0"
        cursor = self.connection.cursor()
        cursor.execute(
            f"CREATE TEMPORARY TABLE {_PROBE} AS SELECT {cells}, {number} AS {_ROW} "
            f"FROM {quoted(table.name, mark)} WHERE 1 = 0"
        )
        kind = SqlColumn(name=_ROW, type=SqlType(text="integer", family=Family.INTEGER))
        kept = (*(replace(table.column(name), generated=None) for name in rows.column_names), kind)
        probe = SqlTable(name=_PROBE, columns=kept)
        numbered = rows.append_column(_ROW, pa.array(np.arange(rows.num_rows, dtype=np.int32)))
        _PUTS[self.address.dialect].rows(self.connection, probe, numbered)
        cursor.execute(f"SELECT {_ROW} FROM {_PROBE} WHERE NOT ({check.text})")
        return [int(row[0]) for row in cursor.fetchall()]


@contextmanager
def trial(url: str) -> Iterator[Trial]:
    """Open a database to try rows in; it is left as it was.

    Raises:
        ProviderError: the server is absent or refuses.
    """
    address = parse(url)
    with connected(address, write=True, doing="try rows") as connection:
        if address.dialect == POSTGRES:
            connection.autocommit = True
        yield Trial(address, connection)


def unread(table: SqlTable) -> tuple[Check, ...]:
    """Return the conditions that the language of constraints cannot say."""
    return tuple(check for check in table.checks if condition.read(check.text, table.names) is None)


@contextmanager
def _undone(connection: Any, address: Address) -> Iterator[None]:
    """Do something, and undo it."""
    from veridical.connect.database.session import translated

    cursor = connection.cursor()
    with translated(address, doing="try rows"):
        cursor.execute("START TRANSACTION" if address.dialect == MYSQL else "BEGIN")
    try:
        with translated(address, doing="try rows"):
            yield
    finally:
        with translated(address, doing="try rows"):
            connection.cursor().execute("ROLLBACK")
            if address.dialect == MYSQL:
                connection.cursor().execute(f"DROP TEMPORARY TABLE IF EXISTS {_PROBE}")
