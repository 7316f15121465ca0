"""Did the model copy from the examples it was shown?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from veridical.curate.setting import configured
from veridical.curate.word import grams, joined, texts_of, words_of
from veridical.llm.candidate import Candidate, Rejection


@configured
@dataclass(kw_only=True)
class Memorised:
    """Refuses texts that share a run of `words` words, or `share_at_most` of their n-grams, with a single seed.

    `gram` is the n of the share. Texts shorter than `gram` words are left to `duplicates`.
    """

    fields: tuple[str, ...] = ()
    words: int = 10
    gram: int = 4
    share_at_most: float = 0.6
    seeds: tuple[Mapping[str, Any], ...] = ()
    name: str = field(default="memorised", init=False)

    def __post_init__(self) -> None:
        self._runs: set[tuple[str, ...]] = set()
        self._holders: dict[tuple[str, ...], set[int]] = {}
        for number, text in enumerate(texts_of(self.seeds, self.fields)):
            words = words_of(text)
            self._runs.update(grams(words, self.words))
            for gram in grams(words, self.gram):
                self._holders.setdefault(gram, set()).add(number)

    def refuses(self, candidate: Candidate) -> Rejection | None:
        """Return why the candidate may not stay, or None."""
        words = words_of(joined(candidate.fields, self.fields))
        if any(run in self._runs for run in grams(words, self.words)):
            return Rejection(self.name, f"{self.words} words in a row stand in a seed")
        own = grams(words, self.gram)
        counts: dict[int, int] = {}
        for gram in own:
            for number in self._holders.get(gram, ()):
                counts[number] = counts.get(number, 0) + 1
        share = max(counts.values(), default=0) / max(1, len(own))
        if share > self.share_at_most:
            return Rejection(self.name, f"{share:.0%} of its {self.gram}-grams stand in one seed")
        return None

    def admit(self, candidate: Candidate) -> None:
        """Nothing to remember: only seeds count."""
