"""Columns of many categories that tell nothing: is nothing learned from them, and is what they do tell still found?"""

from __future__ import annotations

import numpy as np
import pytest

from veridical.engines.tabular.tree import forest, growing
from veridical.engines.tabular.tree.growing import LEFT, Growth, Predictor, Target

ROWS, CATEGORIES = 6_000, 120


def leaves(target: np.ndarray, levels: np.ndarray, *, nominal: bool = True, size: int = 100) -> int:
    rows = np.arange(len(target), dtype=np.int32)
    told = Target.of(target.astype(np.uint16), size, rows, ordered=True)
    noise = np.random.default_rng(5).integers(0, 40, len(target)).astype(np.uint16)
    predictors = [Predictor(levels.astype(np.uint16), CATEGORIES, nominal), Predictor(noise, 40, False)]
    tree = forest.grow_forest(told, predictors, rows, Growth(), 1)[0]
    return int((growing.prune(tree, 1.1).nodes[:, LEFT] < 0).sum())


@pytest.fixture(scope="module")
def many() -> np.ndarray:
    share = 1.0 / np.sqrt(1.0 + np.arange(CATEGORIES))
    return np.random.default_rng(0).choice(CATEGORIES, ROWS, p=share / share.sum())


def test_categories_that_tell_nothing_are_not_followed(many):
    # Put in the order of what they gain, a hundred categories seem to tell much: leaves would hold chance, row by row.
    for seed in range(3):
        target = np.random.default_rng(seed + 1).integers(0, 100, ROWS)
        assert leaves(target, many) <= 4


def test_categories_that_tell_are(many):
    effect = np.random.default_rng(9).normal(size=CATEGORIES)[many]
    target = np.clip(np.rint(50 + 12 * (effect + np.random.default_rng(2).normal(size=ROWS))), 0, 99)
    assert leaves(target, many) >= 5


def test_a_column_of_many_categories_is_not_preferred_to_one_in_order(many):
    told = np.random.default_rng(3).integers(0, 40, ROWS)
    target = np.clip(np.rint(told + np.random.default_rng(4).normal(size=ROWS) * 25 + 30), 0, 99)
    rows = np.arange(ROWS, dtype=np.int32)
    goal = Target.of(target.astype(np.uint16), 100, rows, ordered=True)
    both = [Predictor(many.astype(np.uint16), CATEGORIES, True), Predictor(told.astype(np.uint16), 40, False)]
    tree = forest.grow_forest(goal, both, rows, Growth(), 1)[0]
    assert tree.nodes[0, growing.PREDICTOR] == 1
