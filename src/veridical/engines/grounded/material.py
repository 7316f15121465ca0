"""Which passages does a question of each kind stand on?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from veridical.core.rng import stream
from veridical.engines.grounded.corpus import Corpus
from veridical.engines.grounded.entity import shared_entities
from veridical.llm.draw import rotated

KINDS = ("single_hop", "multi_hop", "comparison", "conversational", "distracting", "unanswerable", "out_of_scope")
TWO = ("multi_hop", "comparison")
_NEAR = 8


@dataclass(frozen=True)
class Material:
    """Passages by turns: all of them are used before one comes again."""

    corpus: Corpus
    seed: int

    def gold(self, kind: str, turn: int) -> tuple[list[int], str]:
        """Return the places of the gold passages of a kind's task number `turn`, and the entity they share ("").

        No passage is gold for what lies out of scope; two are where two hops are wanted, if the corpus allows.
        """
        if kind == "multi_hop" and self.bridges:
            (at,) = rotated(len(self.bridges), 1, seed=self.seed, path="bridge", turn=turn)
            entity, one, two = self.bridges[at]
            return [one, two], entity
        (place,) = rotated(len(self.corpus.chunks), 1, seed=self.seed, path=f"gold.{kind}", turn=turn)
        if kind == "comparison":
            other = self.beside(place, 1, question=self.corpus.chunks[place].text)
            return [place, *other], ""
        return [place], ""

    def beside(self, place: int, count: int, *, question: str, without: str = "") -> list[int]:
        """Return the passages of other documents that are likest a question; none that says what is `without`."""
        from veridical.engines.grounded.alignment import align

        chunks = self.corpus.chunks
        own = [other for other, chunk in enumerate(chunks) if chunk.document == chunks[place].document]
        near = self.corpus.index.top(question, count + _NEAR, way="bm25", without=own)
        return [p for p in near if not (without and align(without, chunks[p].text))][:count]

    def shuffled(self, places: list[int], turn: int) -> list[int]:
        """Return places in an order that does not tell which is gold."""
        order = stream(self.seed, "grounded", "order", turn).permutation(len(places))
        return [places[int(at)] for at in order]

    @cached_property
    def bridges(self) -> tuple[tuple[str, int, int], ...]:
        """Pairs of passages of different documents, with a name that both hold and few others do."""
        chunks = self.corpus.chunks
        found = []
        for entity, places in shared_entities(chunks).items():
            pair = next(
                (
                    (one, two)
                    for at, one in enumerate(places)
                    for two in places[at + 1 :]
                    if chunks[one].document != chunks[two].document
                ),
                None,
            )
            if pair is not None:
                found.append((entity, *pair))
        return tuple(found)
