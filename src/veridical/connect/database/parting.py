"""Which rows of a table that is divided into parts belong to none of them, and where do they go?"""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from veridical.connect.database import condition
from veridical.connect.database.naming import quoted
from veridical.connect.database.structure import SqlTable, Structure
from veridical.core.dataset import Dataset
from veridical.core.errors import SpecError


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


def _is_inside(table: SqlTable, rows: pa.Table) -> bool:
    check = next((check for check in table.checks if check.name == f"{table.name} partitions"), None)
    read = None if check is None else condition.read(check.text, table.names)
    if read is None:
        return True  # the server has the last word
    try:
        return bool(pc.all(pc.fill_null(read.evaluate(rows), False)).as_py() is not False)
    except SpecError:
        return True
