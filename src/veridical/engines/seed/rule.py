"""Which rows break a rule, and which columns would have to change?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from veridical.core.errors import SpecError
from veridical.core.schema import TableSchema
from veridical.prepare.violation import RowRule, row_rules

Mask = NDArray[np.bool_]


def rules_of(schema: TableSchema, names: Sequence[str]) -> tuple[RowRule, ...]:
    """Return the rules about one row that read none but these columns; formulas are computed, not checked."""
    known = set(names)
    return tuple(
        rule for rule in row_rules(schema)
        if set(rule.expression.columns) <= known and rule.constraint.type != "formula"
    )  # fmt: skip


def broken(rule: RowRule, columns: Mapping[str, pa.Array]) -> Mask:
    """Say for each row whether it breaks the rule; a rule that cannot be evaluated breaks nothing here."""
    table = pa.table({name: columns[name] for name in rule.expression.columns})
    try:
        return rule.broken(table)
    except SpecError:
        return np.zeros(table.num_rows, dtype=bool)  # the database has the last word


def swapped(columns: dict[str, pa.Array], low: str, high: str) -> None:
    """Put each row's smaller value into `low`, in place, where both hold the same type."""
    one, two = columns[low], columns[high]
    if one.type != two.type:
        return
    wrong = pc.fill_null(pc.greater(one, two), False)
    columns[low], columns[high] = pc.if_else(wrong, two, one), pc.if_else(wrong, one, two)


def repeated(columns: Mapping[str, pa.Array], names: Sequence[str]) -> Mask:
    """Say for each row whether an earlier one holds the same values; rows with a null repeat nothing."""
    rows = len(columns[names[0]])
    cells = {str(i): _alike(columns[name]) for i, name in enumerate(names)}
    table = pa.table({**cells, "row": pa.array(np.arange(rows))})
    keys = [str(i) for i in range(len(names))]
    first = table.group_by(keys).aggregate([("row", "min")])
    kept = np.zeros(rows, dtype=bool)
    kept[first["row_min"].to_numpy()] = True
    empty = np.zeros(rows, dtype=bool)
    for name in names:
        empty |= np.asarray(columns[name].is_null().to_numpy(zero_copy_only=False), dtype=bool)
    return ~kept & ~empty


def _alike(column: pa.Array) -> pa.Array:
    """Texts in a form that those share which some database takes for equal: case, accents, blanks at the end."""
    if not pa.types.is_string(column.type):
        return column
    plain = pc.replace_substring_regex(pc.utf8_normalize(column, form="NFKD"), r"\p{Mn}", "")
    return pc.utf8_rtrim_whitespace(pc.utf8_lower(plain))


def put(column: pa.Array, rows: Mask, values: pa.Array) -> pa.Array:
    """Return the column with other values in the marked rows."""
    places = np.cumsum(rows) - 1
    spread = values.take(pa.array(np.where(rows, places, 0)) if len(values) else pa.array([], pa.int64()))
    return pc.if_else(pa.array(rows), spread, column) if len(values) else column
