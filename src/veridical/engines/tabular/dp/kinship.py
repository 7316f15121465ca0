"""Which rows of linked tables are used, so that no unit has more in any table than was agreed?

Whether a row is used depends on its own unit's rows alone: one row a unit in the unit's table, rows of parents that are
used, and of these as many as agreed, picked by a hash (`unit.bounded`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.core.errors import DataError
from veridical.core.schema import ForeignKey
from veridical.engines.tabular.dp.family import Family, Kin
from veridical.engines.tabular.dp.unit import bounded
from veridical.prepare.codec import whole
from veridical.prepare.link import NONE, point

Ints = NDArray[np.int64]
Choose = Callable[[str, Callable[[], Ints]], int]  # a table, and the number of rows of each unit: how many are used?
_UNIT, _PARENT, _OWNER = "\0unit", "\0parent", "\0owner"


@dataclass(frozen=True)
class Used:
    """The rows of one table that are used: each one's unit (a row of the unit's table) and row of its parent.

    `numbers` says for each row of the parent how many rows it has, those that are not used included: a parent's number
    is one fact of it, however large.
    """

    rows: pa.Table
    unit: Ints
    parent: Ints
    most: int
    numbers: Ints


def used_rows(tables: Mapping[str, pa.Table], family: Family, choose: Choose) -> dict[str, Used]:
    """Return the rows that are used of each table of a family; `choose` says how many of each unit.

    Raises:
        DataError: a key that says whose a row is has gaps.
    """
    unit = bounded(tables[family.unit], family.key, 1)
    everyone = np.arange(unit.num_rows)
    found = {family.unit: Used(unit, everyone, everyone, 1, np.ones(unit.num_rows, dtype=np.int64))}
    names = whole(unit[family.key]).cast(pa.string())
    for kin in family.kin:
        found[kin.table] = _below(tables[kin.table], kin, family, found, names, choose)
    return found


def _below(
    table: pa.Table, kin: Kin, family: Family, found: Mapping[str, Used], names: pa.Array, choose: Choose
) -> Used:
    above = found[kin.parent]
    parent = _pointing(table, kin.table, kin.column, kin.parent, kin.parent_column, above)
    if (parent == NONE).any():
        raise DataError(
            "a key that says whose a row is has gaps", where=f"{kin.table}.{kin.column}",
            fix="fill them or leave those rows out: whose are they?",
        )  # fmt: skip
    kept = parent < above.rows.num_rows
    line = _line(family, kin.parent, found)
    for column, ancestor, key in kin.also:
        named = _pointing(table, kin.table, column, ancestor, key, found[ancestor])
        expected = line[ancestor][np.minimum(parent, above.rows.num_rows - 1)] if above.rows.num_rows else parent
        kept &= (named == expected) | (named == NONE)
    places = np.flatnonzero(kept)
    unit = above.unit[parent[places]]
    rows = table.take(pa.array(places))
    if kin.single:
        first = np.unique(parent[places], return_index=True)[1]
        rows, unit, places = rows.take(pa.array(first)), unit[first], places[first]
    numbers = np.bincount(parent[places], minlength=above.rows.num_rows)
    most = choose(kin.table, lambda: np.bincount(unit, minlength=len(names)))
    marked = rows.append_column(_UNIT, names.take(pa.array(unit))).append_column(_PARENT, pa.array(parent[places]))
    cut = bounded(marked.append_column(_OWNER, pa.array(unit)), _UNIT, most)
    owner, pointed = (np.asarray(cut[name].to_numpy()) for name in (_OWNER, _PARENT))
    return Used(cut.select(table.column_names), owner, pointed, most, numbers)


def _line(family: Family, table: str, found: Mapping[str, Used]) -> dict[str, Ints]:
    """Return for each table above (and the table itself) the row that each of the table's rows belongs to."""
    rows = np.arange(found[table].rows.num_rows)
    line = {table: rows}
    kin = family.kin_of(table)
    while kin is not None:
        rows = found[kin.table].parent[rows]
        line[kin.parent] = rows
        kin = family.kin_of(kin.parent)
    return line


def _pointing(table: pa.Table, name: str, column: str, parent: str, key: str, above: Used) -> Ints:
    link = ForeignKey(table=name, columns=(column,), parent=parent, parent_columns=(key,))
    return point({name: table, parent: above.rows}, link).rows
