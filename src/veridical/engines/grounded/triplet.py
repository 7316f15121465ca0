"""Question, context and answer from documents: accepted only where the answer stands in the source.

Kinds as in Ragas and in MuSiQue (Trivedi et al. 2022): single-hop, multi-hop over a shared name, comparison,
conversational, distracting; unanswerable as in SQuAD 2.0 (Rajpurkar et al. 2018); out of scope.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from veridical.connect.document import Chunk
from veridical.core.errors import SpecError
from veridical.core.rng import stream
from veridical.curate.setting import configured
from veridical.curate.word import one_line
from veridical.engines.grounded.acceptance import Acceptance
from veridical.engines.grounded.corpus import Corpus, corpus_of
from veridical.engines.grounded.draft import Draft, draft_of, fault_of, spans_of
from veridical.engines.grounded.entity import answers_of, sentence_at
from veridical.engines.grounded.material import KINDS, TWO, Material
from veridical.engines.grounded.reader import Reader
from veridical.engines.grounded.wording import FIELDS, completion_for, question_for
from veridical.llm.candidate import Ask, Candidate, Rejection
from veridical.llm.draw import drawn
from veridical.llm.structured import unusable
from veridical.llm.trail import Sampling, Trail, identity_of
from veridical.retrieval.index import searched

_OPEN = ("unanswerable", "out_of_scope")


@configured
@dataclass(frozen=True, kw_only=True)
class Grounded:
    """One question a task, of the kind that the quotas want next (`kind`), else each of `kinds` by turns.

    `styles`, `lengths` and `personas` are drawn in balance and go out with the record. `style` "completion" is for
    base and very small models: the answer is chosen from the passage by rules and the model goes on with examples;
    conversations need a chat model. `reader` is the role that tries to answer. Limits: see `Acceptance`.
    """

    documents: str
    chunk_words: int = 120
    kinds: tuple[str, ...] = ("single_hop", "multi_hop", "comparison", "distracting", "unanswerable", "out_of_scope")
    styles: tuple[str, ...] = ()
    lengths: tuple[str, ...] = ()
    personas: tuple[str, ...] = ()
    distractors: int = 3
    language: str = "English"
    style: Literal["chat", "completion"] = "chat"
    reader: str = "teacher"
    agree: float = 0.6
    closed_book: Literal["reject", "score"] = "reject"
    searched: int = 8
    sampling: Sampling = Sampling(temperature=0.7, max_tokens=512)  # noqa: RUF009 - frozen
    beside: Path = field(default=Path(), compare=False)
    seed: int = 0

    def __post_init__(self) -> None:
        unknown = [kind for kind in self.kinds if kind not in KINDS]
        if unknown or not self.kinds:
            raise SpecError(
                f"no kind of question is called {', '.join(map(repr, unknown)) or 'nothing'}",
                where="recipe.kinds",
                fix=f"use {', '.join(KINDS)}",
            )

    @cached_property
    def corpus(self) -> Corpus:
        """The documents."""
        return corpus_of(self.beside, self.documents, self.chunk_words)

    @cached_property
    def material(self) -> Material:
        """Which passages come next."""
        return Material(self.corpus, self.seed)

    @cached_property
    def acceptance(self) -> Acceptance:
        """What a question must pass."""
        return Acceptance(
            corpus=self.corpus,
            agree=self.agree,
            closed_book=self.closed_book,
            searched=self.searched,
            seed=self.seed,
        )

    @cached_property
    def identity(self) -> Mapping[str, Any]:
        """Everything that decides what is asked; documents count by what they say."""
        about = identity_of(self, "grounded")
        about["options"] = {k: v for k, v in about["options"].items() if k not in ("beside", "documents")}
        return {**about, "corpus": self.corpus.digest}

    def plan(self, number: int, wanted: Mapping[str, str]) -> Mapping[str, Any]:
        """Return the kind, the gold passages and the drawn style, length and persona of a task."""
        options = {"kind": self.kinds, "style": self.styles, "length": self.lengths, "persona": self.personas}
        attributes = {**drawn(options, seed=self.seed, path="attribute", turn=number), **wanted}
        kind = attributes["kind"]
        if kind not in KINDS or (kind == "conversational" and self.style == "completion"):
            fix = "conversations need `style: chat`" if kind in KINDS else f"use {', '.join(KINDS)}"
            raise SpecError(f"no question of kind {kind!r} can be made", where="quotas.kind", fix=fix)
        gold, entity = self.material.gold(kind, number)
        source = ", ".join(self.corpus.chunks[place].id for place in gold)
        # "entity" is no attribute of the record: it is passed in a list, which trails do not take for one.
        return {"task": number, **attributes, "gold": gold, "entity": [entity], "source": source}

    async def make(self, spec: Mapping[str, Any], ask: Ask) -> Sequence[Candidate]:
        """Ask for a question, then let the reader try it."""
        trail = Trail.of(spec, ask, seed=self.seed)
        kind = str(spec["kind"])
        gold = [self.corpus.chunks[place] for place in spec["gold"]]
        draft = await (self._chat if self.style == "chat" else self._completion)(trail, kind, gold, spec)
        if isinstance(draft, Candidate):
            return [draft]
        why = fault_of(draft)
        if why is not None:
            return [_rejected(trail, draft, why)]
        reader = Reader(trail, self.reader, self.style)
        if kind in _OPEN:
            read = await self.acceptance.unanswerable(draft, [] if kind == "out_of_scope" else gold, reader)
            if isinstance(read, Rejection):
                return [_rejected(trail, draft, read)]
            return [trail.record(_fields(draft, gold if kind == "unanswerable" else [], gold, []), **read)]
        return [await self._answered(trail, draft, gold, spec, reader)]

    async def _answered(
        self, trail: Trail, draft: Draft, gold: Sequence[Chunk], spec: Mapping[str, Any], reader: Reader
    ) -> Candidate:
        if draft.kind in TWO and len(gold) < 2:
            return _rejected(trail, draft, Rejection("corpus", "no second passage goes with this one"))
        spans = spans_of(draft, gold)
        if isinstance(spans, Rejection):
            return _rejected(trail, draft, spans)
        shown = self._shown(draft, spec)
        scores = await self.acceptance.answerable(draft, gold, shown, reader)
        if isinstance(scores, Rejection):
            return _rejected(trail, draft, scores)
        return trail.record(_fields(draft, gold, shown, spans), **scores)

    async def _chat(
        self, trail: Trail, kind: str, gold: Sequence[Chunk], spec: Mapping[str, Any]
    ) -> Draft | Candidate:  # fmt: skip
        wishes = {name: str(spec[name]) for name in ("style", "length", "persona") if name in spec}
        question = question_for(
            kind, [searched(c) for c in gold], entity=spec["entity"][0], language=self.language, wishes=wishes
        )
        made = await trail.fill("write", question, FIELDS[kind], self.sampling)
        return made if isinstance(made, Candidate) else draft_of(kind, made)

    async def _completion(
        self, trail: Trail, kind: str, gold: Sequence[Chunk], spec: Mapping[str, Any]
    ) -> Draft | Candidate:  # fmt: skip
        rng = stream(self.seed, "grounded", "answer", int(spec["task"]))
        answer, quotes = "", tuple(one_line(chunk.text) for chunk in gold)
        if kind not in _OPEN:
            # The last passage holds the answer; the others lead there by the name they share.
            places = answers_of(gold[-1].text)
            if not places:
                return _rejected(trail, Draft(kind=kind, question=""), Rejection("corpus", "it holds no short answer"))
            chosen = places[int(rng.integers(len(places)))]
            answer = gold[-1].text[chosen.start : chosen.end]
            sentence = sentence_at(gold[-1].text, chosen)
            quotes = (*(_about(c, spec["entity"][0]) for c in gold[:-1]), gold[-1].text[sentence.start : sentence.end])
        prompt = completion_for(kind, [one_line(q) for q in quotes], answer=answer, language=self.language)
        reply = await trail.go_on("write", prompt, self.sampling, stop=("\n",))
        question = one_line(reply.text)
        if unusable(reply) or not question:
            return trail.broken(reply)
        return Draft(kind=kind, question=question, answer=answer, quotes=quotes if answer else ())

    def _shown(self, draft: Draft, spec: Mapping[str, Any]) -> list[Chunk]:
        """Return the passages that go out with a question: the gold ones, and for a distracting one others too."""
        places = list(spec["gold"])
        if draft.kind == "distracting":
            near = self.material.beside(places[0], self.distractors, question=draft.question, without=draft.answer)
            places = self.material.shuffled([*places, *near], int(spec["task"]))
        return [self.corpus.chunks[place] for place in places]


def _fields(
    draft: Draft, gold: Sequence[Chunk], shown: Sequence[Chunk], spans: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:  # fmt: skip
    ids = {chunk.id for chunk in gold}
    return {
        "kind": draft.kind,
        "question": draft.question,
        "answer": draft.answer,
        "answerable": bool(draft.answer),
        "history": [] if draft.first is None else [{"question": draft.first[0], "answer": draft.first[1]}],
        "standalone": draft.asked,
        "contexts": [
            {
                "chunk": chunk.id,
                "document": chunk.document,
                "start": chunk.start,
                "end": chunk.end,
                "gold": chunk.id in ids and bool(draft.answer),
                "text": chunk.text,
            }
            for chunk in shown
        ],
        "spans": list(spans),
    }


def _rejected(trail: Trail, draft: Draft, why: Rejection) -> Candidate:
    made = trail.record({"kind": draft.kind, "question": draft.question, "answer": draft.answer})
    return replace(made, rejected=why)


def _about(chunk: Chunk, entity: str) -> str:
    """Return the sentence of a passage that names an entity, else its first."""
    from veridical.connect.document.chunking import sentences

    found = [chunk.text[start:end] for start, end in sentences(chunk.text)]
    return next((sentence for sentence in found if entity and entity in sentence), found[0])
