"""Training learns what is planted, leaves alone what needs no change, and is kept without pickles."""

from __future__ import annotations

import numpy as np
import pytest

from veridical.connect.document import Document, chunked
from veridical.core.errors import ArtifactError, DataError
from veridical.retrieval.adapter import Adapter, _gradients, learn_adapter
from veridical.retrieval.index import Index
from veridical.retrieval.pairs import Pair, hard_negatives, pairs_of
from veridical.retrieval.reranker import FEATURES, learn_reranker
from veridical.retrieval.retriever import WAYS, Retriever, train_retriever

TOPICS = ("tea", "rain", "bridges", "bread", "violins", "tides", "chess", "maps")
DOCUMENTS = [
    Document(id=topic, text=f"This page is about {topic}. People ask what {topic} cost and who first wrote of {topic}.")
    for topic in TOPICS
]


def unit(values):
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


def loss(q, p, target, down, up):
    moved = q + (q @ down) @ up
    moved /= np.linalg.norm(moved, axis=1, keepdims=True) + 1e-9
    scores = moved @ p.T / 0.05
    return float((np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(len(q)), target]).mean())


def test_gradients_are_those_of_the_loss():
    rng = np.random.default_rng(1)
    q, p = unit(rng.normal(size=(6, 16))).astype(np.float64), unit(rng.normal(size=(9, 16))).astype(np.float64)
    down, up, target = rng.normal(size=(16, 3)) * 0.1, rng.normal(size=(3, 16)) * 0.1, rng.integers(0, 9, 6)
    found = _gradients(q, p, target, down, up)
    for value, grad in zip((down, up), found, strict=True):
        for place in [(0, 0), (1, 2), (2, 1)]:
            moved = [value.copy(), value.copy()]
            moved[0][place] += 1e-5
            moved[1][place] -= 1e-5
            high, low = ((loss(q, p, target, *((m, up) if value is down else (down, m)))) for m in moved)
            assert grad[place] == pytest.approx((high - low) / 2e-5, rel=1e-3, abs=1e-6)


def test_a_planted_turn_is_learned():
    rng = np.random.default_rng(2)
    passages = unit(rng.normal(size=(200, 64)))
    turn = np.linalg.qr(rng.normal(size=(64, 64)))[0]
    blend = passages @ (0.6 * np.eye(64) + 0.4 * turn)  # queries lie off their passages, all in one way
    queries = unit(blend + 0.05 * rng.normal(size=blend.shape))
    right = list(range(150))
    wrong = [list(rng.integers(0, 200, 6)) for _ in right]
    adapter = learn_adapter(queries[:150], passages, right, wrong, rng)

    def hits(points):
        return float(((points @ passages.T).argmax(axis=1) == np.arange(150, 200)).mean())

    before, after = (queries[150:] @ passages.T)[np.arange(50), np.arange(150, 200)].mean(), None
    after = (adapter.turned(queries[150:]) @ passages.T)[np.arange(50), np.arange(150, 200)].mean()
    assert after > before and hits(adapter.turned(queries[150:])) >= hits(queries[150:])
    assert np.allclose(Adapter.none(64).turned(queries), queries, atol=1e-6)


def test_the_reranker_finds_the_feature_that_tells():
    rng = np.random.default_rng(3)
    groups = []
    for _ in range(40):
        features = rng.random((10, len(FEATURES))).astype(np.float32)
        features[4, 2] = 1.5  # the right one
        groups.append((features, 4))
    weights = learn_reranker(groups, rng).weights
    assert weights.argmax() == 2


def test_hard_negatives_are_wrong_and_near():
    index = Index(chunks=chunked(DOCUMENTS * 1, words=9))
    rng = np.random.default_rng(0)
    pair = Pair("who first wrote of tea", 0)
    found = hard_negatives(pair, index, index.points[0], 4, rng)
    assert len(found) == len(set(found)) and all(index.chunks[place].document != "tea" for place in found)


def test_pairs_know_their_passage_and_the_surest_stay():
    index = Index(chunks=chunked(DOCUMENTS, words=9))
    second = next(c for c in index.chunks if c.document == "rain" and c.start > 0)
    records = [
        {"fields": {"question": "a", "document": "rain", "start": second.start}, "scores": {"confidence": -0.2}},
        {"fields": {"question": "b", "document": "tea", "start": 0}, "scores": {"confidence": -3.0}},
    ]
    (kept,) = pairs_of(records, index, keep=0.5)
    assert kept.query == "a" and index.chunks[kept.place] == second
    with pytest.raises(DataError, match="not here"):
        pairs_of([{"question": "c", "document": "gone"}], index)
    with pytest.raises(DataError, match="no query"):
        pairs_of([{"question": "c", "contexts": []}], index)


def test_a_retriever_is_trained_and_kept(tmp_path):
    index = Index(chunks=chunked(DOCUMENTS))
    pairs = [Pair(f"{word} {topic}", place) for place, topic in enumerate(TOPICS) for word in ("what about", "cost of")]
    retriever = train_retriever(index, pairs, seed=1)
    again = train_retriever(index, pairs, seed=1)
    assert np.array_equal(retriever.adapter.up, again.adapter.up), "one seed, one retriever"
    for way in WAYS:
        assert index.chunks[retriever.rank(index, "how old is chess", 3, way=way)[0]].document == "chess"
    retriever.save(tmp_path / "r")
    loaded = Retriever.load(tmp_path / "r")
    assert loaded.rank(index, "bread", 3) == retriever.rank(index, "bread", 3)
    (tmp_path / "r" / "retriever.json").write_text('{"strength": 9, "queries": 1}')
    with pytest.raises(ArtifactError):
        Retriever.load(tmp_path / "r")
