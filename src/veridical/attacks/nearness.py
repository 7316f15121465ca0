"""How near is near, and is nearness to train what the labels train and holdout alone would give?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veridical.attacks.proportion import LEVEL
from veridical.core.finding import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """A share of train among nearest rows, brought to equal sizes: 0.5 is chance, 1 is all train."""

    share: float
    interval: Interval
    p_value: float


def relative(distances: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return each query's nearest distance over its farthest kept one (queries x k), 1 where the latter is 0.

    A row with several equal training rows is common, not disclosed: hence the 1.
    """
    last = distances[:, -1]
    ratio = np.divide(distances[:, 0], last, out=np.ones_like(last), where=(last > 0) & np.isfinite(last))
    return ratio


def balance(nearest_rows: NDArray[np.int64], is_train: NDArray[np.bool_]) -> Balance:
    """Judge how often the nearest real row is a training row.

    `nearest_rows` holds, for each synthetic row, its nearest row of train and holdout together; `is_train` labels
    those rows. Under no memorisation the labels are as if dealt at random over the real rows, so the count of
    nearest training rows has the moments of a sum drawn without replacement, however many synthetic rows crowd
    around one real row. The share is brought to equal sizes by its odds.
    """
    total, train = is_train.size, int(is_train.sum())
    crowd = np.bincount(nearest_rows, minlength=total).astype(np.float64)
    queries = crowd.sum()
    observed, chance = float(crowd[is_train].sum()) / queries, train / total
    centred = float(((crowd - crowd.mean()) ** 2).sum())
    spread = math.sqrt(train * (total - train) / (total * (total - 1)) * centred) / queries
    from scipy.special import ndtr, ndtri

    p_value = float(ndtr(-(observed - chance) / spread)) if spread > 0 else 0.5
    half = float(ndtri((1 + LEVEL) / 2)) * spread
    low, middle, high = (_equal_sizes(v, chance) for v in (observed - half, observed, observed + half))
    return Balance(share=middle, interval=Interval(low, high, LEVEL), p_value=p_value)


def _equal_sizes(share: float, chance: float) -> float:
    share = min(max(share, 0.0), 1.0)
    train, holdout = share / chance, (1 - share) / (1 - chance)
    return float(train / (train + holdout))


def smaller_than(values: NDArray[np.floating[Any]], control: NDArray[np.floating[Any]]) -> tuple[float, float]:
    """Return P(value < control) + P(equal)/2 and the one-sided p-value of its being no more than a half.

    Source: Mann & Whitney 1947, with the variance corrected for ties.
    """
    from scipy.special import ndtr
    from scipy.stats import rankdata

    n, m = values.size, control.size
    pooled = np.concatenate([values, control])
    ranks = rankdata(pooled)
    above = float(ranks[n:].sum()) - m * (m + 1) / 2
    share = above / (n * m)
    counts = np.unique(pooled, return_counts=True)[1].astype(np.float64)
    total = n + m
    ties = float((counts**3 - counts).sum()) / (total * (total - 1))
    spread = math.sqrt(max((total + 1 - ties) / (12 * n * m), 0.0))
    return share, float(ndtr(-(share - 0.5) / spread)) if spread > 0 else 0.5
