"""Do rows of one parent fall into long series, one of each kind: a shop's departments, week by week?

The schema says so (`series` of a parent's key and one column more, `order_by`). Which series a row belongs to is dealt
out first, so that each is there for as long as real ones are; then each is drawn by the engine of sequences.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from veridical.core.schema import CATEGORY_KINDS, Column, Kind, Role, TableSchema
from veridical.core.schema import NUMERIC_KINDS as NUMBERS
from veridical.engines.relational import following
from veridical.engines.relational.following import DISTINCT, LEAST_PARENTS
from veridical.engines.relational.graph import Graph
from veridical.engines.relational.injected import Law
from veridical.engines.relational.leading import lead
from veridical.engines.relational.made import Made
from veridical.engines.relational.plan import TablePlan
from veridical.prepare.codec import whole
from veridical.prepare.link import Pointing, Rows
from veridical.prepare.storage import parse_type, store

LEAST_STEPS = 30.0  # rows a series has on average
MOST_KINDS = 1_000
FINEST = 0.02  # to which shares of the whole time are told
LEAST_LEVEL = 0.05  # of the mean size of all values
Shares = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Strands:
    """Series within a parent, one for each value of a column.

    `by` is the column, `values` are those that enough parents have, `shares` for each of them which share of all times
    its series covers, by parent, sorted. `time` orders rows. `root` is the link whose parent has the series; it is led
    by the owner's link and by `above` where another parent (the shop's week) stands between: then times are known.
    """

    by: str
    time: str
    root: int
    above: int | None
    values: tuple[Any, ...]
    shares: tuple[tuple[float, ...], ...]
    times: int  # how many there are
    levels: Mapping[str, tuple[float, ...]]  # by column of numbers: each value's mean size over all parents

    def scaled(self, name: str, held: pa.Array, places: Rows) -> pa.Array:
        """Return numbers as multiples of the level of their value, which few series could not tell apart."""
        return pc.divide(held.cast(pa.float64(), safe=False), pa.array(np.array(self.levels[name])[places]))

    def unscaled(self, column: Column, held: pa.Array, places: Rows) -> pa.Array:
        """Return what `scaled` was made of, within the column's digits and bounds."""
        found = pc.multiply(held.cast(pa.float64(), safe=False), pa.array(np.array(self.levels[column.name])[places]))
        found = pc.round(
            found, 0 if column.kind is Kind.INTEGER else 15 if column.decimals is None else column.decimals
        )
        low, high = (None if end is None else float(end) for end in (column.low, column.high))
        found = found if low is None else pc.max_element_wise(found, pa.scalar(low), skip_nulls=False)
        found = found if high is None else pc.min_element_wise(found, pa.scalar(high), skip_nulls=False)
        return store(found, column.storage)

    def told(self, places: Rows) -> dict[str, pa.Array]:
        """Return what each row is told of its value: few series are split by levels where names are too many."""
        return {f"#{name} level": pa.array(np.array(held)[places]) for name, held in self.levels.items()}

    def deal(self, roots: Rows, ticks: Rows | None, rng: np.random.Generator) -> Rows:
        """Return for each row the place of its value; rows of one root and tick differ as long as there are values."""
        found = np.zeros(len(roots), dtype=np.int64)
        order = np.lexsort((np.zeros(len(roots)) if ticks is None else ticks, roots))
        first = np.flatnonzero(np.r_[True, np.diff(roots[order]) != 0]) if len(roots) else order
        for rows in np.split(order, first[1:]):
            covered = np.array([held[int(rng.integers(len(held)))] for held in self.shares])
            if ticks is None:
                found[rows] = self._lengths(len(rows), covered, rng)
            else:
                found[rows] = _present(ticks[rows], covered, rng)
        return found

    def _lengths(self, rows: int, covered: Shares, rng: np.random.Generator) -> Rows:
        """Return values of so many rows, each for as long as its share says."""
        wanted = covered / max(covered.sum(), 1e-9) * rows
        counts = np.minimum(np.floor(wanted), self.times).astype(np.int64)
        while (left := rows - int(counts.sum())) > 0:
            room = np.flatnonzero((counts < self.times) & (covered > 0))
            room = room if len(room) else np.arange(len(counts))
            nearest = room[np.argsort(counts[room] - wanted[room] + 1e-6 * rng.random(len(room)))][:left]
            counts[nearest] += 1
        return np.repeat(np.arange(len(counts)), counts)

    def series(self, roots: Rows, places: Rows) -> Rows:
        """Return the number of each row's series."""
        return roots * len(self.values) + places

    def told_lengths(self, series: Rows, roots: Rows, ticks: Rows) -> Rows:
        """Return for each row how long its series were if its root had rows at all times.

        What runs through while its root is there is told as one that runs through.
        """
        width = int(ticks.max(initial=0) - ticks.min(initial=0)) + 1
        at = np.unique(roots * width + ticks - ticks.min(initial=0)) // width
        there = np.bincount(at, minlength=int(roots.max(initial=0)) + 1)
        _, place, counts = np.unique(series, return_inverse=True, return_counts=True)
        share = counts[place.ravel()] / np.maximum(there[roots], 1)
        return np.maximum(1, np.rint(share * self.times)).astype(np.int64)

    def to_plain(self) -> dict[str, Any]:
        """Return this as JSON-like data."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Strands:
        """Return what `to_plain` wrote."""
        shares = tuple(tuple(held) for held in plain["shares"])
        levels = {name: tuple(held) for name, held in plain["levels"].items()}
        return cls(**{**plain, "values": tuple(plain["values"]), "shares": shares, "levels": levels})


def _present(ticks: Rows, covered: Shares, rng: np.random.Generator) -> Rows:
    """Return values of rows sorted by tick: at each tick those that run through, then those whose time it is.

    Where a tick has fewer rows than there are series, the same ones are left out at all such ticks.
    """
    found = np.empty(len(ticks), dtype=np.int64)
    starts = np.flatnonzero(np.r_[True, np.diff(ticks) != 0])
    begin = rng.random(len(covered)) * (1 - covered)
    rank = covered + 1e-3 * rng.random(len(covered))
    for tick, (start, end) in enumerate(zip(starts, np.r_[starts[1:], len(ticks)], strict=True)):
        place = tick / len(starts)
        inside = (place >= begin) & (place < begin + covered)
        best = np.argsort(-(rank + 2 * inside))
        found[start:end] = np.resize(best, end - start)
    return found


def find(
    planned: TablePlan, graph: Graph, pointing: Sequence[Pointing], tables: Mapping[str, pa.Table], rare: int
) -> Strands | None:
    """Return the series that rows of one parent fall into; None where there are none that are long."""
    schema, table = planned.schema, tables[planned.schema.name]
    owner, time = graph.owner.get(schema.name), schema.order_by
    own = [name for name in schema.series or () if name in planned.drawn]
    if owner is None or time is None or len(own) != 1 or table[time].null_count or not _is_kind(planned, own[0]):
        return None
    rest = set(schema.series or ()) - set(own)
    way = next((way for way in graph.summed if way[1] == owner and set(graph.links[way[0]].columns) == rest), None)
    root, above = (owner, None) if set(graph.links[owner].columns) == rest else way[::2] if way else (None, None)
    known = time in graph.links[owner].columns if above is not None else time in planned.drawn
    if root is None or not known or any((pointing[i].rows < 0).any() for i in (owner, root)):
        return None
    return _long(own[0], planned, (root, above), pointing[root], table, rare)


def _is_kind(planned: TablePlan, name: str) -> bool:
    kind = planned.schema.column(name).kind
    return kind is Kind.INTEGER or (kind in CATEGORY_KINDS and kind is not Kind.BOOLEAN)


def _long(
    by: str, planned: TablePlan, way: tuple[int, int | None], pointing: Pointing, table: pa.Table, rare: int
) -> Strands | None:
    time = str(planned.schema.order_by)
    encoded = whole(table[by]).dictionary_encode()
    if encoded.null_count or len(encoded.dictionary) > MOST_KINDS or not len(encoded):
        return None
    codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    there = np.flatnonzero((pointing.rows >= 0) & (pointing.rows < pointing.present))
    width = len(encoded.dictionary)
    strands, lengths = np.unique(pointing.rows[there] * width + codes[there], return_counts=True)
    if len(strands) < LEAST_PARENTS or lengths.mean() < LEAST_STEPS:
        return None
    moments = whole(table[time]).dictionary_encode().indices.to_numpy(zero_copy_only=False).astype(np.int64)
    times = int(moments.max()) + 1
    if len(np.unique((pointing.rows[there] * width + codes[there]) * times + moments[there])) < DISTINCT * len(there):
        return None
    roots = np.unique(pointing.rows[there])
    covered = np.zeros((width, len(roots)))
    covered[strands % width, np.searchsorted(roots, strands // width)] = np.minimum(1.0, lengths / times)
    kept = np.flatnonzero((covered > 0).sum(axis=1) >= (rare if len(roots) >= 4 * rare else 1))
    if not len(kept):
        return None
    rounded = np.sort(np.ceil(covered[kept] / FINEST) * FINEST, axis=1).clip(0, 1).round(4)
    values = tuple(encoded.dictionary.take(pa.array(kept)).to_pylist())
    ruled = {name for rule in planned.schema.constraints for name in rule.columns}
    free = [
        column.name for column in planned.schema.columns
        if column.name in planned.drawn and column.name not in (by, time, *ruled) and column.kind in NUMBERS
    ]  # fmt: skip
    levels = {name: _means(whole(table[name]), codes, width)[kept] for name in free}
    told = {name: tuple(held.tolist()) for name, held in levels.items() if (held > 0).all()}
    return Strands(by, time, *way, values, tuple(tuple(row) for row in rounded.tolist()), times, told)


def _means(values: pa.Array, codes: Rows, width: int) -> Shares:
    """Return each value's mean size, in two digits: enough to tell levels apart."""
    numbers = np.nan_to_num(values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False).astype(np.float64))
    means = np.bincount(codes, weights=np.abs(numbers), minlength=width) / np.maximum(
        np.bincount(codes, minlength=width), 1
    )
    # Of nearly nothing everything is a large multiple, and such multiples would come out elsewhere too.
    least = LEAST_LEVEL * float(np.abs(numbers).mean()) or 1.0
    return np.array([float(f"{mean:.2g}") for mean in np.maximum(means, least)])


def drawn(
    strands: Strands, law: Law, context: Mapping[str, pa.Array], roots: Rows, times: pa.Array | None, seed: int,
    schema: TableSchema,
) -> pa.Table:  # fmt: skip
    """Return rows of given parents, in the order of `roots`; `times` are the rows' times, where they are known."""
    ticks = None if times is None else following.ticks_of(times)
    places = strands.deal(roots, ticks, np.random.default_rng(seed))
    kind = parse_type(schema.column(strands.by).storage)
    values = pa.array(list(strands.values)).cast(kind).take(pa.array(places))
    order = np.arange(len(roots)) if ticks is None else np.argsort(ticks, kind="stable")
    sorted_rows = pa.array(order)
    told = {name: held.take(sorted_rows) for name, held in context.items()}
    told[strands.by] = values.cast(pa.string()).take(sorted_rows)
    told |= {name: held.take(sorted_rows) for name, held in strands.told(places).items()}
    series, known = strands.series(roots, places), None if times is None else times.take(sorted_rows)
    like = None if ticks is None else strands.told_lengths(series, roots, ticks)[order]
    made = following.drawn(law, told, series[order], np.zeros(len(roots), dtype=np.int64), seed, known, like)
    back = np.empty(len(order), dtype=np.int64)
    back[order] = np.arange(len(order))
    made = made.take(pa.array(back)).combine_chunks().append_column(strands.by, values)
    for name in strands.levels:
        held = strands.unscaled(schema.column(name), whole(made[name]), places)
        made = made.set_column(made.column_names.index(name), name, held)
    return made


def roots_and_times(
    strands: Strands, graph: Graph, owner: int, base: Rows, made: Mapping[str, Made], schema: TableSchema
) -> tuple[Rows, pa.Array | None]:
    """Return the parent that has each row's series, and the rows' times where their owner (`base`) tells them."""
    if strands.above is None:
        return base, None
    link = graph.links[owner]
    parent = made[link.parent]
    theirs = dict(zip(link.columns, link.parent_columns, strict=True))[strands.time]
    times = store(parent.columns[theirs].take(pa.array(base)), schema.column(strands.time).storage)
    return lead(parent.above[strands.above], base), times


def told_by(planned: TablePlan, strands: Strands) -> tuple[TablePlan, tuple[Column, ...]]:
    """Return the plan without the column that names series, and the columns of what each series is told of it.

    Numbers that have levels are plain ones in the plan: multiples of their level.
    """
    rest = tuple(name for name in planned.drawn if name != strands.by)
    columns = tuple(
        replace(one, kind=Kind.DECIMAL, storage="double", low=None, high=None, decimals=None, unique=False)
        if one.name in strands.levels else one
        for one in planned.schema.columns
    )  # fmt: skip
    planned = replace(planned, schema=replace(planned.schema, columns=columns))
    named = Column(name=strands.by, kind=Kind.CATEGORY, storage="string", role=Role.CONTEXT, nullable=True)
    levels = [replace(named, name=f"#{name} level", kind=Kind.DECIMAL, storage="double") for name in strands.levels]
    return replace(planned, drawn=rest), (named, *levels)


def places_of(strands: Strands, column: pa.ChunkedArray) -> Rows:
    """Return the place of each row's value; that of the first for those too rare to be told."""
    found = pc.index_in(whole(column), pa.array(list(strands.values)).cast(column.type))
    return np.asarray(pc.fill_null(found, 0).to_numpy(zero_copy_only=False)).astype(np.int64)
