"""What does a database declare: tables, types, keys, checks, indexes, sequences?"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from veridical.connect.database.token import tokens
from veridical.core.errors import ArtifactError, DataError


class Family(StrEnum):
    """What kind of value an SQL type holds, whatever the database calls it."""

    INTEGER = "integer"
    DECIMAL = "decimal"
    FLOAT = "float"
    BOOLEAN = "boolean"
    TEXT = "text"
    BYTES = "bytes"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    INTERVAL = "interval"
    UUID = "uuid"
    JSON = "json"
    ARRAY = "array"
    ENUM = "enum"
    OTHER = "other"  # passed through as the database writes it


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlType:
    """One type. `text` is how the database spells it; `labels` are an enumeration's values, in order."""

    text: str
    family: Family
    bits: int | None = None
    unsigned: bool = False
    precision: int | None = None
    scale: int | None = None
    length: int | None = None  # characters
    zoned: bool = False
    labels: tuple[str, ...] = ()
    element: str | None = None  # an array's element type
    domain: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlColumn:
    """One column. `default` and `generated` are SQL text; `identity` is "", "always", "default" or "serial"."""

    name: str
    type: SqlType
    nullable: bool = True
    default: str | None = None
    generated: str | None = None
    stored: bool = True
    identity: str = ""
    identity_options: str = ""  # of its sequence, where they are not the usual ones
    collation: str | None = None
    required_by_type: bool = False  # its domain forbids nulls, not the column

    @property
    def is_written(self) -> bool:
        """Whether rows carry a value of their own: the database computes generated columns."""
        return self.generated is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A foreign key. `defer` is "", "deferrable" or "deferred" (checked at the end of the transaction)."""

    name: str
    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]
    on_delete: str = ""
    on_update: str = ""
    defer: str = ""
    definition: str = ""  # as the database spells it


@dataclass(frozen=True, slots=True, kw_only=True)
class Unique:
    """Columns whose values together are unique; nulls differ from each other unless `nulls_equal`."""

    name: str
    columns: tuple[str, ...]
    definition: str = ""
    nulls_equal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A condition (SQL text, without CHECK and its brackets) that no row may break."""

    name: str
    text: str
    definition: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """An index that no constraint stands behind. `columns` is empty when it is over expressions."""

    name: str
    definition: str
    columns: tuple[str, ...] = ()
    unique: bool = False
    partial: bool = False

    @property
    def condition(self) -> str | None:
        """Which rows a partial index speaks of (SQL text)."""
        found = re.search(r"\bWHERE\b(.*)$", self.definition, re.IGNORECASE | re.DOTALL) if self.partial else None
        return None if found is None else found[1].strip()

    def mentioned(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the columns of a table that the index is over, alone or within expressions."""
        body = re.sub(r"\bWHERE\b.*$", "", self.definition, flags=re.IGNORECASE | re.DOTALL)
        said = re.sub(r"\bINCLUDE\b.*$", "", body, flags=re.IGNORECASE | re.DOTALL).partition("(")[2]
        words = {word.name.lower() for word in tokens(said) if word.kind in ("word", "quoted")}
        return tuple(name for name in names if name.lower() in words)


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlTable:
    """One table; `definition` is its whole CREATE TABLE where the database keeps it."""

    name: str
    columns: tuple[SqlColumn, ...]
    primary_key: tuple[str, ...] = ()
    primary_key_name: str = ""
    primary_key_definition: str = ""  # as the database spells it
    uniques: tuple[Unique, ...] = ()
    checks: tuple[Check, ...] = ()
    links: tuple[Link, ...] = ()
    indexes: tuple[Index, ...] = ()
    others: tuple[str, ...] = ()  # definitions of constraints that are kept but not modelled
    definition: str | None = None
    tail: str = ""  # what follows the brackets, such as how the table is divided
    parts: tuple[str, ...] = ()  # statements that make the parts of a divided table
    is_unlogged: bool = False
    is_view: bool = False

    def column(self, name: str) -> SqlColumn:
        """Return one column.

        Raises:
            DataError: there is no such column.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise DataError(f"no column {name!r}", where=self.name)

    @property
    def names(self) -> tuple[str, ...]:
        """The column names in order."""
        return tuple(column.name for column in self.columns)

    @property
    def written(self) -> tuple[SqlColumn, ...]:
        """The columns that rows carry a value for."""
        return tuple(column for column in self.columns if column.is_written)

    @property
    def unique_sets(self) -> tuple[tuple[str, ...], ...]:
        """Every set of columns whose values may not repeat, the primary key first."""
        indexed = (index.columns for index in self.indexes if index.unique and index.columns and not index.partial)
        found = [self.primary_key, *(unique.columns for unique in self.uniques), *indexed]
        return tuple(dict.fromkeys(columns for columns in found if columns))


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """All that a database declares, in its own dialect; holds no row, no user and no password.

    `before` and `after` are statements that make what tables need first (types, domains, sequences), and what
    follows the rows (sequences' owners, triggers). `functions` come before tables, or after them where they speak of
    them; `extras` (views, comments) come last. Both may fail where the target lacks what they speak of.
    """

    dialect: str
    tables: tuple[SqlTable, ...]
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    views: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()

    def table(self, name: str) -> SqlTable:
        """Return one table.

        Raises:
            DataError: there is no such table.
        """
        for table in self.tables:
            if table.name == name:
                return table
        raise DataError(f"no table {name!r}", fix=f"the tables are {', '.join(t.name for t in self.tables)}")

    def only(self, names: tuple[str, ...] | list[str]) -> Structure:
        """Return the structure of some tables; links that lead out are left out."""
        kept = [self.table(name) for name in names]
        inside = set(names)
        return replace(
            self,
            tables=tuple(replace(t, links=tuple(x for x in t.links if x.parent in inside)) for t in kept),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the structure as JSON-like data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Structure:
        """Return the structure that `to_dict` wrote.

        Raises:
            ArtifactError: the data is none.
        """
        try:
            tables = tuple(_table(table) for table in data["tables"])
            rest = {name: tuple(data[name]) for name in ("before", "after", "views", "notes")}
            rest |= {name: tuple(data.get(name, ())) for name in ("functions", "extras")}
            return cls(dialect=str(data["dialect"]), tables=tables, **rest)
        except (KeyError, TypeError, ValueError) as wrong:
            raise ArtifactError("this is no database structure", fix="learn the database again") from wrong


def _table(data: Mapping[str, Any]) -> SqlTable:
    parts: dict[str, Any] = {"uniques": Unique, "checks": Check, "links": Link, "indexes": Index}
    values = dict(data)
    for name, kind in parts.items():
        values[name] = tuple(kind(**_tupled(item)) for item in data[name])
    values["columns"] = tuple(_column(item) for item in data["columns"])
    return SqlTable(**_tupled(values))


def _column(data: Mapping[str, Any]) -> SqlColumn:
    kind = dict(_tupled(data["type"]))
    return SqlColumn(**{**data, "type": SqlType(**{**kind, "family": Family(kind["family"])})})


def _tupled(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}
