"""Which tree tells a column best from the columns before it, and how far down can it be trusted?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from veridical.encode.codes import Codes, tally
from veridical.kernel import library

PREDICTOR, CUT, LEFT, RIGHT, START, END = 0, 1, 2, 3, 4, 5
NODE_WIDTH = 6
# A node as the kernel walks it: see kernel/tree_walk.c.
STEP = np.dtype([("mask", "u8"), ("left", "i4"), ("predictor", "u2"), ("cut", "u2")])
WIDE, ALL = 0xFFFE, 0xFFFF  # cuts: of a mask beyond 64 bits, and of one that decides alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """How trees are grown. Gains are in nats; `price` multiplies what a useless split would be expected to give."""

    min_leaf: int = 8
    max_depth: int = 40
    max_classes: int = 16
    rows_per_class: int = 8
    most_rows: int = 65_536  # rows of a node that its split is judged by
    stop: float = 0.2
    trees: int = 1
    tried: float = 1.0  # share of the predictors tried at each node, when there are several trees
    seen: float = 0.8  # share of the rows each of several trees is grown on
    filled_from: int = 10_000  # rows from which its leaves hold all of them; of fewer, few of a kind would be blurred


@dataclass(frozen=True, slots=True, kw_only=True)
class Smoothing:
    """How leaves are held back towards their ancestors, in records; `grain` records make a range of their own."""

    price: float = 0.9
    strength: float = 0.3
    discount: float = 0.25
    grain: int = 4


@dataclass(frozen=True, slots=True)
class Target:
    """A column to be told: its codes, and the whole table's cumulative share per code."""

    codes: Codes
    root: NDArray[np.float64]
    ordered: bool

    @classmethod
    def of(cls, codes: Codes, size: int, rows: NDArray[np.int32], *, ordered: bool) -> Target:
        """Return the target with the shares seen in `rows`."""
        held = tally(codes, size, rows).astype(np.float64)
        total = max(1.0, held.sum())
        root = np.concatenate([[0.0], np.cumsum(held) / total])
        root[-1] = 1.0
        return cls(codes, root, ordered)


@dataclass(frozen=True, slots=True)
class Predictor:
    """A column to tell others by: coarser codes, how many there are, and whether they are nominal."""

    codes: Codes
    bins: int
    nominal: bool


@dataclass(frozen=True, slots=True)
class Tree:
    """Nodes of one tree with the rows they hold; gone once its leaves are laid."""

    nodes: NDArray[np.int32]
    worth: NDArray[np.float64]  # per node: gain and price
    masks: NDArray[np.uint32]
    order: NDArray[np.int32]


@dataclass(frozen=True)
class Leaves:
    """A pruned tree and the distribution in each node: all that sampling needs, and nothing of a single row."""

    nodes: NDArray[np.int32]
    masks: NDArray[np.uint32]
    offsets: NDArray[np.int64]
    tiles: NDArray[np.int64]
    bounds: NDArray[np.int32]
    cumulative: NDArray[np.float64]
    root: NDArray[np.float64]
    roots: NDArray[np.int32]  # the first node of each tree

    @cached_property
    def ranks(self) -> NDArray[np.int32]:
        """The place of each node among the leaves from left to right, tree after tree."""
        nodes, levels = self.nodes, [self.roots.astype(np.intp)]
        below = (nodes[:, LEFT] < 0).astype(np.int32)
        while len(levels[-1]):
            inner = levels[-1][nodes[levels[-1], LEFT] >= 0]
            levels[-1] = inner
            levels.append(nodes[inner, LEFT : RIGHT + 1].reshape(-1).astype(np.intp))
        for inner in reversed(levels):
            below[inner] = below[nodes[inner, LEFT]] + below[nodes[inner, RIGHT]]
        ranks = np.zeros(len(nodes), dtype=np.int32)
        ranks[self.roots] = np.concatenate([[0], np.cumsum(below[self.roots])[:-1]])
        for inner in levels:
            ranks[nodes[inner, LEFT]] = ranks[inner]
            ranks[nodes[inner, RIGHT]] = ranks[inner] + below[nodes[inner, LEFT]]
        return ranks

    @cached_property
    def steps(self) -> NDArray[np.void]:
        """The nodes in the form in which they are walked."""
        return steps_of(self.nodes, self.masks)


def steps_of(nodes: NDArray[np.int32], masks: NDArray[np.uint32]) -> NDArray[np.void]:
    """Return nodes in the form in which the kernel walks them."""
    steps = np.zeros(len(nodes), dtype=STEP)
    inner = nodes[:, LEFT] >= 0
    nominal = inner & (nodes[:, CUT] < 0)  # a leaf that was pruned keeps the cut of the split it was
    assert np.all(nodes[inner, RIGHT] == nodes[inner, LEFT] + 1)
    steps["left"] = nodes[:, LEFT]
    steps["predictor"] = np.maximum(nodes[:, PREDICTOR], 0)
    steps["cut"], steps["mask"] = nodes[:, CUT], np.uint64(2**64 - 1)
    words = -1 - nodes[nominal, CUT].astype(np.int64)
    # A mask ends where the next begins, or before: those of a predictor are as long as its closest two tell.
    rooms = np.diff(np.unique(words), append=len(masks))[np.searchsorted(np.unique(words), words)]
    closest = np.full(int(nodes[:, PREDICTOR].max(initial=0)) + 1, len(masks))
    np.minimum.at(closest, nodes[nominal, PREDICTOR], rooms)
    short = closest[nodes[nominal, PREDICTOR]] <= 2
    low = masks[words].astype(np.uint64)
    high = masks[np.minimum(words + 1, len(masks) - 1)].astype(np.uint64)
    steps["cut"][nominal] = np.where(short, ALL, WIDE)
    steps["mask"][nominal] = np.where(short, low | high << np.uint64(32), words.astype(np.uint64))
    return steps


def addresses(columns: Sequence[Codes]) -> NDArray[np.uint64]:
    """Return where the columns lie, for the kernels; the caller keeps the columns alive."""
    return np.array([column.ctypes.data for column in columns] or [0], dtype=np.uint64)


def by_code(target: Target, rows: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return rows by their code, and those of equal code as they stood."""
    order = np.empty(len(rows), dtype=np.int32)
    rows = np.ascontiguousarray(rows, dtype=np.int32)
    if library.call("tree_sort", target.codes, rows, len(rows), len(target.root) - 1, order) < 0:
        raise MemoryError("sorting rows by their codes")
    return order


def grow(target: Target, predictors: Sequence[Predictor], rows: NDArray[np.int32], growth: Growth, seed: int) -> Tree:
    """Return a tree on `rows` (Breiman et al. 1984, by entropy on classes that each node cuts anew)."""
    order = by_code(target, rows)
    most_nodes = 2 * max(1, len(rows) // max(1, growth.min_leaf)) + 3
    widest = max([(p.bins + 31) // 32 for p in predictors if p.nominal], default=1)
    capacity = min(most_nodes * widest, 1 << 26)
    nodes = np.zeros((most_nodes, NODE_WIDTH), dtype=np.int32)
    worth = np.zeros((most_nodes, 2))
    masks = np.zeros(capacity, dtype=np.uint32)
    settings = np.array(
        [
            growth.min_leaf,
            most_nodes,
            growth.max_depth,
            growth.max_classes,
            growth.rows_per_class,
            int(target.ordered),
            growth.most_rows,
            capacity,
            len(predictors) if growth.trees == 1 else math.ceil(growth.tried * len(predictors)),
            seed,
        ],
        dtype=np.int64,
    )
    words = np.zeros(1, dtype=np.int64)
    columns = [p.codes for p in predictors]
    count = library.call(
        "tree_grow",
        addresses(columns),
        np.array([p.bins for p in predictors] or [0], dtype=np.int32),
        np.array([int(p.nominal) for p in predictors] or [0], dtype=np.uint8),
        len(predictors),
        target.codes,
        order,
        len(order),
        settings,
        float(growth.stop),
        nodes,
        worth,
        masks,
        words,
    )
    if count < 0:
        raise MemoryError("growing a tree")
    return Tree(nodes[:count].copy(), worth[:count].copy(), masks[: words[0]].copy(), order)


def prune(tree: Tree, price: float) -> Tree:
    """Return the tree without the splits whose gain, with all below, is not worth `price` times their price."""
    nodes = tree.nodes.copy()
    keep = np.ones(len(nodes), dtype=np.uint8)
    library.call("tree_prune", nodes, tree.worth, len(nodes), float(price), keep)
    keep = keep.astype(bool)
    renumbered = np.cumsum(keep) - 1
    nodes = nodes[keep]
    inner = nodes[:, LEFT] >= 0
    nodes[inner, LEFT] = renumbered[nodes[inner, LEFT]]
    nodes[inner, RIGHT] = renumbered[nodes[inner, RIGHT]]
    return replace(tree, nodes=nodes, worth=tree.worth[keep])


def lay_leaves(tree: Tree, target: Target, smoothing: Smoothing) -> Leaves:
    """Return the tree with a distribution in every leaf."""
    nodes = tree.nodes
    held = np.where(nodes[:, LEFT] < 0, nodes[:, END] - nodes[:, START], 0).astype(np.int64)
    codes = len(target.root) - 1
    capacity = int(np.minimum(3 * held + 8, 3 * codes + 8).sum())
    offsets, tiles = np.zeros(len(nodes), dtype=np.int64), np.zeros(len(nodes), dtype=np.int64)
    bounds, cumulative = np.empty(capacity, dtype=np.int32), np.empty(capacity)
    settings = np.array([int(target.ordered), smoothing.grain, capacity], dtype=np.int64)
    used = library.call(
        "tree_tile",
        target.codes,
        tree.order,
        nodes,
        len(nodes),
        target.root,
        codes,
        settings,
        float(smoothing.strength),
        float(smoothing.discount),
        offsets,
        tiles,
        bounds,
        cumulative,
    )
    if used < 0:
        raise MemoryError("laying the leaves of a tree")
    roots = np.zeros(1, np.int32)
    return _ends_only(Leaves(nodes, tree.masks, offsets, tiles, bounds, cumulative, target.root, roots))


def _ends_only(leaves: Leaves) -> Leaves:
    """Return the leaves one behind the other as their nodes are, without what only their making needed."""
    nodes = leaves.nodes.copy()
    nodes[:, START : END + 1] = 0
    tiles = leaves.tiles
    length = np.where(nodes[:, LEFT] < 0, tiles + 1, 0)
    starts = np.concatenate([[0], np.cumsum(length)[:-1]]).astype(np.int64)
    take = np.repeat(leaves.offsets - starts, length) + np.arange(length.sum())
    return replace(
        leaves, nodes=nodes, offsets=starts, tiles=tiles, bounds=leaves.bounds[take], cumulative=leaves.cumulative[take]
    )
