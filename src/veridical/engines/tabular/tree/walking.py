"""Where does a row end up in a column's tree, what is drawn there, and how likely was a known value?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from veridical.encode.codes import Codes
from veridical.engines.tabular.tree.growing import Leaves, addresses
from veridical.kernel import library

Reached = NDArray[np.int32]


def route(leaves: Leaves, columns: Sequence[Codes], count: int, rows: NDArray[np.int32] | None = None) -> Reached:
    """Return the node each row ends in; `columns` are the tree's predictors."""
    reached = np.zeros(count, dtype=np.int32)
    if len(leaves.nodes) > 1:
        library.call("tree_route", addresses(columns), rows, count, leaves.nodes, leaves.masks, reached)
    return reached


def draw(leaves: Leaves, reached: Reached, seed: int) -> Codes:
    """Return one code a row."""
    drawn = np.zeros(len(reached), dtype=np.uint16)
    tables = (leaves.offsets, leaves.tiles, leaves.bounds, leaves.cumulative, leaves.root)
    library.call("tree_draw", reached, len(reached), *tables, len(leaves.root) - 1, seed, 0, drawn)
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


def score(leaves: Leaves, reached: Reached, known: Codes, rows: NDArray[np.int32] | None = None) -> NDArray[np.float64]:
    """Return the log-likelihood of each row's known code."""
    total = np.zeros(len(reached))
    tables = (leaves.offsets, leaves.tiles, leaves.bounds, leaves.cumulative, leaves.root)
    library.call("tree_score", reached, known, rows, len(reached), *tables, total)
    return total
