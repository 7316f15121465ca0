"""Search finds what it should, and the figures say so."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from veridical.connect.document import Document, chunked
from veridical.retrieval.bm25 import BM25, K1, B, terms_of
from veridical.retrieval.gain import figures, gain_of, mean_of, ndcg_at
from veridical.retrieval.index import Index, best, fused

TEXTS = [
    "the cat sat on the mat",
    "dogs bark at cats",
    "배가 항구에 들어왔다",
    "a mat, a cat, a cat",
    "nothing shared here",
]


def brute_force(texts: list[str], query: str) -> list[float]:
    """Return BM25 by its formula, one term at a time."""
    bags = [Counter(terms_of(text)) for text in texts]
    mean = sum(sum(bag.values()) for bag in bags) / len(bags)
    scores = []
    for bag in bags:
        score = 0.0
        for term in terms_of(query):
            df = sum(term in other for other in bags)
            idf = math.log(1 + (len(texts) - df + 0.5) / (df + 0.5))
            tf = bag[term]
            score += idf * tf / (tf + K1 * (1 - B + B * sum(bag.values()) / mean))
        scores.append(score)
    return scores


@pytest.mark.parametrize("query", ["cat mat", "dog", "항구에서", "cat cat", "unknown words"])
def test_bm25_is_its_formula(query):
    assert np.allclose(BM25.of(TEXTS).scores(query), brute_force(TEXTS, query), atol=1e-5)


def test_korean_is_found_under_other_particles():
    assert BM25.of(TEXTS).scores("항구의 배").argmax() == 2


def test_best_is_a_stable_sort_of_the_highest():
    scores = np.array([1.0, 3.0, 3.0, 2.0, 0.0], np.float32)
    assert best(scores, 3).tolist() == [1, 2, 3]
    assert best(scores, 99).tolist() == [1, 2, 3, 0, 4]
    assert best(scores, 0).tolist() == []
    assert fused([scores, scores]).argmax() == 1


def test_passages_without_a_shared_word_are_not_found_by_words():
    chunks = chunked([Document(id=str(n), text=text) for n, text in enumerate(TEXTS)])
    index = Index(chunks=chunks)
    assert index.top("zebra", 3, way="bm25") == []
    assert index.top("cat", 3, way="bm25", without=[0, 3]) == [1]


def test_figures_and_their_intervals():
    ranked = [["a", "b"], ["x", "a"], ["x", "y"]]
    found = figures(ranked, [{"a"}, {"a"}, {"a"}], cuts=(1, 2))
    assert found["recall@1"].tolist() == [1, 0, 0] and found["recall@2"].tolist() == [1, 1, 0]
    assert ndcg_at(["x", "a", "b"], {"a", "b"}, 10) == pytest.approx((1 / math.log2(3) + 0.5) / (1 + 1 / math.log2(3)))
    rng = np.random.default_rng(0)
    before = rng.random(400)
    assert gain_of(before, before).value == 0.0, "no gain where nothing changed"
    gained = gain_of(before, before + 0.1 + 0.01 * rng.standard_normal(400))
    assert gained.low > 0.09 and gained.n == 400
    assert mean_of(before).low < before.mean() < mean_of(before).high
