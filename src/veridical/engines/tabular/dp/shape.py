"""What kind of value stands in each cell, and how many cells of each kind has a column?

Each cell falls into one of a fixed list of shapes by itself; noisy counts of shapes then decide kind, decimals, gaps
and the number of rows. No single row can turn a column of numbers into text.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from veridical.core.schema import CATEGORY_KINDS, NUMERIC_KINDS, TEMPORAL_KINDS, Column, Kind
from veridical.prepare.codec import whole
from veridical.privacy.mechanisms import Lens

MOST_DECIMALS = 6
VOTED = "kinds, gaps, decimals and the number of rows"
NULL, OTHER, DATE, MOMENT, MARK = 0, 1, 2, 3, 4  # MARK: text that means "missing" in a column of numbers
NUMBER = 5  # NUMBER + d: a number with d digits after the point, up to MOST_DECIMALS
SHAPES = NUMBER + MOST_DECIMALS + 1
_NUMBER = r"^\s*[+-]?(?:0|[1-9][0-9]{0,15}|0?\.[0-9]+|(?:0|[1-9][0-9]{0,15})\.[0-9]*)(?:[eE][+-]?[0-9]{1,3})?\s*$"
_MARKS = ("", "na", "NA", "None", "none", "-", ".", "missing")
_DATE = r"^[0-9]{4}-[01][0-9]-[0-3][0-9]$"
_MOMENT = r"^[0-9]{4}-[01][0-9]-[0-3][0-9][ T][0-2][0-9]:[0-5][0-9]"


@dataclass(frozen=True, slots=True)
class Votes:
    """Noisy counts of shapes, shape (columns, SHAPES), the scale of their noise and the number of rows they tell."""

    counts: NDArray[np.float64]
    sigma: float

    @property
    def rows(self) -> float:
        """The number of rows, averaged over columns."""
        return max(1.0, float(self.counts.sum(axis=1).mean()))


def vote(lens: Lens, table: pa.Table, names: Sequence[str], *, rho: float) -> Votes:
    """Return how many cells of each shape every column holds; charged as one look at all columns side by side."""

    def look() -> NDArray[np.int64]:
        return np.concatenate([np.bincount(shapes_of(whole(table[n])), minlength=SHAPES) for n in names])

    noisy = lens.histogram(VOTED, look, rho=rho, parts=len(names))
    return Votes(noisy.counts.reshape(len(names), SHAPES).astype(np.float64), noisy.sigma)


def shapes_of(array: pa.Array) -> NDArray[np.int64]:
    """Return the shape of each cell.

    Example:
        >>> shapes_of(pa.array(["7", "1.25", None, "ab", "2024-01-31"])).tolist()
        [5, 7, 0, 1, 2]
    """
    kind = array.type
    null = np.asarray(array.is_null().to_numpy(zero_copy_only=False), dtype=bool)
    if pa.types.is_temporal(kind):
        found = np.full(len(array), DATE if pa.types.is_date(kind) else MOMENT)
    elif pa.types.is_integer(kind):
        found = np.full(len(array), NUMBER)
    elif pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        values = array.cast(pa.float64(), safe=False).fill_null(0.0).to_numpy(zero_copy_only=False)
        null = null | ~np.isfinite(values)
        found = NUMBER + _decimals(np.where(null, 0.0, values))
    elif pa.types.is_boolean(kind):
        found = np.full(len(array), OTHER)
    else:
        found = _text_shapes(array)
    return np.where(null, NULL, found).astype(np.int64)


def settled(column: Column, votes: NDArray[np.float64], sigma: float) -> Column:
    """Return a column whose gaps and decimals are public where declared so, and what the votes say elsewhere."""
    if column.public:
        return column
    doubt = 4.5 * sigma
    nullable = bool(gaps(column, votes) > doubt * math.sqrt(2))  # at most two counts
    found = replace(column, nullable=nullable, low=None, high=None, categories=None, step=None, decimals=None)
    if column.kind not in NUMERIC_KINDS:
        return replace(found, resolution="s" if column.kind in TEMPORAL_KINDS and votes[MOMENT] > doubt else None)
    if column.kind is Kind.INTEGER:
        return replace(found, decimals=0)
    beyond = np.cumsum(votes[NUMBER:][::-1])[::-1]  # cells with d digits or more
    summed = np.arange(len(beyond), 0, -1)  # the noise of so many counts adds up
    digits = int(np.flatnonzero(beyond > doubt * np.sqrt(summed)).max(initial=0))
    return replace(found, decimals=digits)


def gaps(column: Column, votes: NDArray[np.float64]) -> float:
    """Return about how many cells of a column hold no value: in numbers and dates, marks for "missing" too."""
    return float(votes[NULL] if column.kind in CATEGORY_KINDS else votes[NULL] + votes[MARK])


def guessed(name: str, kind: pa.DataType, votes: NDArray[np.float64], sigma: float) -> Column:
    """Return what a column is by its file's header and the votes of its cells."""
    if pa.types.is_boolean(kind):
        return Column(name=name, kind=Kind.BOOLEAN, storage="bool")
    if pa.types.is_date(kind):
        return Column(name=name, kind=Kind.DATE, storage=str(kind))
    if pa.types.is_timestamp(kind):
        return Column(name=name, kind=Kind.DATETIME, storage=str(kind), resolution="s")
    if pa.types.is_temporal(kind) or pa.types.is_nested(kind):
        return Column(name=name, kind=Kind.TEXT, storage="string")
    numbers, others = float(votes[NUMBER:].sum()), votes[[OTHER, DATE, MOMENT]]
    typed = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)  # by the header
    if typed or _nearly_all(numbers, float(others.sum()), sigma * math.sqrt(len(others))):
        fractions = float(votes[NUMBER + 1 :].sum())
        integer = fractions <= max(4.0 * sigma * MOST_DECIMALS**0.5, 0.0)
        storage = str(kind) if not _is_text(kind) else "int64" if integer else "double"
        if integer and not pa.types.is_floating(kind):
            return Column(name=name, kind=Kind.INTEGER, storage=storage)
        return Column(name=name, kind=Kind.DECIMAL, storage="double" if _is_text(kind) else storage)
    doubt = sigma * math.sqrt(SHAPES - 3)
    for shape, date, form in ((DATE, Kind.DATE, "date32[day]"), (MOMENT, Kind.DATETIME, "timestamp[us]")):
        rest = float(votes[1:].sum() - votes[MARK] - votes[shape])
        if _nearly_all(float(votes[shape]), rest, doubt):
            return Column(name=name, kind=date, storage=form, resolution="s" if date is Kind.DATETIME else None)
    return Column(name=name, kind=Kind.CATEGORY, storage="string")


def _nearly_all(such: float, others: float, doubt: float) -> bool:
    """Say whether nearly all cells are of some shape: the others are no more than 5 %, as far as noise lets tell."""
    return such > others and others <= 0.05 * (such + others) + 4.0 * doubt


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind))


def _text_shapes(array: pa.Array) -> NDArray[np.int64]:
    text = array.cast(pa.string()).fill_null("")
    numbers = _matches(text, _NUMBER)
    point = pc.find_substring(text, ".").to_numpy(zero_copy_only=False)
    length = pc.utf8_length(pc.utf8_trim_whitespace(text)).to_numpy(zero_copy_only=False)
    digits = np.where(point < 0, 0, np.clip(length - point - 1, 0, MOST_DECIMALS))
    digits = np.where(_matches(text, "[eE]"), MOST_DECIMALS, digits)
    found = np.where(numbers, NUMBER + digits, OTHER)
    found = np.where(pc.is_in(text, value_set=pa.array(_MARKS)).to_numpy(zero_copy_only=False), MARK, found)
    found = np.where(_matches(text, _DATE), DATE, found)
    return np.where(_matches(text, _MOMENT), MOMENT, found)


def _matches(text: pa.Array, pattern: str) -> NDArray[np.bool_]:
    return np.asarray(pc.match_substring_regex(text, pattern).to_numpy(zero_copy_only=False), dtype=bool)


def _decimals(values: NDArray[np.float64]) -> NDArray[np.int64]:
    digits = np.full(len(values), MOST_DECIMALS, dtype=np.int64)
    for places in range(MOST_DECIMALS - 1, -1, -1):
        scaled = values * 10.0**places
        digits[np.abs(scaled - np.rint(scaled)) < 1e-6 * np.maximum(1.0, np.abs(scaled)) * 1e-3] = places
    return digits
