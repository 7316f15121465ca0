"""In which order do the passages that two searches found answer a query best?

A linear ranker over what can be told of a query and a passage, learned from pairs of a right and a wrong passage
(RankSVM's idea, Joachims 2002, with the logistic loss).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.retrieval.bm25 import terms_of
from veridical.retrieval.index import Index, best, searched

Floats = NDArray[np.float32]
FEATURES = (
    "bm25", "bm25_rank", "cosine", "cosine_rank", "turned_cosine", "turned_rank", "words_covered", "rare_words_covered",
    "figures_covered", "title_covered", "length",
)  # fmt: skip
DEPTH = 50
_FIGURE = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Reranker:
    """The weight of each feature; the score is their weighted sum."""

    weights: Floats

    def scores(self, features: Floats) -> Floats:
        """Return one score a candidate, from features of shape (candidates, 11)."""
        made: Floats = features @ self.weights
        return made


def candidates(bm25: Floats, cosine: Floats, turned: Floats) -> NDArray[np.int64]:
    """Return the places that any of the three searches puts among its first 50."""
    return np.unique(np.concatenate([best(scores, DEPTH) for scores in (bm25, cosine, turned)]))


def features_of(
    query: str, places: NDArray[np.int64], index: Index, bm25: Floats, cosine: Floats, turned: Floats
) -> Floats:
    """Return what is told of a query and each of its candidates, shape (candidates, 11), all about 0 to 1."""
    columns = []
    for scores in (bm25, cosine, turned):
        own = scores[places]
        top = max(float(scores.max()), 1e-9)
        order = np.argsort(np.argsort(-own, kind="stable"), kind="stable")
        columns += [own / top, 1.0 / (1.0 + order)]
    words = set(terms_of(query))
    figures = set(_FIGURE.findall(query))
    rows = [_overlap(words, figures, index, int(place)) for place in places]
    return np.column_stack([*columns, np.array(rows, np.float32)]).astype(np.float32)


def learn_reranker(groups: Sequence[tuple[Floats, int]], rng: np.random.Generator) -> Reranker:
    """Return the weights that put each group's right candidate (its row) above the others."""
    from sklearn.linear_model import LogisticRegression

    differences = []
    for features, right in groups:
        others = np.delete(features, right, axis=0)
        drawn = rng.permutation(len(others))[:20]
        differences.append(features[right] - others[drawn])
    rows = np.concatenate(differences)
    # Each difference once either way: two classes, and no intercept to learn.
    model = LogisticRegression(C=1.0, fit_intercept=False, max_iter=500)
    model.fit(np.concatenate([rows, -rows]), np.r_[np.ones(len(rows)), np.zeros(len(rows))])
    return Reranker(model.coef_[0].astype(np.float32))


def _overlap(words: set[str], figures: set[str], index: Index, place: int) -> list[float]:
    chunk = index.chunks[place]
    text = searched(chunk)
    own = set(terms_of(text))
    rarity = {word: _rarity(index, word) for word in words}
    covered = sum(rarity[word] for word in words & own) / max(sum(rarity.values()), 1e-9)
    title = set(terms_of(chunk.title))
    return [
        len(words & own) / max(1, len(words)),
        covered,
        len(figures & set(_FIGURE.findall(text))) / len(figures) if figures else 0.5,
        len(words & title) / max(1, len(title)),
        float(np.log1p(len(own)) / 10),
    ]


def _rarity(index: Index, word: str) -> float:
    column = index.bm25.terms.get(word)
    held = 0 if column is None else int(index.bm25.weights.indptr[column + 1] - index.bm25.weights.indptr[column])
    return float(np.log1p((index.bm25.count - held + 0.5) / (held + 0.5)))
