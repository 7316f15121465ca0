"""Which rows of linked tables belong together, so that a part of them can be kept back, or cut out, whole?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.core.contracts import RunContext
from veridical.core.dataset import Dataset
from veridical.core.errors import DataError, SpecError
from veridical.core.schema import Kind, Schema
from veridical.prepare.link import Pointing, point
from veridical.stages.exchange import HERE, THERE, Sides, agreed, exchanged
from veridical.stages.holdout import MIN_ROWS, Split

LEAST_ENTITIES = 20
LEAST_LEFT = 0.5  # of the entities that should be learned from, for a holdout to be worth it
MUCH = 0.05  # of a table's rows torn between both sides: worth being told of


@dataclass(frozen=True, slots=True)
class Cut:
    """A part of linked tables, the table whose rows are the entities, and how many of them are in the part."""

    data: Dataset
    entity: str
    rows: int


def entity_of(schema: Schema, data: Dataset) -> str:
    """Return the table whose rows are the entities: people first, then what owns most rows of other tables.

    Example:
        >>> from veridical.core.schema import Column, ForeignKey, TableSchema
        >>> key = Column(name="id", kind=Kind.IDENTIFIER)
        >>> own = Column(name="of", kind=Kind.IDENTIFIER)
        >>> tables = (TableSchema(name="people", columns=(key,)), TableSchema(name="visits", columns=(own,)))
        >>> link = ForeignKey(table="visits", columns=("of",), parent="people", parent_columns=("id",))
        >>> rows = Dataset({"people": pa.table({"id": range(30)}), "visits": pa.table({"of": [*range(30)] * 9})})
        >>> entity_of(Schema(tables=tables, foreign_keys=(link,)), rows)
        'people'
    """
    unit = [table for table in schema.tables if table.unit is not None]
    pointing = _pointing(schema, data)
    scores: dict[str, tuple[bool, int, int]] = {}
    for table in schema.tables:
        rows = data.tables[table.name].num_rows
        used = [
            len(np.unique(p.rows[p.rows >= 0])) for i, p in pointing.items() if _link(schema, i).parent == table.name
        ]
        if rows < LEAST_ENTITIES or (used and min(used) < LEAST_ENTITIES):
            continue
        people = any(column.kind is Kind.PERSONAL for column in table.columns) or any(
            one.unit in link.columns and link.parent == table.name
            for one in unit for link in schema.foreign_keys if link.table == one.name
        )  # fmt: skip
        below = _below(schema, table.name)
        scores[table.name] = (people and bool(below), sum(data.tables[name].num_rows for name in below), rows)
    if not scores:
        return max(data.tables, key=lambda name: data.tables[name].num_rows)
    return max(scores, key=lambda name: scores[name])


def split(data: Dataset, schema: Schema, share: float, ctx: RunContext, *, entity: str | None = None) -> Split:
    """Return linked tables with a random share of the entities kept back, each with all rows below it.

    Tables that are not below the entities stand on both sides. A row of two entities exchanges one of them with another
    row where they stand on different sides. Where all entities hang together, none is kept back.

    Raises:
        DataError: there are too few entities to learn from.
        SpecError: the share is not between 0 and 0.9.
    """
    if not 0 <= share <= 0.9:
        raise SpecError(f"a holdout of {share} of the entities", where="holdout", fix="give a share from 0 to 0.9")
    if share == 0:
        return Split(data, None)
    chosen = entity_of(schema, data) if entity is None else entity
    rows = data.tables[chosen].num_rows
    if rows < MIN_ROWS:
        raise DataError(f"{rows} rows are too few to keep some back", where=chosen, fix="give --holdout 0")
    components = _components(schema, data, chosen)
    names = np.unique(components)
    aside = ctx.rng("holdout").permutation(names)[: max(1, round(len(names) * share))]
    sides = _spread(schema, data, chosen, np.where(np.isin(components, aside), HERE, THERE).astype(np.int8), ctx)
    whole, sides = exchanged(data, schema, sides, ctx.rng("holdout", "exchange"))
    if (sides[chosen] == THERE).sum() < LEAST_LEFT * (1 - share) * rows:
        return Split(data, None)  # everybody hangs together: no part can be taken out without all others
    return Split(_taken(whole, sides, THERE), _taken(whole, sides, HERE))


def grown(data: Dataset, train: Dataset) -> tuple[tuple[str, float], ...]:
    """Return the tables of which a part was kept back, and how many times more rows they had.

    Example:
        >>> grown(Dataset.of(pa.table({"a": range(10)}), "t"), Dataset.of(pa.table({"a": range(8)}), "t"))
        (('t', 1.25),)
    """
    rows = {name: (table.num_rows, train.tables[name].num_rows) for name, table in data.tables.items()}
    return tuple((name, total / part) for name, (total, part) in rows.items() if 0 < part < total)


def torn(data: Dataset, parts: Split) -> dict[str, float]:
    """Return the share of rows that neither side holds, of tables where that is much: they belong to both.

    Example:
        >>> rows = Dataset.of(pa.table({"a": range(10)}), "t")
        >>> some = Dataset.of(pa.table({"a": range(4)}), "t")
        >>> torn(rows, Split(some, some))
        {'t': 0.2}
    """
    if parts.holdout is None:
        return {}
    found = {}
    for name, table in data.tables.items():
        held = parts.train.tables[name].num_rows + parts.holdout.tables[name].num_rows
        if table.num_rows and 1 - held / table.num_rows > MUCH:
            found[name] = round(1 - held / table.num_rows, 4)
    return found


def cut(data: Dataset, schema: Schema, *, share: float, ctx: RunContext, entity: str | None = None) -> Cut:
    """Return a random share of the entities with every row below them, and the rows above that these need.

    Raises:
        SpecError: there is no such table, or the share is not above 0 and at most 1.
    """
    if not 0 < share <= 1:
        raise SpecError(f"a share of {share}", where="share", fix="give a share above 0, at most 1")
    if entity is not None:
        schema.table(entity)
    chosen = entity_of(schema, data) if entity is None else entity
    components = _components(schema, data, chosen)
    names = np.unique(components)
    kept = ctx.rng("cut").permutation(names)[: max(1, round(len(names) * share))]
    sides = _spread(schema, data, chosen, np.where(np.isin(components, kept), HERE, THERE).astype(np.int8), ctx)
    sides = agreed(data.tables, schema, sides)
    masks = {name: side == HERE for name, side in sides.items()}
    masks = _with_parents(schema, data, masks)
    tables = {name: data.tables[name].filter(pa.array(masks[name])).combine_chunks() for name in data.tables}
    return Cut(Dataset(tables), chosen, int(masks[chosen].sum()))


def _with_parents(
    schema: Schema, data: Dataset, masks: Mapping[str, NDArray[np.bool_]]
) -> dict[str, NDArray[np.bool_]]:
    """Add the rows that rows of the part point to, until nothing is missing."""
    pointing = _pointing(schema, data)
    found = {name: masks.get(name, np.zeros(table.num_rows, dtype=bool)).copy() for name, table in data.tables.items()}
    while True:
        before = sum(int(mask.sum()) for mask in found.values())
        for i, pointed in pointing.items():
            link = _link(schema, i)
            up = pointed.rows[found[link.table]]
            found[link.parent][up[(up >= 0) & (up < pointed.present)]] = True
        if sum(int(mask.sum()) for mask in found.values()) == before:
            return found


def _pointing(schema: Schema, data: Dataset) -> dict[int, Pointing]:
    return {i: point(data.tables, link) for i, link in enumerate(schema.foreign_keys)}


def _link(schema: Schema, i: int):  # type: ignore[no-untyped-def]
    return schema.foreign_keys[i]


def _below(schema: Schema, name: str) -> set[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        above = waiting.pop()
        for link in schema.foreign_keys:
            if link.parent == above and link.table not in found and link.table != name:
                found.add(link.table)
                waiting.append(link.table)
    return found


def _components(schema: Schema, data: Dataset, entity: str) -> NDArray[np.int64]:
    """Rows of the entity's table that point to each other are one."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    rows = data.tables[entity].num_rows
    ones, twos = [np.arange(rows)], [np.arange(rows)]
    for link in schema.foreign_keys:
        if link.table == entity and link.parent == entity:
            pointed = point(data.tables, link)
            there = np.flatnonzero((pointed.rows >= 0) & (pointed.rows < pointed.present))
            ones.append(there)
            twos.append(pointed.rows[there])
    one, two = np.concatenate(ones), np.concatenate(twos)
    graph = coo_matrix((np.ones(len(one), dtype=np.int8), (one, two)), shape=(rows, rows))
    found: NDArray[np.int64] = connected_components(graph, directed=False)[1].astype(np.int64)
    return found


def _spread(schema: Schema, data: Dataset, entity: str, sides: NDArray[np.int8], ctx: RunContext) -> Sides:
    """Return each row's side, for the entity's table and all below: the side of the parent that comes first."""
    found: Sides = {entity: sides}
    below = _below(schema, entity)
    waiting = [entity]
    while waiting:
        above = waiting.pop(0)
        for link in schema.foreign_keys:
            name = link.table
            if link.parent != above or name in found or name not in below:
                continue
            pointed = point(data.tables, link)
            rng = ctx.rng("holdout", name)
            share = float((found[above] == HERE).mean()) if len(found[above]) else 0.0
            side = np.where(rng.random(len(pointed.rows)) < share, HERE, THERE).astype(np.int8)
            there = (pointed.rows >= 0) & (pointed.rows < pointed.present)
            side[there] = found[above][pointed.rows[there]]
            found[name] = side
            waiting.append(name)
    return found


def _taken(data: Dataset, sides: Sides, side: int) -> Dataset:
    tables = {
        name: table.filter(pa.array(sides[name] == side)).combine_chunks() if name in sides else table
        for name, table in data.tables.items()
    }
    return Dataset(tables)
