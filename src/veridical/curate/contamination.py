"""Does a record hold, or restate, an item of a benchmark that a model will be tested on?

Verbatim: a run of 13 words (Brown et al. 2020, GPT-3), told with its longest stretch; a share of 8-grams (Chowdhery
et al. 2022, PaLM); 50 letters in a row (OpenAI 2023, GPT-4). Restated: the nearest items by embedding, taken as the
same where they are very near, or near and with the same numbers and most of what is told by the item's rare words
(n-grams miss paraphrases: Yang et al. 2023; rarity: Sparck Jones 1972).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from math import log
from pathlib import Path
from typing import Any

import numpy as np

from veridical.curate.benchmark import Benchmark, read_benchmarks
from veridical.curate.sentence import embed
from veridical.curate.setting import configured
from veridical.curate.span import Pieces, Words, coded, grams_of, longest_run, run_hashes
from veridical.curate.word import joined, words_of
from veridical.llm.candidate import Ask, Candidate, Rejection
from veridical.llm.chat import ChatRequest, Message

_NEARLY = 0.26  # below `near`, a text that shares an item's rare words and numbers may still restate it
_RARE_SHARE = 0.65
_REPHRASED = """Do these two texts ask for the same thing, so that who knows the answer to one knows the other's?

Text 1: {one}

Text 2: {two}

Answer with one word, yes or no."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """What a text shares with a benchmark: which rule found it, where, and how much.

    `span` counts the words of the longest shared stretch (0 unless 13 in a row are shared), `share` is that of its
    8-grams, `nearness` the cosine to the nearest item (nan where meaning was not looked at).
    """

    rule: str  # "span", "grams", "piece", "meaning", "suspect" or "" for clean
    benchmark: str = ""
    version: str = ""
    item: int = -1
    span: int = 0
    share: float = 0.0
    nearness: float = float("nan")


@configured
@dataclass(frozen=True, kw_only=True)
class Decontamination:
    """Refuses records that overlap with named benchmarks.

    `benchmarks` maps names to files; a folder stands for all data files in it. `span_words` is the n of the verbatim
    rule, `gram_share` the share of 8-grams from which on a text counts as contaminated. `meaning` "on" embeds every
    item once (about a millisecond each) and refuses paraphrases; `judge` names the role that is asked about suspects
    ("" for nobody): items nearer than `suspect` that no rule calls the same.
    """

    benchmarks: Mapping[str, str]
    span_words: int = 13
    gram_share: float = 0.5
    meaning: str = "off"
    near: float = 0.86
    suspect: float = 0.7
    top: int = 5
    judge: str = ""
    fields: tuple[str, ...] = ()
    beside: Path = Path()
    name: str = field(default="decontamination", init=False)

    @property
    def identity(self) -> Mapping[str, Any]:
        """The options, with each benchmark by its version."""
        names = ("span_words", "gram_share", "meaning", "near", "suspect", "top", "judge", "fields")
        versions = {found.name: found.version for found in self._benchmarks}
        return {**{name: getattr(self, name) for name in names}, "benchmarks": versions}

    async def __call__(self, candidate: Candidate, ask: Ask) -> Candidate | Rejection:
        """Return the candidate, or which benchmark it overlaps with and how."""
        text = joined(candidate.fields, self.fields)
        found = self.overlap(text)
        if found.rule == "suspect" and self.judge:
            found = await self._asked(text, found, ask)
        if found.rule in ("", "suspect"):
            return candidate
        return Rejection(self.name, in_words(found))

    def overlap(self, text: str) -> Overlap:
        """Return what a text shares with the benchmarks."""
        codes = self._words.codes(words_of(text))
        owners = self._long.find(run_hashes(codes, self.span_words))
        eights = self._eight.find(run_hashes(codes, 8))
        share = float((eights >= 0).mean()) if eights.size else 0.0
        if (owners >= 0).any():
            span = longest_run(owners >= 0, self.span_words)
            return self._found("span", int(owners[owners >= 0][0]), span=span, share=share)
        if share >= self.gram_share and eights.size:
            return self._found("grams", int(eights[eights >= 0][0]), share=share)
        if (owner := self._pieces.owner(text)) >= 0:
            return self._found("piece", owner, share=share)
        return self._by_meaning(text, share) if self.meaning == "on" else Overlap(rule="", share=share)

    def _by_meaning(self, text: str, share: float) -> Overlap:
        nearness = self._points @ embed([text])[0]
        nearest = np.argpartition(-nearness, min(self.top, nearness.size - 1))[: self.top]
        best = max(nearest.tolist(), key=lambda place: float(nearness[place]))
        said = frozenset(words_of(text))
        for place in sorted(nearest.tolist(), key=lambda place: -float(nearness[place])):
            if self._restates(said, place, float(nearness[place])):
                return self._found("meaning", place, share=share, nearness=float(nearness[place]))
        rule = "suspect" if float(nearness[best]) >= self.suspect else ""
        return self._found(rule, best, share=share, nearness=float(nearness[best]))

    def _restates(self, said: frozenset[str], place: int, nearness: float) -> bool:
        if nearness >= self.near:
            return True
        item = self._bags[place]
        near = nearness >= self.near - _NEARLY and _numbers(said) == _numbers(item)
        return near and self._rarity.share(item, said) >= _RARE_SHARE

    async def _asked(self, text: str, found: Overlap, ask: Ask) -> Overlap:
        question = _REPHRASED.format(one=text, two=self._questions[found.item])
        request = ChatRequest(messages=(Message("user", question),), max_tokens=8, temperature=0.0)
        reply = await ask(request, step="decontamination", role=self.judge)
        said = words_of(reply.text)
        return self._found("meaning" if said[:1] == ["yes"] else "", found.item, nearness=found.nearness)

    def _found(self, rule: str, item: int, **figures: Any) -> Overlap:
        owner = self._owners[item] if item >= 0 else None
        if owner is None:
            return Overlap(rule=rule, **figures)
        benchmark, first = owner
        return Overlap(rule=rule, benchmark=benchmark.name, version=benchmark.version, item=item - first, **figures)

    @cached_property
    def _benchmarks(self) -> list[Benchmark]:
        return read_benchmarks({name: self.beside / place for name, place in self.benchmarks.items()})

    @cached_property
    def _owners(self) -> list[tuple[Benchmark, int]]:
        owners: list[tuple[Benchmark, int]] = []
        for benchmark in self._benchmarks:
            owners += [(benchmark, len(owners))] * len(benchmark.items)
        return owners

    @cached_property
    def _questions(self) -> list[str]:
        return [question for benchmark in self._benchmarks for question in benchmark.questions]

    @cached_property
    def _items(self) -> list[str]:
        return [item for benchmark in self._benchmarks for item in benchmark.items]

    @cached_property
    def _words(self) -> Words:
        return Words()

    @cached_property
    def _coded(self) -> list[Any]:
        return coded(self._items, self._words)

    @cached_property
    def _long(self) -> Any:
        return grams_of(self._coded, self.span_words)

    @cached_property
    def _eight(self) -> Any:
        return grams_of(self._coded, 8)

    @cached_property
    def _pieces(self) -> Pieces:
        return Pieces(self._items)

    @cached_property
    def _bags(self) -> list[frozenset[str]]:
        return [frozenset(words_of(question)) for question in self._questions]

    @cached_property
    def _rarity(self) -> Rarity:
        return Rarity(self._bags)

    @cached_property
    def _points(self) -> Any:
        return embed(self._questions)


class Rarity:
    """What each word tells of a text: the logarithm of how seldom it stands in texts of its kind.

    Example:
        >>> rarity = Rarity([frozenset({"write", "cone"}), frozenset({"write", "list"}), frozenset({"write"})])
        >>> round(rarity.share(frozenset({"write", "cone"}), {"cone"}), 2)
        0.8
    """

    def __init__(self, texts: Sequence[frozenset[str]]) -> None:
        self._count = len(texts)
        self._holding = Counter(word for text in texts for word in text)

    def share(self, text: frozenset[str], said: Set[str]) -> float:
        """Return how much of what a text's words tell is told by the words `said`, from 0 to 1."""
        weights = {word: log((self._count + 2) / (self._holding[word] + 1)) for word in text}
        whole = sum(weights.values())
        return sum(weight for word, weight in weights.items() if word in said) / whole if whole else 0.0


def in_words(found: Overlap) -> str:
    """Return a finding of overlap in words; the benchmark's text is not repeated."""
    place = f"{found.benchmark} ({found.version}), item {found.item}"
    how = {
        "span": f"{found.span} words in a row stand in {place}",
        "grams": f"{found.share:.0%} of its 8-grams stand in {place}",
        "piece": f"50 letters in a row stand in {place}",
        "meaning": f"it restates {place} (cosine {found.nearness:.2f})",
    }
    return how.get(found.rule, "clean")


def _numbers(words: Set[str]) -> set[str]:
    return {word for word in words if word.isdigit()}
