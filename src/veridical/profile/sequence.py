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

from veridical.core.schema import Column, Kind, TableSchema
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
MOST_CANDIDATES = 8
FEW_CODES = 1 << 22  # codes that are listed rather than sorted
GLANCE = 200_000  # rows that are looked at before all of them are
_ENTITY = frozenset({Kind.IDENTIFIER, Kind.CATEGORY, Kind.INTEGER, Kind.PERSONAL, Kind.TEXT})
_TIMES = frozenset({Kind.DATE, Kind.DATETIME})
_COUNTS = CLOCKS | {("year",), ("years",)}
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
        found = _of_entities(free, table, time, moments, aside=parts)
        if found is None:
            found = _of_one(free, time, moments)
        if found is not None:
            said = f" by {', '.join(part.name for part in spelled.parts)}:"
            return replace(found, reason=found.reason.replace(f" by {time.name}:", said))
    for time in _clocks(schema, table):
        moments = _moments(table, time)
        found = _of_entities(schema, table, time, moments)
        if found is None:
            found = _of_one(schema, time, moments if time.kind in _TIMES else _counted(table, time))
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
        if header.words(c.name)[-1:] in _COUNTS and (c.kind is Kind.INTEGER or _is_fraction(c, table))
    ]  # fmt: skip
    yield from list(dict.fromkeys([*first, *dates, *counted]))[:4]


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
    column = table[time.name].combine_chunks()
    if time.datetime_format is not None and (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        column = pa.compute.strptime(column, format=time.datetime_format, unit="us", error_is_null=True)
    if pa.types.is_temporal(column.type):
        months = _months(column)
        if months is not None:
            return months
        width = pa.int64() if column.type.bit_width == 64 else pa.int32()
        return np.asarray(column.cast(width).fill_null(0).to_numpy(zero_copy_only=False))
    values = column.to_numpy(zero_copy_only=False)
    return np.unique(values, return_inverse=True)[1].astype(np.int32)


def _months(column: pa.Array) -> Codes | None:
    """Return months where all dates lie on one day of theirs, or on the last: their steps are equal, in days not."""
    if not (pa.types.is_date(column.type) or pa.types.is_timestamp(column.type)):
        return None
    if not _is_monthly(column.slice(0, 1_000)) or not _is_monthly(column):
        return None
    found = pa.compute.add(pa.compute.multiply(pa.compute.year(column), 12), pa.compute.month(column))
    steps = np.asarray(found.fill_null(0).to_numpy(zero_copy_only=False), np.int64)
    times = pa.compute.count_distinct(column).as_py()
    return steps if times > 1 and len(np.unique(steps)) == times else None


def _is_monthly(column: pa.Array) -> bool:
    moments = column.cast(pa.timestamp("s"), safe=False)
    later = pa.compute.add(moments, pa.scalar(86_400, pa.duration("s")))
    ends = [pa.compute.min_max(pa.compute.day(one)).as_py() for one in (moments, later)]
    return any(one["min"] is not None and one["min"] == one["max"] for one in ends)


def _counted(table: pa.Table, time: Column) -> Codes:
    """Return a column of counts as it stands, so that a count left out is a gap; fractions in their usual steps."""
    if time.kind is Kind.DECIMAL:
        held = table[time.name].combine_chunks().cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        gaps = np.diff(held)
        return np.rint((held - held[0]) / float(np.median(gaps[gaps > 0]))).astype(np.int64)
    return np.asarray(table[time.name].combine_chunks().to_numpy(zero_copy_only=False), np.int64)


def _of_entities(
    schema: TableSchema, table: pa.Table, time: Column, moments: Codes, *, aside: Collection[str] = ()
) -> Found | None:
    columns = [c for c in _candidates(schema, table) if c.name != time.name and c.name not in aside]
    coded = {c.name: _narrow(codes_of(table[c.name])) for c in columns}
    times = pa.compute.count_distinct(pa.array(moments)).as_py()
    singles: list[tuple[Column, ...]] = [(column,) for column in columns]
    pairs = [pair for pair in combinations(columns, 2) if all(_may_pair(column) for column in pair)]
    for group in [*singles, *pairs]:
        owner = _owner([coded[column.name] for column in group])
        reason = _reason(owner, moments, times)
        if reason is not None:
            return _schema(schema, group, time, reason, int(owner.max()) + 1)
    return None


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
        return np.unique(owner, return_inverse=True)[1].astype(np.int32)
    there = np.zeros(widest, dtype=bool)
    there[owner] = True
    dense: Owners = np.cumsum(there, dtype=np.int32)[owner] - np.int32(1)
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
    changes = owner[1:] != owner[:-1]
    together = int(np.count_nonzero(changes)) + 1 == entities
    panel = rows >= max(FILLED * entities, SHARED) * times
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
        forward = (moments[1:] >= moments[:-1])[~changes]
        if forward.mean() >= ORDERED:
            return f"{told}, each one's together and in order of time"
    if panel and share == 1.0:
        return f"{told}, at times that they share"
    return None


def _own_times(owner: Owners, moments: Codes) -> float:
    """Return the share of rows whose time no other row of their owner has, each time counted once."""
    pairs = moments.astype(np.int64)
    pairs -= pairs.min()
    pairs += owner * np.int64(int(pairs.max()) + 1)
    return len(np.unique(pairs)) / len(pairs)


def _schema(schema: TableSchema, group: Sequence[Column], time: Column, reason: str, entities: int) -> Found:
    names = tuple(column.name for column in group)
    columns = schema.columns
    if len(group) == 1 and entities >= FEW:
        # One entity's name is carried by that entity alone: it is made afresh, as a key is.
        note = "names the entity of a sequence; made afresh"
        columns = tuple(_as_key(c, note) if c.name == names[0] else c for c in columns)
    unit = names[0] if len(names) == 1 and entities >= FEW else schema.unit
    found = replace(schema, columns=columns, series=names, order_by=time.name, unit=unit)
    return Found(found, f"rows are sequences of {' and '.join(names)} by {time.name}: {reason}")


def _as_key(column: Column, reason: str) -> Column:
    if column.kind in (Kind.IDENTIFIER, Kind.PERSONAL):
        return column
    return replace(column, kind=Kind.IDENTIFIER, categories=None, low=None, high=None, decimals=None, step=None,
                   reason=reason)  # fmt: skip


def _of_one(schema: TableSchema, time: Column, moments: Codes) -> Found | None:
    forward = bool(np.all(moments[1:] >= moments[:-1]))
    gaps = np.diff(moments if forward else np.sort(moments))
    if schema.unit is not None or not len(gaps) or (gaps > 0).mean() < DISTINCT:
        return None
    if not forward and time.kind not in _TIMES:
        return None  # a count in no order counts something else
    _, tally = np.unique(gaps, return_counts=True)
    if tally.max() < (REGULAR if forward else UNSORTED) * len(gaps):
        return None
    found = replace(schema, series=(), order_by=time.name)
    said = "time runs forward in nearly equal steps" if forward else "times lie nearly equal steps apart, in no order"
    return Found(found, f"rows are one series by {time.name}: {said}")
