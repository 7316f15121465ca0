"""Do rows of one parent follow each other in time (visits, payments, hours of weather), and how are they drawn then?

Where a row is like the one before it, more than any two rows of one parent are alike, or where rows come in a rhythm,
they are learned as sequences: by lags, gaps and calendar, with what the parents tell as attributes of the sequence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from veridical.core.contracts import Generator, RunContext
from veridical.core.dataset import Dataset
from veridical.core.schema import TEMPORAL_KINDS, Column, Kind, Role, Schema, TableSchema
from veridical.engines.relational.group import codes_of
from veridical.engines.relational.injected import Law, sequence_engine
from veridical.engines.relational.plan import TablePlan
from veridical.prepare.codec import whole
from veridical.prepare.link import Rows

OWNER = "#owner"
LEAST_ROWS = 200
LEAST_PARENTS = 10
LEAST_EACH = 2.5  # rows a parent has on average
DISTINCT = 0.95  # share of rows that no other row of the parent shares its time with
LEAST_MEMORY = 0.1
LEAST_RHYTHM = 0.15
SURE = 4.0  # standard errors


@dataclass(frozen=True, slots=True)
class Runs:
    """Rows by parent and time: `order` sorts them, `owner` numbers the parents of the sorted rows."""

    order: Rows
    owner: Rows

    @property
    def inner(self) -> Rows:
        """The sorted rows that follow another one of their parent."""
        return np.flatnonzero(np.diff(self.owner) == 0) + 1


def time_of(planned: TablePlan, table: pa.Table, owners: Rows) -> str | None:
    """Return the column by which rows of one parent follow each other; None where each stands by itself.

    `owners` holds the parent of each row, -1 for none.
    """
    owned = np.flatnonzero(owners >= 0)
    parents = len(np.unique(owners[owned]))
    if parents < LEAST_PARENTS or len(owned) < max(LEAST_ROWS, LEAST_EACH * parents):
        return None
    for name in _clocks(planned, table):
        ticks = _ticks(table[name])[owned]
        order = np.lexsort((ticks, owners[owned]))
        runs = Runs(order, owners[owned][order])
        if not len(runs.inner) or (ticks[order][runs.inner] > ticks[order][runs.inner - 1]).mean() < DISTINCT:
            continue
        told = [_coded(table, one, name) for one in planned.drawn if one != name and not _is_spelled(planned, one)]
        if any(memory(codes[owned], runs) > LEAST_MEMORY for codes in told if codes is not None):
            return name
        if rhythm(ticks, runs) > LEAST_RHYTHM:
            return name
    return None


def _clocks(planned: TablePlan, table: pa.Table) -> list[str]:
    """The columns that may order rows: what the schema names, then times; none with a gap, none that a key gives."""
    grid = planned.grid
    free = [*planned.drawn, *([grid.column] if grid is not None and not grid.ordinal else [])]
    found = [column.name for column in planned.schema.columns if column.kind in TEMPORAL_KINDS]
    named = planned.schema.order_by
    names = dict.fromkeys(([named] if named is not None else []) + found)
    return [name for name in names if name in free and not table[name].null_count and _is_clock(table, name)][:3]


def _is_clock(table: pa.Table, name: str) -> bool:
    kind = table.schema.field(name).type
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind) or pa.types.is_integer(kind))


def _coded(table: pa.Table, name: str, time: str) -> Rows | None:
    """Return a column on few levels; a time by how long after the row's own time it lies, which goes on by itself."""
    kind = table.schema.field(name).type
    if kind != table.schema.field(time).type or not pa.types.is_temporal(kind):
        return codes_of(table[name])
    known = np.asarray(whole(table[name]).is_valid().to_numpy(zero_copy_only=False))
    apart = np.where(known, _ticks(table[name], null=0) - _ticks(table[time]), 0)
    return codes_of(pa.chunked_array([pa.array(apart, mask=~known)]))


def _is_spelled(planned: TablePlan, name: str) -> bool:
    return any(name in one.parts for one in planned.spelled)


def ticks_of(times: pa.Array) -> Rows:
    """Return times as whole numbers in their order."""
    return _ticks(pa.chunked_array([times]))


def _ticks(column: pa.ChunkedArray, *, null: int | None = None) -> Rows:
    values = whole(column)
    values = (values.cast(pa.int32()) if pa.types.is_date32(values.type) else values).cast(pa.int64())
    values = values if null is None else values.fill_null(null)
    return np.asarray(values.to_numpy(zero_copy_only=False))


def memory(codes: Rows, runs: Runs) -> float:
    """Return how much more a row is like the one before it than two rows of one parent are: 0 as by chance, 1 always.

    Example:
        >>> owner = np.repeat(np.arange(50), 10)
        >>> slow = np.tile(np.repeat([0, 1], 5), 50)
        >>> memory(slow, Runs(np.arange(500), owner)) > 0.7
        True
    """
    sorted_codes, inner = codes[runs.order], runs.inner
    alike = float((sorted_codes[inner] == sorted_codes[inner - 1]).mean())
    _, owner = np.unique(runs.owner, return_inverse=True)
    sizes = np.bincount(owner)
    levels = int(sorted_codes.max(initial=0)) + 1
    held, tally = np.unique(owner * levels + sorted_codes, return_counts=True)
    same = np.bincount(held // levels, weights=tally * (tally - 1.0), minlength=len(sizes))
    many = sizes > 1
    chance = same[many] / (sizes[many] * (sizes[many] - 1.0))
    by_chance = float(np.average(chance, weights=sizes[many] - 1.0))
    if by_chance > 1 - 1e-9:
        return 0.0
    error = np.sqrt(max(by_chance * (1 - by_chance), 1e-9) / len(inner))
    return (alike - by_chance) / (1 - by_chance) if alike - by_chance > SURE * error else 0.0


def rhythm(ticks: Rows, runs: Runs) -> float:
    """Return how far times between rows are from those of rows that fall by chance between a parent's first and last.

    Example:
        >>> days = np.tile(np.arange(10) * 30, 50)
        >>> rhythm(days, Runs(np.arange(500), np.repeat(np.arange(50), 10))) > 0.3
        True
    """
    times, inner = ticks[runs.order], runs.inner
    pooled = np.sort(times)
    rank = np.searchsorted(pooled, times) / len(pooled)
    first = np.flatnonzero(np.r_[True, np.diff(runs.owner) != 0])
    sizes = np.diff(np.r_[first, len(times)])
    which = np.repeat(np.arange(len(first)), sizes)
    low, high = rank[first][which], rank[first + sizes - 1][which]
    drawn = np.clip(low + (high - low) * np.random.default_rng(0).random(len(times)), 0, 1 - 1e-9)
    drawn[first], drawn[first + sizes - 1] = low[first], high[first]
    drawn = pooled[(drawn * len(pooled)).astype(np.int64)]
    drawn = drawn[np.lexsort((drawn, which))]
    real, chance = (np.sort(each[inner] - each[inner - 1]) for each in (times, drawn))
    levels = np.unique(np.concatenate([real, chance]))
    one, two = (np.searchsorted(each, levels, side="right") / len(each) for each in (real, chance))
    return float(np.abs(one - two).max())


def fit(
    inner: pa.Table, schema: TableSchema, time: Column, owners: Rows, labels: Rows, rare_below: int, ctx: RunContext
) -> Generator:
    """Return the law of rows that follow each other.

    `inner` holds what rows are told of their owner (role CONTEXT), what is drawn and the time; `owners` is each row's
    parent (-1: none, each such row is a sequence of its own), `labels` the parents' kind.
    """
    entity, order = _entities(owners, labels)
    sorted_rows = inner.take(pa.array(order))
    names = pa.array([f"{one}" for one in range(int(entity.max(initial=-1)) + 1)], pa.string())
    sorted_rows = sorted_rows.append_column(OWNER, names.take(pa.array(entity)))
    key = Column(name=OWNER, kind=Kind.IDENTIFIER, storage="string")
    held = [column for column in schema.columns if column.name != time.name]
    moment = replace(time, role=Role.MODEL, nullable=False, unique=False)
    made = replace(
        schema, columns=(*(replace(one, unique=False) for one in held), moment, key), primary_key=(), series=(OWNER,),
        order_by=time.name, unit=None,
    )  # fmt: skip
    whole_schema = Schema(tables=(made,), rare_below=rare_below)
    return sequence_engine().fit(Dataset.of(sorted_rows, schema.name), whole_schema, ctx)


def _entities(owners: Rows, labels: Rows) -> tuple[Rows, Rows]:
    """Return the number of the sequence of each sorted row, and the order: by kind of parent, by parent, as they stand.

    So the few parents that are a kind each come in the same order while learning and while drawing.
    """
    alone = owners < 0
    owner = np.where(alone, owners.max(initial=0) + 1 + np.arange(len(owners)), owners)
    order = np.lexsort((np.arange(len(owners)), owner, np.where(alone, np.iinfo(np.int64).max, labels)))
    sorted_owner = owner[order]
    starts = np.r_[False, sorted_owner[1:] != sorted_owner[:-1]] if len(order) else np.zeros(0, dtype=bool)
    return np.cumsum(starts).astype(np.int64), order


def drawn(
    law: Law, context: Mapping[str, pa.Array], owners: Rows, labels: Rows, seed: int, times: pa.Array | None,
    like: Rows | None = None,
) -> pa.Table:  # fmt: skip
    """Return the rows of all parents in the order of `owners`, each parent's rows in order of time.

    `context` tells each row of its owner; `times` holds the rows' times where they are known; `like` says for each row
    as how long its owner's series is told, where that is another number than its rows.
    """
    entity, order = _entities(owners, labels)
    first = np.flatnonzero(np.r_[True, np.diff(entity) != 0])
    lengths = np.diff(np.r_[first, len(order)]).astype(np.int64)
    given = {name: held.take(pa.array(order[first])) for name, held in context.items()}
    few = law.few
    names = np.arange(len(first)) if few is None else np.arange(len(first)) % few
    told = pa.table({**given, OWNER: pa.array([f"{one}" for one in names.tolist()], pa.string())})
    known = None if times is None else times.take(pa.array(order))
    long = None if like is None else like[order[first]]
    made = law.draw(len(first), seed=seed, given=told, lengths=lengths, times=known, like=long)
    back = np.empty(len(order), dtype=np.int64)
    back[order] = np.arange(len(order))
    kept = [name for name in made.column_names if name != OWNER and name not in context]
    return made.select(kept).take(pa.array(back)).combine_chunks()
