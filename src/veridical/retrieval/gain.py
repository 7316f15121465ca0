"""How much better are real queries answered after training than before, and how sure is that?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.core.rng import stream

Floats = NDArray[np.float64]
DRAWS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A mean over queries with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def recall_at(ranked: Sequence[str], relevant: Set[str], cut: int) -> float:
    """Return the share of relevant documents among the first `cut`.

    Example:
        >>> recall_at(["a", "b", "c"], {"b", "z"}, 2)
        0.5
    """
    return len(relevant & set(ranked[:cut])) / max(1, len(relevant))


def ndcg_at(ranked: Sequence[str], relevant: Set[str], cut: int) -> float:
    """Return the normalised discounted cumulative gain of binary relevance (Jarvelin & Kekalainen 2002).

    Example:
        >>> ndcg_at(["a", "b"], {"a"}, 10), round(ndcg_at(["b", "a"], {"a"}, 10), 4)
        (1.0, 0.6309)
    """
    gained = sum(1 / np.log2(place + 2) for place, name in enumerate(ranked[:cut]) if name in relevant)
    ideal = sum(1 / np.log2(place + 2) for place in range(min(cut, len(relevant))))
    return float(gained / ideal) if ideal else 0.0


def figures(
    rankings: Sequence[Sequence[str]], relevant: Sequence[Set[str]], *, cuts: Sequence[int] = (1, 5, 10)
) -> Mapping[str, Floats]:
    """Return each figure's value for every query: recall@k for the cuts, and nDCG@10."""
    pairs = list(zip(rankings, relevant, strict=True))
    made = {f"recall@{cut}": np.array([recall_at(r, q, cut) for r, q in pairs]) for cut in cuts}
    return {**made, "nDCG@10": np.array([ndcg_at(r, q, 10) for r, q in pairs])}


def mean_of(values: Floats, *, seed: int = 0) -> Figure:
    """Return the mean with a percentile bootstrap interval over queries.

    Example:
        >>> mean_of(np.array([0.0, 1.0, 1.0, 1.0] * 50)).value
        0.75
    """
    low, high = np.quantile(values[_drawn(len(values), seed)].mean(axis=1), (0.025, 0.975))
    return Figure(value=float(values.mean()), low=float(low), high=float(high), n=len(values))


def gain_of(before: Floats, after: Floats, *, seed: int = 0) -> Figure:
    """Return the mean gain, query by query (paired), with its interval: above 0 when training helped."""
    return mean_of(after - before, seed=seed)


def _drawn(count: int, seed: int) -> NDArray[np.int64]:
    return stream(seed, "retrieval", "bootstrap").integers(0, count, size=(DRAWS, count))
