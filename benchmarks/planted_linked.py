"""How is one fault planted at a strength in linked tables, or in sequences?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.judge import Rng, chosen, put
from veridical.core.contracts import RunContext
from veridical.core.dataset import Dataset
from veridical.core.schema import Schema
from veridical.encode.panel import in_order, owners
from veridical.stages.linked_cut import cut


@dataclass(frozen=True, slots=True)
class Sides:
    """Three real samples without an entity in common, and their schema."""

    train: Dataset
    holdout: Dataset
    synthetic: Dataset
    schema: Schema


def _child(sides: Sides) -> tuple[str, str, str, str]:
    """The largest child table, its key, and the table and column that it points to."""
    links = [one for one in sides.schema.foreign_keys if len(one.columns) == 1]
    link = max(links, key=lambda one: sides.synthetic.tables[one.table].num_rows)
    return link.table, link.columns[0], link.parent, link.parent_columns[0]


def _with(sides: Sides, table: str, rows: pa.Table) -> Dataset:
    return Dataset({**sides.synthetic.tables, table: rows})


def _rekeyed(
    sides: Sides, share: float, rng: Rng, keys: Callable[[pa.Table, np.ndarray, pa.Array], pa.Array]
) -> Dataset:
    table, key, parent, column = _child(sides)
    rows = sides.synthetic.tables[table]
    mask = chosen(rows.num_rows, share, rng)
    values = rows[key].combine_chunks()
    moved = keys(rows, np.flatnonzero(mask), sides.synthetic.tables[parent][column].combine_chunks())
    place = np.arange(rows.num_rows)
    place[mask] = rows.num_rows + np.arange(int(mask.sum()))
    both = pa.concat_arrays([values, moved.cast(values.type)])
    return _with(sides, table, put(rows, key, both.take(pa.array(place))))


def shuffled_keys(sides: Sides, share: float, rng: Rng) -> Dataset:
    """Rows change parents with each other: every parent keeps its number of rows, none its own."""
    key = _child(sides)[1]
    return _rekeyed(
        sides, share, rng, lambda rows, at, _: rows[key].combine_chunks().take(pa.array(rng.permutation(at)))
    )


def flattened(sides: Sides, share: float, rng: Rng) -> Dataset:
    """Rows are dealt out to all parents evenly."""
    return _rekeyed(sides, share, rng, lambda _, at, above: above.take(pa.array(np.arange(len(at)) % len(above))))


def orphans(sides: Sides, share: float, rng: Rng) -> Dataset:
    """Keys point to rows that are not there."""

    def lost(_: pa.Table, at: np.ndarray, above: pa.Array) -> pa.Array:
        if pa.types.is_integer(above.type):
            return pa.array(pc.max(above).as_py() + 1 + np.arange(len(at)), above.type)
        return pa.array([f"nobody {i}" for i in range(len(at))])

    return _rekeyed(sides, share, rng, lost)


def copied_tables(sides: Sides, share: float, rng: Rng) -> Dataset:
    """Entities of train come out again with all their rows."""
    ctx = RunContext(seed=int(rng.integers(1000)))
    copies = sides.train if share >= 1 else cut(sides.train, sides.schema, share=share, ctx=ctx).data
    if share >= 1:
        return copies
    rest = cut(sides.synthetic, sides.schema, share=1 - share, ctx=ctx).data
    shared = {name for name, rows in sides.train.tables.items() if rows is sides.synthetic.tables[name]}
    return Dataset({
        name: rows if name in shared else pa.concat_tables([rows, copies.tables[name].cast(rows.schema)])
        for name, rows in rest.tables.items()
    })  # fmt: skip


def _entities(sides: Sides) -> tuple[pa.Table, np.ndarray, int]:
    """The synthetic rows sorted by entity and time, the entity of each, and how many there are."""
    schema = sides.schema.only
    ordered = in_order(sides.synthetic.only, schema.series or (), str(schema.order_by))
    return ordered.table, ordered.layout.owner, ordered.layout.entities


def _named(sides: Sides, rows: pa.Table) -> Dataset:
    return Dataset.of(rows, sides.synthetic.name)


def shuffled_steps(sides: Sides, share: float, rng: Rng) -> Dataset:
    """An entity's values stand in another order; its times stay."""
    rows, owner, count = _entities(sides)
    mask = chosen(count, share, rng)[owner]
    order = np.lexsort((np.where(mask, rng.random(len(owner)), np.arange(len(owner))), owner))
    schema = sides.schema.only
    moved = rows.take(pa.array(order))
    for name in (*(schema.series or ()), str(schema.order_by)):
        moved = put(moved, name, rows[name])
    return _named(sides, moved)


def cut_short(sides: Sides, share: float, rng: Rng) -> Dataset:
    """Sequences end in the middle."""
    rows, owner, count = _entities(sides)
    place = np.arange(len(owner)) - np.searchsorted(owner, owner)
    half = (np.bincount(owner)[owner] + 1) // 2
    return _named(sides, rows.filter(pa.array(~(chosen(count, share, rng)[owner] & (place >= half)))))


def thinned(sides: Sides, share: float, rng: Rng) -> Dataset:
    """Every other row is gone, so that rows lie twice as far apart."""
    rows, owner, count = _entities(sides)
    place = np.arange(len(owner)) - np.searchsorted(owner, owner)
    return _named(sides, rows.filter(pa.array(~(chosen(count, share, rng)[owner] & (place % 2 == 1)))))


def backwards(sides: Sides, share: float, rng: Rng) -> Dataset:
    """Rows stand from the last to the first."""
    rows, owner, count = _entities(sides)
    mask = chosen(count, share, rng)[owner]
    return _named(sides, rows.take(pa.array(np.lexsort((np.where(mask, -1, 1) * np.arange(len(owner)), owner)))))


def copied_series(sides: Sides, share: float, rng: Rng) -> Dataset:
    """Entities of train come out again."""
    rows, owner, count = _entities(sides)
    mask = chosen(count, share, rng)
    series = sides.schema.only.series or ()
    real = owners(sides.train.only, series)
    copies = sides.train.only.filter(pa.array(np.isin(real, rng.permutation(int(real.max()) + 1)[: int(mask.sum())])))
    return _named(sides, pa.concat_tables([rows.filter(pa.array(~mask[owner])), copies.cast(rows.schema)]))
