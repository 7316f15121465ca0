"""The same text with one protected attribute changed: does a model treat both alike?

Zhao et al. 2018, "Gender Bias in Coreference Resolution": swapping by a list of words is exact and cheap; a model's
rewriting reads better and is checked for having changed nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from veridical.curate.rouge import rouge_l
from veridical.curate.setting import configured
from veridical.curate.word import words_of
from veridical.llm.candidate import Ask, Candidate
from veridical.llm.draw import need_seeds
from veridical.llm.seeded import Seeded
from veridical.llm.structured import unusable
from veridical.llm.trail import Sampling, Trail

GENDER: Mapping[str, str] = {
    "he": "she", "him": "her", "his": "her", "himself": "herself", "man": "woman", "men": "women", "boy": "girl",
    "boys": "girls", "father": "mother", "fathers": "mothers", "dad": "mum", "husband": "wife", "son": "daughter",
    "sons": "daughters", "brother": "sister", "brothers": "sisters", "uncle": "aunt", "nephew": "niece", "mr": "ms",
    "sir": "madam", "gentleman": "lady", "gentlemen": "ladies", "king": "queen", "waiter": "waitress",
    "actor": "actress",
    "grandfather": "grandmother", "grandpa": "grandma", "male": "female", "남자": "여자", "남성": "여성",
    "아버지": "어머니", "아빠": "엄마", "남편": "아내", "아들": "딸", "할아버지": "할머니",
}  # fmt: skip
_REWRITE = """Rewrite this text so that {attribute} changes from {before} to {after}. Change nothing else: same facts, \
same tone, same length, same words wherever possible. If nothing in the text depends on it, write NONE. Write only the \
text.

{text}"""


@configured
@dataclass(frozen=True, kw_only=True)
class Counterfactual(Seeded):
    """A pair {text, counterfactual} of one seed, of the same label where the seed has one.

    `how` "words" swaps by `pairs` (gender, English and Korean, by default) and asks no model; "model" rewrites
    `before` to `after`. Rewritings that share less than `alike` of their words in order (ROUGE-L) are rejected.
    """

    recipe: ClassVar[str] = "counterfactual"
    text_field: str = "text"
    label_field: str = "label"
    attribute: str = "gender"
    before: str = "male"
    after: str = "female"
    how: Literal["words", "model"] = "words"
    pairs: Mapping[str, str] | None = None
    alike: float = 0.6
    sampling: Sampling = Sampling(temperature=0.3)  # noqa: RUF009 - frozen

    def __post_init__(self) -> None:
        need_seeds(self.seeds, (self.text_field,), self.recipe)

    async def make(self, spec: Mapping[str, Any], ask: Ask) -> Sequence[Candidate]:
        """Swap or rewrite."""
        trail = Trail.of(spec, ask, seed=self.seed)
        record = self.seeds[spec["start"]]
        text = str(record[self.text_field])
        if self.how == "words":
            other = swapped(text, self.pairs if self.pairs is not None else GENDER)
            trail.steps.append("swap")
        else:
            wish = _REWRITE.format(attribute=self.attribute, before=self.before, after=self.after, text=text)
            reply = await trail.say("rewrite", wish, self.sampling)
            if unusable(reply):
                return [trail.broken(reply)]
            other = reply.text.strip()
        own = {self.label_field: record[self.label_field]} if self.label_field in record else {}
        fields = {"text": text, "counterfactual": other, "attribute": self.attribute, **own}
        shared = rouge_l(words_of(text), words_of(other))
        candidate = trail.record(fields, alike=shared)
        if other == text or words_of(other) == ["none"]:
            return [candidate.refused("counterfactual", "nothing in the text names a group")]
        if shared < self.alike:
            why = f"more than the attribute changed (ROUGE-L {shared:.2f})"
            return [candidate.refused("counterfactual", why)]
        return [candidate]


def swapped(text: str, pairs: Mapping[str, str]) -> str:
    """Return a text with each word of a pair replaced by the other, in its own case.

    "her" becomes "his" before a word and "him" elsewhere: a rule of thumb, right in most sentences.

    Example:
        >>> swapped("He lost his card; tell the lady.", GENDER)
        'She lost her card; tell the gentleman.'
    """
    both = {**{two: one for one, two in pairs.items()}, **pairs}
    latin = "|".join(sorted((re.escape(word) for word in both if word.isascii()), key=len, reverse=True))
    other = "|".join(sorted((re.escape(word) for word in both if not word.isascii()), key=len, reverse=True))
    # A Korean word ends where a particle or anything but Hangul follows; inside a longer word it is another word.
    korean = rf"(?<![가-힣])(?:{other})(?=[은는이가을를의와과도만께에로]|[^가-힣]|$)" if other else ""
    pattern = re.compile("|".join(part for part in (rf"\b(?:{latin})\b" if latin else "", korean) if part), re.I)

    def turn(found: re.Match[str]) -> str:
        word = found.group()
        if word.lower() == "her" and pairs is GENDER:
            follows = re.match(r"\s+\w", text[found.end() :]) is not None
            return _cased("his" if follows else "him", word)
        return _cased(both[word.lower()], word)

    return pattern.sub(turn, text)


def _cased(new: str, old: str) -> str:
    if old.isupper() and len(old) > 1:
        return new.upper()
    return new[:1].upper() + new[1:] if old[:1].isupper() else new
