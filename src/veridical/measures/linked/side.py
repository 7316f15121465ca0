"""How do linked tables look as one: each row with its parents, or each parent with a summary of its children?"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from veridical.core.chunks import numbers_of
from veridical.core.contracts import Evidence
from veridical.core.dataset import Dataset
from veridical.core.schema import (
    CATEGORY_KINDS,
    NUMERIC_KINDS,
    TEMPORAL_KINDS,
    Column,
    ForeignKey,
    Kind,
    Role,
    Schema,
    TableSchema,
)
from veridical.core.timetext import as_moments
from veridical.prepare.codec import whole
from veridical.prepare.link import Pointing, Rows, point

UNTOLD = frozenset({Kind.IDENTIFIER, Kind.PERSONAL, Kind.TEXT})
DEEPEST = 4
LEAST_OWNERS = 100
LEAST_ROWS = 30  # of a table, below which its numbers have no distribution to compare


@dataclass(frozen=True, slots=True)
class Flat:
    """One table made of several, and its columns."""

    rows: pa.Table
    columns: tuple[Column, ...]


def real_of(evidence: Evidence) -> Dataset:
    """Return the real tables whole: train and holdout together; tables that stand on both sides once."""
    if evidence.holdout is None:
        return evidence.train
    tables = {}
    for name, train in evidence.train.tables.items():
        held = evidence.holdout.tables.get(name)
        if held is None or train is held:
            tables[name] = train
            continue
        held = held.cast(train.schema)
        same = train.num_rows == held.num_rows and train.equals(held)
        tables[name] = train if same else pa.concat_tables([train, held])
    return Dataset(tables)


def told(schema: Schema, table: str) -> list[Column]:
    """Return the columns that say something by themselves: no keys, nothing personal, no free text."""
    own = schema.table(table)
    keys = {name for link in schema.foreign_keys if link.table == table for name in link.columns}
    keys |= {name for link in schema.foreign_keys if link.parent == table for name in link.parent_columns}
    keys |= set(own.primary_key) if len(own.primary_key) == 1 else set()
    return [
        column for column in own.columns
        if column.kind not in UNTOLD and column.role is not Role.DROP
        and (column.name not in keys or column.kind in TEMPORAL_KINDS)
    ]  # fmt: skip


Common = Mapping[tuple[str, str], pa.Array]
RARE = "(rare)"


def common_of(real: Dataset, schema: Schema) -> Common:
    """Return by table and column the categories that enough rows of the real table carry to be told at all."""
    found = {}
    for table in schema.tables:
        for column in told(schema, table.name):
            if real.tables[table.name].num_rows < LEAST_ROWS and column.kind not in CATEGORY_KINDS:
                found[table.name, column.name] = pa.array([], pa.string())
            elif column.kind in CATEGORY_KINDS and column.kind is not Kind.BOOLEAN:
                found[table.name, column.name] = _carried(real, schema, table.name, column.name)
    return found


def _carried(real: Dataset, schema: Schema, table: str, name: str) -> pa.Array:
    """Return the categories that `rare_below` rows carry, and rows of as many parents where there are many parents."""
    encoded = _texts(real.tables[table][name]).dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    owners = np.arange(len(codes))
    used = 0
    for link in schema.foreign_keys:
        if link.table == table and link.parent != table:
            rows = point(real.tables, link).rows
            parents = len(np.unique(rows[rows >= 0]))
            if parents > max(used, 4 * schema.rare_below):
                used, owners = parents, np.where(rows < 0, len(rows) + np.arange(len(rows)), rows)
    pairs = np.unique(owners[codes >= 0] * max(1, len(encoded.dictionary)) + codes[codes >= 0])
    counts = np.bincount(pairs % max(1, len(encoded.dictionary)), minlength=len(encoded.dictionary))
    return encoded.dictionary.filter(pa.array(counts >= schema.rare_below))


def _texts(values: pa.ChunkedArray | pa.Array) -> pa.Array:
    return whole(values).cast(pa.string())


def _told_values(data: Dataset, table: str, column: Column, common: Common) -> pa.Array | None:
    """Return a column with its rare categories as one; None when there are no others."""
    values = whole(data.tables[table][column.name])
    known = common.get((table, column.name))
    if known is None:
        text = pa.types.is_string(values.type) or pa.types.is_large_string(values.type)
        return _moments(values, column) if text and column.kind in TEMPORAL_KINDS else values
    if not len(known):
        return None
    texts = _texts(values)
    rare = pc.and_(texts.is_valid(), pc.invert(pc.is_in(texts, known)))
    return pc.if_else(rare, pa.scalar(RARE), texts)


def _moments(values: pa.Array, column: Column) -> pa.Array | None:
    """Times that are stored as text, as times; None when they cannot be read."""
    if column.datetime_format is None:
        return None
    return as_moments(values, column.datetime_format).cast(pa.timestamp("s"), safe=False)


def joined(
    data: Dataset, schema: Schema, table: str, common: Common, *, deepest: int = DEEPEST,
    without: Collection[str] = (),
) -> Flat:  # fmt: skip
    """Return a table's rows with columns of parents and of those above; parents in `without` tell nothing."""
    arrays: dict[str, pa.Array] = {}
    columns: list[Column] = []

    def add(name: str, places: Rows | None, path: str, depth: int) -> None:
        for column in told(schema, name) if name not in without else ():
            values = _told_values(data, name, column, common)
            if values is None:
                continue
            if places is not None:
                values = values.take(pa.array(places, mask=places < 0))
            arrays[path + column.name] = values
            columns.append(replace(column, name=path + column.name, nullable=True, unique=False, role=Role.MODEL))
        if depth >= deepest:
            return
        for link in schema.foreign_keys:
            if link.table == name and link.parent != name:
                pointed = point(data.tables, link)
                up = np.where(pointed.rows >= pointed.present, -1, pointed.rows)
                up = up if places is None else np.where(places < 0, -1, np.append(up, -1)[places])
                add(link.parent, up, f"{path}{'_'.join(link.columns)}.", depth + 1)

    add(table, None, "", 0)
    return Flat(pa.table(arrays), tuple(columns))


def summed_up(data: Dataset, schema: Schema, table: str, common: Common) -> Flat:
    """Return a table's rows with a summary of each child table: how many, how many different, means and commonest.

    Source: C2ST-Agg, Hudovernik et al. 2024.
    """
    base = data.tables[table]
    arrays: dict[str, pa.Array] = {}
    columns: list[Column] = []
    for column in told(schema, table):
        values = _told_values(data, table, column, common)
        if values is None:
            continue
        arrays[column.name] = values
        columns.append(replace(column, nullable=True, unique=False, role=Role.MODEL))
    for link in schema.foreign_keys:
        if link.parent != table or link.table == table:
            continue
        pointed = point(data.tables, link)
        prefix = f"{link.table}.{'_'.join(link.columns)}"
        arrays[f"{prefix}.count"] = pa.array(pointed.counts[: base.num_rows])
        columns.append(_number(f"{prefix}.count"))
        for column in told(schema, link.table):
            held = _told_values(data, link.table, column, common)
            made = {} if held is None else _summary(held, column, pointed)
            for word, values in made.items():
                arrays[f"{prefix}.{column.name}.{word}"] = values
                columns.append(_number(f"{prefix}.{column.name}.{word}"))
    return Flat(pa.table(arrays), tuple(columns))


def _number(name: str) -> Column:
    return Column(name=name, kind=Kind.DECIMAL, storage="double", nullable=True)


def _summary(values: pa.Array, column: Column, pointed: Pointing) -> Mapping[str, pa.Array]:
    there = np.flatnonzero((pointed.rows >= 0) & (pointed.rows < pointed.present))
    rows = pointed.rows[there]
    counts = np.bincount(rows, minlength=pointed.present)
    if column.kind in NUMERIC_KINDS or column.kind in TEMPORAL_KINDS:
        numbers = numbers_of(values)[there]
        known = ~np.isnan(numbers)
        total = np.bincount(rows[known], weights=numbers[known], minlength=pointed.present)
        size = np.bincount(rows[known], minlength=pointed.present)
        mean = total / np.maximum(size, 1)
        return {"mean": pa.array(mean, mask=size == 0)}
    if column.kind not in CATEGORY_KINDS:
        return {}
    codes = values.dictionary_encode("encode").indices.to_numpy(zero_copy_only=False).astype(np.int64)[there]
    pairs = np.unique(rows * (int(codes.max(initial=0)) + 1) + codes) // (int(codes.max(initial=0)) + 1)
    different = np.bincount(pairs, minlength=pointed.present)
    return {"nunique": pa.array(different.astype(np.float64), mask=counts == 0)}


def as_evidence(sides: Mapping[str, Flat], name: str, rare_below: int) -> Evidence:
    """Return flat tables as evidence on one table, without columns that a side lacks or that train has no value in."""
    train = sides["train"]
    kept = [
        column for column in train.columns
        if all(column.name in flat.rows.column_names for flat in sides.values())
        and train.rows[column.name].null_count < train.rows.num_rows
    ]  # fmt: skip
    names = [column.name for column in kept]

    def taken(side: str) -> Dataset:
        rows = sides[side].rows.select(names)
        return Dataset.of(
            pa.table({one: rows[one].cast(train.rows.schema.field(one).type, safe=False) for one in names}), name
        )

    schema = Schema(tables=(TableSchema(name=name, columns=tuple(kept)),), rare_below=rare_below)
    return Evidence(
        train=taken("train"), synthetic=taken("synthetic"), schema=schema,
        holdout=taken("holdout") if "holdout" in sides else None,
    )  # fmt: skip


def sides_of(evidence: Evidence) -> Mapping[str, Dataset]:
    """Return the tables of each side by its name."""
    found = {"train": evidence.train, "synthetic": evidence.synthetic}
    return found if evidence.holdout is None else {**found, "holdout": evidence.holdout}


def entity_path(data: Dataset, schema: Schema, table: str) -> tuple[ForeignKey, ...]:
    """Return the links from a table to its entity: the highest ancestor, by the links with most parents, of which at
    least a hundred are used.
    """
    path: list[ForeignKey] = []
    above, seen = table, {table}
    while True:
        best: tuple[int, ForeignKey] | None = None
        for link in schema.foreign_keys:
            if link.table == above and link.parent not in seen:
                rows = point(data.tables, link).rows
                used = len(np.unique(rows[rows >= 0]))
                if used >= LEAST_OWNERS and (best is None or used > best[0]):
                    best = used, link
        if best is None:
            return tuple(path)
        path.append(best[1])
        above = best[1].parent
        seen.add(above)


def entities(data: Dataset, table: str, path: Sequence[ForeignKey]) -> Rows:
    """Return the entity of each row of a table; a row without one is an entity by itself."""
    owners = np.arange(data.tables[table].num_rows)
    for link in path:
        rows = point(data.tables, link).rows
        own = np.append(rows, -1)[np.where(owners < len(rows), owners, len(rows))]
        owners = np.where(own < 0, 2**40 + np.arange(len(owners)), own)
    return owners


def one_of_each(data: Dataset, table: str, path: Sequence[ForeignKey], rng: np.random.Generator) -> Rows:
    """Return one row of each entity, drawn at random: rows of one entity would give each other away."""
    owners = entities(data, table, path)
    order = rng.permutation(len(owners))
    _, first = np.unique(owners[order], return_index=True)
    found: Rows = np.sort(order[first])
    return found


def few_parents(sides: Mapping[str, Dataset], schema: Schema) -> frozenset[str]:
    """Return the parent tables of so few rows that a model knows each by heart, but for those that all sides share.

    What stands in a few parents stands in all of their children, on both sides of any split: it would tell a second
    real sample from the first one as well.
    """
    train = sides["train"].tables
    return frozenset(
        name for name in with_children(schema)
        if train[name].num_rows < LEAST_OWNERS
        and any(not _same(train[name], side.tables[name]) for side in sides.values())
    )  # fmt: skip


def _same(one: pa.Table, two: pa.Table) -> bool:
    return one is two or (one.num_rows == two.num_rows and bool(one.equals(two.cast(one.schema, safe=False))))


def with_children(schema: Schema) -> Sequence[str]:
    """Return the tables that others point to."""
    return list(dict.fromkeys(link.parent for link in schema.foreign_keys if link.table != link.parent))


def with_parents(schema: Schema) -> Sequence[str]:
    """Return the tables that point to others."""
    return list(dict.fromkeys(link.table for link in schema.foreign_keys if link.table != link.parent))
