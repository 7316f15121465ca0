"""What is known of a question before anybody has tried to answer it?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from veridical.connect.document import Chunk
from veridical.curate.word import plain
from veridical.engines.grounded.alignment import Place, align, coverage
from veridical.llm.candidate import Rejection

_ENOUGH = 0.8  # of an answer's words must stand in its quotes, where the whole does not
_POINTING = ("the passage", "passage 1", "passage 2", "the text", "this text", "the article", "the document", "above")
_KOREAN_POINTING = ("지문", "본문", "위 글", "이 글", "다음 글", "위의")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A question, its answer, and the quotes it rests on, one or more a gold passage."""

    kind: str
    question: str
    answer: str = ""
    quotes: tuple[str, ...] = ()
    first: tuple[str, str] | None = None  # the question and answer before, of a conversation
    standalone: str = ""

    @property
    def asked(self) -> str:
        """The question as it can be asked without a conversation."""
        return self.standalone or self.question

    @property
    def history(self) -> str:
        """The conversation before, in words."""
        return "" if self.first is None else f"Earlier question: {self.first[0]}\nEarlier answer: {self.first[1]}\n"


def draft_of(kind: str, value: Mapping[str, str]) -> Draft:
    """Return the draft that a model's object holds."""
    quotes = tuple(value[name].strip() for name in ("quote", "second_quote") if value.get(name, "").strip())
    first = (value["first_question"], value["first_answer"]) if value.get("first_question") else None
    return Draft(
        kind=kind,
        question=value["question"].strip(),
        answer=value.get("answer", "").strip(),
        quotes=quotes,
        first=first,
        standalone=value.get("standalone", "").strip(),
    )


def fault_of(draft: Draft) -> Rejection | None:
    """Return what is wrong with a question as it stands, or None."""
    if len(draft.question) < 8:
        return Rejection("question", "it is no question")
    low = draft.question.lower()
    if any(word in low for word in _POINTING) or any(word in low for word in _KOREAN_POINTING):
        return Rejection("question", "it points at a passage that its reader does not see")
    if draft.answer and draft.kind != "comparison" and align(draft.answer, draft.asked) is not None:
        return Rejection("gives_away", "the question holds its answer")
    if draft.first is not None and plain(draft.question) == plain(draft.standalone):
        return Rejection("conversation", "the follow-up needs no conversation")
    return None


def spans_of(draft: Draft, gold: Sequence[Chunk]) -> list[dict[str, Any]] | Rejection:
    """Return where the answer and the quotes stand in the documents, or why they do not.

    Each span has a role ("answer" or "evidence"), document, chunk, start, end (characters of the document's text) and
    the text itself. Every quote must stand in a gold passage and every gold passage must be quoted; the answer must
    stand in one word for word, or have four fifths of its words in the quotes.
    """
    spans: list[dict[str, Any]] = []
    quoted: set[str] = set()
    for quote in draft.quotes:
        home = next(((c, p) for c in gold if c.id not in quoted and (p := align(quote, c.text))), None)
        home = home or next(((c, p) for c in gold if (p := align(quote, c.text))), None)
        if home is None:
            return Rejection("alignment", "a quote does not stand in its passage")
        quoted.add(home[0].id)
        spans.append(_span("evidence", *home))
    if len(quoted) < len(gold):
        return Rejection("alignment", "a passage is not quoted")
    answer = _answer_span(draft.answer, spans, gold)
    if answer is not None:
        return [answer, *spans]
    if draft.kind == "comparison" and draft.answer.lower().strip(" .") in (
        "yes",
        "no",
        "both",
        "neither",
        "예",
        "아니오",
    ):
        return spans
    if coverage(draft.answer, " ".join(span["text"] for span in spans)) < _ENOUGH:
        return Rejection("alignment", "the answer does not stand in what is quoted")
    return spans


def _answer_span(answer: str, spans: Sequence[Mapping[str, Any]], gold: Sequence[Chunk]) -> dict[str, Any] | None:
    """Return where the answer stands: within a quote if it can be, else in the passage of one."""
    for chunk in gold:
        for span in spans:
            if span["chunk"] != chunk.id:
                continue
            within = align(answer, chunk.text, start=span["start"] - chunk.start)
            if within is not None and within.end + chunk.start <= span["end"]:
                return _span("answer", chunk, within)
    for chunk in gold:
        if (place := align(answer, chunk.text)) is not None:
            return _span("answer", chunk, place)
    return None


def _span(role: str, chunk: Chunk, place: Place) -> dict[str, Any]:
    return {
        "role": role,
        "document": chunk.document,
        "chunk": chunk.id,
        "start": chunk.start + place.start,
        "end": chunk.start + place.end,
        "text": chunk.text[place.start : place.end],
    }
