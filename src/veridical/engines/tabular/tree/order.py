"""In which order should the columns be told, and by which of the earlier ones?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from veridical.core.schema import Role
from veridical.engines.tabular.tree import walking
from veridical.engines.tabular.tree.growing import Predictor, Target
from veridical.kernel import library

if TYPE_CHECKING:
    from veridical.engines.tabular.tree.model import Coded, TreeModel

FEW = 66  # codes: columns of no more are told before the others
MARGIN = 0.05  # by how much likelier another order must be than the first candidate, as a share
MOST_TRIED = 64  # columns beyond which orders are not compared
SCREEN_ROWS = 1_000
LEVELS = 16


def choose(model: TreeModel, coded: Coded, rows: NDArray[np.int32]) -> list[int]:
    """Return the columns' places in order, context first.

    The first candidate stands unless rows kept back are clearly likelier under another: likelihood hardly tells
    apart orders that differ in how well few-valued columns keep their links to all others.
    """
    given = [at for at, column in enumerate(coded.columns) if column.role is Role.CONTEXT]
    free = [at for at, column in enumerate(coded.columns) if column.role is Role.MODEL]
    size = [codec.size for codec in coded.codecs]
    known = {
        "given": free,
        "few_first": sorted(free, key=lambda at: (size[at] > FEW, at)),
        "fewest_first": sorted(free, key=lambda at: (size[at], at)),
    }
    orders = [known[name] for name in model.orders]
    if len(orders) < 2 or not 3 <= len(free) <= MOST_TRIED or len(rows) < 400 or all(o == orders[0] for o in orders):
        return given + orders[0]
    split = len(rows) // 4
    scores = [_likelihood(model, coded, given, order, rows[split:], rows[:split]) for order in orders]
    best = int(np.argmax(scores))
    return given + orders[best if scores[best] > scores[0] + MARGIN * abs(scores[0]) else 0]


def _likelihood(
    model: TreeModel,
    coded: Coded,
    given: Sequence[int],
    free: Sequence[int],
    train: NDArray[np.int32],
    held: NDArray[np.int32],
) -> float:
    from veridical.engines.tabular.tree.model import learn

    total = 0.0
    for i, at in enumerate(free):
        before = screen(model, coded, at, [*given, *free[:i]])
        predictors = [coded.predictors[b] for b in before]
        codec = coded.codecs[at]
        target = Target.of(coded.codes[at], codec.size, train, ordered=codec.ordered)
        leaves = learn(model, target, predictors, train, model.smoothing, at)
        score = walking.score(leaves, [p.codes for p in predictors], coded.codes[at], len(held), held)
        total += float(score.sum())
    return total


def screen(model: TreeModel, coded: Coded, at: int, before: Sequence[int]) -> list[int]:
    """Return the earlier columns worth trying for one column: those that share most information with it."""
    if len(before) <= model.most_predictors:
        return list(before)
    information = np.zeros(len(before))
    levels = coded.levels
    library.call("tree_screen", levels, levels.shape[1], np.array(before, np.int64), len(before), at, information)
    kept = np.sort(np.argsort(-information, kind="stable")[: model.most_predictors])
    return [before[i] for i in kept]


def levels_of(predictor: Predictor, rows: NDArray[np.intp]) -> NDArray[np.uint8]:
    """Return a predictor's codes on at most 16 levels: of equal mass, or the commonest apart."""
    codes = predictor.codes[rows]
    tally = np.bincount(codes, minlength=predictor.bins)
    if predictor.bins <= LEVELS:
        table = np.arange(predictor.bins)
    elif predictor.nominal:
        table = np.minimum(np.argsort(np.argsort(-tally, kind="stable"), kind="stable"), LEVELS - 1)
    else:
        table = np.cumsum(tally) * (LEVELS - 1) // max(1, len(rows))
    return table.astype(np.uint8)[codes]
