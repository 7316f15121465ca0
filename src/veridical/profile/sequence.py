"""Do rows of this table follow one another: whose are they, and which column orders them?"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.core.chunks import one_array
from veridical.core.schema import Column, Constraint, Kind, TableSchema
from veridical.core.timetext import as_moments
from veridical.encode.spelled import TIME
from veridical.profile import header
from veridical.profile.facts import codes_of
from veridical.profile.role import CLOCKS
from veridical.profile.spelled import FIRST_YEAR, LAST_YEAR, spellings

LEAST_ROWS = 30
LEAST_STEPS = 2.5  # rows an entity has on average
ORDERED = 0.98  # share of neighbouring rows in which time does not run backwards
DISTINCT = 0.95  # share of rows that no other row of the entity shares its time with
FILLED = 0.5  # share of all (entity, time) pairs that rows of a panel take up
SHARED = 1.5  # rows a time of a panel has on average
REGULAR, UNSORTED = 0.5, 0.6  # share of equal gaps in one long series, whose rows stand in order or in none
FEW = 10
MOST_SHARED = 5  # entities that one part of a name of two parts is of, from which on it is told
MOST_CANDIDATES = 8
FEW_CODES = 1 << 22  # codes that are listed rather than sorted
GLANCE = 200_000  # rows that are looked at before all of them are
_ENTITY = frozenset({Kind.IDENTIFIER, Kind.CATEGORY, Kind.INTEGER, Kind.PERSONAL, Kind.TEXT})
_TIMES = frozenset({Kind.DATE, Kind.DATETIME})
_COUNTS = CLOCKS | {("year",), ("years",), ("t",)}
_CALENDAR = (("year",), ("quarter",), ("month",), ("week",), ("day",), ("hour",), ("minute",))
_IN_ORDER = "each one's together and in order of time"
Codes = NDArray[np.int32] | NDArray[np.int64]
Owners = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Found:
    """The table's schema with the sequence in it, and why it was taken for one."""

    schema: TableSchema
    reason: str


def find(schema: TableSchema, table: pa.Table) -> Found | None:
    """Return the schema as one of sequences, or None where rows stand alone.

    A table is taken for sequences when each entity's rows lie together in the file and time runs forward in them, or
    when entities share most of their times; for one long series, when time runs forward in nearly equal steps.

    Example:
        >>> from veridical.profile.table import learn_table
        >>> rows = {"patient": np.repeat(np.arange(40), 5), "day": np.tile(np.arange(5), 40), "x": np.arange(200) % 7}
        >>> learn_table(pa.table(rows), name="visits")[0].series
        ('patient',)
    """
    if table.num_rows < LEAST_ROWS:
        return None
    for spelled in spellings(schema, table):
        parts = {part.name for part in spelled.parts}
        marked = schema.with_columns({c.name: c for c in (*schema.columns, *spelled.parts)}.values())
        moments = _moments(pa.table({TIME: spelled.read(table)}), spelled.column)
        free = replace(marked, unit=None if marked.unit in parts else marked.unit)
        time = replace(spelled.parts[0], kind=spelled.column.kind)
        found = _of_one(free, time, moments)
        if found is None:
            found = _of_entities(free, table, time, moments, aside=parts)
        if found is not None:
            said = f" by {', '.join(part.name for part in spelled.parts)}:"
            return replace(found, reason=found.reason.replace(f" by {time.name}:", said))
    for time in _clocks(schema, table):
        moments = _moments(table, time)
        # Where each time has one row, what else changes from row to row (a president, a year) names no entity.
        found = _of_one(schema, time, moments if time.kind in _TIMES else _counted(table, time))
        if found is None:
            found = _of_entities(schema, table, time, moments)
        if found is not None:
            return found
    return None


def _clocks(schema: TableSchema, table: pa.Table) -> Iterator[Column]:
    """Yield columns that may order rows: the one already taken for it, dates, then counted steps."""
    full = [c for c in schema.columns if table[c.name].null_count == 0]
    first = [c for c in full if c.name == schema.order_by]
    dates = [c for c in full if c.kind in _TIMES]
    counted = [
        c for c in full
        if _counts_time(c.name) and (c.kind is Kind.INTEGER or _is_fraction(c, table))
    ]  # fmt: skip
    yield from list(dict.fromkeys([*first, *dates, *counted]))[:4]


def _counts_time(name: str) -> bool:
    parts = header.words(name)
    return parts[-1:] in _COUNTS or bool({"year", "season"} & set(parts))


def _is_fraction(column: Column, table: pa.Table) -> bool:
    """Say whether numbers are years with a fraction, one after the other: 1959.083 is February."""
    if column.kind is not Kind.DECIMAL:
        return False
    values = table[column.name].combine_chunks().cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    steps = np.diff(values)
    inside = values.min() >= FIRST_YEAR and values.max() <= LAST_YEAR
    return bool(inside and len(steps) and steps.min() >= 0 and steps.max() > 0)


def _moments(table: pa.Table, time: Column) -> Codes:
    """Return numbers in the order of the times; equal times get equal numbers."""
    column = one_array(table[time.name])
    if time.datetime_format is not None and (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        column = as_moments(column, time.datetime_format)
    if pa.types.is_temporal(column.type):
        months = _months(column)
        if months is not None:
            return months
        counts = column.view(pa.int64() if column.type.bit_width == 64 else pa.int32())
        counts = counts.fill_null(0) if counts.null_count else counts
        return np.asarray(counts.to_numpy(zero_copy_only=False))
    values = column.to_numpy(zero_copy_only=False)
    return np.searchsorted(np.unique(values), values).astype(np.int32)


def _months(column: pa.Array) -> Codes | None:
    """Return months where all dates lie on one day of theirs, or on the last: their steps are equal, in days not."""
    if not (pa.types.is_date(column.type) or pa.types.is_timestamp(column.type)):
        return None
    if not _is_monthly(column):
        return None
    found = pa.compute.add(pa.compute.multiply(pa.compute.year(column), 12), pa.compute.month(column))
    steps = np.asarray(found.fill_null(0).to_numpy(zero_copy_only=False), np.int64)
    times = pa.compute.count_distinct(column).as_py()
    return steps if times > 1 and len(np.unique(steps)) == times else None


def _is_monthly(column: pa.Array) -> bool:
    """Say whether all dates, or the days after them, are one day of their month."""
    days: set[int | None] = set()
    nexts: set[int | None] = set()
    for start, rows in ((0, 1_000), *((start, GLANCE) for start in range(0, len(column), GLANCE))):
        moments = column.slice(start, rows).cast(pa.timestamp("s"), safe=False).drop_null()
        later = pa.compute.add(moments, pa.scalar(86_400, pa.duration("s")))
        days.update(pa.compute.day(moments).unique().to_pylist())
        nexts.update(pa.compute.day(later).unique().to_pylist())
        if len(days) > 1 and len(nexts) > 1:
            return False
    return len(days) == 1 or len(nexts) == 1


def _counted(table: pa.Table, time: Column) -> Codes:
    """Return a column of counts as it stands, so that a count left out is a gap; fractions in their usual steps."""
    if time.kind is Kind.DECIMAL:
        held = one_array(table[time.name]).cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        gaps = np.diff(held)
        return np.rint((held - held[0]) / float(np.median(gaps[gaps > 0]))).astype(np.int64)
    return np.asarray(one_array(table[time.name]).to_numpy(zero_copy_only=False), np.int64)


def _of_entities(
    schema: TableSchema, table: pa.Table, time: Column, moments: Codes, *, aside: Collection[str] = ()
) -> Found | None:
    columns = [c for c in _candidates(schema, table) if c.name not in aside and _may_own(c, time, table)]
    first = {c.name: codes_of(table[c.name].slice(0, GLANCE)) for c in columns}
    coded: dict[str, NDArray[Any]] = {}
    times = _steps(_ordered(moments)) + 1
    singles: list[tuple[Column, ...]] = [(column,) for column in columns]
    pairs = [pair for pair in combinations(columns, 2) if all(_may_pair(column) for column in pair)]
    for group in [*singles, *pairs]:
        if not _may_be(_owner([first[column.name] for column in group]), table.num_rows, times):
            continue
        for column in group:
            if column.name not in coded:
                coded[column.name] = _narrow(codes_of(table[column.name]))
        owner = _owner([coded[column.name] for column in group])
        reason = _reason(owner, moments, times)
        # A file sorted by group and by a measured time (of survival, of a race) holds no sequences of groups.
        sorted_only = reason is not None and reason.endswith(_IN_ORDER) and time.kind not in _TIMES
        entities = int(owner.max()) + 1
        alone = sorted_only and entities < FEW and not _is_panel(table.num_rows, entities, times)
        if alone and not _names_entity(schema, group):
            continue
        if reason is not None:
            values = [int(coded[column.name].max()) + 1 for column in group]
            return _schema(schema, group, time, reason, entities, values)
    return None


def _may_own(column: Column, time: Column, table: pa.Table) -> bool:
    """Say whether a column may name whose rows are ordered by another: not an amount, nor a finer part of the date."""
    part, of = (header.words(each.name)[-1:] for each in (column, time))
    if part in _CALENDAR and of in _CALENDAR:
        return _CALENDAR.index(part) < _CALENDAR.index(of)
    amount = header.is_quantity(column.name) and not pa.types.is_string(table.schema.field(column.name).type)
    return column.name != time.name and (part in _CALENDAR or not amount)


def _names_entity(schema: TableSchema, group: Sequence[Column]) -> bool:
    named = (schema.unit, *schema.primary_key)
    return any(c.kind is Kind.IDENTIFIER or header.says_id(c.name) or c.name in named for c in group)


def _may_be(owner: Owners, rows: int, times: int) -> bool:
    """Say whether the first rows' owners leave it open that all rows are sequences: most columns fail here."""
    entities = int(owner.max()) + 1
    return _is_together(owner, entities) or _is_panel(rows, entities, times)


def _is_together(owner: Owners, entities: int) -> bool:
    return int(np.count_nonzero(owner[1:] != owner[:-1])) + 1 == entities


def _is_panel(rows: int, entities: int, times: int) -> bool:
    return rows >= max(FILLED * entities, SHARED) * times


def _narrow(codes: Owners) -> NDArray[Any]:
    """Return codes in 16 bits where they fit: those of all candidates are held at once."""
    return codes.astype(np.int16) if codes.max(initial=0) < 2**15 else codes


def _owner(codes: Sequence[NDArray[Any]]) -> Owners:
    """Return one code for each combination, without gaps: a dictionary may hold words that no row has."""
    widest = math.prod(int(each.max()) + 1 for each in codes)
    owner: NDArray[np.signedinteger[Any]] = codes[0].astype(np.int32 if widest < 2**31 else np.int64)
    for more in codes[1:]:
        owner *= int(more.max()) + 1
        owner += more
    if widest > max(len(owner), FEW_CODES):
        return np.searchsorted(np.unique(owner), owner).astype(np.int32)
    there = np.zeros(widest, dtype=bool)
    there[owner] = True
    rank = np.cumsum(there, dtype=np.int32) - np.int32(1)
    dense: Owners = rank[owner]
    return dense


def _candidates(schema: TableSchema, table: pa.Table) -> list[Column]:
    """Return columns that may name an entity, the likeliest first."""
    named = (schema.unit, *schema.primary_key)
    free = [c for c in schema.columns if c.kind in _ENTITY and not c.unique and table[c.name].null_count == 0]
    ranked = sorted(
        free, key=lambda c: (c.name not in named, c.kind is not Kind.IDENTIFIER, not header.says_id(c.name))
    )
    return ranked[:MOST_CANDIDATES]


def _may_pair(column: Column) -> bool:
    return column.kind in (Kind.IDENTIFIER, Kind.CATEGORY, Kind.INTEGER)


def _reason(owner: Owners, moments: Codes, times: int) -> str | None:
    """Return why rows of these owners are sequences, or None; what costs least is asked first."""
    rows, entities = len(owner), int(owner.max()) + 1
    if entities < 2 or rows / entities < LEAST_STEPS:
        return None
    together, panel = _is_together(owner, entities), _is_panel(rows, entities, times)
    if not together and not panel:
        return None
    # Of a long table some entities with all their rows tell first: most columns fail here, at little cost.
    some = np.flatnonzero(owner % (rows // GLANCE + 1) == 0)
    if len(some) < rows and len(some) and _own_times(owner[some], moments[some]) < DISTINCT - 0.05:
        return None
    share = _own_times(owner, moments)
    if share < DISTINCT:
        return None
    told = f"{entities:,} entities with {rows / entities:,.0f} rows each on average"
    if together:
        forward = (moments[1:] >= moments[:-1])[owner[1:] == owner[:-1]]
        if forward.mean() >= ORDERED:
            return f"{told}, {_IN_ORDER}"
    if panel and share == 1.0:
        return f"{told}, at times that they share"
    return None


def _own_times(owner: Owners, moments: Codes) -> float:
    """Return the share of rows whose time no other row of their owner has, each time counted once."""
    pairs = moments.astype(np.int64)
    pairs -= pairs.min()
    wide = np.int64(int(pairs.max()) + 1)
    for start in range(0, len(pairs), GLANCE):
        pairs[start : start + GLANCE] += owner[start : start + GLANCE] * wide
    pairs.sort()
    return (1 + _steps(pairs)) / len(pairs)


def _schema(
    schema: TableSchema, group: Sequence[Column], time: Column, reason: str, entities: int, values: Sequence[int]
) -> Found:
    names = tuple(column.name for column in group)
    columns = schema.columns
    most = int(np.argmax(values))
    if entities >= FEW and values[most] * MOST_SHARED > entities:
        # Few entities carry its value: it is made afresh, as a key is.
        note = "names the entity of a sequence; made afresh"
        columns = tuple(_as_key(c, note) if c.name == names[most] else c for c in columns)
        schema = replace(schema, constraints=tuple(_without(schema.constraints, names[most])))
    unit = names[0] if len(names) == 1 and entities >= FEW else schema.unit
    found = replace(schema, columns=columns, series=names, order_by=time.name, unit=unit)
    return Found(found, f"rows are sequences of {' and '.join(names)} by {time.name}: {reason}")


def _without(rules: Sequence[Constraint], key: str) -> Iterator[Constraint]:
    """Yield rules, combinations without a column that is made afresh: none that was seen with it can come again."""
    for rule in rules:
        if rule.type != "fixed_combinations" or key not in rule.columns:
            yield rule
        elif len(rule.columns) > 2:
            yield replace(rule, columns=tuple(name for name in rule.columns if name != key))


def _as_key(column: Column, reason: str) -> Column:
    if column.kind in (Kind.IDENTIFIER, Kind.PERSONAL):
        return column
    return replace(column, kind=Kind.IDENTIFIER, categories=None, low=None, high=None, decimals=None, step=None,
                   reason=reason)  # fmt: skip


def _is_forward(moments: Codes) -> bool:
    return bool(np.all(moments[1:] >= moments[:-1]))


def _ordered(moments: Codes) -> Codes:
    if _is_forward(moments):
        return moments
    ordered = moments.copy()
    ordered.sort()
    return ordered


def _steps(ordered: Codes) -> int:
    """Return how often ordered times change."""
    return int(np.count_nonzero(ordered[1:] != ordered[:-1]))


def _of_one(schema: TableSchema, time: Column, moments: Codes) -> Found | None:
    if schema.unit is not None or len(moments) < 2:
        return None
    forward, ordered = _is_forward(moments), _ordered(moments)
    if _steps(ordered) / (len(ordered) - 1) < DISTINCT:
        return None
    gaps = np.diff(ordered)
    if not forward and time.kind not in _TIMES:
        return None  # a count in no order counts something else
    _, tally = np.unique(gaps, return_counts=True)
    if tally.max() < (REGULAR if forward else UNSORTED) * len(gaps):
        return None
    found = replace(schema, series=(), order_by=time.name)
    said = "time runs forward in nearly equal steps" if forward else "times lie nearly equal steps apart, in no order"
    return Found(found, f"rows are one series by {time.name}: {said}")
