"""What do the trees still get wrong, all columns together, and which drawn rows make up for it?

Each tree tells one column from those before it; what none of them follows (near-copies of several columns, weak links
of many) shows when all columns are looked at together. Boosted trees learn to tell real rows from drawn ones. Their
log-odds is the log of a density ratio, by which more rows are drawn than are asked for and the likelier ones are kept
(importance resampling: Rubin 1987; by a classifier's ratio: Azadi et al. 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from veridical.encode.codes import Codes
from veridical.engines.tabular.tree.growing import NODE_WIDTH, Predictor, addresses, steps_of
from veridical.kernel import library

HELD = 0.2  # share of the rows that tell when to stop
LEAST_ROWS = 1_000  # of fewer rows too little is seen that is not chance
MOST_NODES = 1 << 16
MOST_MASKS = 1 << 20
LEAST_GAIN = 0.005  # nats a row of those kept back: below, the trees are as good as real to boosted ones
SURE = 3.0  # standard errors
MOST_DRAWN = 4  # rows drawn for each one kept
CLIPPED = 0.05  # share of drawn rows that should count for more than all of themselves


@dataclass(frozen=True, slots=True, kw_only=True)
class Boosting:
    """How the boosted trees are grown; `trees` 0: none are."""

    trees: int = 240
    leaves: int = 16
    min_leaf: int = 40
    rate: float = 0.2
    ridge: float = 20.0  # records
    patience: int = 8
    most_rows: int = 60_000  # real rows looked at, and drawn ones
    most_cells: int = 4_000_000  # of real rows: wide tables have fewer looked at

    def looked_at(self, rows: int, columns: int) -> int:
        """Return how many real rows, and as many drawn ones, are looked at; 0: too few to learn from."""
        size = min(rows, self.most_rows, self.most_cells // max(1, columns))
        return size if self.trees and columns > 1 and size >= LEAST_ROWS else 0


@dataclass(frozen=True)
class Correction:
    """Boosted trees over all columns' predictor bins: the sum of their values is a log density ratio."""

    nodes: NDArray[np.int32]
    masks: NDArray[np.uint32]
    roots: NDArray[np.int32]
    values: NDArray[np.float64]
    many: int  # rows to draw for each one kept

    @cached_property
    def steps(self) -> NDArray[np.void]:
        """The nodes in the form in which they are walked."""
        return steps_of(self.nodes, self.masks)

    def log_ratio(self, columns: Sequence[Codes], count: int) -> NDArray[np.float64]:
        """Return how much likelier each row should be, as a log, up to a constant."""
        sums = np.zeros(count)
        shape = (self.steps, self.masks, self.roots, len(self.roots), self.values)
        library.call("tree_sum", addresses(columns), count, *shape, sums)
        return sums


def fit(
    real: Sequence[Predictor], made: Sequence[Codes], rows: NDArray[np.int32], boosting: Boosting, seed: int
) -> Correction | None:
    """Return the correction of drawn rows, or None where rows kept back show none to be needed.

    `real` are all columns' predictor bins, of which `rows` are looked at; `made` the same of drawn rows.
    """
    rows = rows[: boosting.looked_at(len(rows), len(real))]
    if not len(rows):
        return None
    drawn = np.arange(min(len(made[0]), len(rows)))
    columns = [np.concatenate([p.codes[rows], code[drawn]]) for p, code in zip(real, made, strict=True)]
    label = np.zeros(len(rows) + len(drawn), dtype=np.uint8)
    label[: len(rows)] = 1
    bins = [max(p.bins, int(code.max(initial=0)) + 1) for p, code in zip(real, made, strict=True)]
    shuffled = np.random.default_rng(seed).permutation(len(label)).astype(np.int32)
    held, train = np.split(shuffled, [int(HELD * len(label))])
    nominal = [p.nominal for p in real]
    start = float(np.log(label[train].mean() / (1.0 - label[train].mean())))
    found = _boost(columns, bins, nominal, label, np.sort(train), np.sort(held), boosting, start)
    if found is None:
        return None
    score = found.log_ratio(columns, len(label))
    gain = _loss(np.full(len(label), start), label) - _loss(score + start, label)
    told = gain[held].mean()
    # What is told of the rows learned from, and not of others, is those very rows.
    remembered = gain[train].mean() - told
    if told < max(LEAST_GAIN, remembered, SURE * gain[held].std() / np.sqrt(len(held))):
        return None
    ratio = np.exp(np.clip(score[held][label[held] == 0], -20, 20))
    wanted = float(np.quantile(ratio, 1.0 - CLIPPED) / max(ratio.mean(), 1e-12))
    return replace(found, many=int(np.clip(np.ceil(wanted), 2, MOST_DRAWN)))


def _boost(
    columns: Sequence[Codes],
    bins: Sequence[int],
    nominal: Sequence[bool],
    label: NDArray[np.uint8],
    train: NDArray[np.int32],
    held: NDArray[np.int32],
    boosting: Boosting,
    start: float,
) -> Correction | None:
    """Return the trees up to the one after which rows kept back are told apart best."""
    nodes = np.zeros((min(MOST_NODES, 2 * boosting.leaves * boosting.trees), NODE_WIDTH), dtype=np.int32)
    values, masks = np.zeros(len(nodes)), np.zeros(MOST_MASKS, dtype=np.uint32)
    roots, losses = np.zeros(boosting.trees, dtype=np.int32), np.zeros(boosting.trees + 1)
    used = np.zeros(2, dtype=np.int64)
    settings = np.array(
        [boosting.min_leaf, boosting.leaves, boosting.trees, boosting.patience, len(nodes), len(masks)], dtype=np.int64
    )
    best = library.call(
        "tree_boost",
        addresses(columns),
        np.array(bins, dtype=np.int32),
        np.array(nominal, dtype=np.uint8),
        len(columns),
        label,
        train,
        len(train),
        held,
        len(held),
        len(label),
        settings,
        float(boosting.rate),
        float(boosting.ridge),
        np.full(len(label), start),
        nodes,
        values,
        masks,
        roots,
        losses,
        used,
    )
    if best < 0:
        raise MemoryError("learning what rows lack")
    if best == 0:
        return None
    last = int(roots[best]) if best < len(roots) and roots[best] else int(used[0])
    return Correction(nodes[:last].copy(), masks[: used[1]].copy(), roots[:best].copy(), values[:last].copy(), 1)


def _loss(score: NDArray[np.float64], label: NDArray[np.uint8]) -> NDArray[np.float64]:
    loss: NDArray[np.float64] = np.logaddexp(0.0, np.where(label > 0, -score, score))
    return loss


def kept(ratio: NDArray[np.float64], rows: int, order: NDArray[np.int32], seed: int) -> NDArray[np.intp]:
    """Return `rows` places, each at most once and as likely as its log ratio says (systematic sampling: Madow 1949).

    They are drawn along `order`, so that of rows side by side in it as many are kept as should be.
    """
    rng = np.random.default_rng([seed, 5])
    share = np.exp(np.maximum(ratio - ratio.max(), -300.0))
    chance = np.minimum(1.0, share * _scale(share, rows))[order]
    sums = np.cumsum(chance)
    sums *= rows / sums[-1]
    taken = np.floor(sums + rng.random()).astype(np.int64)
    chosen = np.diff(taken, prepend=0) > 0
    likeliest = np.flatnonzero(~chosen)[np.argsort(-chance[~chosen], kind="stable")]
    chosen[likeliest[: rows - int(chosen.sum())]] = True  # what rounding left out
    return rng.permutation(order[chosen][:rows])


def _scale(share: NDArray[np.float64], rows: int) -> float:
    """Return the factor under which the shares, none above one, add up to `rows`."""
    if rows >= len(share):
        return np.inf
    down = np.sort(share)[::-1]
    rest = np.cumsum(down[::-1])[::-1]  # of each share and all below
    # With the first k at one, the others are scaled to add up to rows - k; the first k for which that keeps to one.
    factor = (rows - np.arange(rows)) / np.maximum(rest[:rows], 1e-300)
    fits = np.flatnonzero(factor * down[:rows] <= 1.0)
    return float(factor[fits[0]]) if len(fits) else float(1.0 / max(down[rows - 1], 1e-300))
