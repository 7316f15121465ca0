"""Which bins hold a numeric column's values, and how is a fresh value drawn in a bin?

Values repeated by enough records keep a bin of their own and stay exact. The others share bins of equal mass, whose
edges lie half way between neighbouring values: what is drawn inside is smooth, so no value of one record passes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.core.contracts import Allowed
from veridical.core.errors import ConstraintError
from veridical.core.schema import Column
from veridical.encode.category import within
from veridical.encode.codes import NULL, Codes, Limit

MOST_SPIKES = 1024
MOST_BINS = 1024
FEW_RECORDS, FEW_ROWS = 30, 60_000  # a range holds this many records, or this many over the rows of a larger table
NEIGHBOURS, DISPERSED = 16, 2.0
MOST_DECIMALS = 9

BLOCK = 65_536  # values coded at once: what is made on the way stays small


@dataclass(frozen=True)
class NumericCodec:
    """Codes: 0 null, then bins in ascending order; bin `i` (code `i + 1`) reaches from `low[i]` to `high[i]`.

    Example:
        >>> column = Column(name="n", kind="integer", storage="int64")
        >>> codec = NumericCodec.fit(pa.array([1, 1, 2, 2, None]), column, 2)
        >>> codec.encode(pa.array([2, None, 1])).tolist()
        [2, 0, 1]
    """

    name: str
    low: NDArray[Any]  # int64 or float64
    high: NDArray[Any]
    step: float | None  # the grid drawn values lie on; None: any float

    @classmethod
    def fit(cls, values: pa.Array, column: Column, rare_below: int, *, per_range: int | None = None) -> Self:
        """Return the codec of a column of whole numbers (of any width) or of float64; nulls are left aside.

        A range holds `per_range` records or more; None: fewer the more rows there are.
        """
        whole = pa.types.is_integer(values.type)
        found = np.sort(values.drop_null().to_numpy(zero_copy_only=False))
        step = None if whole else (column.step or _grid(found, column.decimals))
        if step is not None:
            # Differences of values on a grid lie on it but for their last digits.
            found = _snap(found, step)
        if per_range is None:
            per_range = min(FEW_RECORDS, FEW_ROWS // max(1, len(found)))
        low, high = _bins(found, max(1, rare_below), per_range, 1.0 if whole else step)
        if step is not None:
            low, high = _on_grid(low, high, step)
        if whole:
            return cls(column.name, low.astype(np.int64), high.astype(np.int64), None)
        return cls(column.name, low.astype(np.float64), high.astype(np.float64), step)

    @property
    def size(self) -> int:
        """How many codes there are."""
        return len(self.low) + 1

    @property
    def ordered(self) -> bool:
        """Whether neighbouring codes mean neighbouring values."""
        return True

    @property
    def whole(self) -> bool:
        """Whether values are integers."""
        return bool(self.low.dtype == np.int64)

    @cached_property
    def _spikes(self) -> NDArray[np.intp]:
        return np.flatnonzero(self.low == self.high)

    @cached_property
    def _ranges(self) -> NDArray[np.intp]:
        ranges = np.flatnonzero(self.low < self.high)
        return ranges if len(ranges) else self._spikes

    @property
    def grid(self) -> float:
        """The distance of neighbouring values: a millionth of the middle half's spread where there is no grid."""
        if self.whole:
            return 1.0
        if self.step is not None:
            return self.step
        middle = np.quantile(self.low, [0.25, 0.75]) if len(self.low) else np.array([0.0, 1.0])
        return float(middle[1] - middle[0]) * 1e-6 or 1e-9

    def points(self, grid: float | None = None) -> NDArray[np.float64]:
        """Return how many grid points each code stands for."""
        width = np.subtract(self.high, self.low, dtype=np.float64) / (self.grid if grid is None else grid)
        return np.concatenate([[1.0], np.maximum(1.0, width + 1.0)])

    def encode(self, values: pa.Array) -> Codes:
        """Return one code a row; a value outside every bin gets the nearest one."""
        if len(self.low) == 0:
            return np.zeros(len(values), dtype=np.uint16)
        codes = self.encode_numbers(values.fill_null(0).to_numpy(zero_copy_only=False))
        if values.null_count:
            codes[values.is_null().to_numpy(zero_copy_only=False)] = NULL
        return codes

    def encode_numbers(self, found: NDArray[Any]) -> Codes:
        """Return one code a number; there are no nulls."""
        if len(self.low) == 0:
            return np.zeros(len(found), dtype=np.uint16)
        codes = np.empty(len(found), dtype=np.uint16)
        for start in range(0, len(found), BLOCK):
            codes[start : start + BLOCK] = self._codes(found[start : start + BLOCK].astype(self.low.dtype, copy=False))
        return codes

    def _codes(self, found: NDArray[Any]) -> NDArray[np.intp]:
        spikes, ranges = self._spikes, self._ranges
        found = found if self.step is None else _snap(found, self.step)
        at = np.minimum(np.searchsorted(self.high[ranges], found, side="left"), len(ranges) - 1)
        codes = ranges[at] + 1
        if len(spikes):
            near = np.minimum(np.searchsorted(self.low[spikes], found), len(spikes) - 1)
            codes = np.where(self.low[spikes][near] == found, spikes[near] + 1, codes)
        return codes

    def decode(self, codes: Codes, uniform: NDArray[np.float64], limit: Limit | None = None) -> pa.Array:
        """Return one value a row, drawn inside its bin by `uniform` (0 to 1) and inside `limit`."""
        null = codes == NULL
        if limit is None:
            return pa.array(self.decode_numbers(codes, uniform), mask=null)
        if len(self.low) == 0:
            null = null & limit.asked.nulls
            index = np.zeros(len(codes), dtype=np.intp)
        else:
            index = np.maximum(codes.astype(np.intp) - 1, 0)
        return pa.array(self._pick(index, uniform, limit), mask=null)

    def decode_numbers(self, codes: Codes, uniform: NDArray[np.float64]) -> NDArray[Any]:
        """Return one number a row; what a null's holds means nothing."""
        if len(self.low) == 0:
            return np.zeros(len(codes), dtype=self.low.dtype)
        index = np.maximum(codes.astype(np.intp) - 1, 0)
        return self._inside(self.low[index], self.high[index], uniform)

    def on_grid(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return computed values brought back to the column's range and grid; nan stays."""
        if not len(self.low):
            return values
        inside = np.clip(values, float(self.low.min()), float(self.high.max()))
        if self.whole:
            return np.round(inside)
        return inside if self.step is None else np.where(np.isnan(inside), inside, _snap(inside, self.step))

    def limit(self, asked: Allowed) -> Limit:
        """Return the share of each bin that is allowed.

        Raises:
            ConstraintError: no value can be drawn.
        """
        share = np.zeros(self.size)
        share[NULL] = float(asked.nulls)
        if asked.values is not None:
            wanted = self._wanted(asked)
            if wanted.size:
                np.add.at(share, self.encode(pa.array(wanted)), 1.0)
                width = np.maximum(1.0, np.subtract(self.high, self.low, dtype=np.float64) / (self.step or 1.0))
                share[1:] = np.minimum(1.0, share[1:] / width)
            elif not asked.nulls:
                raise ConstraintError("no value is left to draw", where=self.name, fix="allow more values")
            return Limit(share, asked)
        low, high = self._bounds(asked)
        if low > high:
            if asked.nulls:
                return Limit(share, asked)
            raise ConstraintError("no value is left to draw", where=self.name, fix="widen the range")
        start, end = np.maximum(self.low, low), np.minimum(self.high, high)
        width = np.subtract(self.high, self.low, dtype=np.float64)
        part = np.subtract(end, start, dtype=np.float64)
        grain = 1.0 if self.whole else (self.step or 0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            share[1:] = np.where(end >= start, np.where(width > 0, (part + grain) / (width + grain), 1.0), 0.0)
        return Limit(np.clip(share, 0.0, 1.0), asked)

    def _wanted(self, asked: Allowed) -> NDArray[Any]:
        kept = [v for v in asked.values or () if v is not None and within(v, asked)]
        if self.whole:
            kept = [int(v) for v in kept if float(v).is_integer()]
        return np.unique(np.array(kept, dtype=self.low.dtype))

    def _bounds(self, asked: Allowed) -> tuple[Any, Any]:
        """Return the least and greatest value allowed, both included, on the grid."""
        if self.whole:
            low = -(2**63) if asked.low is None else math.ceil(asked.low)
            high = 2**63 - 1 if asked.high is None else math.floor(asked.high)
            low += int(asked.low is not None and asked.low_open and low == asked.low)
            high -= int(asked.high is not None and asked.high_open and high == asked.high)
            return max(low, -(2**63)), min(high, 2**63 - 1)
        bottom = -np.inf if asked.low is None else float(asked.low)
        top = np.inf if asked.high is None else float(asked.high)
        bottom = float(np.nextafter(bottom, np.inf)) if asked.low is not None and asked.low_open else bottom
        top = float(np.nextafter(top, -np.inf)) if asked.high is not None and asked.high_open else top
        return bottom, top

    def _pick(self, index: NDArray[np.intp], uniform: NDArray[np.float64], limit: Limit) -> NDArray[Any]:
        asked = limit.asked
        if asked.values is not None:
            wanted = self._wanted(asked)
            if not wanted.size:
                return np.zeros(len(index), dtype=self.low.dtype)
            bins = self.encode(pa.array(wanted)).astype(np.intp) - 1
            start = np.searchsorted(bins, index, side="left")
            count = np.searchsorted(bins, index, side="right") - start
            start, count = np.where(count > 0, start, 0), np.where(count > 0, count, len(wanted))
            return wanted[start + np.minimum((uniform * count).astype(np.intp), count - 1)]
        low, high = self._bounds(asked)
        if low > high:
            return np.zeros(len(index), dtype=self.low.dtype)
        bottom, top = (self.low[index], self.high[index]) if len(self.low) else (index * 0, index * 0)
        start, end = np.clip(bottom, low, high), np.clip(top, low, high)
        values = self._inside(start.astype(self.low.dtype), end.astype(self.low.dtype), uniform)
        return np.clip(values, low, high)

    def _inside(self, low: NDArray[Any], high: NDArray[Any], uniform: NDArray[np.float64]) -> NDArray[Any]:
        if self.whole:
            span = high.view(np.uint64) - low.view(np.uint64)  # wraps rightly, so the full 64 bits are spanned
            offset = np.minimum(uniform * (span.astype(np.float64) + 1.0), 18446744073709549568.0)
            return np.asarray((low.view(np.uint64) + np.minimum(offset.astype(np.uint64), span)).view(np.int64))
        values = low * (1.0 - uniform) + high * uniform
        if self.step is not None:
            with np.errstate(over="ignore", invalid="ignore"):
                snapped = _snap(values, self.step)
            values = np.where(low == high, low, np.where(np.isfinite(snapped), snapped, values))
        return np.asarray(np.clip(values, low, high))

    def to_dict(self) -> dict[str, Any]:
        """Return the codec as JSON-like data; its bins go apart (`low`, `high`)."""
        return {"codec": "numeric", "name": self.name, "step": self.step}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], low: NDArray[Any], high: NDArray[Any]) -> Self:
        """Return the codec that `to_dict` wrote."""
        return cls(str(data["name"]), low, high, None if data["step"] is None else float(data["step"]))


def _on_grid(low: NDArray[Any], high: NDArray[Any], step: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the bins with ends on the grid, none of them empty."""
    first, last = _snap(low, step), _snap(high, step)
    first = np.where(first < low - 1e-9 * step, _snap(low + step / 2, step), first)
    last = np.where(last > high + 1e-9 * step, _snap(high - step / 2, step), last)
    spike = low == high
    keep = spike | (first <= last)
    return np.where(spike, low, first)[keep], np.where(spike, high, last)[keep]


def _snap(values: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    decimals = -round(math.log10(step)) if step > 0 else 0
    if 0 <= decimals <= MOST_DECIMALS and math.isclose(step, 10.0**-decimals):
        return np.round(values, decimals)  # exact decimals, which a multiple of 0.1 is not
    return np.round(values / step) * step


def _grid(found: NDArray[Any], decimals: int | None) -> float | None:
    """Return the power of ten every value is a multiple of, or None."""
    if decimals is not None:
        return float(10.0**-decimals)
    sample = found[:: max(1, len(found) // 5000)].astype(np.float64)
    if not len(sample) or np.abs(sample).max() > 1e12:
        return None
    for digits in range(7):
        if np.array_equal(np.round(sample, digits), sample):
            return float(10.0**-digits)
    return None


def _bins(found: NDArray[Any], k: int, per_range: int, step: float | None) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the bins' lower and upper ends, ascending, from sorted values."""
    if len(found) < k:
        return _coarse(_wide(found))
    values, counts = _tally(found)
    floor = values.dtype.type(found[k - 1]), values.dtype.type(found[len(found) - k])
    # No end may be a value that fewer than k records reach.
    repeated = counts >= k
    if step is not None:
        repeated &= ~_scattered(values, counts, step)
    if repeated.sum() > MOST_SPIKES:
        repeated &= counts >= np.sort(counts)[-MOST_SPIKES]
    # Each half has ranges of its own, be they short of records: one over both tails would reach across all between.
    middle = int(np.searchsorted(values, found[len(found) // 2], side="right"))
    free = np.where(repeated, 0, counts)
    halves = [
        _equal_mass(values[part], free[part], max(k, per_range), k) for part in (slice(middle), slice(middle, None))
    ]
    low, high = (np.concatenate(ends) for ends in zip(*halves, strict=True))
    alone = (low == high) & np.isin(low, values[counts >= k])
    low, high = np.clip(low, *floor), np.clip(high, *floor)
    kept = alone | (low < high)
    low = np.concatenate([values[repeated], low[kept]])
    high = np.concatenate([values[repeated], high[kept]])
    if not len(low):
        return _coarse(_wide(found))
    centre = low.astype(np.float64) / 2 + high.astype(np.float64) / 2
    order = np.lexsort((low, centre))
    return low[order], high[order]


def _scattered(values: NDArray[Any], counts: NDArray[np.intp], step: float) -> NDArray[np.bool_]:
    """Say which values repeat no more than chance would have it, where records lie so dense on the grid.

    Among `NEIGHBOURS` grid points on either side the counts vary no more than a Poisson variable's do: which of them
    repeats most is the sample's doing, and to repeat it again would be copying.

    Source: Cox and Lewis 1966, "The Statistical Analysis of Series of Events" (index of dispersion).
    """
    reach = (NEIGHBOURS + 0.5) * step
    places = values.astype(np.float64)
    if places[-1] - places[0] < 2 * reach:
        return np.zeros(len(values), dtype=bool)  # few values, each of which says something of its own
    first, last = np.searchsorted(places, places - reach), np.searchsorted(places, places + reach, side="right")
    points = (
        np.minimum(places + reach, places[-1] + step / 2) - np.maximum(places - reach, places[0] - step / 2)
    ) / step
    sums, squares = (np.concatenate([[0.0], np.cumsum(np.power(counts, power, dtype=np.float64))]) for power in (1, 2))
    points = np.maximum(points, 1.0)  # beyond 2**53 neighbours are further apart than a step
    mean = (sums[last] - sums[first]) / points
    spread = (squares[last] - squares[first]) / points - np.square(mean)
    scattered: NDArray[np.bool_] = spread < DISPERSED * mean
    return scattered


def _equal_mass(
    values: NDArray[Any], counts: NDArray[np.intp], few: int, least: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the ends of ranges of `few` records or more each, or of one range where there are `least` of them."""
    values, counts = values[counts > 0], counts[counts > 0]
    records = int(counts.sum())
    bins = min(MOST_BINS // 2, records // few) or int(records >= least)
    if bins == 0:
        return values[:0], values[:0]
    # A range begins at the value that holds the record where it would begin, if all records stood in a row.
    begins = np.linspace(0, records, bins + 1).astype(np.intp)[1:-1]
    cuts = np.unique(np.searchsorted(np.cumsum(counts), begins, side="right"))
    cuts = cuts[cuts > 0]
    before, after = values[cuts - 1], values[cuts]
    if values.dtype == np.int64:
        middle = before + ((after.view(np.uint64) - before.view(np.uint64)) // np.uint64(2)).view(np.int64)
        return np.concatenate([values[:1], middle + 1]), np.concatenate([middle, values[-1:]])
    middle = before / 2 + after / 2
    return np.concatenate([values[:1], middle]), np.concatenate([middle, values[-1:]])


def _tally(found: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Return the distinct ones of sorted values, with how many records hold each."""
    begins = np.flatnonzero(np.concatenate([[True], found[1:] != found[:-1]]))
    return _wide(found[begins]), np.diff(begins, append=len(found))


def _wide(found: NDArray[Any]) -> NDArray[Any]:
    """Return whole numbers of any width in 64 bits, and floats as they are."""
    return found.astype(np.int64, copy=False) if found.dtype.kind in "iu" else found


def _coarse(found: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return one bin that tells the magnitude only: too few records stand behind anything finer."""
    if not len(found):
        return found[:0], found[:0]
    reach = float(np.abs(found.astype(np.float64)).max())
    top = 10.0 ** min(math.ceil(math.log10(reach)), 308) if reach >= 1 else 1.0
    top = int(min(top, 9e18)) if found.dtype == np.int64 else top
    low = -top if found.min() < 0 else 0
    return np.array([low], dtype=found.dtype), np.array([top], dtype=found.dtype)
