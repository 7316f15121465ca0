"""In which order should the columns be told, and by which of the earlier ones?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from veridical.core.schema import Role
from veridical.engines.tabular.tree import walking

if TYPE_CHECKING:
    from veridical.engines.tabular.tree.model import Coded, TreeModel


def choose(model: TreeModel, coded: Coded, rows: NDArray[np.int32]) -> list[int]:
    """Return the columns' places in the order under which rows kept back are likeliest, context first."""
    given = [at for at, column in enumerate(coded.columns) if column.role is Role.CONTEXT]
    free = [at for at, column in enumerate(coded.columns) if column.role is Role.MODEL]
    candidates = {"given": free, "fewest_first": sorted(free, key=lambda at: (coded.codecs[at].size, at))}
    names = [name for name in model.orders if name in candidates]
    if len(names) < 2 or len(free) < 3 or len(rows) < 400:
        return given + candidates[names[0] if names else "given"]
    split = len(rows) // 4
    scores = [_likelihood(model, coded, given, candidates[n], rows[split:], rows[:split]) for n in names]
    return given + candidates[names[int(np.argmax(scores))]]


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
        leaves = learn(model, coded, at, before, train, model.smoothing)
        columns = [coded.predictors[b].codes for b in before]
        reached = walking.route(leaves, columns, len(held), held)
        total += float(walking.score(leaves, reached, coded.codes[at], held).sum())
    return total


def screen(model: TreeModel, coded: Coded, at: int, before: Sequence[int]) -> list[int]:  # noqa: ARG001
    """Return the earlier columns worth trying for one column: those that share most information with it."""
    return list(before)[-model.most_predictors :]
