"""Which rules hold across tables: dates after a parent's, totals of lines, at most one row of a kind?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import combinations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from veridical.core.dataset import Dataset
from veridical.core.expression import quote
from veridical.core.schema import CATEGORY_KINDS, NUMERIC_KINDS, Column, Constraint, ForeignKey, Kind, Role, Schema
from veridical.prepare.codec import whole
from veridical.prepare.link import Pointing, point
from veridical.prepare.linked_rule import AT_MOST_ONE, TOTAL, linked_rules, name_above

LEAST_ROWS = 50
LEAST_PARENTS = 20
LEAST_CLASHES = 10.0  # repeats that chance alone would have made, from which having none is a rule
MOST_LEVELS = 5
_MOMENTS = frozenset({Kind.DATE, Kind.DATETIME})


def with_linked_rules(schema: Schema, dataset: Dataset) -> Schema:
    """Return the schema with the rules across tables that hold in every row, each with its reason.

    Example:
        >>> with_linked_rules(Schema(tables=()), Dataset({})).tables
        ()
    """
    known = {(table, rule.type, rule.columns) for table, rule in linked_rules(schema)}
    more: dict[str, list[Constraint]] = {}
    for link in schema.foreign_keys:
        if link.table == link.parent or not all(name in dataset.tables for name in (link.table, link.parent)):
            continue
        pointed = point(dataset.tables, link)
        for table, rule in _found(schema, dataset.tables, link, pointed):
            if (table, rule.type, rule.columns) not in known:
                more.setdefault(table, []).append(rule)
    tables = tuple(
        replace(table, constraints=(*table.constraints, *more.get(table.name, ()))) for table in schema.tables
    )
    return replace(schema, tables=tables)


def _found(
    schema: Schema, tables: Mapping[str, pa.Table], link: ForeignKey, pointed: Pointing
) -> Iterator[tuple[str, Constraint]]:
    there = np.flatnonzero((pointed.rows >= 0) & (pointed.rows < pointed.present))
    if len(there) < LEAST_ROWS:
        return
    for rule in _orders(schema, tables, link, there, pointed.rows[there]):
        yield link.table, rule
    for rule in _totals(schema, tables, link, there, pointed):
        yield link.parent, rule
    for rule in _single(schema, tables, link, there, pointed.rows[there]):
        yield link.table, rule


def _own(schema: Schema, table: str, kinds: frozenset[Kind]) -> list[Column]:
    linked = {name for link in schema.foreign_keys if link.table == table for name in link.columns}
    return [
        column for column in schema.table(table).columns
        if column.kind in kinds and column.name not in linked and column.role is Role.MODEL
    ]  # fmt: skip


def _orders(
    schema: Schema, tables: Mapping[str, pa.Table], link: ForeignKey, there: np.ndarray, up: np.ndarray
) -> Iterator[Constraint]:
    for late in _own(schema, link.table, _MOMENTS):
        for early in _own(schema, link.parent, _MOMENTS):
            one = whole(tables[link.parent][early.name]).take(pa.array(up))
            two = whole(tables[link.table][late.name]).take(pa.array(there))
            if one.type != two.type or (pa.types.is_string(one.type) and early.datetime_format != late.datetime_format):
                continue
            if pa.types.is_string(one.type) and not (late.datetime_format or "").startswith("%Y-%m-%d"):
                continue
            kept = pc.less_equal(one, two)
            if kept.null_count > len(kept) // 2 or not pc.all(kept).as_py():
                continue
            # Where no child could have come before any parent, the order says nothing.
            if pc.min(two).as_py() >= pc.max(one).as_py() or one.equals(two):
                continue
            yield Constraint(
                type="inequality", columns=(name_above(schema, link, early.name), late.name), source="learned",
                reason=f"holds in all {len(kept) - kept.null_count:,} rows",
            )  # fmt: skip


def _totals(
    schema: Schema, tables: Mapping[str, pa.Table], link: ForeignKey, there: np.ndarray, pointed: Pointing
) -> Iterator[Constraint]:
    counts = pointed.counts[: pointed.present]
    if int((counts > 0).sum()) < LEAST_PARENTS or counts.max() < 2:
        return
    lines = [column for column in _own(schema, link.table, NUMERIC_KINDS) if column.kind is not Kind.IDENTIFIER][:8]
    values = {column.name: _numbers(tables[link.table][column.name])[there] for column in lines}
    sums: dict[str, np.ndarray] = {}
    single = [(name,) for name in values]
    for names in [*single, *combinations(values, 2)]:
        product = np.nan_to_num(np.prod([values[name] for name in names], axis=0))
        text = " * ".join(quote(f"{link.table}.{name}") for name in names)
        sums[text] = np.bincount(pointed.rows[there], weights=product, minlength=pointed.present)
    for column in _own(schema, link.parent, NUMERIC_KINDS):
        total = _numbers(tables[link.parent][column.name])
        slack = 0.51 * 10.0 ** -(column.decimals or 0)
        for text, made in sums.items():
            same = np.abs(total - made) <= slack
            if same[counts > 0].all() and np.ptp(made[counts > 0]) > 0:
                # Two products may give the same sums (a quantity that is always one): the wider one is meant.
                wider = [other for other in sums if other != text and text in other and np.allclose(sums[other], made)]
                yield Constraint(
                    type=TOTAL, columns=(column.name,), expression=f"sum({wider[0] if wider else text})",
                    source="learned", reason=f"holds for all {int((counts > 0).sum()):,} rows with lines",
                )  # fmt: skip
                break


def _single(
    schema: Schema, tables: Mapping[str, pa.Table], link: ForeignKey, there: np.ndarray, up: np.ndarray
) -> Iterator[Constraint]:
    sizes = np.bincount(up)
    if int((sizes > 1).sum()) < LEAST_PARENTS:
        return
    pairs = float((sizes * (sizes - 1.0) / 2).sum())
    for column in _own(schema, link.table, CATEGORY_KINDS):
        encoded = whole(tables[link.table][column.name]).take(pa.array(there)).dictionary_encode()
        levels = encoded.dictionary.to_pylist()
        if not 2 <= len(levels) <= MOST_LEVELS:
            continue
        codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        for code, value in enumerate(levels):
            rows = up[codes == code]
            share = len(rows) / len(up)
            if len(np.unique(rows)) == len(rows) and pairs * share**2 >= LEAST_CLASHES:
                spelled = str(value).lower() if isinstance(value, bool) else repr(value)
                yield Constraint(
                    type=AT_MOST_ONE, columns=link.columns, when=f"{quote(column.name)} == {spelled}",
                    source="learned", reason=f"{len(rows):,} rows, and no {link.parent} has two",
                )  # fmt: skip


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    found: np.ndarray = whole(column).cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return found
