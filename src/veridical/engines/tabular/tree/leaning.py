"""Which way do the earlier columns, all together, lean a column?

A tree that follows many weak links one by one cuts its rows to pieces before it has followed them all. A leaning is a
score that adds up what every earlier column says, as an additive model does (Hastie and Tibshirani 1986): a few
numbers learned from all rows, on which the tree may split like on any other column.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from veridical.encode.codes import Codes
from veridical.engines.tabular.tree.coding import ranges
from veridical.engines.tabular.tree.growing import Predictor, Target, addresses
from veridical.kernel import library

CLASSES = 24  # of the target
BINS = 48  # of an ordered predictor, at most
BIN_ROWS = 100  # rows for each of them, where there are few
STEPS = 64  # of the score
LANES = 4  # leanings of a column that the kernel reads at once
ROUNDS = 4
SHRINKAGE = 20.0  # records
MOST_ROWS = 60_000


@dataclass(frozen=True, slots=True)
class Leaning:
    """A number per bin of each predictor, and the rising edges that cut the sum into steps."""

    tables: NDArray[np.float32]  # all predictors' bins, one after the other
    starts: NDArray[np.int64]  # where each predictor's begin
    edges: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Leanings:
    """Several leanings on the same predictors, read in one go: the kernel adds up to four numbers at once."""

    each: tuple[Leaning, ...]
    _tables: NDArray[np.float32]  # bins x LANES
    _edges: NDArray[np.float32]  # leanings x STEPS

    @classmethod
    def of(cls, leanings: Iterable[Leaning]) -> Self:
        """Return leanings that stand ready to be read."""
        each = tuple(leanings)
        tables = np.zeros((max((len(one.tables) for one in each), default=0), LANES), dtype=np.float32)
        edges = np.full((len(each), STEPS), np.inf, dtype=np.float32)
        for lane, one in enumerate(each):
            tables[:, lane] = one.tables
            edges[lane, : len(one.edges)] = one.edges
        return cls(each, tables, edges)

    def codes(self, columns: Sequence[Codes], count: int, rows: NDArray[np.int32] | None = None) -> list[Codes]:
        """Return each row's step on each score; `columns` are the predictors' bins."""
        if not self.each:
            return []
        found = np.zeros((len(self.each), count), dtype=np.uint16)
        shape = (len(columns), self._tables, self.each[0].starts, self._edges, len(self.each))
        library.call("tree_lean", addresses(columns), rows, count, *shape, found)
        return list(found)


NONE = Leanings.of([])


def fit(
    target: Target, predictors: Sequence[Predictor], rows: NDArray[np.int32], most: int
) -> tuple[Leanings, list[Predictor]]:
    """Return up to `most` leanings of a target, strongest first, and the predictors they make (for every row)."""
    if most == 0 or len(predictors) < 2 or len(rows) < 200:
        return NONE, []
    rows = rows[:MOST_ROWS]
    classes, wide = _classes(target, rows)
    most_bins = int(np.clip(len(rows) // BIN_ROWS, 4, BINS))
    groups = [_groups(predictor, rows, most_bins) for predictor in predictors]
    told = [group[predictor.codes[rows]] for group, predictor in zip(groups, predictors, strict=True)]
    sizes = [int(group.max(initial=0)) + 1 for group in groups]
    axes = _axes(classes, wide, told, sizes)[: min(most, LANES)]
    leanings = Leanings.of([_leaning(axis[classes], told, sizes, groups) for axis in axes])
    steps = leanings.codes([predictor.codes for predictor in predictors], len(target.codes))
    seen = zip(steps, leanings.each, strict=True)
    return leanings, [Predictor(codes, len(one.edges) + 1, False) for codes, one in seen]


def _classes(target: Target, rows: NDArray[np.int32]) -> tuple[NDArray[np.intp], int]:
    """Return the target in few classes: ranges of equal mass, or the commonest values and one for all others."""
    codes = target.codes[rows]
    size = len(target.root) - 1
    if size <= CLASSES:
        return codes.astype(np.intp), size
    tally = np.bincount(codes, minlength=size)
    if target.ordered:
        table = _cut(tally, CLASSES)
    else:
        table = np.minimum(np.argsort(np.argsort(-tally, kind="stable"), kind="stable"), CLASSES - 1)
    return table[codes], int(table.max()) + 1


def _groups(predictor: Predictor, rows: NDArray[np.int32], most: int) -> NDArray[np.intp]:
    """Return the group of each bin of a predictor."""
    if predictor.nominal or predictor.bins <= most:
        return np.arange(predictor.bins)
    return _cut(np.bincount(predictor.codes[rows], minlength=predictor.bins), most)


def _cut(tally: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """Return the class of each ordered code: null and heavy codes alone, the others by equal mass."""
    share = tally / max(1, tally.sum())
    heavy = share >= 1.0 / most
    heavy[0] = True
    return ranges(share, heavy, max(1, most - 2 * int(heavy.sum())))


def _axes(
    classes: NDArray[np.intp], wide: int, told: Sequence[NDArray[np.intp]], sizes: Sequence[int]
) -> list[NDArray[np.float64]]:
    """Return numbers per class that predictors tell best, by more than chance would (correspondence analysis)."""
    share = np.bincount(classes, minlength=wide) / len(classes)
    scale = 1.0 / np.sqrt(np.maximum(share, 1e-9))
    spread = np.zeros((wide, wide))
    freedom = 0
    for group, size in zip(told, sizes, strict=True):
        counts = np.bincount(group * wide + classes, minlength=size * wide).reshape(size, wide).astype(np.float64)
        held = counts.sum(axis=1)
        used = held > 0
        away = (counts[used] - held[used, None] * share) * scale / np.sqrt(held[used, None])
        spread += away.T @ away
        freedom += int(used.sum()) - 1
    values, vectors = np.linalg.eigh(spread)
    order = np.argsort(-values)
    chance = freedom + 3.0 * np.sqrt(2.0 * max(1, freedom))
    return [vectors[:, at] * scale for at in order if values[at] > chance and share.size > 1]


def _leaning(
    goal: NDArray[np.float64],
    told: Sequence[NDArray[np.intp]],
    sizes: Sequence[int],
    groups: Sequence[NDArray[np.intp]],
) -> Leaning:
    """Return the additive model of one goal, by backfitting with shrinkage."""
    rest = goal - goal.mean()
    effects = [np.zeros(size) for size in sizes]
    held = [np.bincount(group, minlength=size) for group, size in zip(told, sizes, strict=True)]
    for _ in range(ROUNDS):
        for at, group in enumerate(told):
            rest += effects[at][group]
            effects[at] = np.bincount(group, rest, sizes[at]) / (held[at] + SHRINKAGE)
            rest -= effects[at][group]
    tables = [effect[group].astype(np.float32) for effect, group in zip(effects, groups, strict=True)]
    starts = np.cumsum([0, *(len(table) for table in tables[:-1])]).astype(np.int64)
    score = np.zeros(len(goal), np.float32)
    for effect, group in zip(effects, told, strict=True):
        score += effect.astype(np.float32)[group]
    edges = np.unique(np.quantile(score, np.linspace(0, 1, STEPS + 1)[1:-1])).astype(np.float32)
    return Leaning(np.concatenate(tables), starts, np.unique(edges))
