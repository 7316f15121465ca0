"""Did the model decline, or talk about itself, instead of writing the record?"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from veridical.curate.setting import configured
from veridical.curate.word import joined
from veridical.llm.candidate import Ask, Candidate, Rejection

# Said at the start of a reply these decline; in the middle they may be part of a story.
_OPENINGS = re.compile(
    r"^\W*(?:(?:i['’]?m|i am) (?:really |very |so |truly )?sorry,? "
    r"(?:but|i can|for (?:the|any) (?:mis|confusion|inconv))"
    r"|(?:unfortunately|sorry),? (?:but )?(?:i|as an?) (?:can(?:no|['’])t|am (?:not able|unable)|ai|language model)"
    r"|i (?:apologi[sz]e|regret),? (?:but|for (?:the|any)|that i)"
    r"|(?:i (?:can(?:no|['’])t|am (?:not able|unable) to|won['’]t be able to)) "
    r"(?:help|assist|comply|fulfil|provide|create|generate|answer|write|do that|continue|engage|discuss)"
    r"|(?:sure|certainly|of course|absolutely)[!,.:]? (?:here|i['’]?(?:d|ll)|let me)"
    r"|here(?:['’]s| is| are) (?:the|a|an|your|another|some|\d+)(?: \w+){0,3} "
    r"(?:text|example|version|question|record|sentence)s?\b"
    r"|(?:죄송(?:합니다|하지만|해요)|미안하지만)[,. ].{0,40}(?:없|어렵|못|불가)"
    r"|(?:물론(?:이죠|입니다|이지요)|네,? 알겠습니다)[!,. ])",
    re.I | re.S,
)
_ANYWHERE = re.compile(
    r"\bas an? (?:ai|artificial intelligence|(?:large )?language model)\b"
    r"|\bi(?:['’]?m| am) an? (?:ai\b|text ai|language model"
    r"|(?:ai )?(?:assistant|chatbot))|\bmy (?:training data|knowledge cutoff|programming)\b"
    r"|\b(?:openai|anthropic)['’]s? (?:policy|policies|guidelines)\b|\bagainst my (?:guidelines|programming|policy)\b"
    r"|\bas a text[- ]based\b|인공지능 (?:언어 )?모델로서|(?:저는|나는) (?:AI|인공지능|언어 모델)|AI 언어 ?모델"
    r"|(?:도와드릴|제공해 드릴|제공할|답변드릴) 수 없(?:습니다|어요|네요)",
    re.I,
)


@configured
@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Refuses refusals and an assistant's boiler-plate, in English and Korean, by patterns.

    Example:
        >>> import asyncio
        >>> said = Candidate(fields={"text": "I'm sorry, but I can't help with that."})
        >>> asyncio.run(Refusal()(said, None)).reason
        'the text declines, or opens as an assistant does'
    """

    fields: tuple[str, ...] = ()
    name: str = field(default="refusal", init=False)

    async def __call__(self, candidate: Candidate, ask: Ask) -> Candidate | Rejection:  # noqa: ARG002
        """Return the candidate, or that it declines."""
        for name in self.fields or candidate.fields:
            if (why := refusal_in(joined(candidate.fields, [name]))) is not None:
                return Rejection(self.name, why)
        return candidate


def refusal_in(text: str) -> str | None:
    """Return how a text declines or speaks as an assistant, or None.

    Example:
        >>> refusal_in("As an AI language model, I have no card.")
        'the text speaks of being a model'
    """
    if _OPENINGS.search(text):
        return "the text declines, or opens as an assistant does"
    return "the text speaks of being a model" if _ANYWHERE.search(text) else None
