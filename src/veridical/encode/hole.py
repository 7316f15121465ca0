"""Where does the time of a long series have holes, and which stretches of it may be kept back without breaking it?

Stretches are taken out all over a series' time, not only at its end: another season would be told from the learned ones
however good a generator is. What is left of the series then has holes, over which no row follows another.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from veridical.encode.panel import Layout, Numbers, Places

FEW = 10  # entities below which series are split by time, not by entity
LONG = 100  # times that a series must have to be split by stretches
MOST_STRETCHES = 12  # that are kept back
MOST_HOLES = 2 * MOST_STRETCHES
SEEN = 24  # usual gaps that what is remembered of the past spans
APART = 4.0  # times as wide as all other gaps is a hole
LEAST_ROWS = 2 * SEEN  # of a stretch


def runs(times: Numbers, layout: Layout, *, beyond: float | None = None) -> Layout:
    """Return the stretches within which rows follow each other: entities, parted where a hole lies in their time.

    A hole is one of an entity's two dozen widest gaps, four times as wide as every other gap and wider than what is
    remembered of the past; or every gap wider than `beyond`. `times` holds a number a row.

    Example:
        >>> times = np.concatenate([np.arange(60.0), 500 + np.arange(40.0)])
        >>> runs(times, Layout.of_lengths(np.array([100]))).lengths.tolist()
        [60, 40]
    """
    begins = np.zeros(layout.rows, dtype=bool)
    begins[layout.firsts] = True
    for start, end in zip(layout.starts, layout.starts[1:], strict=False):
        gaps = np.diff(times[start:end])
        begins[start + 1 : end] |= gaps > (_widest(gaps) if beyond is None else beyond)
    return Layout(np.append(np.flatnonzero(begins), layout.rows))


def widest(times: Numbers, layout: Layout) -> float:
    """Return how wide a gap may be without being a hole: in the series that has the widest ones.

    Example:
        >>> widest(np.arange(60.0), Layout.of_lengths(np.array([60])))
        24.0
    """
    pairs = zip(layout.starts, layout.starts[1:], strict=False)
    return max((_widest(np.diff(times[start:end])) for start, end in pairs), default=np.inf)


def _widest(gaps: Numbers) -> float:
    """Return how wide a gap may be without being a hole."""
    if len(gaps) < LEAST_ROWS:
        return np.inf
    other = float(np.partition(gaps, len(gaps) - 1 - MOST_HOLES)[len(gaps) - 1 - MOST_HOLES])
    return max(APART * other, SEEN * float(np.median(gaps)))


def stretches(
    times: Numbers, layout: Layout, share: float, rng: np.random.Generator
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]] | None:
    """Return which rows are learned and which are kept back, or None where series are too short to be split so.

    At most a dozen stretches are taken, one at a random place of each equal part of the time, the same for all entities
    (a storm over one station tells of the next one's). Each is longer than twice what is remembered of the past, and
    so long that `runs` sees the hole. A series' two ends are learned. Rows next to a learned stretch resemble it, so
    an eighth of each stretch (at most as much as is remembered) on either side is neither learned nor kept back.

    Example:
        >>> learned, kept = stretches(np.arange(1000.0), Layout.of_lengths(np.array([1000])), 0.2,
        ...                           np.random.default_rng(0))
        >>> int(learned.sum()), int(kept.sum()), bool((learned & kept).any())
        (800, 152, False)
    """
    seen, rank = np.unique(times, return_inverse=True)
    taken = share * len(seen)
    gaps = np.diff(seen)
    if len(seen) < LONG or taken < SEEN:
        return None
    other = float(np.sort(gaps)[-1 - min(MOST_HOLES, len(gaps) - 1)])
    least = max(float(LEAST_ROWS), 1.25 * APART * other / max(float(np.median(gaps)), 1e-300))
    count = int(np.clip(taken // least, 1, MOST_STRETCHES))
    learned, kept = np.ones(len(seen), dtype=bool), np.zeros(len(seen), dtype=bool)
    for first, last in _places(len(seen), count, share, rng):
        aside = min(SEEN, (last - first) // 8)
        learned[first:last] = False
        kept[first + aside : last - aside] = True
    found = learned[rank], kept[rank]
    return found if _holds(times, layout, *found) else None


def _places(size: int, count: int, share: float, rng: np.random.Generator) -> Sequence[tuple[int, int]]:
    """Return the first and last rank of each stretch: at a random place of its part, never at the part's very end."""
    part = size / count
    margin = (1 - share) * part / 4
    free = (1 - share) * part - 2 * margin
    starts = [at * part + margin + free * float(rng.random()) for at in range(count)]
    return [(round(start), round(start + share * part)) for start in starts]


def _holds(times: Numbers, layout: Layout, learned: NDArray[np.bool_], kept: NDArray[np.bool_]) -> bool:
    """Say whether every entity has most of its rows left, and whether each hole in them is seen as one."""
    left = np.bincount(layout.owner, learned, layout.entities)
    if np.any(left < layout.lengths / 2) or not kept.any():
        return False
    after = np.flatnonzero(learned)
    same = np.diff(layout.owner[after]) == 0
    holes = int((np.diff(after)[same] > 1).sum())
    rest = Layout.of_lengths(left.astype(np.int64))
    return runs(times[after], rest).entities - rest.entities >= holes


def parts_of(layout: Layout, count: int) -> Places:
    """Return which of `count` equal parts of its entity's rows each row lies in.

    Example:
        >>> parts_of(Layout.of_lengths(np.array([4, 2])), 2).tolist()
        [0, 0, 1, 1, 0, 1]
    """
    return np.asarray(layout.position * count // np.maximum(layout.lengths[layout.owner], 1), np.int64)
