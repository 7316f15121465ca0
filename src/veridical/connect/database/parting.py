"""Which rows of a table that is divided into parts belong to none of them, and where do they go?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from veridical.connect.database import condition
from veridical.connect.database.naming import quoted
from veridical.connect.database.structure import SqlTable, Structure
from veridical.core.contracts import Allowed
from veridical.core.dataset import Dataset
from veridical.core.errors import SpecError
from veridical.core.restriction import ANY, split


def with_room(structure: Structure, dataset: Dataset) -> tuple[Structure, tuple[str, ...]]:
    """Return a structure whose divided tables have a default part where rows need one, and what was added.

    Made-up keys may go on after the last day that the source has a part for.
    """
    tables, told = [], []
    for table in structure.tables:
        rows = dataset.tables.get(table.name)
        if table.parts and rows is not None and not _is_inside(table, rows):
            name = f"{table.name}_default"
            table = replace(
                table, parts=(*table.parts, f"CREATE TABLE {quoted(name)} PARTITION OF {quoted(table.name)} DEFAULT")
            )
            told.append(f"{table.name}: that all rows belong to a part; others are in {name}")
        tables.append(table)
    return replace(structure, tables=tuple(tables)), tuple(told)


def whole_of(bounds: Sequence[str], names: Sequence[str]) -> str:
    """Return what rows of any part must be (SQL text): within one of the bounds, and so between their ends.

    Example:
        >>> whole_of(["a >= 1 AND a < 5", "a >= 5 AND a < 9"], ["a"])
        '("a" >= 1) AND ("a" < 9) AND ((a >= 1 AND a < 5) OR (a >= 5 AND a < 9))'
    """
    either = " OR ".join(f"({bound})" for bound in bounds)
    read = [condition.read(bound, names) for bound in bounds]
    limits = [split(one)[0] for one in read if one is not None]
    if len(limits) < len(bounds) or not limits:
        return either
    ends = [line for name in limits[0] for line in _ends(name, [found.get(name, ANY) for found in limits])]
    return " AND ".join([*ends, f"({either})"]) if ends else either


def _ends(name: str, parts: Sequence[Allowed]) -> list[str]:
    """The least and greatest value, or the values, that any of the parts allows."""
    cell = quoted(name)
    if all(part.values is not None for part in parts):
        return [f"({cell} IN ({', '.join(_literal(value) for part in parts for value in part.values or ())}))"]
    found = []
    if all(part.low is not None for part in parts):
        found.append(f"({cell} >= {_literal(min(part.low for part in parts))})")
    if all(part.high is not None for part in parts):
        found.append(f"({cell} < {_literal(max(part.high for part in parts))})")
    return found


def _literal(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'" if not isinstance(value, int | float) else str(value)


def _is_inside(table: SqlTable, rows: pa.Table) -> bool:
    check = next((check for check in table.checks if check.name == f"{table.name} partitions"), None)
    read = None if check is None else condition.read(check.text, table.names)
    if read is None:
        return True  # the server has the last word
    try:
        return bool(pc.all(pc.fill_null(read.evaluate(rows), False)).as_py() is not False)
    except SpecError:
        return True
