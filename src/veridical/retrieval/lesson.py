"""From what, and how, does an encoder learn which passage a text belongs to? By torch, an extra.

First from the documents themselves: each sentence and title is a query for what is left of its passage without it
(the inverse cloze task: Lee, Chang & Toutanova 2019). Then from synthetic queries with hard negatives. The loss is the
softmax over the right passage and the other ones of the batch (van den Oord et al. 2018), by Adam.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from veridical.connect.document.chunking import sentences
from veridical.core.errors import MissingExtraError
from veridical.retrieval.encoder import Bag, Encoder, Floats, bag_of, saturated
from veridical.retrieval.index import Index, searched
from veridical.retrieval.pairs import Pair

WIDTH, HEAT, BATCH, STEPS, RATE = 256, 0.05, 256, 300, 2e-3
MOST_WORDS = 60_000  # the commonest; what is rarer is found by BM25 anyway
QUERY_ROUNDS, QUERY_BATCH, QUERY_RATE = 5, 32, 1e-3
_LEAST = 3  # words of a sentence that can tell its passage


@dataclass(frozen=True, slots=True)
class Lesson:
    """A query's words, the place of its passage, the words of what it shall find, and passages that are wrong."""

    query: Bag
    place: int
    found: Bag
    wrong: tuple[int, ...] = ()


def learn_encoder(
    index: Index,
    pairs: Sequence[Pair],
    wrong: Sequence[Sequence[int]],
    rng: np.random.Generator,
    *,
    steps: int = STEPS,
) -> Encoder:
    """Return the encoder of an index's passages, learned from their own sentences and from queries with wrong passages.

    Raises:
        MissingExtraError: torch, or the embedder that words begin from, is not installed.
    """
    torch = _torch()
    terms = _vocabulary(index)
    bags = [bag_of(searched(chunk), terms) for chunk in index.chunks]
    net = _Net(torch, _first_points(list(terms)), _rarities(index, terms))
    own = _spans(index, terms, bags)
    if own:
        batch = min(BATCH, max(QUERY_BATCH, len(own) // 10))
        net.learn(own, bags, rng, steps=steps, batch=batch, rate=RATE)
    asked = [
        Lesson(query, pair.place, bags[pair.place], tuple(places))
        for pair, places in zip(pairs, wrong, strict=True)
        if (query := bag_of(pair.query, terms))
    ]
    if asked:
        rounds = QUERY_ROUNDS * -(-len(asked) // QUERY_BATCH)
        net.learn(asked, bags, rng, steps=rounds, batch=QUERY_BATCH, rate=QUERY_RATE)
    return net.encoder(terms)


class _Net:
    """Points and weights of words under training."""

    def __init__(self, torch: Any, points: Floats, rarities: Floats) -> None:
        self._torch = torch
        self.points = torch.tensor(points, requires_grad=True)
        self.log_weights = torch.tensor(np.log(rarities), requires_grad=True)

    def learn(
        self, lessons: Sequence[Lesson], bags: Sequence[Bag], rng: np.random.Generator, *, steps: int, batch: int,
        rate: float,
    ) -> None:  # fmt: skip
        torch = self._torch
        adam = torch.optim.Adam([self.points, self.log_weights], lr=rate)
        draw = _in_turn(len(lessons), min(batch, len(lessons)), rng)
        for _ in range(steps):
            chosen = [lessons[int(place)] for place in draw()]
            wrong = [each.wrong[int(rng.integers(len(each.wrong)))] for each in chosen if each.wrong]
            queries = self._encoded([each.query for each in chosen])
            passages = self._encoded([each.found for each in chosen] + [bags[place] for place in wrong])
            scores = queries @ passages.T / HEAT
            # Another lesson's passage may be this one's own: it is no wrong answer.
            places = np.array([*(each.place for each in chosen), *wrong])
            same = places[None, :] == places[: len(chosen), None]
            same[np.arange(len(chosen)), np.arange(len(chosen))] = False
            scores = scores.masked_fill(torch.tensor(same), -1e9)
            loss = torch.nn.functional.cross_entropy(scores, torch.arange(len(chosen)))
            adam.zero_grad()
            loss.backward()
            adam.step()

    def encoder(self, terms: Mapping[str, int]) -> Encoder:
        return Encoder(terms, self.points.detach().numpy().copy(), self.log_weights.detach().numpy().copy())

    def _encoded(self, bags: Sequence[Bag]) -> Any:
        torch = self._torch
        words = torch.tensor([word for bag in bags for word in bag], dtype=torch.long)
        counts = np.array([count for bag in bags for count in bag.values()], np.float32)
        weights = torch.tensor(saturated(counts)) * torch.exp(self.log_weights[words])
        starts = torch.tensor(np.cumsum([0, *(len(bag) for bag in bags)])[:-1])
        summed = torch.nn.functional.embedding_bag(
            words, self.points, starts, mode="sum", per_sample_weights=weights
        )  # fmt: skip
        return torch.nn.functional.normalize(summed, dim=1)


def _spans(index: Index, terms: Mapping[str, int], bags: Sequence[Bag]) -> list[Lesson]:
    """Return a lesson for each title and sentence that leaves something of its passage to be found."""
    lessons = []
    for place, chunk in enumerate(index.chunks):
        texts = [chunk.text[start:end] for start, end in sentences(chunk.text)]
        for text in ([chunk.title] if chunk.title else []) + texts:
            query = bag_of(text, terms)
            rest = {word: left for word, count in bags[place].items() if (left := count - query.get(word, 0)) > 0}
            if len(query) >= _LEAST and len(rest) >= _LEAST:
                lessons.append(Lesson(query, place, rest))
    return lessons


def _vocabulary(index: Index) -> dict[str, int]:
    """Return the commonest words of the passages, each with its place."""
    held = np.diff(index.bm25.weights.indptr)
    words = sorted(index.bm25.terms, key=lambda word: (-held[index.bm25.terms[word]], word))
    return {word: place for place, word in enumerate(words[:MOST_WORDS])}


def _rarities(index: Index, terms: Mapping[str, int]) -> Floats:
    """Return the weight that words begin with: how rare they are, as BM25 counts it."""
    held = np.diff(index.bm25.weights.indptr)[[index.bm25.terms[word] for word in terms]]
    made: Floats = np.log1p((index.bm25.count - held + 0.5) / (held + 0.5)).astype(np.float32)
    return np.maximum(made, np.float32(1e-3))


def _first_points(words: Sequence[str]) -> Floats:
    """Return where words begin: the embedder's point of each, turned onto the directions in which they differ most."""
    from veridical.curate.sentence import embed

    points = np.concatenate([embed(words[at : at + 2_000]) for at in range(0, len(words), 2_000)])
    points = points - points.mean(axis=0)
    _, directions = np.linalg.eigh(points.T @ points)
    kept = points @ directions[:, -WIDTH:]
    made: Floats = (kept / np.maximum(np.linalg.norm(kept, axis=1, keepdims=True), 1e-9)).astype(np.float32)
    return made


def _in_turn(count: int, batch: int, rng: np.random.Generator) -> Callable[[], np.ndarray[Any, Any]]:
    """Return a drawer of batches that takes every lesson once before it takes one twice."""
    left = rng.permutation(count)

    def draw() -> np.ndarray[Any, Any]:
        nonlocal left
        if len(left) < batch:
            left = np.concatenate([left, rng.permutation(count)])
        taken, left = left[:batch], left[batch:]
        return taken

    return draw


def _torch() -> Any:
    try:
        import torch
    except ModuleNotFoundError as missing:
        raise MissingExtraError(
            "an encoder is learned by torch, which is not installed", where="encoder",
            fix="pip install 'veridical[encoder]', or leave out `--encoder`",
        ) from missing  # fmt: skip
    return torch
