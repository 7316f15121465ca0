"""How do rows of two entities stay whole, when one of these is learned from and the other is kept back?

A transfer has a payer and a payee. It stands on its payer's side; where the payee stands on the other one, the row
exchanges payees with a row that is torn the other way round. Every entity keeps its numbers of rows by both links, so
that structure is learned as it is (switching edges keeps all degrees: Maslov and Sneppen 2002, "Specificity and
stability in topology of protein networks"), and no row of one side speaks of an entity of the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.core.dataset import Dataset
from veridical.core.schema import ForeignKey, Schema
from veridical.engines.relational.graph import inherited
from veridical.engines.relational.group import codes_of
from veridical.engines.relational.plan import keys_of
from veridical.engines.relational.spreading import key_codes
from veridical.prepare.codec import whole
from veridical.prepare.link import Pointing, Rows, point
from veridical.prepare.linked_rule import broken_rows, linked_rules

Sides = dict[str, NDArray[np.int8]]
Mask = NDArray[np.bool_]
HERE, THERE, NEITHER = 1, 0, 2
CELL = 20  # torn rows for each kind of parent that they are exchanged within


def exchanged(data: Dataset, schema: Schema, sides: Sides, rng: np.random.Generator) -> tuple[Dataset, Sides]:
    """Return the tables and each row's side, torn rows made whole; those that cannot be stand on neither side (2).

    Args:
        data: All tables, before the split.
        schema: Their schema.
        sides: By table, each row's side (0 or 1); tables without one are on both.
        rng: The randomness of who exchanges with whom.

    Example:
        >>> from veridical.core.schema import Column, Kind, TableSchema
        >>> key = lambda name: Column(name=name, kind=Kind.IDENTIFIER)
        >>> ends = tuple(ForeignKey(table="t", columns=(n,), parent="p", parent_columns=("id",)) for n in ("a", "b"))
        >>> names = (TableSchema(name="p", columns=(key("id"),)), TableSchema(name="t", columns=(key("a"), key("b"))))
        >>> rows = Dataset({"p": pa.table({"id": [0, 1, 2, 3]}), "t": pa.table({"a": [0, 2], "b": [3, 1]})})
        >>> held = {"p": np.array([0, 0, 1, 1], np.int8), "t": np.array([0, 1], np.int8)}
        >>> rng = np.random.default_rng(0)
        >>> made, sides = exchanged(rows, Schema(tables=names, foreign_keys=ends), held, rng)
        >>> made.tables["t"].to_pydict(), sides["t"].tolist()
        ({'a': [0, 2], 'b': [1, 3]}, [0, 1])
    """
    tables = dict(data.tables)
    found = {name: side.copy() for name, side in sides.items()}
    for link in schema.foreign_keys:
        if link.table in found and link.parent in found:
            tables[link.table] = _switched(tables, schema, link, found, rng)
    for name in {link.table for link in schema.foreign_keys} & set(found):
        moved = tables[name] is not data.tables[name]
        found[name][_spoiled(data.tables, tables, schema, name) if moved else []] = NEITHER
    return Dataset(tables), agreed(tables, schema, found)


def _switched(
    tables: Mapping[str, pa.Table], schema: Schema, link: ForeignKey, sides: Sides, rng: np.random.Generator
) -> pa.Table:
    """Return the link's table with parents exchanged between rows that are torn one way and the other."""
    rows = tables[link.table]
    pointed = point(tables, link)
    torn = _torn(pointed, link, sides)
    if not len(torn):
        return rows
    moving = {*link.columns, *inherited(link, tables, pointed)}
    fixed = sorted(moving & _pinned(schema, link))
    held = _codes(rows, fixed)[torn]
    kinds = _kinds(tables[link.parent], most=len(torn) // CELL)[pointed.rows[torn]]
    places = np.arange(rows.num_rows)
    for cells in (held * (int(kinds.max(initial=0)) + 1) + kinds, held):
        open_to = np.flatnonzero(places[torn] == torn)
        one, two = (open_to[sides[link.table][torn[open_to]] == side] for side in (HERE, THERE))
        one, two = _paired(one, two, cells, rng)
        places[torn[one]], places[torn[two]] = torn[two], torn[one]
    for name in moving - set(fixed):
        rows = rows.set_column(rows.column_names.index(name), name, rows[name].take(pa.array(places)))
    return rows


def _paired(one: Rows, two: Rows, cells: Rows, rng: np.random.Generator) -> tuple[Rows, Rows]:
    """Return places of both that have the same cell, each place once, at random within the cell."""
    numbered = []
    for places in (one, two):
        places = rng.permutation(places)
        order = places[np.argsort(cells[places], kind="stable")]
        _, first, count = np.unique(cells[order], return_index=True, return_counts=True)
        numbered.append((order, np.arange(len(order)) - np.repeat(first, count)))
    size = max((int(rank.max(initial=0)) for _, rank in numbered), default=0) + 1
    here, there = (cells[order] * size + rank for order, rank in numbered)
    _, mine, theirs = np.intersect1d(here, there, assume_unique=True, return_indices=True)
    return numbered[0][0][mine], numbered[1][0][theirs]


def _pinned(schema: Schema, link: ForeignKey) -> set[str]:
    """Return the columns of a link's table that stay: those of its other links, and what other rows know it by."""
    others = [other for other in schema.foreign_keys if other != link]
    own = {name for other in others if other.table == link.table for name in other.columns}
    return own | {name for other in others if other.parent == link.table for name in other.parent_columns}


def _kinds(parents: pa.Table, most: int) -> Rows:
    """Return each parent's kind by its columns of fewest levels, as many as leave at most `most` kinds."""
    found = np.zeros(parents.num_rows, dtype=np.int64)
    levels = [codes for name in parents.column_names if (codes := _levels(parents[name])) is not None]
    for codes in sorted(levels, key=lambda codes: int(codes.max(initial=0))):
        joint = _joint(found, codes)
        if int(joint.max(initial=0)) >= most:
            break
        found = joint
    return found


def _levels(column: pa.ChunkedArray) -> Rows | None:
    return None if pa.types.is_nested(column.type) or pa.types.is_null(column.type) else codes_of(column)


def _codes(rows: pa.Table, names: Sequence[str]) -> Rows:
    everybody = np.zeros(rows.num_rows, dtype=np.int64)
    return key_codes([everybody], [whole(rows[name]) for name in names])


def _joint(one: Rows, two: Rows) -> Rows:
    return np.unique(one * (int(two.max(initial=0)) + 1) + two, return_inverse=True)[1].ravel().astype(np.int64)


def _spoiled(before: Mapping[str, pa.Table], after: Mapping[str, pa.Table], schema: Schema, name: str) -> Mask:
    """Say which rows break now what all rows kept before: a rule, values or pairs that come once, ends that differ."""
    changed = {**before, name: after[name]}
    spoiled = np.zeros(after[name].num_rows, dtype=bool)
    for table, rule in linked_rules(schema):
        if table == name and rule.type == "inequality":
            spoiled |= broken_rows(changed, schema, name, rule) & ~broken_rows(before, schema, name, rule)
    for once in keys_of(schema.table(name)):
        spoiled |= _twice(_codes(after[name], once)) & ~_twice(_codes(before[name], once))
    links = [link for link in schema.foreign_keys if link.table == name]
    for one, two in combinations(links, 2):
        was, now = ([point(side, link).rows for link in (one, two)] for side in (before, changed))
        if one.parent == two.parent and not _same(*was).any():
            spoiled |= _same(*now)
        if not _twice(_pairs(*was)).any():
            spoiled |= _twice(_pairs(*now)) & ((was[0] != now[0]) | (was[1] != now[1]))
    return spoiled


def _same(one: Rows, two: Rows) -> Mask:
    return (one == two) & (one >= 0)


def _pairs(one: Rows, two: Rows) -> Rows:
    """Return a code of each pair of parents; rows that lack one have each their own."""
    codes = one * (int(two.max(initial=0)) + 1) + two
    lacking = (one < 0) | (two < 0)
    codes[lacking] = -1 - np.flatnonzero(lacking)
    return codes


def _twice(codes: Rows) -> Mask:
    """Say of which rows there is another one with the same code."""
    _, place, count = np.unique(codes, return_inverse=True, return_counts=True)
    return np.asarray(count[place.ravel()] > 1)


def agreed(tables: Mapping[str, pa.Table], schema: Schema, found: Sides) -> Sides:
    """Return the sides with rows that point to both taken off both (2), and what points to these.

    Example:
        >>> link = ForeignKey(table="t", columns=("a",), parent="p", parent_columns=("id",))
        >>> rows = {"p": pa.table({"id": [0, 1]}), "t": pa.table({"a": [0, 1]})}
        >>> held = {"p": np.array([0, 1], np.int8), "t": np.array([0, 0], np.int8)}
        >>> agreed(rows, Schema(tables=(), foreign_keys=(link,)), held)["t"].tolist()
        [0, 2]
    """
    within = [link for link in schema.foreign_keys if link.table in found and link.parent in found]
    for _ in range(len(schema.foreign_keys) + 1):
        torn = [(link.table, rows) for link in within if len(rows := _torn(point(tables, link), link, found))]
        if not torn:
            break
        for name, rows in torn:
            found[name][rows] = NEITHER
    return found


def _torn(pointed: Pointing, link: ForeignKey, sides: Sides) -> Rows:
    """Return the rows that stand on another side than the parent they point to by a link."""
    there = np.flatnonzero((pointed.rows >= 0) & (pointed.rows < pointed.present))
    own = sides[link.table][there]
    return there[(sides[link.parent][pointed.rows[there]] != own) & (own != NEITHER)]
