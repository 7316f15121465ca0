"""A retriever that learned from synthetic queries: how is it trained, used and kept?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veridical.core.rng import stream
from veridical.retrieval.adapter import STRENGTHS, Adapter, Floats, learn_adapter
from veridical.retrieval.encoder import Encoder
from veridical.retrieval.gain import gain_of, ndcg_at
from veridical.retrieval.index import Index, best, searched
from veridical.retrieval.lesson import learn_encoder
from veridical.retrieval.pairs import Pair, hard_negatives
from veridical.retrieval.reranker import Reranker, candidates, features_of, learn_reranker

WAYS = ("bm25", "embedding", "hybrid", "adapted", "reranked")
ENCODED = ("encoder", "blended")  # what an encoder adds
BLEND = 1.0  # what a cosine of 1 counts for beside the best BM25 score; 0.5 to 1.5 do about as well
KIND = "retriever"
_CHECKED = 0.2  # of the synthetic queries decide how strongly the adapter turns
_WRONG = 6


@dataclass(frozen=True, kw_only=True)
class Retriever:
    """An adapter, a reranker, perhaps an encoder, and what they were learned from."""

    adapter: Adapter
    reranker: Reranker
    strength: float
    queries: int
    encoder: Encoder | None = None
    _encoded: list[tuple[Index, Floats]] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def ways(self) -> tuple[str, ...]:
        """The ways that this retriever knows to search."""
        return WAYS if self.encoder is None else (*WAYS, *ENCODED)

    def rank(self, index: Index, query: str, count: int = 10, *, way: str = "reranked") -> list[int]:
        """Return the places of the best passages by one of `ways`, best first."""
        from veridical.curate.sentence import embed

        if way in ENCODED:
            return [int(place) for place in best(self._by_encoder(index, query, way), count)]
        if way == "bm25":
            return index.top(query, count, way="bm25")
        if way == "hybrid":
            return index.top(query, count, way="hybrid")
        point = embed([query])
        cosine = (point @ index.points.T)[0]
        if way == "embedding":
            return [int(place) for place in best(cosine, count)]
        turned = (self.adapter.turned(point) @ index.points.T)[0]
        if way == "adapted":
            return [int(place) for place in best(turned, count)]
        bm25 = index.bm25.scores(query)
        places = candidates(bm25, cosine, turned)
        scores = self.reranker.scores(features_of(query, places, index, bm25, cosine, turned))
        return [int(places[at]) for at in best(scores, count)]

    def save(self, folder: Path) -> None:
        """Write the retriever into a sealed folder: JSON and an .npz of plain numbers.

        Raises:
            VeridicalError: the place cannot be written.
        """
        from veridical.store.artifact import seal
        from veridical.store.runfolder import write_json, writing_folder

        with writing_folder(folder) as target:
            np.savez(target / "weights.npz", down=self.adapter.down, up=self.adapter.up, rank=self.reranker.weights)
            write_json(target / "retriever.json", {"strength": self.strength, "queries": self.queries})
            if self.encoder is not None:
                np.savez(target / "encoder.npz", points=self.encoder.points, log_weights=self.encoder.log_weights)
                write_json(target / "encoder.json", {"terms": list(self.encoder.terms)})
            seal(target, KIND, 1)

    @classmethod
    def load(cls, folder: Path) -> Retriever:
        """Return the retriever that `save` wrote.

        Raises:
            ArtifactError: the folder is no such thing, or was changed.
        """
        from veridical.store.artifact import open_sealed

        open_sealed(folder, KIND)
        with np.load(folder / "weights.npz", allow_pickle=False) as kept:
            adapter, reranker = Adapter(kept["down"], kept["up"]), Reranker(kept["rank"])
        about = json.loads((folder / "retriever.json").read_text(encoding="utf-8"))
        encoder = _kept_encoder(folder) if (folder / "encoder.json").is_file() else None
        return cls(
            adapter=adapter, reranker=reranker, strength=about["strength"], queries=about["queries"], encoder=encoder
        )  # fmt: skip

    def _by_encoder(self, index: Index, query: str, way: str) -> Floats:
        assert self.encoder is not None
        if not self._encoded or self._encoded[0][0] is not index:
            self._encoded[:] = [(index, self.encoder.encode([searched(chunk) for chunk in index.chunks]))]
        cosine: Floats = self._encoded[0][1] @ self.encoder.encode([query])[0]
        if way == "encoder":
            return cosine
        bm25 = index.bm25.scores(query)
        blended: Floats = bm25 / max(float(bm25.max()), 1e-9) + BLEND * cosine
        return blended


def train_retriever(index: Index, pairs: Sequence[Pair], *, seed: int = 0, encoder: str = "none") -> Retriever:
    """Return a retriever learned from the documents and synthetic queries alone.

    `encoder` "none" leaves it out, "spans" teaches it the documents' own sentences, "queries" the queries too (torch).
    The adapter learns on four fifths of them; the rest says how strongly it turns (perhaps not at all), and teaches the
    reranker, which so sees the adapter on queries that it did not learn.
    """
    from veridical.curate.sentence import embed

    rng = stream(seed, "retrieval", "train")
    order = rng.permutation(len(pairs))
    cut = max(1, round(_CHECKED * len(pairs)))
    held, learned = [pairs[int(i)] for i in order[:cut]], [pairs[int(i)] for i in order[cut:]] or [*pairs]
    points = embed([pair.query for pair in learned])
    wrong = [hard_negatives(pair, index, point, _WRONG, rng) for pair, point in zip(learned, points, strict=True)]
    # First, since it needs what may not be installed.
    learned_encoder = _learned_encoder(index, learned if encoder == "queries" else [], wrong, seed, encoder)
    full = learn_adapter(points, index.points, [pair.place for pair in learned], wrong, rng)
    checked = embed([pair.query for pair in held])
    strength = _strength(full, checked, held, index)
    adapter = full.weaker(strength)
    groups = [_group(pair, adapter, index) for pair in (*held, *learned[: 3 * len(held)])]
    reranker = learn_reranker([group for group in groups if group is not None], rng)
    return Retriever(
        adapter=adapter, reranker=reranker, strength=strength, queries=len(pairs), encoder=learned_encoder
    )  # fmt: skip


def _learned_encoder(
    index: Index, pairs: Sequence[Pair], wrong: Sequence[Sequence[int]], seed: int, how: str
) -> Encoder | None:  # fmt: skip
    if how == "none":
        return None
    return learn_encoder(index, pairs, wrong[: len(pairs)], stream(seed, "retrieval", "encoder"))


def _kept_encoder(folder: Path) -> Encoder:
    about: dict[str, Any] = json.loads((folder / "encoder.json").read_text(encoding="utf-8"))
    with np.load(folder / "encoder.npz", allow_pickle=False) as kept:
        terms = {term: place for place, term in enumerate(about["terms"])}
        return Encoder(terms, kept["points"], kept["log_weights"])


def _strength(full: Adapter, points: Floats, pairs: Sequence[Pair], index: Index) -> float:
    """Return how strongly to turn: what does best on queries kept apart, if it surely does better than no turn."""
    before = _worth(full.weaker(0.0), points, pairs, index)
    found = {share: _worth(full.weaker(share), points, pairs, index) for share in STRENGTHS}
    strength = max(STRENGTHS, key=lambda share: (round(float(found[share].mean()), 4), -share))
    return strength if gain_of(before, found[strength]).low > 0 else 0.0


def _worth(adapter: Adapter, points: Floats, pairs: Sequence[Pair], index: Index) -> NDArray[np.float64]:
    scores = adapter.turned(points) @ index.points.T
    ranked = [[str(int(place)) for place in best(row, 10)] for row in scores]
    return np.array([ndcg_at(r, {str(p.place)}, 10) for r, p in zip(ranked, pairs, strict=True)])


def _group(pair: Pair, adapter: Adapter, index: Index) -> tuple[Floats, int] | None:
    from veridical.curate.sentence import embed

    point = embed([pair.query])
    bm25, cosine = index.bm25.scores(pair.query), (point @ index.points.T)[0]
    turned = (adapter.turned(point) @ index.points.T)[0]
    places = np.union1d(candidates(bm25, cosine, turned), [pair.place])
    if len(places) < 2:
        return None
    features = features_of(pair.query, places, index, bm25, cosine, turned)
    return features, int(np.flatnonzero(places == pair.place)[0])
