"""Which numbers of a table keep to few values (degrees told from another scale), and how do made rows keep to them?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from veridical.core.schema import TableSchema
from veridical.encode.lattice import levels, snap
from veridical.engines.relational.plan import TablePlan
from veridical.prepare.codec import whole
from veridical.prepare.violation import row_rules


def of_columns(planned: TablePlan, table: pa.Table, rare_below: int) -> dict[str, tuple[float, ...]]:
    """Return the values of each drawn fraction that keeps to few."""
    found = {}
    for name in planned.drawn:
        if pa.types.is_floating(table.schema.field(name).type):
            kept = levels(_numbers(whole(table[name])), rare_below)
            if kept is not None:
                found[name] = tuple(kept.tolist())
    return found


def snapped(
    columns: Mapping[str, pa.Array], known: Mapping[str, tuple[float, ...]], schema: TableSchema
) -> dict[str, pa.Array]:
    """Return the columns that keep to few values, each value moved to the nearest; no row so that it breaks a rule."""
    found: dict[str, pa.Array] = {}
    for name, kept in known.items():
        if name in columns and len(columns[name]):
            moved = snap(_numbers(columns[name]), np.array(kept))
            found[name] = pa.array(moved, columns[name].type, from_pandas=True)
    if not found:
        return {}
    table = pa.table({**columns, **found})
    for rule in row_rules(schema):
        names = set(rule.expression.columns)
        if names & set(found) and names <= set(table.column_names):
            broken = pa.array(rule.broken(table))
            for name in names & set(found):
                found[name] = pa.compute.if_else(broken, columns[name], found[name])
    return found


def _numbers(values: pa.Array) -> np.ndarray:
    return np.asarray(values.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
