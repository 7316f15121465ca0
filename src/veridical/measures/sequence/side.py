"""What do measures of sequences look at: each side's rows by entity and time, as numbers?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.core.contracts import Evidence
from veridical.core.schema import Column, Kind, Role, TableSchema
from veridical.encode.panel import Layout, in_order, is_static, owners
from veridical.measures.column import encode

Floats = NDArray[np.float64]
FEW = 10  # entities below which windows of a series stand for entities
WINDOWS = 30
_LEFT_OUT = frozenset({Kind.IDENTIFIER, Kind.PERSONAL, Kind.TEXT})


@dataclass(frozen=True, eq=False)
class Side:
    """One table's sequences: the layout of its sorted rows, times, moving and static columns (nan for null).

    `times` are in seconds, or in the column's own unit; `backward` is the share of rows that, as the file had them,
    came before the row ahead of them. `block` numbers the entity, or of few entities the window, a row belongs to.
    """

    layout: Layout
    times: Floats
    moving: Mapping[str, Floats]
    static: Mapping[str, Floats]
    categories: frozenset[str]
    backward: float
    block: NDArray[np.int64]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self.layout.rows

    @property
    def gaps(self) -> Floats:
        """The times between neighbouring rows of one entity."""
        inner = np.diff(self.layout.owner) == 0
        found: Floats = np.diff(self.times)[inner]
        return found


@dataclass(frozen=True, eq=False)
class Sides:
    """Train, synthetic and holdout; `reference` is the holdout, or train where there is none."""

    schema: TableSchema
    train: Side
    synthetic: Side
    holdout: Side | None

    @property
    def reference(self) -> Side:
        """What synthetic sequences are compared with."""
        return self.train if self.holdout is None else self.holdout

    @property
    def numbers(self) -> list[str]:
        """The moving columns that are numbers."""
        return [name for name in self.train.moving if name not in self.train.categories]


def sides_of(evidence: Evidence) -> Sides | None:
    """Return the sides of the only table, or None where its rows are no sequences."""
    if len(evidence.schema.tables) != 1 or not evidence.schema.only.is_sequence:
        return None
    schema = evidence.schema.only
    tables = [evidence.train.only, evidence.synthetic.only]
    if evidence.holdout is not None:
        tables.append(evidence.holdout.only)
    columns = [c for c in schema.columns if _compared(c, schema)]
    assert schema.order_by is not None
    ordered = [in_order(table, schema.series or (), schema.order_by) for table in tables]
    encoded = {c.name: encode(c, [one.table[c.name] for one in ordered]) for c in columns}
    statics = {
        name
        for name, held in encoded.items()
        if ordered[0].layout.entities >= FEW and is_static(_exact(held.values[0]), ordered[0].layout)
    }
    words = frozenset(name for name, held in encoded.items() if not held.coding.is_number)
    time = schema.column(schema.order_by)
    found = []
    for at, one in enumerate(ordered):
        values = {name: _floats(held.values[at], name in words) for name, held in encoded.items()}
        found.append(
            Side(
                one.layout,
                times_of(one.table, time),
                {name: held for name, held in values.items() if name not in statics},
                {name: held[one.layout.firsts] for name, held in values.items() if name in statics},
                words,
                _backward(tables[at], schema),
                _blocks(one.layout),
            )
        )
    return Sides(schema, found[0], found[1], found[2] if len(found) > 2 else None)


def _compared(column: Column, schema: TableSchema) -> bool:
    aside = column.name in (schema.series or ()) or column.name == schema.order_by
    return not aside and column.kind not in _LEFT_OUT and column.role is not Role.DROP


def _exact(values: NDArray[np.generic]) -> NDArray[np.int64]:
    return np.unique(values, return_inverse=True, equal_nan=True)[1].astype(np.int64)


def _floats(values: NDArray[np.generic], is_word: bool) -> Floats:
    found = np.asarray(values, np.float64)
    return np.where(found < 0, np.nan, found) if is_word else found


def times_of(table: pa.Table, column: Column) -> Floats:
    """Return times in seconds, or plain numbers as they are."""
    array = table[column.name].combine_chunks()
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        if column.datetime_format is not None:
            array = pa.compute.strptime(array, format=column.datetime_format, unit="us", error_is_null=True)
        else:
            array = array.cast(pa.timestamp("us"))
    if pa.types.is_date(array.type):
        array = array.cast(pa.timestamp("s"))
    if pa.types.is_timestamp(array.type) or pa.types.is_duration(array.type) or pa.types.is_time(array.type):
        per = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}[array.type.unit]
        width = pa.int32() if array.type.bit_width == 32 else pa.int64()
        # Nanoseconds since 1970 are more than a double counts one by one.
        return np.asarray(array.cast(width).to_numpy(zero_copy_only=False), np.float64) / per
    return np.asarray(array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)


def _backward(table: pa.Table, schema: TableSchema) -> float:
    assert schema.order_by is not None
    owner = owners(table, schema.series or ())
    times = times_of(table, schema.column(schema.order_by))
    order = np.argsort(owner, kind="stable")
    inner = np.diff(owner[order]) == 0
    return float((np.diff(times[order])[inner] < 0).mean()) if inner.any() else 0.0


def _blocks(layout: Layout) -> NDArray[np.int64]:
    if layout.entities >= FEW:
        return layout.owner
    width = np.maximum(layout.lengths // WINDOWS, 1)[layout.owner]
    part = layout.position // width
    return np.unique(layout.owner * (layout.rows + 1) + part, return_inverse=True)[1].astype(np.int64)


def lagged(side: Side, values: Floats, lag: int) -> Floats:
    """Return each row's value `lag` rows before; nan where the entity had no row then."""
    found = np.full(side.rows, np.nan)
    rows = np.flatnonzero(side.layout.position >= lag)
    found[rows] = values[rows - lag]
    return found


def windows(side: Side, names: Sequence[str], width: int) -> Floats:
    """Return rows x features: values of the last `width` rows, their changes, and the gaps in time."""
    columns: list[Floats] = []
    for name in names:
        now = side.moving[name]
        for lag in range(width):
            before = now if lag == 0 else lagged(side, now, lag)
            columns.append(before)
            if lag + 1 < width and name not in side.categories:
                columns.append(before - lagged(side, now, lag + 1))
    columns += [lagged(side, side.times, lag) - lagged(side, side.times, lag + 1) for lag in range(width - 1)]
    columns.append(side.times - side.times[side.layout.firsts][side.layout.owner])
    columns += [held[side.layout.owner] for held in side.static.values()]
    return np.stack(columns, axis=1)
