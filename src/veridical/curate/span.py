"""Which runs of a text stand in a collection of other texts? Hashes of n-grams, sorted: 12 bytes a gram.

Two different runs share a 64-bit hash about once in ten million million pairs, so a hit is a hit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veridical.curate.word import squeezed, words_of

Hashes = NDArray[np.uint64]
_BASE = np.uint64(0x9E3779B97F4A7C15 | 1)
CHARACTERS = 50
_SHORTEST = 30


@dataclass(frozen=True, slots=True)
class Grams:
    """The n-grams of a collection: sorted hashes, and the text that each first came from."""

    size: int
    hashes: Hashes
    owners: NDArray[np.int32]

    def find(self, hashes: Hashes) -> NDArray[np.int32]:
        """Return the owner of each hash, -1 where no text of the collection has it."""
        if not self.hashes.size or not hashes.size:
            return np.full(hashes.size, -1, np.int32)
        places = np.minimum(np.searchsorted(self.hashes, hashes), self.hashes.size - 1)
        return np.where(self.hashes[places] == hashes, self.owners[places], np.int32(-1))


class Words:
    """Remembers the 64-bit hash of each word it met."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def codes(self, words: Iterable[str]) -> Hashes:
        """Return one number a word, the same in every process."""
        known = self._known
        found = []
        for word in words:
            code = known.get(word)
            if code is None:
                code = known[word] = int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "little")
            found.append(code)
        return np.array(found, np.uint64)


def run_hashes(codes: Hashes, size: int) -> Hashes:
    """Return the hash of every run of `size` codes, first to last; empty for a shorter text."""
    count = codes.size - size + 1
    if count <= 0:
        return np.zeros(0, np.uint64)
    total = np.zeros(count, np.uint64)
    with np.errstate(over="ignore"):
        for offset in range(size):
            total = total * _BASE + codes[offset : offset + count]
    return total


def grams_of(texts: Sequence[Hashes], size: int) -> Grams:
    """Return the n-grams of coded texts."""
    hashes = [run_hashes(codes, size) for codes in texts]
    owners = np.repeat(np.arange(len(texts), dtype=np.int32), [found.size for found in hashes])
    every = np.concatenate(hashes) if hashes else np.zeros(0, np.uint64)
    unique, first = np.unique(every, return_index=True)
    return Grams(size, unique, owners[first])


def longest_run(hits: NDArray[Any], size: int) -> int:
    """Return the length, in words, of the longest stretch covered by consecutive hits of n-grams; 0 for none.

    Example:
        >>> longest_run(np.array([False, True, True, False, True]), 13)
        14
    """
    if not hits.any():
        return 0
    edges = np.flatnonzero(np.diff(np.r_[0, hits.astype(np.int8), 0]))
    return int((edges[1::2] - edges[::2]).max()) + size - 1


class Pieces:
    """Three stretches of 50 letters and digits of each text, as GPT-4's check draws them (OpenAI 2023, appendix C).

    A text of 30 to 49 counts whole; a shorter one says too little to be looked for.
    """

    def __init__(self, texts: Sequence[str], seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        by_length: dict[int, dict[int, int]] = {}
        for owner, text in enumerate(texts):
            letters = squeezed(text)
            if len(letters) < _SHORTEST:
                continue
            size = min(CHARACTERS, len(letters))
            starts = rng.integers(0, len(letters) - size + 1, size=3) if len(letters) > size else [0]
            for start in starts:
                piece = run_hashes(_letters(letters[int(start) : int(start) + size]), size)
                by_length.setdefault(size, {})[int(piece[0])] = owner
        self._grams = [
            Grams(size, *_sorted(found)) for size, found in sorted(by_length.items(), key=lambda item: -item[0])
        ]

    def owner(self, text: str) -> int:
        """Return the number of a text that one of the pieces comes from, -1 for none."""
        codes = _letters(squeezed(text))
        for grams in self._grams:
            owners = grams.find(run_hashes(codes, grams.size))
            found = owners[owners >= 0]
            if found.size:
                return int(found[0])
        return -1


def coded(texts: Iterable[str], words: Words) -> list[Hashes]:
    """Return the coded words of each text."""
    return [words.codes(words_of(text)) for text in texts]


def _letters(text: str) -> Hashes:
    # Plain code points are too alike for a polynomial of small length: they are spread first.
    with np.errstate(over="ignore"):
        codes = np.frombuffer(text.encode("utf-32-le"), np.uint32).astype(np.uint64) * np.uint64(0xD6E8FEB86659FD93)
        return codes ^ (codes >> np.uint64(29))


def _sorted(found: dict[int, int]) -> tuple[Hashes, NDArray[np.int32]]:
    hashes = np.array(sorted(found), np.uint64)
    return hashes, np.array([found[int(value)] for value in hashes], np.int32)
