"""Does a text hold an insult, a slur or a threat from a small list?

A list of words finds what is crude and nothing else: irony, veiled insults and new words pass, and words quoted or
reclaimed are refused. Where it matters, let a judge read (`judge` with a rubric); this is the cheap first net.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from veridical.curate.setting import configured
from veridical.curate.word import joined
from veridical.llm.candidate import Ask, Candidate, Rejection

_ENGLISH = (
    "asshole", "assholes", "bastard", "bastards", "bitch", "bitches", "bullshit", "cock", "cocksucker", "cunt",
    "cunts", "dickhead", "dipshit", "dumbass", "fag", "faggot", "faggots", "fuck", "fucked", "fucker", "fuckers",
    "fucking", "jackass", "kike", "kys", "moron", "morons", "motherfucker", "nigger", "niggers", "paki", "piss off",
    "prick", "pussy", "retard", "retarded", "retards", "scumbag", "shit", "shithead", "shitty", "slut", "sluts",
    "spic", "tranny", "twat", "wanker", "whore", "whores", "wetback", "kill yourself", "i will kill you",
    "i hope you die", "go die",
)  # fmt: skip
# Korean words take endings, so these are found anywhere in a word.
_KOREAN = (
    "개새끼", "개색끼", "개소리", "걸레년", "꺼져", "닥쳐", "등신", "미친놈", "미친년", "병신", "븅신", "빨갱이새끼",
    "새끼야", "시발", "씨발", "씨팔", "ㅅㅂ", "ㅆㅂ", "ㅂㅅ", "썅", "쓰레기같은놈", "애미", "엠창", "존나", "좆",
    "지랄", "쪽바리", "짱깨", "찐따", "창녀", "한남충", "김치녀", "맘충", "틀딱", "홍어새끼", "죽여버린다", "뒤져라",
)  # fmt: skip


@configured
@dataclass(frozen=True, kw_only=True)
class Toxicity:
    """Refuses texts that hold a listed word, English or Korean; `also` adds words and `allow` takes some away.

    Example:
        >>> import asyncio
        >>> asyncio.run(Toxicity(also=("blockhead",))(Candidate(fields={"text": "You blockhead!"}), None)).reason
        'it holds a listed word'
    """

    fields: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    name: str = field(default="toxicity", init=False)

    async def __call__(self, candidate: Candidate, ask: Ask) -> Candidate | Rejection:  # noqa: ARG002
        """Return the candidate, or that it holds a listed word."""
        text = joined(candidate.fields, self.fields)
        return Rejection(self.name, "it holds a listed word") if self._pattern.search(text) else candidate

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return pattern_of([word for word in (*_ENGLISH, *_KOREAN, *self.also) if word not in self.allow])


def is_toxic(text: str) -> bool:
    """Return whether a text holds a listed word."""
    return _ALL.search(text) is not None


def pattern_of(words: Sequence[str]) -> re.Pattern[str]:
    """Return the pattern that finds any of the words: whole ones in Latin script, anywhere in Korean."""
    latin = "|".join(re.escape(word).replace(r"\ ", r"\s+") for word in words if word.isascii())
    other = "|".join(re.escape(word) for word in words if not word.isascii())
    parts = [rf"(?<![a-z])(?:{latin})(?![a-z])" if latin else "", other]
    return re.compile("|".join(part for part in parts if part) or r"(?!)", re.I)


_ALL = pattern_of((*_ENGLISH, *_KOREAN))
