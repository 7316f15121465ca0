"""Does every place that a stored tree names lie inside it?

The kernels trust their arrays, and a model's folder may come from anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from veridical.engines.tabular.tree.growing import CUT, LEFT, NODE_WIDTH, PREDICTOR, RIGHT, Leaves
from veridical.engines.tabular.tree.leaning import STEPS, Leanings

if TYPE_CHECKING:
    from veridical.engines.tabular.tree.sampler import Part


def check(parts: Sequence[Part]) -> None:
    """Raise ValueError when a part refers to a node, a code or a column that is not there."""
    bins = [int(part.coarse.max(initial=0)) + 1 for part in parts]
    for at, part in enumerate(parts):
        _demand(len(part.coarse) >= part.codec.size, "bins")
        if part.leaves is None:
            continue
        _demand(all(0 <= place < at for place in part.predictors), "predictors")
        seen = [bins[place] for place in part.predictors]
        _check_leanings(part.leanings, seen)
        _check_leaves(part.leaves, [*seen, *(STEPS for _ in part.leanings.each)])


def _check_leanings(leanings: Leanings, bins: Sequence[int]) -> None:
    for one in leanings.each:
        _demand(len(one.starts) == len(bins) and len(one.edges) < STEPS, "leanings")
        _demand(np.array_equal(one.starts, leanings.each[0].starts), "leanings")
        _demand(bool(np.all(one.starts >= 0) and np.all(one.starts + np.array(bins) <= len(one.tables))), "leanings")


def _check_leaves(leaves: Leaves, bins: Sequence[int]) -> None:
    nodes, count = leaves.nodes, len(leaves.nodes)
    _demand(nodes.ndim == 2 and nodes.shape[1] == NODE_WIDTH and count > 0, "nodes")
    _demand(bool(np.all((leaves.roots >= 0) & (leaves.roots < count))), "roots")
    inner = nodes[:, LEFT] >= 0
    split = nodes[inner]
    # A child stands behind its parent, so that every walk ends.
    _demand(bool(np.all(split[:, LEFT] > np.flatnonzero(inner)) and np.all(split[:, RIGHT] < count)), "children")
    _demand(bool(np.all(split[:, RIGHT] == split[:, LEFT] + 1)), "children")
    _demand(bool(np.all((split[:, PREDICTOR] >= 0) & (split[:, PREDICTOR] < len(bins)))), "predictors")
    masked = split[split[:, CUT] < 0].astype(np.int64)
    words = (np.array([*bins, 0])[masked[:, PREDICTOR]] + 31) // 32
    _demand(bool(np.all(words - 1 - masked[:, CUT] <= len(leaves.masks))), "masks")
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
