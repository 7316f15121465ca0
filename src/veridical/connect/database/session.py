"""How is a database opened, and what is said when it refuses or breaks?"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from veridical.connect.database.address import DUCKDB, MYSQL, POSTGRES, SQLITE, Address
from veridical.connect.database.refusal import refusal_of
from veridical.core.errors import DataError, MissingExtraError, ProviderError, VeridicalError

CONNECT_TIMEOUT_S = 10
_EXTRA = "pip install 'veridical[sql]'"


@contextmanager
def connected(address: Address, *, write: bool = False, doing: str = "read") -> Iterator[Any]:
    """Open a DB-API connection for as long as it is needed; nothing is committed by leaving.

    Driver errors become ours, told without the driver's words: those may quote rows or the password.

    Raises:
        ProviderError: the server is absent, refuses or breaks off (exit code 5).
        DataError: the file is absent or no database, or rows break a constraint.
        MissingExtraError: the driver is not installed.
    """
    connection = _opened(address, write=write, doing=doing)
    try:
        with translated(address, doing=doing):
            yield connection
    finally:
        _close(connection)


def _opened(address: Address, *, write: bool, doing: str) -> Any:
    with translated(address, doing=f"{doing} (connecting)"):
        try:
            return _OPENERS[address.dialect](address, write)
        except Exception as wrong:
            why = refusal_of(wrong, address, _state(wrong)) if _is_driver_error(wrong) else None
            if why is None:
                raise
            raise ProviderError(why.what, where=str(address), fix=why.fix) from None


@contextmanager
def translated(address: Address, *, doing: str) -> Iterator[None]:
    """Turn the driver's errors into ours."""
    try:
        yield
    except VeridicalError:
        raise
    except Exception as wrong:
        told = _told(wrong, address, doing)
        if told is None:
            raise
        # The driver's own text stays out of the chain: tracebacks are logged too.
        raise told from None


def _close(connection: Any) -> None:
    try:
        connection.close()
    except Exception as wrong:  # a connection that died cannot be closed; the first error counts
        if not _is_driver_error(wrong):
            raise


def _open_sqlite(address: Address, write: bool) -> sqlite3.Connection:
    path = address.path
    if not write and not path.exists():
        raise DataError("there is no such database file", where=str(address), fix="check the path")
    mode = "rwc" if write else "ro"
    connection = sqlite3.connect(
        f"file:{_escaped(str(path))}?mode={mode}", uri=True, isolation_level=None, timeout=30.0
    )
    connection.text_factory = lambda raw: raw.decode("utf-8", errors="replace")
    connection.execute("PRAGMA schema_version").fetchone()  # says now whether this is a database
    return connection


def _escaped(path: str) -> str:
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _open_postgres(address: Address, write: bool) -> Any:  # noqa: ARG001
    psycopg = _driver("psycopg")
    given = {"host": address.host, "port": address.port, "user": address.user, "password": address.password}
    arguments: dict[str, Any] = {"connect_timeout": CONNECT_TIMEOUT_S, **address.options}
    arguments.update({name: value for name, value in given.items() if value is not None})
    return psycopg.connect(dbname=address.database, application_name="veridical", **arguments)


def _open_mysql(address: Address, write: bool) -> Any:  # noqa: ARG001
    pymysql = _driver("pymysql")
    arguments: dict[str, Any] = {
        "host": address.host or "localhost", "port": address.port or 3306, "user": address.user or "root",
        "password": address.password or "", "database": address.database, "connect_timeout": CONNECT_TIMEOUT_S,
        "charset": "utf8mb4", "autocommit": False,
    }  # fmt: skip
    names = {"ssl_ca", "ssl_cert", "ssl_key", "unix_socket", "charset", "ssl_verify_cert", "ssl_verify_identity"}
    arguments.update({name: value for name, value in address.options.items() if name in names})
    return pymysql.connect(**arguments)


def _open_duckdb(address: Address, write: bool) -> Any:
    duckdb = _driver("duckdb")
    if not write and not address.path.exists():
        raise DataError("there is no such database file", where=str(address), fix="check the path")
    connection = duckdb.connect(address.database, read_only=not write)
    connection.execute("SET TimeZone = 'UTC'")
    return connection


_OPENERS = {SQLITE: _open_sqlite, POSTGRES: _open_postgres, MYSQL: _open_mysql, DUCKDB: _open_duckdb}


def _driver(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise MissingExtraError(f"{name} is not installed", fix=_EXTRA) from None


def _is_driver_error(wrong: BaseException) -> bool:
    return any(kind.__module__.split(".")[0] in _DRIVERS for kind in type(wrong).__mro__)


_DRIVERS = {"sqlite3", "psycopg", "pymysql", "duckdb", "_duckdb"}


def _told(wrong: Exception, address: Address, doing: str) -> VeridicalError | None:
    if not _is_driver_error(wrong):
        if isinstance(wrong, ConnectionError | TimeoutError):
            return ProviderError(f"the database broke off while we {doing}", where=str(address), fix="try again")
        return None
    kinds = {kind.__name__ for kind in type(wrong).__mro__}
    where = _place(wrong, address)
    state = _state(wrong)
    code = f"{type(wrong).__name__}{f', {state}' if state else ''}"
    if kinds & {"IntegrityError", "ConstraintException"} or str(state).startswith("23"):
        fix = "see that keys exist and are unique and required columns are filled; what a condition asks that could "
        fix += "not be read, say in schema.yaml: low and high, categories, or a pattern"
        return DataError(f"rows break a constraint of the database ({code}) while we {doing}", where=where, fix=fix)
    if "InsufficientPrivilege" in kinds or state in ("1142", "1044", "1143"):
        return ProviderError(
            f"the user has no right to do this: {doing}", where=where, fix="GRANT it, or log in as another"
        )
    if kinds & {"DataError", "ConversionException", "OutOfRangeException"}:
        return DataError(f"a value does not fit its column ({code}) while we {doing}", where=where)
    if (
        state is not None
        and str(state)[:2] in ("42", "0A", "3F")
        and len(str(state)) == 5
        and "ProgrammingError" in kinds
    ):
        fix = "what the statement names may be missing there: a type, a function, an extension, another schema"
        return DataError(f"the database cannot do this ({code}): {doing}", where=where, fix=fix)
    if address.is_file and kinds & {"DatabaseError", "Error"} and not _is_busy(state):
        fix = "check that the file is whole, and a database of this kind"
        return DataError(f"the file cannot be used ({code}) while we {doing}", where=where, fix=fix)
    if "OperationalError" in kinds and (state is None or str(state)[:2] in ("57", "08") or state in _GONE):
        fix = "see that it runs, then run the same command again"
        return ProviderError(f"the database broke off ({code}) while we {doing}", where=where, fix=fix)
    fix = "check that it runs, and the host, user and password of the URL; then run the same command again"
    return ProviderError(f"the database refused or broke off ({code}) while we {doing}", where=where, fix=fix)


_GONE = frozenset(("2006", "2013", "1053", "1927"))  # MySQL: gone away, lost, shutting down, killed


def _place(wrong: Exception, address: Address) -> str:
    """The database, and the table, constraint and column that the driver names."""
    diagnosis = getattr(wrong, "diag", None)
    names = (getattr(diagnosis, "table_name", None), getattr(diagnosis, "constraint_name", None), _column_in(diagnosis))
    return " ".join([str(address), *(str(name) for name in names if name)])


def _column_in(diagnosis: Any) -> str | None:
    """The column that PostgreSQL was reading: it stands before the value, which is left out."""
    found = re.match(r"COPY .+?, line \d+, column ([^:]+):", getattr(diagnosis, "context", None) or "")
    return None if found is None else f"column {found[1]}"


def _is_busy(state: object) -> bool:
    return str(state) in ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_FULL", "SQLITE_READONLY")


def _state(wrong: BaseException) -> str | None:
    if type(wrong).__module__.startswith("pymysql"):
        return _mysql_code(wrong)  # which tells more than its SQLSTATE
    return getattr(wrong, "sqlstate", None) or getattr(wrong, "sqlite_errorname", None) or _mysql_code(wrong)


def _mysql_code(wrong: BaseException) -> str | None:
    first = wrong.args[0] if wrong.args else None
    return str(first) if isinstance(first, int) else None
