"""What data is this: which tables, which rows, which fingerprint?"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import pyarrow as pa

from veridical.core import digest
from veridical.core.errors import DataError

DEFAULT_TABLE = "data"


class Unread(Mapping[str, pa.Table]):
    """Tables that lie on disk and are read whenever they are asked for: whoever holds them holds no rows."""

    @property
    @abstractmethod
    def rows(self) -> int:
        """Rows in all tables together."""


@dataclass(frozen=True)
class Dataset:
    """One or more named Arrow tables: the only currency between stages.

    Example:
        >>> people = Dataset.of(pa.table({"age": [31, 45]}))
        >>> people.only.num_rows
        2
    """

    tables: Mapping[str, pa.Table]

    def __post_init__(self) -> None:
        if not isinstance(self.tables, Unread):
            object.__setattr__(self, "tables", MappingProxyType(dict(self.tables)))

    @classmethod
    def of(cls, table: pa.Table, name: str = DEFAULT_TABLE) -> Dataset:
        """Return a data set of one table."""
        return cls({name: table})

    @property
    def name(self) -> str:
        """The name of the only table.

        Raises:
            DataError: there are several tables, or none.
        """
        if len(self.tables) != 1:
            raise DataError(
                f"one table was expected, {len(self.tables)} are here",
                where=", ".join(self.tables) or "no table",
                fix="name the table, or use an engine for linked tables",
            )
        return next(iter(self.tables))

    @property
    def only(self) -> pa.Table:
        """The only table.

        Raises:
            DataError: there are several tables, or none.
        """
        return self.tables[self.name]

    @property
    def rows(self) -> int:
        """Rows in all tables together."""
        if isinstance(self.tables, Unread):
            return self.tables.rows
        return sum(table.num_rows for table in self.tables.values())

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the tables' names, columns, types and values, in hex."""
        return digest.of_json({name: digest.of_table(table) for name, table in self.tables.items()})
