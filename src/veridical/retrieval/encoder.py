"""What does a text mean among these documents? A point a text: the weighted sum of the points of its words.

A static embedding model (as Model2Vec's, Tulkens & van Dongen 2024) over the corpus's own vocabulary. Searching with it
needs numpy and scipy alone; `retrieval.lesson` teaches it with torch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.retrieval.bm25 import terms_of

Floats = NDArray[np.float32]
Bag = Mapping[int, int]  # how often each known word stands in a text


@dataclass(frozen=True, slots=True)
class Encoder:
    """Words, their points (shape (words, width)) and the logarithm of each word's weight (shape (words,))."""

    terms: Mapping[str, int]
    points: Floats
    log_weights: Floats

    def encode(self, texts: Sequence[str]) -> Floats:
        """Return the texts' points of unit length, shape (texts, width); zeros for a text without a known word.

        Example:
            >>> encoder = Encoder({"tea": 0, "rain": 1}, np.eye(2, dtype=np.float32), np.zeros(2, np.float32))
            >>> encoder.encode(["Tea, tea!", "rain", "who?"]).tolist()
            [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]
        """
        from scipy.sparse import csr_matrix

        bags = [bag_of(text, self.terms) for text in texts]
        columns = np.array([term for bag in bags for term in bag], np.int64)
        counts = np.array([count for bag in bags for count in bag.values()], np.float32)
        starts = np.cumsum([0, *(len(bag) for bag in bags)])
        values = saturated(counts) * np.exp(self.log_weights[columns])
        summed = csr_matrix((values, columns, starts), shape=(len(bags), len(self.terms))) @ self.points
        made: Floats = (summed / np.maximum(np.linalg.norm(summed, axis=1, keepdims=True), 1e-9)).astype(np.float32)
        return made


def bag_of(text: str, terms: Mapping[str, int]) -> Bag:
    """Return how often each known word stands in a text.

    Example:
        >>> bag_of("a cat and cats", {"cat": 7})
        {7: 2}
    """
    return dict(Counter(place for term in terms_of(text) if (place := terms.get(term)) is not None))


def saturated(counts: Floats) -> Floats:
    """Return what a word said so often counts for: 1 for once, at most 2 (as BM25 does it, with k1 = 1)."""
    made: Floats = 2 * counts / (counts + 1)
    return made
