"""Can all constraints of a schema hold at once, and if not, which ones clash?"""

from __future__ import annotations

from veridical.core.schema import TableSchema


def satisfiable(schema: TableSchema, *, rows: int | None = None) -> None:
    """Raise when the constraints clash."""


def tightened(schema: TableSchema) -> TableSchema:
    """Return the schema with every column's bounds narrowed to what bounds constraints say."""
    return schema
