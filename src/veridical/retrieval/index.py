"""Which passages of a corpus come first for a query, by words, by meaning, or by both?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from veridical.connect.document import Chunk
from veridical.retrieval.bm25 import BM25

Floats = NDArray[np.float32]
Way = Literal["bm25", "embedding", "hybrid"]
RRF = 60.0  # Cormack, Clarke & Buettcher 2009


@dataclass(frozen=True, kw_only=True)
class Index:
    """A corpus's passages and the two ways to find them; each is built when it is first asked for.

    Example:
        >>> from veridical.connect.document import Document, chunked
        >>> index = Index(chunks=chunked([Document(id="a", text="Cats sleep."), Document(id="b", text="Dogs bark.")]))
        >>> [index.chunks[place].document for place in index.top("barking dog", 1, way="bm25")]
        ['b']
    """

    chunks: tuple[Chunk, ...]
    points_file: Path | None = field(default=None, compare=False)

    @cached_property
    def bm25(self) -> BM25:
        """The words of all passages; a title counts as words of each of its document's passages."""
        return BM25.of([searched(chunk) for chunk in self.chunks])

    @cached_property
    def points(self) -> Floats:
        """The passages' unit vectors, shape (passages, 512).

        Raises:
            MissingExtraError: the embedder is not installed.
        """
        from veridical.curate.sentence import embed

        if self.points_file is not None and self.points_file.exists():
            kept: Floats = np.load(self.points_file, allow_pickle=False)
            if len(kept) == len(self.chunks):
                return kept
        made = np.concatenate([embed([searched(c) for c in part]) for part in _parts(self.chunks)])
        if self.points_file is not None:
            np.save(self.points_file, made, allow_pickle=False)
        return made

    def scores(self, query: str, way: Way = "hybrid") -> Floats:
        """Return one score a passage; "hybrid" fuses the two rankings by reciprocal rank."""
        if way == "bm25":
            return self.bm25.scores(query)
        from veridical.curate.sentence import embed

        meaning: Floats = self.points @ embed([query])[0]
        return meaning if way == "embedding" else fused([self.bm25.scores(query), meaning])

    def top(self, query: str, count: int, *, way: Way = "hybrid", without: Sequence[int] = ()) -> list[int]:
        """Return the places of the best passages, best first; those `without` are left out, and so are passages that
        share no word where only words count."""
        scores = self.scores(query, way)
        left_out = set(without)
        order = best(scores, count + len(left_out))
        found = [int(place) for place in order if int(place) not in left_out and (way != "bm25" or scores[place] > 0)]
        return found[:count]


def searched(chunk: Chunk) -> str:
    """Return what a passage is found by: its document's title and its text."""
    return f"{chunk.title}\n{chunk.text}" if chunk.title and chunk.title not in chunk.text else chunk.text


def best(scores: Floats, count: int) -> NDArray[np.int64]:
    """Return the places of the highest scores, highest first; of equals the first."""
    count = min(count, len(scores))
    if count <= 0:
        return np.zeros(0, np.int64)
    if count < len(scores):
        edge = np.partition(scores, len(scores) - count)[len(scores) - count]
        places = np.flatnonzero(scores >= edge)
    else:
        places = np.arange(len(scores))
    return places[np.argsort(-scores[places], kind="stable")][:count]


def fused(rankings: Sequence[Floats]) -> Floats:
    """Return the sum of 1 / (60 + rank) over several scorings of the same passages."""
    total = np.zeros(len(rankings[0]), np.float32)
    for scores in rankings:
        ranks = np.empty(len(scores), np.float32)
        ranks[np.argsort(-scores, kind="stable")] = np.arange(1, len(scores) + 1)
        total += 1.0 / (RRF + ranks)
    return total


def _parts(chunks: Sequence[Chunk], size: int = 2_000) -> list[Sequence[Chunk]]:
    return [chunks[at : at + size] for at in range(0, max(len(chunks), 1), size)]
