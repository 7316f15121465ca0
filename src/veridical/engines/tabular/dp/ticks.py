"""Which whole number of grid steps stands in each cell, by a rule that reads no other row?"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from veridical.core.schema import NUMERIC_KINDS, Column
from veridical.core.timetext import as_moments
from veridical.prepare.category import as_text
from veridical.prepare.codec import whole
from veridical.prepare.moment import MomentCodec, bounds_in
from veridical.prepare.number import grid_of

Ints = NDArray[np.int64]
_FARTHEST = 2.0**61
_FORMS = {"day": "%Y-%m-%d", "s": "%Y-%m-%dT%H:%M:%S"}


def unit_of(column: Column) -> float:
    """Return the length of a tick in the column's own unit (1 for temporal kinds, which count whole units)."""
    if column.kind not in NUMERIC_KINDS:
        return 1.0
    unit = grid_of(column)
    return 1e-6 if unit is None else unit


def ticks_of(table: pa.Table, column: Column) -> tuple[Ints, NDArray[np.bool_]]:
    """Return each cell's tick and whether there is none (null, or no number where one belongs)."""
    array = whole(table[column.name])
    if column.kind in NUMERIC_KINDS:
        values, null = _numbers(array)
        ticks = np.rint(np.where(null, 0.0, values) / unit_of(column))
        return np.clip(ticks, -_FARTHEST, _FARTHEST).astype(np.int64), null
    counts = _moments(array, column)
    null = np.asarray(counts.is_null().to_numpy(zero_copy_only=False), dtype=bool)
    return np.asarray(counts.fill_null(0).to_numpy(zero_copy_only=False), dtype=np.int64), null


def tick_bounds(column: Column) -> tuple[int, int] | None:
    """Return public bounds in ticks, or None where the column declares none."""
    if column.low is None or column.high is None:
        return None
    if column.kind in NUMERIC_KINDS:
        unit = unit_of(column)
        return round(float(column.low) / unit), round(float(column.high) / unit)
    low, high = bounds_in(column, unit_name(column))
    return None if low is None or high is None else (low, high)


def unit_name(column: Column) -> str:
    """Return the unit in which a temporal column is counted."""
    return column.resolution if column.resolution in ("day", "hour", "minute", "s") else "day"


def moment_codec(column: Column, support: tuple[float, float] | None) -> MomentCodec:
    """Return what writes counts of a temporal column as its own type."""
    unit = unit_name(column)
    low, high = bounds_in(column, unit)
    return MomentCodec(column, unit, False, low, high, support)


def texts_of(table: pa.Table, column: Column) -> pa.Array:
    """Return a column's cells as text, one spelling a value."""
    return as_text(table, column)


def _numbers(array: pa.Array) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    kind = array.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        text = pc.utf8_trim_whitespace(array.cast(pa.string()))
        good = pc.match_substring_regex(text, r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?$")
        array = pc.if_else(pc.fill_null(good, False), text, pa.scalar(None, pa.string())).cast(pa.float64())
    elif pa.types.is_boolean(kind):
        array = array.cast(pa.int64())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        array = pa.nulls(len(array), pa.float64())
    values = array.cast(pa.float64(), safe=False).fill_null(np.nan).to_numpy(zero_copy_only=False)
    return np.asarray(values), ~np.isfinite(values)


def _moments(array: pa.Array, column: Column) -> pa.Array:
    kind, unit = array.type, unit_name(column)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        form = column.datetime_format or _FORMS["day" if unit == "day" else "s"]
        width = 10 if form == _FORMS["day"] else 19
        text = array.cast(pa.string())
        if column.datetime_format is None:
            text = pc.replace_substring(pc.utf8_slice_codeunits(text, 0, width), " ", "T")
        array = as_moments(text, form)
    elif pa.types.is_timestamp(kind) and kind.tz is not None:
        array = pc.local_timestamp(array)
    if not pa.types.is_temporal(array.type):
        return pa.nulls(len(array), pa.int64())
    if pa.types.is_time(array.type) or pa.types.is_duration(array.type):
        raw = array.cast(pa.int64() if array.type.bit_width == 64 else pa.int32()).cast(pa.int64())
        seconds = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[array.type.unit]
        return pc.divide(raw, pa.scalar(seconds, pa.int64()))
    stamps = array.cast(pa.timestamp("s"), safe=False).cast(pa.int64())
    step = {"day": 86_400, "hour": 3_600, "minute": 60, "s": 1}[unit]
    values = np.asarray(stamps.fill_null(0).to_numpy(zero_copy_only=False)) // step
    return pa.array(values, pa.int64(), mask=np.asarray(stamps.is_null().to_numpy(zero_copy_only=False), dtype=bool))
