"""How does a model say a verified dialogue in words of its own, and change nothing of what is said and done?

Shah et al. 2018, "M2M": two scripted agents play the outline, and each line is then written anew. A new line stays only
if it names the same values and things, does the same act and means the same; else the scripted line does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any

import yaml

from veridical.connect.document.chunking import sentences
from veridical.core.rng import stream
from veridical.curate.act import acts_of
from veridical.curate.sentence import embed
from veridical.curate.word import one_line, plain, words_of
from veridical.engines.dialogue.blueprint import Blueprint
from veridical.engines.dialogue.noise import messed
from veridical.engines.dialogue.turn import AGENT, CUSTOMER, Turn
from veridical.engines.dialogue.world import World
from veridical.llm.structured import unusable
from veridical.llm.trail import Sampling, Trail

NEAR = (
    0.72  # cosine to the scripted line; other words for it lie near 0.85, other things that keep its figures near 0.7
)
_SHOTS = 6
_LONGER, _WORDS_MORE = 2, 8  # how much longer a line may become
_VALUE = re.compile(r"\S*[@\d]\S*")
_TALK = 4  # lines before, which a chat model sees
_SPEAKER = re.compile(r"\b(?:i|me|my|mine|i'\w+)\b|\b제[가 ]|저[는도의]")
_HEARER = re.compile(r"\b(?:you|your|yours|you'\w+)\b|고객님")
# Whose the order is: a customer does not speak of "your" order, nor an agent of "my" order.
_OTHERS = {CUSTOMER: re.compile(r"\byours?\b"), AGENT: re.compile(r"\b(?:my|mine)\b")}
_LANGUAGES = {"en": "English", "ko": "Korean"}
_CHAT = """A support chat so far:
{talk}

The next line, by the {speaker}, is: {text}

Say this line in other {language} words, as {manner} would type it in a chat. Keep every number, name and address as \
it is, ask and promise nothing else. Write the line alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewording:
    """Who writes the lines anew, how (`chat` for models that follow instructions), and how often a line is tried."""

    world: World
    blueprint: Blueprint
    trail: Trail
    sampling: Sampling
    chat: bool = False
    tries: int = 2

    async def run(self, turns: Sequence[Turn]) -> list[Turn]:
        """Return the turns, each in the model's words where a try of it passed."""
        made: list[Turn] = []
        for place, turn in enumerate(turns):
            text = await self._line(place, turn, made) if _has_words(turn.text) else ""
            made.append(replace(turn, text=text, clean=text if turn.clean else "", reworded=True) if text else turn)
        return made

    async def _line(self, place: int, turn: Turn, before: Sequence[Turn]) -> str:
        """Return a turn in other words, "" where none passed; a base model says it sentence by sentence."""
        if self.chat:
            return await self._said(f"line.{place}", turn, before)
        spans = [turn.text[start:end] for start, end in sentences(turn.text)]
        made = [
            await self._said(f"line.{place}.{at}", replace(turn, text=span), ()) if _has_words(span) else ""
            for at, span in enumerate(spans)
        ]
        text = " ".join(new or old for new, old in zip(made, spans, strict=True))
        return text if any(made) and not self.fault_of(turn, text) else ""

    async def _said(self, step: str, turn: Turn, before: Sequence[Turn]) -> str:
        for attempt in range(self.tries):
            name = f"{step}.{attempt}"
            if self.chat:
                reply = await self.trail.say(name, self._question(turn, before), self.sampling)
            else:
                reply = await self.trail.go_on(name, self._prompt(turn), self.sampling, stop=("\n",))
            text = one_line(reply.text).strip('"').strip()
            if unusable(reply) is None and not self.fault_of(turn, text):
                return text
        return ""

    def fault_of(self, turn: Turn, text: str) -> str:
        """Return why a line does not say what a turn says: "" where it does."""
        language = self.blueprint.persona.language
        if not text or plain(text) == plain(turn.text) or plain(text) in _known_lines(language):
            return "same"
        if len(words_of(text)) > _LONGER * len(words_of(turn.text)) + _WORDS_MORE:
            return "length"
        if self._named(turn.text) != self._named(text) or _strays(turn.text, text, language):
            return "values"
        speaker = CUSTOMER if turn.speaker == CUSTOMER else AGENT
        if _turned_round(turn.text, text, speaker):
            return "person"
        if set(acts_of(turn.text, speaker)) != set(acts_of(text, speaker)) or ("?" in turn.text) != ("?" in text):
            return "act"
        one, two = embed([turn.text, text])
        return "" if float(one @ two) >= NEAR else "meaning"

    def _named(self, text: str) -> set[str]:
        """Return what a line names: figures and addresses, the case's values, and the things the world speaks of."""
        language = self.blueprint.persona.language
        low = text.lower()
        values = {value for value in self.blueprint.values.values() if value.lower() in low}
        slots = {name for name in self.world.slots if _told(self.world.slot(name, language), low)}
        figures = {found.strip(".,!?;:()\"'").lower() for found in _VALUE.findall(text)}
        return values | slots | figures

    def _question(self, turn: Turn, before: Sequence[Turn]) -> str:
        persona = self.blueprint.persona
        customer = turn.speaker == CUSTOMER
        return _CHAT.format(
            talk="\n".join(f"{past.speaker}: {past.text}" for past in before[-_TALK:]) or "(nothing yet)",
            speaker=turn.speaker, text=turn.text, language=_LANGUAGES.get(persona.language, persona.language),
            manner=f"a {persona.manner} customer" if customer else "a friendly agent",
        )  # fmt: skip

    def _prompt(self, turn: Turn) -> str:
        """Return examples of lines that do the same act, the nearest last, and the line.

        Lines that do the same begin with the same examples: a server that caches reads them once.
        """
        speaker = CUSTOMER if turn.speaker == CUSTOMER else AGENT
        own = set(acts_of(turn.text, speaker))
        shots = _lines(self.blueprint.persona.language)[speaker]
        nearest = sorted(shots, key=lambda pair: len(own ^ set(acts_of(pair[0], speaker))))[:_SHOTS]
        shown = "".join(f"Line: {line}\nOther words: {other}\n\n" for line, other in reversed(nearest))
        return f"{shown}Line: {turn.text}\nOther words:"


def made_messy(
    turns: Sequence[Turn], noise: Mapping[str, float], blueprint: Blueprint, world: World, *, seed: int
) -> list[Turn]:
    """Return the turns with the customer's lines messed up, each with its clean text and labels."""
    rng = stream(seed, "reworded", "noise")
    made = []
    for turn in turns:
        if turn.speaker != CUSTOMER:
            made.append(turn)
            continue
        messy = messed(
            turn.text, noise, rng, language=blueprint.persona.language, cross=turn.frustration >= 1,
            protected=list(blueprint.knows(world).values()),
        )  # fmt: skip
        made.append(replace(turn, text=messy.text, clean=turn.text, labels=messy.labels))
    return made


def share_of(turns: Sequence[Turn]) -> float:
    """Return the share of lines that are a model's own."""
    return sum(turn.reworded for turn in turns) / max(1, len(turns))


def _has_words(text: str) -> bool:
    return len(words_of(_VALUE.sub(" ", text))) > 1


def _turned_round(before: str, after: str, speaker: str) -> bool:
    """Return whether only the speaker was spoken of, and now only the hearer is, or a thing became another's."""
    one, two = before.lower(), after.lower()
    (mine, yours), (then_mine, then_yours) = (
        (bool(_SPEAKER.search(text)), bool(_HEARER.search(text))) for text in (one, two)
    )
    others = _OTHERS[speaker]
    swapped = mine != yours and then_mine != then_yours and mine != then_mine
    return swapped or (others.search(two) is not None and others.search(one) is None)


def _strays(before: str, after: str, language: str) -> bool:
    """Return whether a line speaks of what only the examples are about."""
    about = set(_lines(language)["about"])
    return bool(about & set(words_of(after)) - set(words_of(before)))


def _told(slot: str, low: str) -> bool:
    """Return whether a thing is named: "e-mail address" also as "email"."""
    return slot.lower() in low or slot.lower().split()[0].replace("-", "") in low.replace("-", "")


@cache
def _known_lines(language: str) -> frozenset[str]:
    pairs = [pair for speaker in (CUSTOMER, AGENT) for pair in _lines(language)[speaker]]
    return frozenset(plain(line) for pair in pairs for line in pair)


@cache
def _lines(language: str) -> Mapping[str, Any]:
    text = resources.files("veridical.engines.dialogue").joinpath("rewordings.yaml").read_text(encoding="utf-8")
    found: Mapping[str, Any] = yaml.safe_load(text)
    return found.get(language) or found["en"]
