"""Does a row of a forest end where its splits lead, whatever a pruned leaf still remembers of the split it was?"""

import numpy as np

from veridical.engines.tabular.tree import walking
from veridical.engines.tabular.tree.forest import grow_forest, join
from veridical.engines.tabular.tree.growing import (
    CUT,
    END,
    LEFT,
    PREDICTOR,
    RIGHT,
    START,
    Growth,
    Leaves,
    Predictor,
    Smoothing,
    Target,
    Tree,
    lay_leaves,
    prune,
)

WIDE = 600  # levels: far beyond the 64 bits that a step holds by itself


def grown(rows: int = 20_000) -> tuple[list[Tree], Target, list[np.ndarray]]:
    rng = np.random.default_rng(0)
    levels = rng.integers(0, WIDE, rows).astype(np.uint16)
    narrow = rng.integers(0, 100, rows).astype(np.uint16)
    told = ((levels * 7919 % 41) // 2 + rng.integers(0, 6, rows)).astype(np.uint16)
    every = np.arange(rows, dtype=np.int32)
    target = Target.of(told, int(told.max()) + 1, every, ordered=True)
    predictors = [Predictor(levels, WIDE, nominal=True), Predictor(narrow, 100, nominal=True)]
    return grow_forest(target, predictors, every, Growth(trees=2), seed=1), target, [levels, narrow]


def forest() -> tuple[Leaves, list[np.ndarray]]:
    trees, target, columns = grown()
    return join([lay_leaves(prune(tree, 1.2), target, Smoothing()) for tree in trees]), columns


def walked(leaves: Leaves, columns: list[np.ndarray], row: int, root: int) -> int:
    at = root
    while leaves.nodes[at, LEFT] >= 0:
        code, cut = int(columns[leaves.nodes[at, PREDICTOR]][row]), int(leaves.nodes[at, CUT])
        word = 0 if cut >= 0 else int(leaves.masks[-1 - cut + (code >> 5)])
        left = code <= cut if cut >= 0 else word >> (code & 31) & 1
        at = int(leaves.nodes[at, LEFT if left else RIGHT])
    return at


def test_every_row_of_both_trees_ends_where_its_splits_lead() -> None:
    leaves, columns = forest()
    pruned = (leaves.nodes[:, LEFT] < 0) & (leaves.nodes[:, CUT] < 0)
    assert pruned[leaves.roots[1] :].any()  # leaves of the second tree that still hold a cut
    for tree, root in enumerate(leaves.roots.tolist()):
        reached = walking.route(leaves, columns, 2_000, tree=tree)
        assert reached.tolist() == [walked(leaves, columns, row, root) for row in range(2_000)]


def test_each_tree_holds_all_rows_though_it_was_grown_on_some() -> None:
    trees, target, columns = grown()
    for tree in trees:
        laid = lay_leaves(tree, target, Smoothing())
        reached = walking.route(laid, columns, len(target.codes), tree=0)
        assert sorted(tree.order.tolist()) == list(range(len(target.codes)))
        for at in np.flatnonzero(tree.nodes[:, LEFT] < 0)[:50].tolist():
            held = tree.order[tree.nodes[at, START] : tree.nodes[at, END]]
            assert set(held.tolist()) == set(np.flatnonzero(reached == at).tolist())
            assert np.all(np.diff(target.codes[held].astype(int)) >= 0)
        for at in np.flatnonzero(tree.nodes[:, LEFT] >= 0).tolist():
            left, right = tree.nodes[at, LEFT], tree.nodes[at, RIGHT]
            assert tree.nodes[at, START] == tree.nodes[left, START]
            assert tree.nodes[at, END] == tree.nodes[right, END] and tree.nodes[left, END] == tree.nodes[right, START]


def test_leaves_are_ranked_from_left_to_right() -> None:
    leaves, _ = forest()
    seen, stack = [], leaves.roots[::-1].tolist()
    while stack:
        at = stack.pop()
        if leaves.nodes[at, LEFT] < 0:
            seen.append(at)
        else:
            stack += [int(leaves.nodes[at, RIGHT]), int(leaves.nodes[at, LEFT])]
    assert leaves.ranks[seen].tolist() == list(range(len(seen)))


def test_rows_of_a_leaf_draw_at_levels_spread_evenly() -> None:
    leaves, columns = forest()
    reached = walking.route(leaves, columns, 20_000, seed=3)
    score = np.random.default_rng(0).integers(0, 64, 20_000).astype(np.uint16)
    levels, order = walking.spread(leaves, reached, [score], seed=4)
    assert sorted(order.tolist()) == list(range(20_000))
    assert np.all((levels >= 0) & (levels < 1))
    ranks = leaves.ranks[reached[order]]
    assert np.all(np.diff(ranks) >= 0)
    for leaf in np.unique(reached)[::50]:
        own = np.sort(levels[reached == leaf])
        if len(own) >= 20:  # independent levels would be apart by more than this
            even = (np.arange(len(own)) + 0.5) / len(own)
            assert np.abs(own - even).max() < 4 / len(own)


def test_what_is_drawn_at_spread_levels_comes_as_often_as_its_leaf_says() -> None:
    leaves, columns = forest()
    reached = walking.route(leaves, columns, 20_000, seed=3)
    spread = walking.draw(leaves, reached, 5, walking.spread(leaves, reached, [], seed=4)[0])
    random = walking.draw(leaves, reached, 5)

    def noise(drawn: np.ndarray) -> float:
        total = 0.0
        for leaf in np.unique(reached)[::20]:
            start, tiles = int(leaves.offsets[leaf]), int(leaves.tiles[leaf])
            middle = int(leaves.bounds[start + tiles // 2])
            share = float(leaves.cumulative[start + tiles // 2])
            own = drawn[reached == leaf]
            total += len(own) * ((own < middle).mean() - share) ** 2
        return total

    assert noise(spread) < 0.3 * noise(random)


def test_levels_of_two_columns_have_nothing_to_do_with_each_other() -> None:
    leaves, columns = forest()
    reached = walking.route(leaves, columns, 20_000, seed=3)
    first, second = (walking.spread(leaves, reached, [], seed=seed)[0] for seed in (1, 2))
    cells = np.histogram2d(first, second, bins=20)[0]
    assert ((cells - 50) ** 2 / 50).sum() < 361 + 5 * np.sqrt(2 * 361)
