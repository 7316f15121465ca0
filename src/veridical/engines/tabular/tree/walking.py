"""Where does a row end up in a column's tree, what is drawn there, and how likely was a known value?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from veridical.encode.codes import Codes
from veridical.engines.tabular.tree.growing import Leaves, addresses
from veridical.kernel import library

Reached = NDArray[np.int32]
Levels = NDArray[np.float64]


def route(
    leaves: Leaves,
    columns: Sequence[Codes],
    count: int,
    rows: NDArray[np.int32] | None = None,
    *,
    tree: int = -1,
    seed: int = 0,
) -> Reached:
    """Return the node each row ends in, of one tree or of one drawn per row; `columns` are the predictors."""
    reached = np.zeros(count, dtype=np.int32)
    if len(leaves.nodes) > 1:
        shape = (leaves.steps, leaves.masks, leaves.roots, len(leaves.roots), tree, seed)
        library.call("tree_route", addresses(columns), rows, count, *shape, reached)
    return reached


def spread(leaves: Leaves, reached: Reached, scores: Sequence[Codes], seed: int) -> tuple[Levels, NDArray[np.int32]]:
    """Return a level per row to draw at, spread evenly among rows alike, and the rows sorted side by side so.

    Rows are alike that reach the same leaf, or one near it in the tree, and have like scores. What is drawn so comes
    as often as its leaf says, with less noise than independent draws have (systematic sampling: Madow 1949).
    """
    levels, rng = np.empty(len(reached)), np.random.default_rng([seed, 3])
    # Each column starts from an order of its own: rows that stood side by side twice would have the same levels twice.
    order = rng.permutation(len(reached)).astype(np.int32)
    ranks = int(leaves.ranks.max(initial=0)) + 1
    shape = (addresses(scores), len(scores), len(reached), float(rng.random()))
    if library.call("tree_spread", reached, leaves.ranks, ranks, *shape, order, levels) < 0:
        raise MemoryError("drawing rows")
    return levels, order


def draw(leaves: Leaves, reached: Reached, seed: int, levels: Levels | None = None) -> Codes:
    """Return one code a row, at its level or at random."""
    drawn = np.zeros(len(reached), dtype=np.uint16)
    tables = (leaves.offsets, leaves.tiles, leaves.bounds, leaves.cumulative, leaves.root)
    library.call("tree_draw", reached, len(reached), *tables, len(leaves.root) - 1, seed, 0, levels, drawn)
    return drawn


def draw_limited(
    leaves: Leaves, reached: Reached, share: NDArray[np.float64], seed: int
) -> tuple[Codes, NDArray[np.float64]]:
    """Return one code a row inside the limit, and the log of what share of its leaf the limit leaves."""
    shape = np.diff(leaves.root) * share
    if shape.sum() <= 0:
        shape = share
    limit = np.concatenate([[0.0], np.cumsum(shape)])
    drawn, weight = np.zeros(len(reached), dtype=np.uint16), np.zeros(len(reached))
    tables = (leaves.offsets, leaves.tiles, leaves.bounds, leaves.cumulative, leaves.root, limit)
    library.call("tree_draw_limited", reached, len(reached), *tables, len(leaves.root) - 1, seed, 0, drawn, weight)
    return drawn, weight


def score(
    leaves: Leaves, columns: Sequence[Codes], known: Codes, count: int, rows: NDArray[np.int32] | None = None
) -> NDArray[np.float64]:
    """Return the log-likelihood of each row's known code, averaged over the trees."""
    total = np.zeros(count)
    tables = (leaves.offsets, leaves.tiles, leaves.bounds, leaves.cumulative, leaves.root)
    for tree in range(len(leaves.roots)):
        reached = route(leaves, columns, count, rows, tree=tree)
        library.call("tree_score", reached, known, rows, count, *tables, total)
    return np.log(total / len(leaves.roots))
