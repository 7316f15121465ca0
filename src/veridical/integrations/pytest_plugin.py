"""How does a test get realistic rows? The fixture `veridical`, found by pytest by itself.

def test_totals(veridical):
    database = veridical.seed("sqlite:///test.db", rows=100, seed=1)
    assert database.rows["orders"] == 100

def test_report(veridical):
    orders = veridical.table("schema.yaml", rows=50)     # an Arrow table; .to_pandas() if you like
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import pyarrow as pa

    from veridical.core.schema import Schema, TableSchema


@dataclass(frozen=True, slots=True)
class SeededDatabase:
    """A database that was filled: its URL, the rows of each table, and the made-up tables themselves."""

    url: str
    rows: Mapping[str, int]
    tables: Mapping[str, pa.Table]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TestData:
    """Makes rows for tests; the same arguments make the same rows, on any machine."""

    __test__ = False
    folder: Path

    def seed(
        self, database: Any, *, rows: int = 100, seed: int = 0, schema: Any = None, edge_cases: bool = False,
        locale: str | None = None, rows_of: Mapping[str, int] | None = None,
    ) -> SeededDatabase:  # fmt: skip
        """Fill a database's empty tables and return what was written.

        `database` is a URL, or a SQLAlchemy MetaData: its tables are then made in a fresh SQLite file of this test.

        Raises:
            VeridicalError: the database cannot be reached, holds rows, or its declarations leave no value.
        """
        from veridical.engines.seed.maker import SeedRequest
        from veridical.stages import database as stage

        url = database if isinstance(database, str) else self._created(database)
        request = SeedRequest(
            rows=rows, seed=seed, edge_cases=edge_cases, locale=locale, rows_of={} if rows_of is None else rows_of
        )
        seeded, written = stage.seed(url, request, schema=_said(schema))
        return SeededDatabase(url, written.rows, seeded.dataset.tables, seeded.notes)

    def table(
        self, schema: Any, rows: int = 100, *, seed: int = 0, edge_cases: bool = False, locale: str | None = None
    ) -> pa.Table:
        """Return made-up rows of one table by its schema: a TableSchema, a Schema, or the path of a schema.yaml.

        Raises:
            VeridicalError: the schema is wrong, speaks of several tables, or leaves no value.
        """
        from veridical.engines.seed.maker import SeedRequest, make_table

        request = SeedRequest(rows=rows, seed=seed, edge_cases=edge_cases, locale=locale)
        return make_table(_only(schema), request)

    def tables(
        self, schema: Any, rows: int = 100, *, seed: int = 0, edge_cases: bool = False, locale: str | None = None
    ) -> Mapping[str, pa.Table]:
        """Return made-up rows of linked tables by their schema.

        Raises:
            VeridicalError: the schema is wrong, or leaves no value.
        """
        from veridical.engines.seed.maker import SeedRequest, make

        request = SeedRequest(rows=rows, seed=seed, edge_cases=edge_cases, locale=locale)
        return make(_schema(schema), request).dataset.tables

    def _created(self, metadata: Any) -> str:
        from sqlalchemy import create_engine

        path = self.folder / "veridical-seeded.db"
        path.unlink(missing_ok=True)
        engine = create_engine(f"sqlite:///{path}")
        metadata.create_all(engine)
        engine.dispose()
        return f"sqlite:///{path}"


def _said(given: Any) -> Schema | Path | None:
    """What a person says beside the database: a file may name columns that only the database lists."""
    return Path(given) if isinstance(given, str | Path) else None if given is None else _schema(given)


def _schema(given: Any) -> Schema:
    from veridical.core.schema import Schema, TableSchema
    from veridical.spec import schema_yaml

    if isinstance(given, Schema):
        return given
    return Schema(tables=(given,)) if isinstance(given, TableSchema) else schema_yaml.read(Path(given))


def _only(given: Any) -> TableSchema:
    return _schema(given).only


@pytest.fixture
def veridical(tmp_path: Path) -> TestData:
    """Realistic rows for tests: `veridical.seed(url, rows=100, seed=1)` and `veridical.table(schema, rows=50)`."""
    return TestData(tmp_path)
