"""Does each value still come as often as it was seen, once all columns before it are drawn and not real?

Each tree reproduces its column on the rows it was grown on. Drawn rows are a little less related to each other than
real ones, so the extremes that follow from many columns at once are reached too seldom. What a trial draw gets too
seldom or too often is weighted in the leaves (raking: Deming and Stephan 1940) before the next column rests on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from veridical.encode.codes import Codes
from veridical.engines.tabular.tree import walking
from veridical.engines.tabular.tree.coding import ranges
from veridical.engines.tabular.tree.growing import LEFT, Leaves
from veridical.engines.tabular.tree.sampler import Part

RANGES = 32  # of an ordered column
ROUNDS = 2
SURE = 3.0  # standard errors of the trial draw beyond which a share is set right
MOST = 4.0  # times that a weight may raise or lower a value


def calibrated(part: Part, columns: Sequence[Codes], rows: int, seed: int) -> Part:
    """Return the part with leaves under which each range of codes comes as often as it was seen.

    `columns` are what the tree reads of `rows` drawn rows, already calibrated.
    """
    if part.leaves is None or not rows:
        return part
    seen = np.diff(part.leaves.root)
    group = _groups(seen, ordered=part.codec.ordered)
    want = np.bincount(group, seen)
    reached = walking.route(part.leaves, columns, rows, seed=seed)
    weight = np.ones(len(want))
    for turn in range(ROUNDS):
        drawn = walking.draw_limited(part.leaves, reached, weight[group], seed + 1 + turn)[0]
        got = np.bincount(group[drawn], minlength=len(want)) / rows
        off = np.abs(got - want) > SURE * np.sqrt(np.maximum(want, 1.0 / rows) / rows)
        change = np.where(off & (want > 0), want / np.maximum(got, want / MOST + 1e-12), 1.0)
        weight = np.clip(weight * change, 1.0 / MOST, MOST)
    return part if np.all(weight == 1.0) else replace(part, leaves=weighted(part.leaves, weight[group]))


def weighted(leaves: Leaves, weight: NDArray[np.float64]) -> Leaves:
    """Return the leaves with each code's share multiplied by its weight and made to sum to one again."""
    shape = np.concatenate([[0.0], np.cumsum(np.diff(leaves.root) * weight)])
    ends = np.flatnonzero(leaves.nodes[:, LEFT] < 0)
    tiles = leaves.tiles[ends]
    first = np.repeat(leaves.offsets[ends] - np.cumsum(tiles) + tiles, tiles) + np.arange(tiles.sum())
    low, high = leaves.bounds[first], leaves.bounds[first + 1]
    held = leaves.root[high] - leaves.root[low]
    factor = np.where(held > 0, (shape[high] - shape[low]) / np.where(held > 0, held, 1.0), 1.0)
    mass = (leaves.cumulative[first + 1] - leaves.cumulative[first]) * factor
    starts = np.cumsum(tiles) - tiles
    sums = np.concatenate([[0.0], np.cumsum(mass)])
    below, total = sums[starts], sums[starts + tiles] - sums[starts]
    cumulative = leaves.cumulative.copy()
    cumulative[first + 1] = (sums[1:] - np.repeat(below, tiles)) / np.repeat(np.where(total > 0, total, 1.0), tiles)
    cumulative[leaves.offsets[ends] + tiles] = 1.0
    return replace(leaves, cumulative=cumulative, root=shape / shape[-1])


def _groups(seen: NDArray[np.float64], *, ordered: bool) -> NDArray[np.intp]:
    """Return the range of each code: codes of their own where they are nominal or hold much."""
    if not ordered or len(seen) <= RANGES:
        return np.arange(len(seen))
    heavy = seen >= 1.0 / RANGES
    heavy[0] = True
    return ranges(seen, heavy, max(1, RANGES - 2 * int(heavy.sum())))
