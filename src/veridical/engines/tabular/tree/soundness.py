"""Does every place that a stored tree names lie inside it?

The kernels trust their arrays, and a model's folder may come from anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from veridical.engines.tabular.tree.correction import MOST_DRAWN, Correction
from veridical.engines.tabular.tree.growing import CUT, LEFT, NODE_WIDTH, PREDICTOR, RIGHT, Leaves
from veridical.engines.tabular.tree.leaning import STEPS, Leanings

if TYPE_CHECKING:
    from veridical.engines.tabular.tree.sampler import Part


def check(parts: Sequence[Part], correction: Correction | None) -> None:
    """Raise ValueError when a part or the correction refers to a node, a code or a column that is not there."""
    bins = [int(part.coarse.max(initial=0)) + 1 for part in parts]
    for at, part in enumerate(parts):
        _demand(len(part.coarse) >= part.codec.size, "bins")
        if part.leaves is None:
            continue
        _demand(all(0 <= place < at for place in part.predictors), "predictors")
        seen = [bins[place] for place in part.predictors]
        _check_leanings(part.leanings, seen)
        _check_leaves(part.leaves, [*seen, *(STEPS for _ in part.leanings.each)])
    if correction is not None:
        _check_nodes(correction.nodes, correction.roots, correction.masks, bins)
        _demand(
            len(correction.values) == len(correction.nodes) and bool(np.isfinite(correction.values).all()), "values"
        )
        _demand(1 <= correction.many <= MOST_DRAWN, "rows")


def _check_leanings(leanings: Leanings, bins: Sequence[int]) -> None:
    for one in leanings.each:
        _demand(len(one.starts) == len(bins) and len(one.edges) < STEPS, "leanings")
        _demand(np.array_equal(one.starts, leanings.each[0].starts), "leanings")
        _demand(bool(np.all(one.starts >= 0) and np.all(one.starts + np.array(bins) <= len(one.tables))), "leanings")


def _check_nodes(
    nodes: NDArray[np.int32], roots: NDArray[np.int32], masks: NDArray[np.uint32], bins: Sequence[int]
) -> NDArray[np.bool_]:
    """Return which nodes have children."""
    count = len(nodes)
    _demand(nodes.ndim == 2 and nodes.shape[1] == NODE_WIDTH and count > 0, "nodes")
    _demand(bool(np.all((roots >= 0) & (roots < count))), "roots")
    inner: NDArray[np.bool_] = nodes[:, LEFT] >= 0
    split = nodes[inner]
    # A child stands behind its parent, so that every walk ends.
    _demand(bool(np.all(split[:, LEFT] > np.flatnonzero(inner)) and np.all(split[:, RIGHT] < count)), "children")
    _demand(bool(np.all(split[:, RIGHT] == split[:, LEFT] + 1)), "children")
    _demand(bool(np.all((split[:, PREDICTOR] >= 0) & (split[:, PREDICTOR] < len(bins)))), "predictors")
    masked = split[split[:, CUT] < 0].astype(np.int64)
    words = (np.array([*bins, 0])[masked[:, PREDICTOR]] + 31) // 32
    _demand(bool(np.all(words - 1 - masked[:, CUT] <= len(masks))), "masks")
    return inner


def _check_leaves(leaves: Leaves, bins: Sequence[int]) -> None:
    count = len(leaves.nodes)
    inner = _check_nodes(leaves.nodes, leaves.roots, leaves.masks, bins)
    ends = leaves.offsets + leaves.tiles
    room = min(len(leaves.bounds), len(leaves.cumulative))
    drawn = ~inner
    _demand(len(leaves.offsets) == count == len(leaves.tiles), "leaves")
    _demand(bool(np.all(leaves.offsets[drawn] >= 0) and np.all(leaves.tiles[drawn] > 0)), "leaves")
    _demand(bool(np.all(ends[drawn] < room)), "leaves")
    _demand(bool(np.all((leaves.bounds >= 0) & (leaves.bounds < len(leaves.root)))), "tiles")


def _demand(held: bool, what: str) -> None:
    if not held:
        raise ValueError(f"the {what} of a tree do not fit together")
