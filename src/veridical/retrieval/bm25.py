"""Which passages share the rare words of a query? BM25, in scipy alone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veridical.curate.word import words_of

Scores = NDArray[np.float32]
K1, B = 1.2, 0.75
_HANGUL = re.compile(r"[가-힣]")
_PLURAL = re.compile(r"(?<=[a-z]{3})(?:ies|(?<![su])s)$")
_FUNCTION_WORDS = """a an and are as at be by did do does for from had has have how in is it its of on or that the their
there these they this to was were what when where which who whom whose why will with"""
_STOP = frozenset(_FUNCTION_WORDS.split())


@dataclass(frozen=True, slots=True)
class BM25:
    """An index over passages; shape (passages, terms), weights already multiplied out.

    Robertson & Zaragoza 2009, with k1 = 1.2 and b = 0.75; IDF as Lucene has it, never negative.

    Example:
        >>> index = BM25.of(["the cat sat", "dogs bark", "a cat and a dog"])
        >>> index.scores("cats").argmax() in (0, 2), float(index.scores("cats")[1])
        (True, 0.0)
    """

    terms: dict[str, int]
    weights: Any  # scipy.sparse.csc_matrix of float32
    count: int

    @classmethod
    def of(cls, texts: Sequence[str], *, k1: float = K1, b: float = B) -> BM25:
        """Return the index of texts, in their order."""
        from scipy.sparse import csc_matrix

        terms: dict[str, int] = {}
        rows, columns, counts, lengths = [], [], [], np.zeros(max(len(texts), 1), np.float32)
        for row, text in enumerate(texts):
            found = Counter(terms_of(text))
            lengths[row] = sum(found.values())
            for term, count in found.items():
                rows.append(row)
                columns.append(terms.setdefault(term, len(terms)))
                counts.append(count)
        tf = np.array(counts, np.float32)
        where = np.array(rows, np.int64)
        column = np.array(columns, np.int64)
        df = np.bincount(column, minlength=len(terms)).astype(np.float32) if len(terms) else np.zeros(0, np.float32)
        idf = np.log1p((len(texts) - df + 0.5) / (df + 0.5))
        norm = k1 * (1 - b + b * lengths / max(float(lengths.mean()), 1e-9))
        values = (idf[column] * tf / (tf + norm[where])).astype(np.float32) if tf.size else tf
        return cls(terms, csc_matrix((values, (where, column)), shape=(len(texts), max(len(terms), 1))), len(texts))

    def scores(self, query: str) -> Scores:
        """Return the score of every passage, shape (passages,); 0 where no word is shared."""
        known = [self.terms[term] for term in terms_of(query) if term in self.terms]
        total = np.zeros(self.count, np.float32)
        for column in known:
            start, end = self.weights.indptr[column : column + 2]
            total[self.weights.indices[start:end]] += self.weights.data[start:end]
        return total


def terms_of(text: str) -> list[str]:
    """Return what a text is found by: words without function words and plural endings; Korean words as pairs of
    syllables, because their endings change.

    Example:
        >>> terms_of("The studies of 비행기를")
        ['study', '비행', '행기', '기를']
    """
    return [term for word in words_of(text) for term in _terms(word)]


@lru_cache(maxsize=200_000)
def _terms(word: str) -> tuple[str, ...]:
    if _HANGUL.search(word):
        return tuple(word[at : at + 2] for at in range(len(word) - 1)) or (word,)
    if word in _STOP:
        return ()
    ending = _PLURAL.search(word)
    return (word[: ending.start()] + ("y" if ending.group() == "ies" else ""),) if ending else (word,)
