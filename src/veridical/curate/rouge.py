"""How much of a text stands, in order, in another one? ROUGE-L against everything accepted so far.

Lin 2004; as Self-Instruct's filter: F1 above 0.7 is too similar (Wang et al. 2023). Longest common subsequences are
counted bit-parallel (Hyyro 2004), and only where the shared words alone could reach the threshold.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from veridical.curate.setting import configured
from veridical.curate.word import joined, texts_of, words_of
from veridical.llm.candidate import Candidate, Rejection


@configured
@dataclass(kw_only=True)
class Rouge:
    """Refuses texts whose ROUGE-L F1 with an accepted text or a seed is above `at_most`.

    Example:
        >>> pool = Rouge(at_most=0.7)
        >>> pool.admit(Candidate(fields={"text": "how do I change my PIN"}))
        >>> pool.refuses(Candidate(fields={"text": "How do I change my PIN now"})) is None
        False
    """

    fields: tuple[str, ...] = ()
    at_most: float = 0.7
    against_seeds: bool = True
    seeds: tuple[Mapping[str, Any], ...] = ()
    name: str = field(default="rouge", init=False)

    def __post_init__(self) -> None:
        self._words: list[list[str]] = []
        self._lengths = array("d")
        self._holders: dict[tuple[str, int], array[int]] = {}
        if self.against_seeds:
            for text in texts_of(self.seeds, self.fields):
                self._keep(words_of(text))

    def refuses(self, candidate: Candidate) -> Rejection | None:
        """Return why the candidate may not stay, or None."""
        words = words_of(joined(candidate.fields, self.fields))
        for place in self._possible(words):
            f1 = rouge_l(words, self._words[place])
            if f1 > self.at_most:
                return Rejection(self.name, f"ROUGE-L with an accepted text or a seed is {f1:.2f}")
        return None

    def admit(self, candidate: Candidate) -> None:
        """Remember an accepted record."""
        self._keep(words_of(joined(candidate.fields, self.fields)))

    def _keep(self, words: list[str]) -> None:
        place = len(self._words)
        self._words.append(words)
        self._lengths.append(len(words))
        for key in _numbered(words):
            self._holders.setdefault(key, array("q")).append(place)

    def _possible(self, words: Sequence[str]) -> list[int]:
        """Return the kept texts that share enough words to reach the threshold, most first."""
        held = [self._holders[key] for key in _numbered(words) if key in self._holders]
        if not held:
            return []
        shared = np.bincount(np.concatenate([np.frombuffer(h, np.int64) for h in held]), minlength=len(self._words))
        bound = 2 * shared / (len(words) + np.frombuffer(self._lengths, np.float64))
        places = np.flatnonzero(bound > self.at_most)
        return [int(place) for place in places[np.argsort(-bound[places], kind="stable")]]


def rouge_l(one: Sequence[str], two: Sequence[str]) -> float:
    """Return the F1 of two word lists' longest common subsequence, 0 to 1.

    Example:
        >>> rouge_l("a b c d".split(), "a x c d".split())
        0.75
    """
    if not one or not two:
        return 0.0
    return 2 * common_subsequence(one, two) / (len(one) + len(two))


def common_subsequence(one: Sequence[str], two: Sequence[str]) -> int:
    """Return the length of the longest common subsequence, one machine word of `one` at a time.

    Example:
        >>> common_subsequence("abcbdab", "bdcaba")
        4
    """
    places: dict[str, int] = {}
    for place, word in enumerate(one):
        places[word] = places.get(word, 0) | (1 << place)
    full = (1 << len(one)) - 1
    row = full
    for word in two:
        match = row & places.get(word, 0)
        row = ((row + match) | (row - match)) & full
    return len(one) - row.bit_count()


def _numbered(words: Sequence[str]) -> list[tuple[str, int]]:
    """Return each word with its how-manieth occurrence it is, so that counts of shared ones are of multisets."""
    seen: Counter[str] = Counter()
    keys = []
    for word in words:
        keys.append((word, seen[word]))
        seen[word] += 1
    return keys
