"""What do measures of sequences look at: each side's rows by entity and time, as numbers?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.core.contracts import Evidence
from veridical.core.schema import Column, Kind, Role, TableSchema
from veridical.encode.hole import FEW, parts_of, runs, widest
from veridical.encode.panel import Layout, in_order, is_static, owners, times_of
from veridical.encode.spelled import with_time
from veridical.measures.column import encode

Floats = NDArray[np.float64]
WINDOWS = 30  # of the shortest side that stand for entities, where these are few
LEAST_WINDOW, LEAST_PARTS, MOST_PARTS = 8, 6, 24
_LEFT_OUT = frozenset({Kind.IDENTIFIER, Kind.PERSONAL, Kind.TEXT})


@dataclass(frozen=True, eq=False)
class Side:
    """One table's sequences: the layout of its sorted rows, times, moving and static columns (nan for null).

    `times` are in seconds, or in the column's own unit; `backward` is the share of rows that, as the file had them,
    came before the row ahead of them. Rows follow each other within `runs`: entities, or stretches of few entities
    between holes in their time. `block` numbers the entity, or of few entities the window, a row belongs to; `part`
    what may not stand on both sides of a fold: the entity, or of few the part of their time.
    """

    layout: Layout
    runs: Layout
    times: Floats
    moving: Mapping[str, Floats]
    static: Mapping[str, Floats]
    categories: frozenset[str]
    backward: float
    block: NDArray[np.int64]
    part: NDArray[np.int64]
    is_few: bool

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self.layout.rows

    @property
    def gaps(self) -> Floats:
        """The times between neighbouring rows of one run."""
        inner = np.diff(self.runs.owner) == 0
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
    given = [evidence.train.only, evidence.synthetic.only]
    if evidence.holdout is not None:
        given.append(evidence.holdout.only)
    tables = [with_time(table, evidence.schema.only)[0] for table in given]
    schema = with_time(given[0], evidence.schema.only)[1]
    columns = [c for c in schema.columns if _compared(c, schema)]
    assert schema.order_by is not None
    ordered = [in_order(table, schema.series or (), schema.order_by) for table in tables]
    encoded = {c.name: encode(c, [one.table[c.name] for one in ordered]) for c in columns}
    few = ordered[0].layout.entities < FEW
    statics = {
        name for name, held in encoded.items() if not few and is_static(_exact(held.values[0]), ordered[0].layout)
    }
    words = frozenset(name for name, held in encoded.items() if not held.coding.is_number)
    times = [times_of(one.table, schema.column(schema.order_by)) for one in ordered]
    cut = _Cut.of([one.layout for one in ordered], times) if few else None
    found = []
    for at, one in enumerate(ordered):
        values = {name: _floats(held.values[at], name in words) for name, held in encoded.items()}
        follow = one.layout if cut is None else runs(times[at], one.layout, beyond=cut.hole)
        found.append(
            Side(
                layout=one.layout,
                runs=follow,
                times=times[at],
                moving={name: held for name, held in values.items() if name not in statics},
                static={name: held[one.layout.firsts] for name, held in values.items() if name in statics},
                categories=words,
                backward=_backward(tables[at], schema),
                block=one.layout.owner if cut is None else cut.windows(follow),
                part=one.layout.owner if cut is None else parts_of(one.layout, cut.parts),
                is_few=few,
            )
        )
    return Sides(schema, found[0], found[1], found[2] if len(found) > 2 else None)


@dataclass(frozen=True, slots=True)
class _Cut:
    """How few entities are cut: at gaps that are holes in train, into windows of one width, and into parts."""

    hole: float
    width: int
    parts: int

    @classmethod
    def of(cls, layouts: Sequence[Layout], times: Sequence[Floats]) -> _Cut:
        shortest = min(int(np.median(layout.lengths)) for layout in layouts if layout.entities)
        hole = widest(times[0], layouts[0])
        follow = runs(times[-1], layouts[-1], beyond=hole).entities // max(layouts[-1].entities, 1)
        return cls(hole, max(shortest // WINDOWS, LEAST_WINDOW), int(np.clip(follow, LEAST_PARTS, MOST_PARTS)))

    def windows(self, follow: Layout) -> NDArray[np.int64]:
        """Return which window each row lies in: runs in equal pieces, about as wide as asked."""
        pieces = -(-follow.lengths // self.width)
        inside = follow.position * pieces[follow.owner] // np.maximum(follow.lengths[follow.owner], 1)
        return np.asarray((np.cumsum(pieces) - pieces)[follow.owner] + inside, np.int64)


def _compared(column: Column, schema: TableSchema) -> bool:
    aside = column.name in (schema.series or ()) or column.name == schema.order_by
    return not aside and column.kind not in _LEFT_OUT and column.role is not Role.DROP


def _exact(values: NDArray[np.generic]) -> NDArray[np.int64]:
    return np.unique(values, return_inverse=True, equal_nan=True)[1].astype(np.int64)


def _floats(values: NDArray[np.generic], is_word: bool) -> Floats:
    found = np.asarray(values, np.float64)
    return np.where(found < 0, np.nan, found) if is_word else rounded(found)


def rounded(values: Floats) -> Floats:
    """Return values to nine digits: the last ones tell how a product was rounded, and nothing of the data.

    Example:
        >>> rounded(np.array([3 * 1.15078, 3.45234])).tolist()
        [3.45234, 3.45234]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        unit = 10.0 ** (8 - np.floor(np.log10(np.abs(values))))
    usable = np.isfinite(unit) & np.isfinite(values)
    unit = np.where(usable, unit, 1.0)
    return np.where(usable, np.round(values * unit) / unit, values)


def _backward(table: pa.Table, schema: TableSchema) -> float:
    assert schema.order_by is not None
    owner = owners(table, schema.series or ())
    times = times_of(table, schema.column(schema.order_by))
    order = np.argsort(owner, kind="stable")
    inner = np.diff(owner[order]) == 0
    return float((np.diff(times[order])[inner] < 0).mean()) if inner.any() else 0.0


def lagged(side: Side, values: Floats, lag: int) -> Floats:
    """Return each row's value `lag` rows before; nan where the run had no row then."""
    found = np.full(side.rows, np.nan)
    rows = np.flatnonzero(side.runs.position >= lag)
    found[rows] = values[rows - lag]
    return found


def windows(side: Side, names: Sequence[str], width: int) -> Floats:
    """Return rows x features: values of the last `width` rows, their changes, and the gaps in time.

    How far a row lies from its entity's start tells nothing of few series: the holdout's stretches are short.
    """
    columns: list[Floats] = []
    for name in names:
        now = side.moving[name]
        for lag in range(width):
            before = now if lag == 0 else lagged(side, now, lag)
            columns.append(before)
            if lag + 1 < width and name not in side.categories:
                columns.append(before - lagged(side, now, lag + 1))
    columns += [lagged(side, side.times, lag) - lagged(side, side.times, lag + 1) for lag in range(width - 1)]
    if not side.is_few:
        columns.append(side.times - side.times[side.layout.firsts][side.layout.owner])
    columns += [held[side.layout.owner] for held in side.static.values()]
    return np.stack(columns, axis=1)
