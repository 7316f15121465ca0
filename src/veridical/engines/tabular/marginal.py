"""How is one prepared column distributed, and where does each value lie on the unit scale?

A marginal cuts the scale from 0 to 1 into pieces. A piece is a single value or category that carries at least k
records, or a range of numbers between smoothed edges. Values carried by fewer records lie inside a range, never
on their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from veridical.core.contracts import Allowed
from veridical.core.errors import DataError
from veridical.core.schema import Column, Kind

Floats = NDArray[np.float64]
Indexes = NDArray[np.int64]

_MOST_ATOMS = 20_000
_RANGES = 512
_FREE = Allowed(nulls=True)


@dataclass(frozen=True, slots=True)
class Pieces:
    """Parts of the unit scale, shape (pieces,): where each lies, and the numbers (or category code) it stands for."""

    start: Floats
    end: Floats
    low: Floats
    high: Floats

    def __len__(self) -> int:
        return len(self.start)

    @property
    def mass(self) -> Floats:
        """The share of non-null rows in each piece."""
        return self.end - self.start

    def take(self, which: Any) -> Pieces:
        """Return some of the pieces."""
        return Pieces(self.start[which], self.end[which], self.low[which], self.high[which])

    def values(self, which: Indexes, place: Floats) -> Floats:
        """Return the numbers at places of the unit scale within the given pieces."""
        start, mass = self.start[which], self.mass[which]
        inside = np.divide(place - start, mass, out=np.full(len(place), 0.5), where=mass > 0.0)
        low = self.low[which]
        return low + np.clip(inside, 0.0, 1.0) * (self.high[which] - low)


@dataclass(frozen=True, slots=True)
class Marginal:
    """The distribution of one column; `categories` is None for numbers."""

    name: str
    null_share: float
    pieces: Pieces
    integer: bool = False
    categories: tuple[str, ...] | None = None

    def locate(self, values: pa.ChunkedArray | pa.Array) -> tuple[Indexes, Floats]:
        """Return the piece of every value (-1: null or nowhere) and its place in that piece, 0 to 1."""
        if self.categories is not None:
            codes = pc.index_in(_plain(values), value_set=pa.array(self.categories, pa.string()))
            return _integers(codes, -1), np.full(len(values), 0.5)
        numbers = _numbers(values)
        which, inside = _locate_numbers(self.pieces, numbers)
        return which, inside

    def restrict(self, allowed: Allowed) -> Pieces:
        """Return the pieces that a condition leaves; every value drawn from them satisfies it.

        Raises:
            DataError: nothing is left.
        """
        left = self._categories_left(allowed) if self.categories is not None else self._numbers_left(allowed)
        if len(left) == 0 and not allowed.nulls:
            raise DataError(
                "no value satisfies the condition", where=self.name, fix="widen the condition, or allow nulls"
            )
        return left

    def arrow(self, values: Floats, null: NDArray[np.bool_]) -> pa.Array:
        """Return drawn numbers (or category codes) as an Arrow array of the column's prepared type."""
        if self.categories is not None:
            codes = pa.array(np.where(null, 0, values).astype(np.int32), mask=null)
            return pa.DictionaryArray.from_arrays(codes, pa.array(self.categories, pa.string()))
        filled = np.where(null, 0.0, values)
        if not self.integer:
            return pa.array(filled, mask=null)
        # 2^63 itself is no int64: stop at the largest double below it.
        whole = np.rint(np.clip(filled, -(2.0**63), 2.0**63 - 1024.0)).astype(np.int64)
        return pa.array(whole, mask=null)

    def _categories_left(self, allowed: Allowed) -> Pieces:
        texts = list(self.categories or ())
        keep = np.ones(len(texts), dtype=bool)
        if allowed.values is not None:
            wanted = {_as_text(value) for value in allowed.values}
            keep &= np.array([text in wanted for text in texts], dtype=bool)
        for limit, before in ((allowed.low, True), (allowed.high, False)):
            if limit is not None:
                open_end = allowed.low_open if before else allowed.high_open
                keep &= np.array([_beyond(text, limit, before, open_end) for text in texts], dtype=bool)
        codes = np.flatnonzero(keep)
        return self.pieces.take(codes)

    def _numbers_left(self, allowed: Allowed) -> Pieces:
        low, high = _closed(allowed, self.integer)
        if allowed.values is not None:
            points = [float(value) for value in allowed.values if value is not None]
            return _at(self.pieces, np.array([p for p in points if low <= p <= high], dtype=np.float64), self.integer)
        if low == -np.inf and high == np.inf:
            return self.pieces
        if low > high:
            return self.pieces.take(slice(0, 0))
        return _between(self.pieces, low, high, self.integer)

    def to_dict(self) -> dict[str, Any]:
        """Return the marginal as JSON-like data."""
        return {
            "name": self.name,
            "null_share": self.null_share,
            "integer": self.integer,
            "categories": None if self.categories is None else list(self.categories),
            "start": self.pieces.start.tolist(),
            "end": self.pieces.end.tolist(),
            "low": self.pieces.low.tolist(),
            "high": self.pieces.high.tolist(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Marginal:
        """Return the marginal that `to_dict` wrote."""
        parts = [np.array(data[name], dtype=np.float64) for name in ("start", "end", "low", "high")]
        categories = None if data["categories"] is None else tuple(data["categories"])
        return cls(data["name"], float(data["null_share"]), Pieces(*parts), bool(data["integer"]), categories)


def fit_marginal(values: pa.ChunkedArray | pa.Array, column: Column, *, rare_below: int) -> Marginal:
    """Return the marginal of a prepared column: int64, float64 or dictionary<int32, string>, with nulls."""
    if pa.types.is_dictionary(values.type) or pa.types.is_string(values.type):
        return _fit_categories(values, column, rare_below)
    numbers = _numbers(values)
    kept = numbers[np.isfinite(numbers)]
    null_share = 1.0 - len(kept) / len(numbers) if len(numbers) else 0.0
    integer = pa.types.is_integer(values.type)
    return Marginal(column.name, null_share, fit_pieces(kept, rare_below), integer)


def fit_pieces(numbers: Floats, rare_below: int) -> Pieces:
    """Return pieces over finite numbers: repeated values on their own, the rest in ranges of equal count."""
    if len(numbers) == 0:
        return _stacked(np.zeros(0), np.zeros(0), np.zeros(0))
    if len(numbers) < rare_below:
        return _coarse(numbers)
    values, counts = np.unique(numbers, return_counts=True)
    least = max(rare_below, int(np.sort(counts)[-_MOST_ATOMS]) if len(counts) > _MOST_ATOMS else 1)
    own = counts >= least
    rest = np.repeat(values[~own], counts[~own])
    low, high, mass = values[own], values[own], counts[own].astype(np.float64)
    if len(rest) >= rare_below:
        edges, sizes = _ranges(rest, max(rare_below, 1))
        low, high = np.concatenate([low, edges[:-1]]), np.concatenate([high, edges[1:]])
        mass = np.concatenate([mass, sizes])
    elif not own.any():
        return _coarse(numbers)
    order = np.argsort((low + high) / 2.0, kind="stable")
    return _stacked(low[order], high[order], mass[order])


def order_categories(marginal: Marginal, scores: Floats) -> Marginal:
    """Return the marginal with its categories laid along the scale by rising score."""
    order = np.argsort(scores, kind="stable")
    mass = marginal.pieces.mass[order]
    codes = np.arange(len(order), dtype=np.float64)
    names = tuple(np.array(marginal.categories, dtype=object)[order].tolist())
    return replace(marginal, pieces=_stacked(codes, codes, mass), categories=names)


def of_categories(column: Column, shares: Mapping[str, float], null_share: float) -> Marginal:
    """Return the marginal of categories with the given shares, in the mapping's order."""
    codes = np.arange(len(shares), dtype=np.float64)
    mass = np.array(list(shares.values()), dtype=np.float64)
    return Marginal(column.name, null_share, _stacked(codes, codes, mass), False, tuple(shares))


def stacked(low: Floats, high: Floats, mass: Floats) -> Pieces:
    """Return pieces laid end to end on the unit scale with the given masses (any positive scale)."""
    return _stacked(low, high, mass)


def _fit_categories(values: pa.ChunkedArray | pa.Array, column: Column, rare_below: int) -> Marginal:
    plain = _plain(values)
    counts = {
        entry["values"]: entry["counts"] for entry in pc.value_counts(plain).to_pylist() if entry["values"] is not None
    }
    total = sum(counts.values())
    public = set(column.categories or ()) if column.public else set()
    kept = {text: float(count) for text, count in counts.items() if count >= rare_below or text in public}
    kept |= {text: 0.0 for text in column.categories or () if text in public and text not in kept}
    if column.kind in (Kind.ORDINAL, Kind.BOOLEAN) and column.categories:
        rank = {text: place for place, text in enumerate(column.categories)}
        names = sorted(kept, key=lambda text: (rank.get(text, len(rank)), text))
    else:
        names = sorted(kept, key=lambda text: (-kept[text], text))
    null_share = 1.0 - total / len(plain) if len(plain) else 0.0
    return of_categories(column, {text: kept[text] for text in names}, null_share)


def _stacked(low: Floats, high: Floats, mass: Floats) -> Pieces:
    total = float(mass.sum())
    shares = mass / total if total > 0.0 else np.full(len(mass), 1.0 / max(len(mass), 1))
    ends = np.cumsum(shares)
    if len(ends):
        ends = ends / ends[-1]
    starts = np.concatenate([[0.0], ends[:-1]]) if len(ends) else ends
    return Pieces(starts, ends, low.astype(np.float64), high.astype(np.float64))


def _ranges(rest: Floats, least: int) -> tuple[Floats, Floats]:
    size = max(least, -(-len(rest) // _RANGES))
    cuts = np.arange(size, len(rest) - least + 1, size)
    inner = (rest[cuts - 1] + rest[cuts]) / 2.0
    # The ends are means of k values, so that no exact extreme is shown.
    ends = np.array([rest[:least].mean(), rest[-least:].mean()])
    edges = np.maximum.accumulate(np.concatenate([ends[:1], inner, ends[1:]]))
    return edges, np.diff(np.concatenate([[0], cuts, [len(rest)]])).astype(np.float64)


def _coarse(numbers: Floats) -> Pieces:
    """Fewer than k values tell only their sign and size: one range up to the next power of ten."""
    top = 10.0 ** np.ceil(np.log10(max(float(np.abs(numbers).max()), 1.0)))
    low, high = (-top if numbers.min() < 0 else 0.0), (top if numbers.max() > 0 else 0.0)
    return _stacked(np.array([low]), np.array([high]), np.ones(1))


def _locate_numbers(pieces: Pieces, numbers: Floats) -> tuple[Indexes, Floats]:
    if len(pieces) == 0:
        return np.full(len(numbers), -1), np.full(len(numbers), 0.5)
    known = np.isfinite(numbers)
    middle = (pieces.low + pieces.high) / 2.0
    single = pieces.low == pieces.high
    atoms, ranges = np.flatnonzero(single), np.flatnonzero(~single)
    # Ranges follow one another in order; a value that is no atom belongs to the range around it.
    which = np.clip(np.searchsorted(middle, numbers), 0, len(pieces) - 1).astype(np.int64)
    if len(ranges):
        which = ranges[np.clip(np.searchsorted(pieces.low[ranges], numbers, side="right") - 1, 0, len(ranges) - 1)]
    if len(atoms):
        slot = np.clip(np.searchsorted(pieces.low[atoms], numbers), 0, len(atoms) - 1)
        which = np.where(pieces.low[atoms][slot] == numbers, atoms[slot], which)
    width = (pieces.high - pieces.low)[which]
    inside = np.divide(numbers - pieces.low[which], width, out=np.full(len(numbers), 0.5), where=(width > 0) & known)
    return np.where(known, which, -1), np.clip(inside, 0.001, 0.999)


def _at(pieces: Pieces, points: Floats, integer: bool) -> Pieces:
    """Zero-wide or narrow pieces at exact points, weighted by how likely their surroundings are."""
    points = np.unique(points[points == np.rint(points)] if integer else points)
    which, inside = _locate_numbers(pieces, points)
    if len(pieces) == 0:
        return Pieces(np.zeros(len(points)), np.zeros(len(points)), points, points)
    width = pieces.high[which] - pieces.low[which]
    whole = width == 0.0
    share = np.where(whole & (pieces.low[which] == points), 1.0, np.divide(1.0, np.maximum(width, 1.0)))
    share = np.where((points < pieces.low.min()) | (points > pieces.high.max()), 0.0, share)
    mass, start = pieces.mass[which], pieces.start[which]
    first = np.where(whole, start, start + mass * np.clip(inside - share / 2.0, 0.0, 1.0))
    return Pieces(first, np.minimum(first + mass * share, 1.0), points, points)


def _between(pieces: Pieces, low: float, high: float, integer: bool) -> Pieces:
    # Whole numbers are rounded after the draw: a bound may be reached from half a unit outside, no further.
    cut_low, cut_high = np.maximum(pieces.low, low), np.minimum(pieces.high, high)
    keep = cut_low <= cut_high
    if not keep.any():
        return _at(pieces, np.array([np.clip(_nearest_end(pieces, low, high), low, high)]), integer)
    part = pieces.take(keep)
    new_low, new_high = cut_low[keep], cut_high[keep]
    width = part.high - part.low
    safe = np.where(width > 0, width, 1.0)
    start = np.where(width > 0, part.start + part.mass * (new_low - part.low) / safe, part.start)
    end = np.where(width > 0, part.start + part.mass * (new_high - part.low) / safe, part.end)
    return Pieces(start, np.maximum(end, start), new_low, new_high)


def _nearest_end(pieces: Pieces, low: float, high: float) -> float:
    if len(pieces) == 0:
        return low if np.isfinite(low) else high
    return float(pieces.high.max()) if low > pieces.high.max() else float(pieces.low.min())


def _closed(allowed: Allowed, integer: bool) -> tuple[float, float]:
    low = -np.inf if allowed.low is None else float(allowed.low)
    high = np.inf if allowed.high is None else float(allowed.high)
    if integer:
        low = np.floor(low) + 1 if allowed.low_open else np.ceil(low)
        high = np.ceil(high) - 1 if allowed.high_open else np.floor(high)
    else:
        low = float(np.nextafter(low, np.inf)) if allowed.low_open else low
        high = float(np.nextafter(high, -np.inf)) if allowed.high_open else high
    return float(low), float(high)


def _plain(values: pa.ChunkedArray | pa.Array) -> pa.Array:
    whole = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if isinstance(whole, pa.ChunkedArray):
        whole = pa.concat_arrays(whole.chunks) if whole.num_chunks else pa.array([], values.type)
    if pa.types.is_dictionary(whole.type):
        whole = whole.dictionary_decode()
    return whole.cast(pa.string())


def _numbers(values: pa.ChunkedArray | pa.Array) -> Floats:
    floats = values.cast(pa.float64(), safe=False)
    return np.asarray(floats.fill_null(float("nan")).to_numpy(), dtype=np.float64)


def _integers(values: pa.Array, missing: int) -> Indexes:
    return np.asarray(values.fill_null(missing).to_numpy(zero_copy_only=False), dtype=np.int64)


def _as_text(value: Any) -> str:
    return {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def _beyond(text: str, limit: Any, above: bool, strict: bool) -> bool:
    """Whether a category lies on the right side of a limit: by number where both are numbers, else by text."""
    try:
        one, other = float(text), float(limit)
    except (TypeError, ValueError):
        return _ordered(text, str(limit), above, strict)
    return _ordered(one, other, above, strict)


def _ordered(one: Any, other: Any, above: bool, strict: bool) -> bool:
    if one == other:
        return not strict
    return bool(one > other) if above else bool(one < other)
