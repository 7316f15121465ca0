"""Where in a source does a quote stand, to the character?"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass

from veridical.curate.word import words_of

_HANGUL = re.compile(r"[가-힣]")
_ARTICLES = frozenset(("a", "an", "the"))
_MARGIN = 10  # words that an answer may be wrapped in ("It was 308 points.")


@dataclass(frozen=True, slots=True)
class Place:
    """Characters `start` to `end` of a text."""

    start: int
    end: int


def align(quote: str, text: str, *, start: int = 0) -> Place | None:
    """Return the first place where a quote stands, case, spacing, punctuation and markup aside; None for nowhere.

    A match begins and ends at the edge of a word; in Hangul it may end before a particle.

    Example:
        >>> text = "It cost **1,400** crowns; Kim은 왔다."
        >>> [text[p.start:p.end] for q in ("cost 1400 crowns", "kim") if (p := align(q, text))]
        ['cost **1,400** crowns', 'Kim']
        >>> align("row", text) is None
        True
    """
    wanted = "".join(letter for letter, _ in _letters(quote))
    if not wanted:
        return None
    letters = _letters(text)
    squeezed = "".join(letter for letter, _ in letters)
    at = squeezed.find(wanted)
    while at >= 0:
        first, last = letters[at][1], letters[at + len(wanted) - 1][1]
        if first >= start and _is_edge(text, first, last):
            return Place(first, last + 1)
        at = squeezed.find(wanted, at + 1)
    return None


def agreement(said: str, gold: str) -> float:
    """Return how far two short answers agree, 0 to 1: F1 of their words (SQuAD; of syllables in Hangul, KorQuAD); 1
    where the gold answer stands in a sentence little longer than it.

    Example:
        >>> agreement("It was 308 points.", "308"), agreement("in 1932", "1933"), agreement("임수경을", "임수경")
        (1.0, 0.0, 1.0)
    """
    one, two = _units(said), _units(gold)
    if not one or not two:
        return float(one == two)
    if len(words_of(said)) <= len(words_of(gold)) + _MARGIN and align(gold, said) is not None:
        return 1.0
    shared = sum((Counter(one) & Counter(two)).values())
    return 2 * shared / (len(one) + len(two))


def coverage(answer: str, source: str) -> float:
    """Return the share of an answer's words (syllable pairs in Hangul) that stand in a source.

    Example:
        >>> coverage("the red ship", "A ship, red and old")
        1.0
    """
    wanted, given = _units(answer, pairs=True), set(_units(source, pairs=True))
    return sum(unit in given for unit in wanted) / len(wanted) if wanted else 0.0


def _units(text: str, *, pairs: bool = False) -> list[str]:
    units: list[str] = []
    for word in words_of(text):
        if not _HANGUL.search(word):
            units += [] if word in _ARTICLES else [word]
        elif pairs and len(word) > 1:
            units += [word[at : at + 2] for at in range(len(word) - 1)]
        else:
            units += list(word)
    return units


def _letters(text: str) -> list[tuple[str, int]]:
    """Return letters and digits, folded, each with the place it comes from; a place may give several."""
    return [
        (letter, place)
        for place, sign in enumerate(text)
        for letter in unicodedata.normalize("NFKC", sign).lower()
        if letter.isalnum()
    ]


def _is_edge(text: str, first: int, last: int) -> bool:
    before = text[first - 1] if first else " "
    after = text[last + 1] if last + 1 < len(text) else " "
    starts = not (before.isalnum() and not (_HANGUL.match(text[first]) and not _HANGUL.match(before)))
    return starts and (not after.isalnum() or bool(_HANGUL.match(after)))
