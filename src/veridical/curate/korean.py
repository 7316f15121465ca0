"""Does a Korean text end its sentences as Koreans do, and stay in one speech level?"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from veridical.curate.setting import configured
from veridical.curate.word import joined
from veridical.llm.candidate import Ask, Candidate, Rejection

# Polite and plain endings, told by how the last word of a sentence ends.
_LEVELS = (
    ("합쇼체", re.compile(r"(?:니다|니까|시오|십시요|세요|시죠)$")),
    ("해요체", re.compile(r"(?:요|죠)$")),
    ("해라체", re.compile(r"(?:다|라|자|느냐|는가|을까|ㄹ까|니|까)$")),
    ("해체", re.compile(r"(?:아|어|야|지|해|네|군|걸|게|래|데|거든|잖아|자나|음|함|됨|임)$")),
)
_SENTENCE = re.compile(r"[^.!?\n。…]+[.!?。…]*")
_TRANSLATED = re.compile(
    r"당신은|당신의|그것은|그것들|에 대해서의|하는 것이 가능합니다|을 가지고 있습니다|에 의해서 되어|것입니다 것입니다"
)
_BROKEN = re.compile(r"은는|을를|[가-힣](?:을|를)(?:을|를)\s|[ㄱ-ㅎㅏ-ㅣ]{5,}|([가-힣])\1{5,}")
_HANGUL = re.compile(r"[가-힣]")
POLITE = ("합쇼체", "해요체")


@configured
@dataclass(frozen=True, kw_only=True)
class KoreanEndings:
    """Refuses Korean texts whose sentences end unnaturally, mix polite with plain speech, or read as translated.

    At least `natural_share` of the sentences must end in a known ending, and of those `level_share` in the text's main
    politeness. `level` "합쇼체" or "해요체" asks for that one. Rules of endings see form, not whether the level suits
    the situation.
    """

    fields: tuple[str, ...] = ("output",)
    natural_share: float = 0.7
    level_share: float = 0.8
    level: str = ""
    translated_at_most: int = 1
    name: str = field(default="korean_endings", init=False)

    async def __call__(self, candidate: Candidate, ask: Ask) -> Candidate | Rejection:  # noqa: ARG002
        """Return the candidate, or what is unnatural in it."""
        text = joined(candidate.fields, [n for n in self.fields if n in candidate.fields])
        levels = levels_of(text)
        if not levels:
            return Rejection(self.name, "it holds no Korean sentence")
        if _BROKEN.search(text):
            return Rejection(self.name, "particles or syllables are doubled")
        if len(_TRANSLATED.findall(text)) > self.translated_at_most:
            return Rejection(self.name, "it reads as translated")
        known = [level for level in levels if level]
        if len(known) < self.natural_share * len(levels):
            return Rejection(self.name, f"{len(known)} of {len(levels)} sentences end naturally")
        polite = sum(level in POLITE for level in known)
        if max(polite, len(known) - polite) < self.level_share * len(known):
            return Rejection(self.name, "polite and plain speech are mixed")
        main = Counter(known).most_common(1)[0][0]
        wanted = self.level or candidate.attributes.get("level", "")
        if wanted in POLITE and main not in POLITE:
            return Rejection(self.name, f"{wanted} is wanted, it is mostly {main}")
        return candidate


def levels_of(text: str) -> list[str]:
    """Return the speech level of each Korean sentence, "" where its ending is unknown.

    Example:
        >>> levels_of("카드를 잃어버렸어요. 어떻게 합니까? 도와줘")
        ['해요체', '합쇼체', '']
    """
    found = []
    for sentence in _SENTENCE.findall(text):
        words = re.findall(r"[가-힣]+", sentence)
        if len(_HANGUL.findall(sentence)) < 3:
            continue
        found.append(next((name for name, pattern in _LEVELS if pattern.search(words[-1])), ""))
    return found
