"""Which rows of a request are alike, and how do their batches come together in the order asked?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from veridical.core.contracts import Sampler, SampleRequest, Shard
from veridical.core.errors import SpecError
from veridical.core.restriction import split
from veridical.core.schema import Role
from veridical.engines.tabular.balance import Group, groups_of
from veridical.engines.tabular.boost import LABEL, Boost, boost_of
from veridical.engines.tabular.condition import Condition, condition_of
from veridical.engines.tabular.kept import broken_rows, mended
from veridical.engines.tabular.maker import Known, Maker
from veridical.prepare import Restore
from veridical.prepare.codec import whole
from veridical.prepare.storage import store
from veridical.prepare.tails import Tails
from veridical.prepare.violation import RowRule, derived_rules, repeated, row_rules

_KEPT_BY_CONSTRUCTION = frozenset({"bounds"})


def answer(restore: Restore, sampler: Sampler, tails: Tails, request: SampleRequest, shard: Shard) -> pa.Table:
    """Return the rows of one shard.

    Raises:
        SpecError: the request asks for what cannot be, or names what is not there.
        ConstraintError: the constraints leave no row.
    """
    context = _rows_of(request.context, request, shard)
    _check_context(restore, context)
    boost = boost_of(request, restore, tails)
    groups = groups_of(request, shard, boost.parts)
    patterns = _patterns(restore, context, shard.rows)
    tables: list[pa.Table] = []
    places: list[NDArray[np.int64]] = []
    for group in groups:
        for names, rows in patterns.items():
            mine = np.intersect1d(group.rows, rows, assume_unique=True)
            if len(mine):
                tables.append(_batch(restore, sampler, request, shard, group, boost, context, names, mine))
                places.append(mine)
    table = _in_order(tables, places, restore)
    table = _unique(table, restore, request, shard, context)
    if request.boost:
        table = table.append_column(LABEL, boost.labels(groups, shard.rows))
    return table


def _unique(
    table: pa.Table, restore: Restore, request: SampleRequest, shard: Shard, context: pa.Table | None
) -> pa.Table:
    """Number keys and move values apart that must be unique; rows keep the rules that they kept before."""
    condition, rules = condition_of(request.where, restore), _fallible(restore)
    watched = bool(restore.uniques or restore.keys)
    excused = broken_rows(table, rules, condition) if watched else np.zeros(table.num_rows, dtype=bool)
    within = {} if condition.whole is None else split(condition.whole)[0]
    table = _numbered(table, restore, request, shard, context)
    table = restore.spread(table, shard, total_rows=request.rows, key=request.seed, within=within)
    if not watched:
        return table
    return mended(table, excused, restore, rules, condition, request.rng(shard, "unique"))


def _batch(
    restore: Restore,
    sampler: Sampler,
    request: SampleRequest,
    shard: Shard,
    group: Group,
    boost: Boost,
    context: pa.Table | None,
    names: tuple[str, ...],
    rows: NDArray[np.int64],
) -> pa.Table:
    rng = request.rng(shard, "table", group.name, *names)
    condition = condition_of(_joined(request.where, group.where), restore)
    condition = boost.narrowed(condition, group.part)
    known = Known()
    if context is not None:
        cells = context.take(pa.array(rows)).select(list(names))
        given = restore.encode_known(cells, rng)
        known = Known(given if given.num_columns else None, cells if cells.num_columns else None)
    maker = Maker(
        restore,
        sampler,
        _fallible(restore),
        key=request.seed,
        start_row=shard.start,
        total_rows=request.rows,
        fill=_to_fill(restore, context, names),
    )
    return maker.rows(len(rows), rng, condition, known)


def _fallible(restore: Restore) -> Sequence[RowRule]:
    rules = [rule for rule in row_rules(restore.schema) if rule.constraint.type not in _KEPT_BY_CONSTRUCTION]
    return [*rules, *derived_rules(restore.schema)]


def _joined(*texts: str | None) -> str | None:
    present = [text for text in texts if text]
    return " and ".join(f"({text})" for text in present) if len(present) > 1 else next(iter(present), None)


def _rows_of(context: pa.Table | None, request: SampleRequest, shard: Shard) -> pa.Table | None:
    if context is None:
        return None
    if context.num_rows == request.rows:
        return context.slice(shard.start, shard.rows)
    if context.num_rows == shard.rows:
        return context
    raise SpecError(
        f"{context.num_rows:,} context rows for {request.rows:,} rows",
        where="context",
        fix="give one row per output row",
    )


def _check_context(restore: Restore, context: pa.Table | None) -> None:
    present = frozenset(() if context is None else context.column_names)
    needed = [column.name for column in restore.schema.columns if column.role is Role.CONTEXT]
    missing = [name for name in needed if name not in present]
    if missing:
        raise SpecError(f"context is missing: {', '.join(missing)}", where="context", fix="give these columns")


def _patterns(restore: Restore, context: pa.Table | None, rows: int) -> Mapping[tuple[str, ...], NDArray[np.int64]]:
    """Return for each set of known columns the rows in which just these are known."""
    if context is None:
        return {(): np.arange(rows)}
    names = [name for name in restore.names if name in context.column_names]
    always = [name for name in names if restore.schema.column(name).role is Role.CONTEXT]
    free = [name for name in names if name not in always]
    if not free:
        return {tuple(always): np.arange(rows)}
    bits = np.stack([np.asarray(pc.is_valid(context[name]).to_numpy()) for name in free], axis=1)
    found, which = np.unique(bits, axis=0, return_inverse=True)
    order = {name: place for place, name in enumerate(names)}
    patterns = {}
    for number, known in enumerate(found):
        listed = always + [name for name, is_known in zip(free, known, strict=True) if is_known]
        patterns[tuple(sorted(listed, key=order.__getitem__))] = np.flatnonzero(which.ravel() == number)
    return patterns


def _to_fill(restore: Restore, context: pa.Table | None, known: Sequence[str]) -> tuple[str, ...]:
    """Return modelled columns of cells that were given as null: a gap is filled, never with another gap."""
    if context is None:
        return ()
    gaps = [name for name in restore.names if name in context.column_names and name not in known]
    return restore.learned_with_values(gaps)


def _in_order(tables: Sequence[pa.Table], places: Sequence[NDArray[np.int64]], restore: Restore) -> pa.Table:
    if not tables:
        return restore.empty()
    if len(tables) == 1:
        return tables[0]
    order = np.argsort(np.concatenate(places), kind="stable")
    return pa.concat_tables(tables).take(pa.array(order)).combine_chunks()


def _numbered(
    table: pa.Table, restore: Restore, request: SampleRequest, shard: Shard, context: pa.Table | None
) -> pa.Table:
    """Number the fresh keys by row, once the rows stand in their order."""
    asked: Condition = condition_of(request.where, restore)
    read = frozenset(() if asked.whole is None else asked.whole.columns)
    fresh = restore.numbered(
        request.rng(shard, "keys"), rows=shard.rows, start_row=shard.start, total_rows=request.rows, key=request.seed
    )
    for name, values in fresh.items():
        if name in read and (name not in restore.keys or _fits_alone(table, name, shard)):
            continue
        if context is not None and name in context.column_names:
            given = store(whole(context[name]), values.type)
            values = pc.coalesce(given, values)
        missing = whole(table[name]).is_null()
        values = pc.if_else(missing, pa.scalar(None, values.type), values)
        table = table.set_column(table.column_names.index(name), name, values)
    return table


def _fits_alone(table: pa.Table, name: str, shard: Shard) -> bool:
    """Say whether a key that was chosen by condition is unique as it stands."""
    return shard.count == 1 and not repeated(table, (name,))
