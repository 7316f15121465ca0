"""How does a column of numbers reach an engine and come back on its grid, within its bounds?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from veridical.core.contracts import Allowed
from veridical.core.errors import SchemaError
from veridical.core.schema import Column, Kind
from veridical.prepare.codec import Arrays, Place, Plain, Support, beyond, from_numpy, support_of, to_numpy, whole
from veridical.prepare.storage import is_text, parse_type, store

_EXACT = 2.0**53  # whole numbers beyond this are no longer exact in a float64


@dataclass(frozen=True, slots=True)
class NumberCodec:
    """One numeric column; modelled as int64 when whole, else as float64 (nan and infinity become null)."""

    column: Column
    whole: bool
    support: Support | None = None

    @classmethod
    def learn(cls, table: pa.Table, column: Column, *, rare_below: int) -> NumberCodec:
        """Return the codec of a column.

        Raises:
            SchemaError: the column holds no numbers.
        """
        values = _numbers(table, column)
        is_whole = column.kind is Kind.INTEGER and (
            pa.types.is_integer(values.type) or bool(np.all(np.abs(to_numpy(values)[0]) < _EXACT))
        )
        numbers, null = to_numpy(values)
        return cls(column, is_whole, support_of(numbers[~null & np.isfinite(numbers)], rare_below))

    @property
    def names(self) -> Sequence[str]:
        return (self.column.name,)

    @property
    def modelled(self) -> Sequence[Column]:
        return (replace(self.column, storage="int64" if self.whole else "double"),)

    @property
    def unit(self) -> float | None:
        """The distance between neighbours on the column's grid; None when there is no grid."""
        return grid_of(self.column)

    def encode(self, table: pa.Table) -> Arrays:
        values, null = to_numpy(_numbers(table, self.column))
        if values.dtype.kind == "f":
            null = null | ~np.isfinite(values)
            values = np.where(null, 0.0, values)
            values = np.rint(values).astype(np.int64) if self.whole else values
        else:
            values = values.astype(np.int64 if self.whole else np.float64)
        return {self.column.name: from_numpy(values, null)}

    def decode(self, drawn: Arrays, place: Place) -> Arrays:  # noqa: ARG002
        values, null = to_numpy(drawn[self.column.name])
        return {self.column.name: _stored(on_grid(values, self.column), null, self.column)}

    def limit(self, name: str, allowed: Allowed) -> Mapping[str, Allowed] | None:
        try:
            values = None if allowed.values is None else tuple(float(value) for value in allowed.values)
            low = None if allowed.low is None else float(allowed.low)
            high = None if allowed.high is None else float(allowed.high)
        except (TypeError, ValueError):
            return None
        limits = replace(allowed, values=values, low=low, high=high)
        if self.whole:
            limits = _whole_limits(allowed, values, low, high)
        return {name: Allowed(values=()) if beyond(limits, self.support) else limits}

    def to_plain(self) -> Plain:
        return {"codec": "number", "column": self.column.name, "whole": self.whole, "support": self.support}


def grid_of(column: Column) -> float | None:
    """Return the distance between neighbours on a column's grid; None when there is no grid.

    Example:
        >>> grid_of(Column(name="price", kind=Kind.DECIMAL, decimals=2))
        0.01
    """
    if column.step is not None and column.step > 0:
        return float(column.step)
    if column.kind is Kind.INTEGER:
        return 1.0
    return None if column.decimals is None else float(10.0**-column.decimals)


def on_grid(values: NDArray[Any], column: Column) -> NDArray[Any]:
    """Return values rounded to the column's grid, then held within its bounds on that grid.

    Example:
        >>> on_grid(np.array([1.239, 7.0]), Column(name="x", kind=Kind.DECIMAL, decimals=2, high=2.005)).tolist()
        [1.24, 2.0]
    """
    unit = grid_of(column)
    low, high = (None if bound is None else float(bound) for bound in (column.low, column.high))
    if unit is None or (values.dtype.kind == "i" and unit == 1.0):
        low, high = (low, high) if unit is None else (_up(low, 1.0), _down(high, 1.0))
        return _clipped(values, low, high)
    ticks = np.rint(values / unit)
    ticks = _clipped(ticks, _up(low, unit, scaled=False), _down(high, unit, scaled=False))
    rounded = ticks * unit
    digits = column.decimals if column.decimals is not None else _digits(unit)
    rounded = np.round(rounded, digits)
    return rounded.astype(np.int64) if values.dtype.kind == "i" and float(unit).is_integer() else rounded


def _up(bound: float | None, unit: float, *, scaled: bool = True) -> float | None:
    if bound is None:
        return None
    ticks = float(np.ceil(round(bound / unit, 9)))
    return ticks * unit if scaled else ticks


def _down(bound: float | None, unit: float, *, scaled: bool = True) -> float | None:
    if bound is None:
        return None
    ticks = float(np.floor(round(bound / unit, 9)))
    return ticks * unit if scaled else ticks


def _digits(unit: float) -> int:
    return next((digits for digits in range(16) if abs(round(unit, digits) - unit) < 1e-12 * unit), 15)


def _clipped(values: NDArray[Any], low: float | None, high: float | None) -> NDArray[Any]:
    if low is None and high is None:
        return values
    if values.dtype.kind == "i":
        info = np.iinfo(values.dtype)
        floor = info.min if low is None or low < info.min else int(low)
        ceiling = info.max if high is None or high > info.max else int(high)
        return np.clip(values, floor, ceiling)
    return np.clip(values, -np.inf if low is None else low, np.inf if high is None else high)


def _whole_limits(allowed: Allowed, values: tuple[float, ...] | None, low: float | None, high: float | None) -> Allowed:
    kept = None if values is None else tuple(int(value) for value in values if value.is_integer())
    low_end = None if low is None else (int(np.floor(low)) + 1 if allowed.low_open else int(np.ceil(low)))
    high_end = None if high is None else (int(np.ceil(high)) - 1 if allowed.high_open else int(np.floor(high)))
    return Allowed(values=kept, low=low_end, high=high_end, nulls=allowed.nulls)


def _numbers(table: pa.Table, column: Column) -> pa.Array:
    array = whole(table[column.name])
    kind = array.type
    try:
        if pa.types.is_boolean(kind):
            return array.cast(pa.int64())
        if pa.types.is_uint64(kind):
            return (
                array.cast(pa.int64()) if (pc.max(array).as_py() or 0) < 2**63 else array.cast(pa.float64(), safe=False)
            )
        if pa.types.is_integer(kind):
            return array
        if pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind):
            return array.cast(pa.float64(), safe=False)
        if is_text(kind):
            return pc.utf8_trim_whitespace(array.cast(pa.string())).cast(pa.float64())
    except pa.ArrowInvalid:
        pass
    raise SchemaError(
        f"the schema says {column.kind.value}, the data holds something else ({kind})",
        where=column.name,
        fix="correct the column's kind in the schema, or learn the source again",
    )


def _stored(values: NDArray[Any], null: NDArray[np.bool_], column: Column) -> pa.Array:
    kind = parse_type(column.storage)
    if is_text(kind):
        digits = column.decimals or 0
        spelled = [f"{value:.{digits}f}" for value in values.tolist()]
        return store(pa.array(spelled, mask=null), column.storage)
    if pa.types.is_integer(kind):
        values = np.rint(values) if values.dtype.kind == "f" else values
        width, signed = kind.bit_width, pa.types.is_signed_integer(kind)
        low = -(2 ** (width - 1)) if signed else 0
        high = 2 ** (width - 1) - 1 if signed else 2**width - 1
        if values.dtype.kind == "f":
            values = np.clip(values, float(low), np.nextafter(float(high), 0) if width == 64 else float(high))
            values = values.astype(np.uint64 if not signed and width == 64 else np.int64)
        else:
            values = np.clip(values, max(low, -(2**63)), min(high, 2**63 - 1))
    return store(from_numpy(values, null), column.storage)
