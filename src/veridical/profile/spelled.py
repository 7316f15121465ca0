"""Do whole numbers of this table spell a time: 20240131, 202401, or a year beside its quarter, month, day and hour?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.core.chunks import one_array
from veridical.core.errors import DataError
from veridical.core.schema import Column, Kind, TableSchema
from veridical.encode.spelled import DAILY, DAY, HOUR, MONTH, MONTHLY, QUARTER, YEAR, Spelling
from veridical.profile import header
from veridical.profile.role import CLOCKS

FIRST_YEAR, LAST_YEAR = 1600, 2200
LEAST_TIMES = 3
_PARTS = {QUARTER: ("quarter", "qtr", "q"), MONTH: ("month", "mon", "mo"), DAY: ("day", "dy"), HOUR: ("hour", "hr")}
_NUMBERS = frozenset({Kind.INTEGER, Kind.CATEGORY, Kind.ORDINAL, Kind.IDENTIFIER})
_SAYS = CLOCKS | {(word,) for word in ("date", "period", "yearmonth", "ym", "yyyymm", "dt", "ds")}
Whole = NDArray[np.signedinteger[Any]]


def spellings(schema: TableSchema, table: pa.Table) -> Iterator[Spelling]:
    """Yield the ways in which columns of whole numbers may spell a time, the likeliest first; dates come before any.

    Example:
        >>> from veridical.profile.table import learn_table
        >>> rows = {"year": np.repeat(np.arange(1990, 2010), 4), "quarter": np.tile(np.arange(1, 5), 20),
        ...         "gdp": np.round(np.cumsum(np.random.default_rng(0).normal(size=80)), 2)}
        >>> found = learn_table(pa.table(rows), name="economy")[0]
        >>> found.series, found.order_by, found.column("quarter").datetime_format
        ((), 'year', '%q')
    """
    if any(c.kind in (Kind.DATE, Kind.DATETIME) and not table[c.name].null_count for c in schema.columns):
        return
    held = {c.name: values for c in schema.columns if (values := _whole(c, table)) is not None}
    years = [c for c in schema.columns if c.name in held and _is_year(c, held[c.name])]
    for year in years[:2]:
        parts = _parts_of(schema, held)
        if parts:
            yield _spelling((_marked(year, YEAR), *parts), schema)
    for column in schema.columns:
        form = _compact(column, held[column.name]) if column.name in held else None
        if form is not None:
            yield _spelling((_marked(column, form),), schema)


def _spelling(parts: tuple[Column, ...], schema: TableSchema) -> Spelling:
    return Spelling(parts, schema.names)


def _marked(column: Column, form: str) -> Column:
    return replace(
        column, kind=Kind.INTEGER, categories=None, unique=False, datetime_format=form, decimals=0, step=None,
        reason=f"spells a time, with what else is marked so: {form}",
    )  # fmt: skip


def _whole(column: Column, table: pa.Table) -> Whole | None:
    array = table[column.name]
    kind = array.type
    if column.kind not in _NUMBERS or array.null_count or not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return None
    values = one_array(array).to_numpy(zero_copy_only=False)
    if not -1e12 < float(values.min(initial=0)) <= float(values.max(initial=0)) < 1e12:
        return None
    if pa.types.is_integer(kind):
        return values  # as they lie: of a long table all such columns are looked at
    return values.astype(np.int64) if np.all(values == np.rint(values)) else None


def _is_year(column: Column, values: Whole) -> bool:
    said = header.words(column.name)[-1:] in (("year",), ("yr",), ("years",))
    return said and bool(values.min() >= FIRST_YEAR and values.max() <= LAST_YEAR)


def _parts_of(schema: TableSchema, held: dict[str, Whole]) -> tuple[Column, ...]:
    """Return the columns that part a year, each finer one only with all that lie above it."""
    ranges = {QUARTER: (1, 4), MONTH: (1, 12), DAY: (1, 31), HOUR: (0, 23)}
    found: dict[str, Column] = {}
    for form, said in _PARTS.items():
        low, high = ranges[form]
        for column in schema.columns:
            inside = column.name in held and low <= held[column.name].min() and held[column.name].max() <= high
            if inside and form not in found and header.words(column.name)[-1:] in [(word,) for word in said]:
                found[form] = _marked(column, form)
    if MONTH in found:
        found.pop(QUARTER, None)
    for above, below in pairwise((MONTH, DAY, HOUR)):
        if above not in found:
            found.pop(below, None)
    return tuple(found.values())


def _compact(column: Column, values: Whole) -> str | None:
    """Return the format of dates, or of months, that numbers spell."""
    forms = [DAILY] if values.min() >= FIRST_YEAR * 10_000 else []
    if values.max() < LAST_YEAR * 100 and header.words(column.name)[-1:] in _SAYS:
        forms = [MONTHLY]
    for form in forms:
        if values.max() >= LAST_YEAR * (10_000 if form == DAILY else 100) or len(np.unique(values)) < LEAST_TIMES:
            continue
        spelled = Spelling((_marked(column, form),), (column.name,))
        try:
            told = spelled.written(pa.table({"#time": spelled.read(pa.table({column.name: values}))}))
        except DataError:
            continue
        if np.array_equal(told[column.name].to_numpy().astype(np.int64), values):
            return form
    return None
