"""Which database does this URL name, and how is it told without its secrets?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from veridical.core.errors import SpecError

SQLITE, POSTGRES, MYSQL, DUCKDB = "sqlite", "postgresql", "mysql", "duckdb"
_DIALECTS = {
    "sqlite": SQLITE, "sqlite3": SQLITE, "postgresql": POSTGRES, "postgres": POSTGRES, "mysql": MYSQL,
    "mariadb": MYSQL, "duckdb": DUCKDB,
}  # fmt: skip
_FORM = re.compile(r"^(?P<dialect>[a-z0-9]+)(\+\w+)?:(?=/)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a database is. The secret parts never show in `repr` or `str`.

    `database` is the path of a file for SQLite and DuckDB (":memory:" is refused: nothing could be read there),
    else the database's name. `options` are the driver's own (sslmode, sslrootcert, options, charset ...).
    """

    dialect: str
    database: str
    host: str | None = None
    port: int | None = None
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    options: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        if self.is_file:
            return f"{self.dialect}:///{self.database}"
        port = f":{self.port}" if self.port is not None else ""
        return f"{self.dialect}://{self.host or ''}{port}/{self.database}"

    @property
    def is_file(self) -> bool:
        """Whether the database is a file."""
        return self.dialect in (SQLITE, DUCKDB)

    @property
    def path(self) -> Path:
        """The file of a SQLite or DuckDB database."""
        return Path(self.database)


def is_url(source: object) -> bool:
    """Say whether something is the URL of a database.

    Example:
        >>> is_url("sqlite:///shop.db"), is_url("shop.csv"), is_url("C:/shop.csv")
        (True, False, False)
    """
    found = _FORM.match(source) if isinstance(source, str) else None
    return found is not None and found["dialect"].lower() in _DIALECTS


def parse(url: str) -> Address:
    """Return the address that a URL names.

    A path swallows one slash of "sqlite:///shop.db"; such a URL ("sqlite:/shop.db") is read as it was meant.

    Raises:
        SpecError: the URL names no known database; its text is not repeated, since it may hold a password.

    Example:
        >>> address = parse("postgresql://kim:secret@db.example.org:5433/shop?sslmode=require")
        >>> str(address), address.options["sslmode"]
        ('postgresql://db.example.org:5433/shop', 'require')
    """
    found = _FORM.match(url)
    if found is None or found["dialect"].lower() not in _DIALECTS:
        fix = "use sqlite:///file.db, duckdb:///file.duckdb, postgresql://user@host/name or mysql://user@host/name"
        raise SpecError("this is no database URL that is known", fix=fix)
    dialect = _DIALECTS[found["dialect"].lower()]
    rest = url[found.end() :]
    if dialect in (SQLITE, DUCKDB):
        return _file(dialect, rest)
    try:
        parts = urlsplit(f"{dialect}:{rest if rest.startswith('//') else '/' + rest}")
        port = parts.port
    except ValueError:
        raise SpecError("the port of the database URL is no number", fix="write host:5432") from None
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    name = unquote(parts.path.lstrip("/"))
    if not name:
        raise SpecError("the URL names no database", where=dialect, fix="end it with /name")
    return Address(
        dialect=dialect, database=name, host=options.pop("host", None) or parts.hostname, port=port,
        user=options.pop("user", None) or _plain(parts.username),
        password=options.pop("password", None) or _plain(parts.password), options=options,
    )  # fmt: skip


def _plain(text: str | None) -> str | None:
    return None if text is None else unquote(text)


def _file(dialect: str, rest: str) -> Address:
    path, _, query = rest.partition("?")
    # Three slashes: relative; four: absolute. One slash is three that went through a path.
    path = unquote(path[3:] if path.startswith("///") else path.lstrip("/"))
    if not path or path == ":memory:":
        raise SpecError("a database in memory holds nothing to read", where=dialect, fix="name a file")
    return Address(dialect=dialect, database=path, options=dict(parse_qsl(query)))
