"""Which queries would find this passage? Training data for retrievers.

Bonifacio et al. 2022, "InPars": three examples, greedy decoding, at most 64 tokens, and the queries whose tokens were
likeliest are kept. Jeronymo et al. 2023, "InPars-v2": a ranker's opinion is the better filter; here a query may be
asked to find its own passage again (Dai et al. 2023, "Promptagator").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from veridical.connect.document import Chunk
from veridical.core.errors import SpecError
from veridical.curate.setting import configured
from veridical.curate.word import one_line, plain, words_of
from veridical.engines.grounded.corpus import Corpus, corpus_of
from veridical.llm.candidate import Ask, Candidate, Rejection
from veridical.llm.draw import rotated
from veridical.llm.structured import unusable
from veridical.llm.trail import Sampling, Trail, identity_of
from veridical.retrieval.index import searched

_SHOTS: Mapping[str, tuple[Mapping[str, str], ...]] = {
    "English": (
        {
            "text": "The keel of a sailing boat does two jobs: its weight keeps the boat upright, and its shape keeps "
            "the wind from pushing the boat sideways.",
            "question": "why does a sailing boat need a keel",
        },
        {
            "text": "Rye bread rises less than wheat bread because rye flour holds little gluten; bakers rely on sour "
            "dough, whose acid stops enzymes from breaking the starch down.",
            "question": "what does sour dough do in rye bread",
        },
        {
            "text": "The town library was founded in 1871 by the widow of a mill owner, Agnes Tull, who left it her "
            "house and four thousand books.",
            "question": "who founded the town library in 1871",
        },
    ),
    "Korean": (
        {
            "text": "돛단배의 용골은 두 가지 일을 한다. 무게로 배가 뒤집히지 않게 하고, "
            "모양으로 바람에 옆으로 밀리지 않게 한다.",
            "question": "돛단배에 용골이 필요한 이유는 무엇인가?",
        },
        {
            "text": "호밀가루에는 글루텐이 적어서 호밀빵은 밀빵보다 덜 부푼다. "
            "그래서 제빵사는 산이 든 발효 반죽을 쓴다.",
            "question": "호밀빵이 밀빵보다 덜 부푸는 까닭은?",
        },
        {
            "text": "마을 도서관은 1871년 방앗간 주인의 아내가 집과 책 사천 권을 남겨 세워졌다.",
            "question": "마을 도서관은 언제 세워졌는가?",
        },
    ),
}  # fmt: skip


@configured
@dataclass(frozen=True, kw_only=True)
class InPars:
    """One query a task, for the next passage of the documents; every passage gets one before any gets two.

    `seeds` are examples ({text, question}) of the queries wanted; three that come with veridical where there are none.
    `chunk_words` is how much of a document is shown at once. `at_least` is the lowest mean log-probability that stays
    (InPars keeps the best 10 of 100: see `confidence` in the scores); `found_within` k keeps queries whose passage is
    among the first k that BM25 finds (0: not asked).
    """

    documents: str
    chunk_words: int = 120
    shots: int = 3
    language: str = "English"
    at_least: float | None = None
    found_within: int = 0
    words_at_least: int = 3
    sampling: Sampling = Sampling(temperature=0.0, max_tokens=64, logprobs=True)  # noqa: RUF009 - frozen
    seeds: tuple[Mapping[str, Any], ...] = ()
    beside: Path = field(default=Path(), compare=False)
    seed: int = 0

    def __post_init__(self) -> None:
        for number, record in enumerate(self.seeds):
            if not all(isinstance(record.get(name), str) for name in ("text", "question")):
                fix = "each needs a `text` and the `question` that finds it"
                raise SpecError(f"seed {number} is no example of a query", where="recipe.inpars", fix=fix)

    @cached_property
    def corpus(self) -> Corpus:
        """The documents."""
        return corpus_of(self.beside, self.documents, self.chunk_words)

    @cached_property
    def identity(self) -> Mapping[str, Any]:
        """Everything that decides what is asked; documents count by what they say."""
        about = identity_of(self, "inpars")
        about["options"] = {k: v for k, v in about["options"].items() if k not in ("beside", "documents")}
        return {**about, "corpus": self.corpus.digest}

    def plan(self, number: int, wanted: Mapping[str, str]) -> Mapping[str, Any]:
        """Return the passage of a task."""
        (place,) = rotated(len(self.corpus.chunks), 1, seed=self.seed, path="passage", turn=number)
        return {"task": number, **wanted, "place": place, "source": self.corpus.chunks[place].id}

    async def make(self, spec: Mapping[str, Any], ask: Ask) -> Sequence[Candidate]:
        """Ask for one query."""
        trail = Trail.of(spec, ask, seed=self.seed)
        place = int(spec["place"])
        chunk = self.corpus.chunks[place]
        reply = await trail.go_on("query", self._prompt(chunk), self.sampling, stop=("\n",))
        query = one_line(reply.text)
        if unusable(reply) or not query:
            return [trail.broken(reply)]
        made = trail.record(_fields(query, chunk))
        why = self._fault(query, place, made.scores.get("confidence"))
        return [made if why is None else replace(made, rejected=why)]

    def _prompt(self, chunk: Chunk) -> str:
        given = self.seeds or _SHOTS.get(self.language, _SHOTS["English"])
        shown = [*({"text": one_line(r["text"]), "question": r["question"]} for r in given[: self.shots])]
        parts = [f"Document: {shot['text']}\nRelevant query: {shot['question']}\n" for shot in shown]
        return "\n".join([*parts, f"Document: {one_line(searched(chunk))}\nRelevant query:"])

    def _fault(self, query: str, place: int, confidence: float | None) -> Rejection | None:
        if len(words_of(query)) < self.words_at_least:
            return Rejection("length", f"under {self.words_at_least} words")
        given = self.seeds or _SHOTS.get(self.language, _SHOTS["English"])
        if plain(query) in {plain(str(record["question"])) for record in given}:
            return Rejection("copied", "it is the query of an example")
        if self.at_least is not None and (confidence is None or confidence < self.at_least):
            said = "the server gave no log-probabilities" if confidence is None else f"mean {confidence:.2f}"
            return Rejection("log_prob", f"{said}; at least {self.at_least:g} is wanted")
        if self.found_within and place not in self.corpus.index.top(query, self.found_within, way="bm25"):
            return Rejection("round_trip", f"it does not find its passage among {self.found_within}")
        return None


def _fields(query: str, chunk: Chunk) -> dict[str, Any]:
    return {
        "question": query,
        "context": chunk.text,
        "document": chunk.document,
        "chunk": chunk.id,
        "start": chunk.start,
        "end": chunk.end,
    }
