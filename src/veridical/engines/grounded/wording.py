"""In which words is a model asked for a question, and for an answer?"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from veridical.engines.grounded.shots import QUESTION_SHOTS, READ_SHOTS, RECALL_SHOTS

FIELDS: Mapping[str, tuple[str, ...]] = {
    "single_hop": ("question", "answer", "quote"),
    "distracting": ("question", "answer", "quote"),
    "multi_hop": ("question", "answer", "quote", "second_quote"),
    "comparison": ("question", "answer", "quote", "second_quote"),
    "conversational": ("first_question", "first_answer", "question", "standalone", "answer", "quote"),
    "unanswerable": ("question",),
    "out_of_scope": ("question",),
}
_WISHES: Mapping[str, str] = {
    "single_hop": "one question that this passage answers",
    "distracting": "one precise question that this passage answers and passages on similar matters do not",
    "multi_hop": "one question that can only be answered by joining a fact of passage 1 with a fact of passage 2 (both "
    "speak of {entity}); describe {entity} by what one passage says of it rather than by name",
    "comparison": "one question that compares what passage 1 and passage 2 are about (which is earlier, larger, more; "
    "or what they have in common), and needs both passages",
    "conversational": "a short talk: a first question and its answer, then a follow-up that can only be understood "
    "after them (it, they, there ...); `standalone` is the follow-up written so that it needs no talk before it",
    "unanswerable": "one question that a reader of this passage might well ask next, on the same matter, but that the "
    "passage does not answer: a detail, number, reason or consequence that is left out",
    "out_of_scope": "one question that people may ask an assistant whose documents are like this passage, on quite "
    "another matter, which such documents will not answer",
}
_CHAT = """{passages}

Write {wish}.
{wishes}Rules: the question names what it is about and never speaks of "the passage" or "the text". The answer is as \
short as possible, copied word for word where that can be. Each quote is copied word for word from its passage and \
holds what the answer rests on. Write question and answer in {language}."""
_READ = """{passages}{history}Question: {question}

Answer from the passages alone, in as few words as possible, copied from them. If they do not hold the answer, say \
exactly NONE."""
_RECALL = """{history}Question: {question}

Answer in as few words as possible, from what you know. If you do not know, say exactly NONE."""
_NONE = re.compile(
    r"^\W*(?:none|no answer|n/?a|unknown|not (?:stated|given|mentioned|known|specified|provided|enough)|unanswerable"
    r"|i (?:do not|don'?t) know|the (?:passages?|text) (?:do|does) not|cannot be"
    r"|없음|없다|없습니다|모름|모릅니다|알 수 없)",
    re.I,
)


def question_for(
    kind: str, passages: Sequence[str], *, entity: str, language: str, wishes: Mapping[str, str]
) -> str:  # fmt: skip
    """Return the prompt of a chat model for a question of a kind."""
    extra = "".join(f"{name}: {value}\n" for name, value in wishes.items())
    return _CHAT.format(
        passages=_numbered(passages),
        wish=_WISHES[kind].format(entity=entity or "the same thing"),
        wishes=f"It must have these properties:\n{extra}" if extra else "",
        language=language,
    )


def completion_for(kind: str, texts: Sequence[str], *, answer: str, language: str) -> str:
    """Return a list of examples that a base model goes on with; what it writes first is the question."""
    shots = QUESTION_SHOTS.get(language, {})
    names = {"multi_hop": "joined", "comparison": "compared", "unanswerable": "open", "out_of_scope": "off"}
    name = names.get(kind, "plain")
    korean = language == "Korean" and name in shots
    shown = shots.get(name) or QUESTION_SHOTS["English"][name]
    lines = "".join(f"{'글' if korean else 'Text'}: {text}\n" for text in texts)
    if kind == "unanswerable":
        return f"{shown}{lines}Question that the text does not answer:"
    if kind == "out_of_scope":
        return f"{shown}{lines}Question on quite another matter:"
    return f"{shown}{lines}{'답' if korean else 'Answer'}: {answer}\n{'질문' if korean else 'Question'}:"


def reading(question: str, passages: Sequence[str], *, history: str = "") -> str:
    """Return the prompt that asks a chat model for an answer, from passages or (without any) from memory."""
    form = _READ if passages else _RECALL
    return form.format(passages=_numbered(passages) + "\n\n", question=question, history=history)


def reading_completion(question: str, passages: Sequence[str], *, history: str = "") -> str:
    """Return the same for a base model."""
    shots = READ_SHOTS if passages else RECALL_SHOTS
    lines = "".join(f"Passage: {' '.join(text.split())}\n" for text in passages)
    return f"{shots}{lines}{history}Question: {question}\nAnswer:"


def says_none(reply: str) -> bool:
    """Return whether a reader says that there is no answer.

    Example:
        >>> says_none("NONE."), says_none("답: 308"), says_none("없음")
        (True, False, True)
    """
    return not reply.strip() or bool(_NONE.match(reply.strip().removeprefix("Answer:").strip()))


def _numbered(passages: Sequence[str]) -> str:
    return "\n\n".join(f"Passage {number}:\n{text}" for number, text in enumerate(passages, start=1))
