"""Is a question answered by its passages, by all of them, and by nothing less?

Every test is made by a reader that is not told the answer. What it cannot read is turned away; so is what it knows
without reading, for such a question tells nothing of a retriever.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from veridical.connect.document import Chunk
from veridical.connect.document.chunking import sentences
from veridical.core.rng import stream
from veridical.engines.grounded.alignment import agreement, align
from veridical.engines.grounded.corpus import Corpus
from veridical.engines.grounded.draft import Draft
from veridical.engines.grounded.reader import Reader
from veridical.llm.candidate import Rejection
from veridical.retrieval.index import searched

_SAMPLE = 64  # sentences of the corpus that show how near a question in scope lies
_IN_SCOPE = 0.05  # the share of them that may lie further away


@dataclass(frozen=True, kw_only=True)
class Acceptance:
    """The tests and their limits. `agree` is how far an answer must agree to count as the same, 0 to 1.

    `closed_book` "reject" turns away what the reader knows by heart, "score" only notes it. `searched` is how many
    passages of the whole corpus, nearest by words and meaning, are read for an answer that must not be there.
    """

    corpus: Corpus
    agree: float = 0.6
    closed_book: str = "reject"
    searched: int = 8
    seed: int = 0

    async def answerable(
        self, draft: Draft, gold: Sequence[Chunk], shown: Sequence[Chunk], reader: Reader
    ) -> dict[str, float] | Rejection:
        """Return the scores of a question that has an answer, or which test it failed."""
        scores: dict[str, float] = {}
        said = await reader.answer("read.gold", draft.question, _texts(gold), history=draft.history)
        scores["answerable"] = 0.0 if said is None else agreement(said, draft.answer)
        if scores["answerable"] < self.agree:
            return Rejection("answerable", _told("a reader of its passages answers otherwise", said is None))
        if len(shown) > len(gold):
            said = await reader.answer("read.among", draft.question, _texts(shown), history=draft.history)
            scores["among_distractors"] = 0.0 if said is None else agreement(said, draft.answer)
            if scores["among_distractors"] < self.agree:
                return Rejection("distractors", "a reader is led astray by other passages")
        if len(gold) > 1:
            scores["part"] = await self._by_part(draft, gold, reader)
            if scores["part"] >= self.agree:
                return Rejection("subset", "some of its passages are enough")
        said = await reader.answer("read.closed", draft.asked, ())
        scores["closed_book"] = 0.0 if said is None else agreement(said, draft.answer)
        if scores["closed_book"] >= self.agree and self.closed_book == "reject":
            return Rejection("closed_book", "a reader answers it without any passage")
        return scores

    async def unanswerable(self, draft: Draft, gold: Sequence[Chunk], reader: Reader) -> dict[str, float] | Rejection:
        """Return the scores of a question that nothing in the corpus answers, or why it is none.

        The gold passage and the nearest of the whole corpus are read, one by one: an answer counts only where it
        stands in what was read.
        """
        places = self.corpus.index.top(draft.question, self.searched)
        read = [*gold, *(c for p in places if (c := self.corpus.chunks[p]) not in gold)]
        for number, chunk in enumerate(read):
            said = await reader.answer(f"read.corpus{number}", draft.question, [searched(chunk)])
            if said is not None and align(said, searched(chunk)) is not None:
                return Rejection("answered_in_corpus", "a passage of the corpus answers it")
        nearness = self._nearness(draft.question)
        if draft.kind == "unanswerable" and nearness < self.in_scope:
            return Rejection("scope", f"it lies too far from the corpus (cosine {nearness:.2f})")
        if draft.kind == "out_of_scope" and nearness >= self.in_scope:
            return Rejection("scope", f"it lies within the corpus (cosine {nearness:.2f})")
        return {"passages_read": float(len(read)), "nearness": nearness}

    @cached_property
    def in_scope(self) -> float:
        """The cosine to the nearest passage that 95 % of the corpus's own sentences reach, their own passage aside."""
        from veridical.curate.sentence import embed

        chunks = self.corpus.chunks
        drawn = stream(self.seed, "grounded", "scope").permutation(len(chunks))[:_SAMPLE]
        firsts = []
        for place in drawn:
            start, end = next(sentences(chunks[place].text))
            firsts.append(chunks[place].text[start:end])
        nearness = embed(firsts) @ self.corpus.index.points.T
        nearness[np.arange(len(drawn)), drawn] = -1.0
        return float(np.quantile(nearness.max(axis=1), _IN_SCOPE)) if len(chunks) > 1 else 0.0

    def _nearness(self, question: str) -> float:
        from veridical.curate.sentence import embed

        return float((self.corpus.index.points @ embed([question])[0]).max())

    async def _by_part(self, draft: Draft, gold: Sequence[Chunk], reader: Reader) -> float:
        """Return the best agreement that all passages but one give; a smaller part gives no more."""
        best = 0.0
        for left_out in range(len(gold)):
            part = [searched(chunk) for place, chunk in enumerate(gold) if place != left_out]
            said = await reader.answer(f"read.without{left_out}", draft.question, part, history=draft.history)
            best = max(best, 0.0 if said is None else agreement(said, draft.answer))
        return best


def _texts(chunks: Sequence[Chunk]) -> list[str]:
    return [searched(chunk) for chunk in chunks]


def _told(otherwise: str, nothing: bool) -> str:
    return "a reader of its passages finds no answer" if nothing else otherwise
