"""Which values does a column hold, told without telling of anybody?

Numbers are counted in whole steps of the column's grid ("ticks"). Where the user declared no bounds they are found by
a histogram over powers of two; cells that hold many rows are then split again and again, so that a spike ends as a
cell of its own and a flat stretch as a few wide ones. Everything reads the rows through a `Lens`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from veridical.privacy.mechanisms import Lens, Noisy

Ticks = NDArray[np.int64]
_FAR = 62  # powers of two on either side of zero
_SURE = 5.5  # a cell this many sigma above zero is there: 126 empty ones pass it once in 400,000 runs
_TAIL = 3.5  # a neighbour of a sure cell needs less: an empty one passes in one of two thousand columns
_PARTS = 8  # into how many a full cell is split
_FEW = 64  # ranges of so few ticks are counted tick by tick at once


@dataclass(frozen=True, slots=True)
class Cells:
    """Neighbouring cells of a number line: cell i holds ticks `low[i]` to `high[i]`; noisy counts and their scales.

    `seen` is False where no value stood out of the noise: then the only cell is a guess.
    """

    low: Ticks
    high: Ticks
    counts: NDArray[np.float64]
    sigma: NDArray[np.float64]
    seen: bool = True

    def place(self, ticks: Ticks) -> NDArray[np.int64]:
        """Return the cell of each tick; what lies outside counts to the nearest cell."""
        return np.clip(np.searchsorted(self.low, ticks, side="right") - 1, 0, len(self.low) - 1)


def number_cells(
    lens: Lens,
    name: str,
    ticks: Ticks,
    *,
    rho: float,
    bounds: tuple[int, int] | None = None,
    rounds: int = 3,
    finest: int = 32,
) -> Cells:
    """Return cells that cover a column of numbers, finer where there are more rows.

    `bounds` are public; without them a part of `rho` finds the range. A cell is split while it stands out of the noise
    and seems to hold more than 1/`finest` of all rows, or so many that its parts would stand out, too.

    Raises:
        BudgetError: the ledger has not got `rho` left.
    """
    share = rho / (rounds + 1)
    cells = _first(lens, name, ticks, bounds, share)
    for turn in range(rounds):
        full = (cells.counts > _most_unsplit(cells, finest)) & (cells.high > cells.low)
        if not full.any():
            break
        cells = _split(lens, f"{name}: finer cells, round {turn + 1}", ticks, cells, full, share)
    return cells


def _most_unsplit(cells: Cells, finest: int) -> float:
    """Return the count above which a cell is split."""
    sigma, rows = float(cells.sigma.max(initial=0.0)), float(np.clip(cells.counts, 0, None).sum())
    apart = max(2.0 * _PARTS * sigma, rows / (8 * finest))  # each part would hold two sigma, were they all alike
    return max(6.0 * sigma, min(rows / finest, apart))


def _first(lens: Lens, name: str, ticks: Ticks, bounds: tuple[int, int] | None, rho: float) -> Cells:
    if bounds is not None:
        low, high = _even(*bounds, _FEW if bounds[1] - bounds[0] < _FEW else 2 * _PARTS)
        noisy = _count(lens, f"{name}: cells within the public bounds", ticks, low, rho)
        return _cells(low, high, noisy)
    low, high = _powers()
    noisy = _count(lens, f"{name}: bounds, by powers of two", ticks, low, rho)
    seen = np.flatnonzero(noisy.counts > _SURE * noisy.sigma)
    if not len(seen):
        zero = slice(len(low) // 2, len(low) // 2 + 1)
        return replace(_cells(low[zero], high[zero], Noisy(noisy.counts[zero], noisy.sigma)), seen=False)
    kept = _with_tails(noisy, int(seen[0]), int(seen[-1]))
    return _cells(low[kept], high[kept], Noisy(noisy.counts[kept], noisy.sigma))


def _with_tails(noisy: Noisy, first: int, last: int) -> slice:
    """Return the range of cells that are surely there and of their neighbours that seem to be: a thin tail is one."""
    seems = noisy.counts > _TAIL * noisy.sigma
    while first > 0 and seems[first - 1]:
        first -= 1
    while last < len(seems) - 1 and seems[last + 1]:
        last += 1
    return slice(first, last + 1)


def _split(lens: Lens, what: str, ticks: Ticks, cells: Cells, full: NDArray[np.bool_], rho: float) -> Cells:
    lows, highs, old = [], [], []
    for place in range(len(cells.low)):
        if full[place]:
            low, high = _even(int(cells.low[place]), int(cells.high[place]), _PARTS)
        else:
            low, high = cells.low[place : place + 1], cells.high[place : place + 1]
        lows.append(low)
        highs.append(high)
        old.append(np.full(len(low), place))
    low, high, parent = np.concatenate(lows), np.concatenate(highs), np.concatenate(old)
    fresh = full[parent]
    noisy = _count(lens, what, ticks, low, rho, fresh)
    counts, sigma = cells.counts[parent].copy(), cells.sigma[parent].copy()
    counts[fresh], sigma[fresh] = noisy.counts, noisy.sigma
    return Cells(low, high, counts, sigma)


def _count(
    lens: Lens, what: str, ticks: Ticks, low: Ticks, rho: float, among: NDArray[np.bool_] | None = None
) -> Noisy:
    """Return noisy counts of cells (of those in `among`); ticks outside of all go to the nearest."""

    def look() -> NDArray[np.int64]:
        place = np.clip(np.searchsorted(low, ticks, side="right") - 1, 0, len(low) - 1)
        counts = np.bincount(place, minlength=len(low)).astype(np.int64)
        return counts if among is None else counts[among]

    return lens.histogram(what, look, rho=rho)


def _cells(low: Ticks, high: Ticks, noisy: Noisy) -> Cells:
    return Cells(low, high, noisy.counts.astype(np.float64), np.full(len(low), noisy.sigma))


def _even(low: int, high: int, parts: int) -> tuple[Ticks, Ticks]:
    """Return at most `parts` cells of whole ticks that cover low to high."""
    width = max(1, -(-(high - low + 1) // parts))
    starts = np.arange(low, high + 1, width, dtype=np.int64)
    return starts, np.minimum(starts + width - 1, high)


def _powers() -> tuple[Ticks, Ticks]:
    """Return cells ... [-3, -2], [-1], [0], [1], [2, 3], [4, 7] ..."""
    low = np.array([2**power for power in range(_FAR)], dtype=np.int64)
    high = 2 * low - 1
    return np.concatenate([-high[::-1], [0], low]), np.concatenate([-low[::-1], [0], high])


def merged(cells: Cells, *, least: float, most: int) -> NDArray[np.int64]:
    """Return for each cell the number of the coarser cell it joins: neighbours join until each seems to hold `least`.

    A cell that holds much is kept alone, so that a spike does not drown; at most `most` coarse cells come out.
    """
    counts = np.clip(cells.counts, 0.0, None)
    while True:
        group = np.zeros(len(counts), dtype=np.int64)
        number, held = 0, 0.0
        for place, count in enumerate(counts):
            if held >= least or (held > 0 and count >= 2 * least):
                number, held = number + 1, 0.0
            group[place] = number
            held += count
        if number and held < least / 2:
            group[group == number] = number - 1
        if group[-1] < most:
            return group
        least *= 1.3


def kept_categories(counts: NDArray[np.float64], sigma: NDArray[np.float64] | float) -> NDArray[np.bool_]:
    """Say for each noisy count whether it stands out of the noise by three sigma (McKenna et al. 2021)."""
    return np.asarray(counts) >= 3.0 * sigma
