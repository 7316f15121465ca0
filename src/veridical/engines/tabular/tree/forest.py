"""How do several trees stand together, each grown on a part of what it holds?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from veridical.engines.tabular.tree import walking
from veridical.engines.tabular.tree.growing import (
    CUT,
    END,
    LEFT,
    RIGHT,
    START,
    Growth,
    Leaves,
    Predictor,
    Target,
    Tree,
    by_code,
    grow,
)


def grow_forest(
    target: Target, predictors: Sequence[Predictor], rows: NDArray[np.int32], growth: Growth, seed: int
) -> list[Tree]:
    """Return one tree on all rows, or several, each grown on a part of the rows and predictors (Breiman 2001).

    Of many rows each tree holds all: what is in a leaf is then not chosen by the very rows that drew its bounds
    (honest trees: Wager and Athey 2018).
    """
    if growth.trees == 1 or not predictors:
        return [grow(target, predictors, rows, growth, seed)]
    some = max(1, math.ceil(growth.seen * len(rows)))
    trees = []
    for at in range(growth.trees):
        start = at * len(rows) // growth.trees
        part = np.concatenate([rows[start:], rows[:start]])[:some]
        tree = grow(target, predictors, part, growth, seed + at)
        trees.append(_filled(tree, target, predictors, rows) if len(rows) >= growth.filled_from else tree)
    return trees


def _filled(tree: Tree, target: Target, predictors: Sequence[Predictor], rows: NDArray[np.int32]) -> Tree:
    """Return the tree with other rows in its leaves than it was grown on."""
    none = np.zeros(0)
    bare = Leaves(
        tree.nodes, tree.masks, none.astype(np.int64), none.astype(np.int64), none.astype(np.int32), none, target.root,
        np.zeros(1, np.int32),
    )  # fmt: skip
    rows = by_code(target, rows)
    reached = walking.route(bare, [p.codes for p in predictors], len(rows), rows, tree=0)
    ends = np.flatnonzero(tree.nodes[:, LEFT] < 0)
    starts = np.sort(tree.nodes[ends, START])  # of the leaves, from the first row to the last: none was empty
    rank = np.searchsorted(starts, tree.nodes[:, START])
    leaf = rank[reached].astype(np.uint16 if len(ends) < 2**16 else np.int64)  # what is short is sorted at once
    held = np.concatenate([[0], np.cumsum(np.bincount(leaf, minlength=len(ends)))])
    nodes = tree.nodes.copy()
    nodes[:, START] = held[rank]
    nodes[:, END] = held[np.searchsorted(starts, tree.nodes[:, END])]
    return replace(tree, nodes=nodes, order=rows[np.argsort(leaf, kind="stable")])


def join(forest: Sequence[Leaves]) -> Leaves:
    """Return several trees' leaves as one."""
    if len(forest) == 1:
        return forest[0]
    nodes, roots, offsets = [], [], []
    node_at = mask_at = tile_at = 0
    for leaves in forest:
        own = leaves.nodes.copy()
        inner = own[:, LEFT] >= 0
        own[inner, LEFT : RIGHT + 1] += node_at
        own[inner & (own[:, CUT] < 0), CUT] -= mask_at
        nodes.append(own)
        roots.append(node_at)
        offsets.append(leaves.offsets + tile_at)
        node_at += len(own)
        mask_at += len(leaves.masks)
        tile_at += len(leaves.bounds)
    return Leaves(
        np.concatenate(nodes),
        np.concatenate([leaves.masks for leaves in forest]),
        np.concatenate(offsets),
        np.concatenate([leaves.tiles for leaves in forest]),
        np.concatenate([leaves.bounds for leaves in forest]),
        np.concatenate([leaves.cumulative for leaves in forest]),
        forest[0].root,
        np.array(roots, dtype=np.int32),
    )
