"""Which of the rows that were drawn does a condition leave, and what goes with those that it does not?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from veridical.core.errors import SpecError
from veridical.core.expression import parse
from veridical.core.schema import ForeignKey, Schema
from veridical.prepare.codec import whole
from veridical.prepare.link import point
from veridical.prepare.linked_rule import with_parents

Tables = Mapping[str, pa.Table]
Balance = Mapping[str, Mapping[str, float]]
Kept = NDArray[np.bool_]


def chosen(
    tables: Tables, schema: Schema, where: str | None, balance: Balance, rng: np.random.Generator
) -> dict[str, pa.Table]:
    """Return the tables with those rows of one table that meet a condition, or stand in these shares.

    Columns are named `table.column`. Rows that are left out take along all rows that need them.

    Raises:
        SpecError: a name is unknown, tables do not hang together, or no row meets the condition.
    """
    found = dict(tables)
    if where is not None:
        name, kept = _meeting(found, schema, where)
        found = without(found, schema, name, kept)
    for column, shares in balance.items():
        name, kept = _in_shares(found, schema, column, shares, rng)
        found = without(found, schema, name, kept)
    return found


def _meeting(tables: Tables, schema: Schema, where: str) -> tuple[str, Kept]:
    columns = [
        replace(column, name=f"{table.name}.{column.name}") for table in schema.tables for column in table.columns
    ]
    told = parse(where, columns)
    asked = sorted(set(told.columns))
    owners = sorted({_table_of(schema, name) for name in asked})
    for name in owners:
        above = {link.parent for link in schema.foreign_keys if link.table == name}
        if set(owners) <= {name, *above}:
            others = {one for one in asked if _table_of(schema, one) != name}
            rows = with_parents(tables, schema, name, others)
            rows = rows.rename_columns([one if one in others else f"{name}.{one}" for one in rows.column_names])
            kept = np.asarray(pc.fill_null(whole(told.evaluate(rows)), False).to_numpy(zero_copy_only=False), bool)
            if not kept.any():
                raise SpecError(
                    f"of {len(kept):,} rows drawn of {name} none meets it", where="where", fix="ask for what can be"
                )
            return name, kept
    raise SpecError(f"it speaks of {', '.join(owners)}", where="where", fix="name a table and its parents, no others")


def _table_of(schema: Schema, name: str) -> str:
    return next(t.name for t in schema.tables if name.startswith(f"{t.name}.") and name[len(t.name) + 1 :] in t.names)


def _in_shares(
    tables: Tables, schema: Schema, column: str, shares: Mapping[str, float], rng: np.random.Generator
) -> tuple[str, Kept]:
    """Return as many rows as can be in just these shares; the rest of the shares is all other values'."""
    known = {f"{table.name}.{name}": (table.name, name) for table in schema.tables for name in table.names}
    if column not in known:
        raise SpecError(f"no column {column!r}", where="balance", fix="name it as table.column")
    name, own = known[column]
    words = whole(tables[name][own]).cast(pa.string()).fill_null("")
    places = np.asarray(pc.fill_null(pc.index_in(words, pa.array(list(shares))), len(shares)).to_numpy(), np.int64)
    wanted = np.array([*shares.values(), max(0.0, 1.0 - sum(shares.values()))])
    wanted[-1] = 0.0 if wanted[-1] < 1e-9 else wanted[-1]
    there = np.bincount(places, minlength=len(wanted))
    lacking = [value for value, count, share in zip(shares, there, wanted, strict=False) if share > 0 and not count]
    if lacking or (wanted[-1] > 0 and not there[-1]):
        raise SpecError(
            f"no row drawn of {name} has {own} = {', '.join(lacking) or 'any other value'}", where="balance",
            fix="ask for values that are there, or for more rows",
        )  # fmt: skip
    asked = wanted > 0
    counts = np.zeros(len(wanted), dtype=np.int64)
    total = int((there[asked] / wanted[asked]).min() + 1e-9)
    counts[asked] = np.maximum(1, np.floor(wanted[asked] * total + 1e-9)).astype(np.int64)
    kept = np.zeros(len(places), dtype=bool)
    for place, count in enumerate(counts):
        kept[rng.permutation(np.flatnonzero(places == place))[:count]] = True
    return name, kept


def without(tables: Tables, schema: Schema, name: str, kept: Kept) -> dict[str, pa.Table]:
    """Return the tables without the rows that are not kept, and without all rows that need one of these.

    A key that may be null is null then, where its row has another parent to belong to.
    """
    keep = {one: np.ones(rows.num_rows, dtype=bool) for one, rows in tables.items()}
    keep[name] = kept
    pointed = {link: point(tables, link) for link in schema.foreign_keys}
    loose = {link for link in schema.foreign_keys if _may_be_null(schema, link)}
    found, waiting = dict(tables), [name]
    while waiting:
        parent = waiting.pop()
        for link in [link for link in schema.foreign_keys if link.parent == parent]:
            rows, size = pointed[link].rows, pointed[link].present
            lost = (rows >= 0) & (rows < size) & ~np.append(keep[parent], True)[np.clip(rows, 0, size)]
            if link in loose:
                for column in link.columns:
                    held = whole(found[link.table][column])
                    emptied = pc.if_else(pa.array(lost), pa.scalar(None, held.type), held)
                    place = found[link.table].column_names.index(column)
                    found[link.table] = found[link.table].set_column(place, column, emptied)
            elif (lost & keep[link.table]).any():
                keep[link.table] &= ~lost
                waiting.append(link.table)
    return {one: rows.filter(pa.array(keep[one])).combine_chunks() for one, rows in found.items()}


def _may_be_null(schema: Schema, link: ForeignKey) -> bool:
    """Whether rows can do without this parent: the key may be null, is no part of another, and not the only link."""
    own = schema.table(link.table)
    mine = [one for one in schema.foreign_keys if one.table == link.table and one.parent != link.table]
    shared = {name for one in mine if one is not link for name in one.columns} | set(own.primary_key)
    nullable = all(own.column(name).nullable for name in link.columns)
    return nullable and not shared & set(link.columns) and (len(mine) > 1 or link.parent == link.table)
