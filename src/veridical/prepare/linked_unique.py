"""What takes the place of values that came twice in a column where none may?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from veridical import fabricate
from veridical.core.schema import Schema, TableSchema
from veridical.prepare.codec import whole
from veridical.prepare.fresh import shape_of


def apart(tables: Mapping[str, pa.Table], schema: Schema) -> dict[str, pa.Table]:
    """Return the tables with every value of a unique column there once: what came again goes on after the last.

    Keys and links are left alone.
    """
    found = dict(tables)
    for own in schema.tables:
        linked = {name for link in schema.foreign_keys if link.table == own.name for name in link.columns}
        linked |= {name for link in schema.foreign_keys if link.parent == own.name for name in link.parent_columns}
        for name in _unique(own) if own.name in found else ():
            rows = found[own.name]
            if name in linked or name in own.primary_key or name not in rows.column_names:
                continue
            values = whole(rows[name])
            known = values.drop_null()
            if pc.count_distinct(known).as_py() < len(known):
                place = rows.column_names.index(name)
                found[own.name] = rows.set_column(place, rows.schema.field(name), _once(values))
    return found


def _unique(own: TableSchema) -> list[str]:
    rules = [rule.columns[0] for rule in own.constraints if rule.type == "unique" and len(rule.columns) == 1]
    return list(dict.fromkeys([*rules, *(column.name for column in own.columns if column.unique)]))


def _once(values: pa.Array) -> pa.Array:
    kind = values.type
    plain = values.cast(kind.value_type) if pa.types.is_dictionary(kind) else values
    codes = plain.dictionary_encode().indices.to_numpy(zero_copy_only=False)
    again = np.ones(len(plain), dtype=bool)
    again[np.unique(codes, return_index=True)[1]] = False
    again &= plain.is_valid().to_numpy(zero_copy_only=False)
    others = _others(plain, int(again.sum()))
    if others is None:
        return values
    order = np.where(again, np.cumsum(again) - 1, 0)
    return pc.if_else(pa.array(again), others.take(pa.array(order)), plain).cast(kind)


def _others(plain: pa.Array, count: int) -> pa.Array | None:
    """So many values that are not there yet; None where the type knows no next one."""
    kind = plain.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        shape = shape_of(plain.drop_null().slice(0, 2_000).to_pylist())
        made = fabricate.pattern(shape, count + len(plain), rng=np.random.default_rng(0), unique=True).cast(kind)
        return made.filter(pc.invert(pc.is_in(made, plain))).slice(0, count)
    if pa.types.is_integer(kind) or pa.types.is_temporal(kind):
        wide = pa.int32() if kind.bit_width == 32 else kind if pa.types.is_integer(kind) else pa.int64()
        ticks = np.unique(plain.drop_null().cast(wide).to_numpy(zero_copy_only=False).astype(np.int64))
        step = int(np.gcd.reduce(np.diff(ticks))) if len(ticks) > 1 else 1
        return pa.array(ticks[-1] + step * (1 + np.arange(count))).cast(wide).cast(kind)
    if pa.types.is_decimal(kind):
        step = 10.0**-kind.scale
        return pc.add(pc.max(plain), pa.array((1 + np.arange(count)) * step).cast(kind)).cast(kind)
    if pa.types.is_floating(kind):
        return pc.add(pc.max(plain), pa.array((1 + np.arange(count)).astype(float))).cast(kind)
    return None
