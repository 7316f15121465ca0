"""What do made-up words, sentences and paragraphs say?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from veridical.fabricate import text
from veridical.fabricate.draw import Codes, Recipe
from veridical.fabricate.locale import Locale

_SHORTEST, _LENGTHS = 4, 8
_LONGEST = _SHORTEST + _LENGTHS - 1
_SENTENCES = 3


def word(locale: Locale) -> Recipe:
    """Return the recipe of single words."""
    pool = pa.array(list(dict.fromkeys(locale.entries("words"))))
    return Recipe(radices=(len(pool),), build=lambda codes: text.pick(pool, codes[0]))


def sentence(locale: Locale) -> Recipe:
    """Return the recipe of sentences of 4 to 11 words."""
    pool = _vocabulary(locale)
    stop = locale.text("stop")
    return Recipe(radices=_radices(pool), numbered=_SHORTEST, build=lambda codes: _sentences(pool, codes, stop))


def paragraph(locale: Locale) -> Recipe:
    """Return the recipe of paragraphs of three sentences."""
    pool = _vocabulary(locale)
    each, stop = _radices(pool), locale.text("stop")

    def build(codes: Sequence[Codes]) -> pa.Array:
        parts = [_sentences(pool, codes[i * len(each) : (i + 1) * len(each)], stop) for i in range(_SENTENCES)]
        return pc.binary_join_element_wise(*parts, " ")

    return Recipe(radices=each * _SENTENCES, numbered=_SHORTEST, build=build)


def _vocabulary(locale: Locale) -> pa.Array:
    words = [*locale.entries("words"), *locale.entries("verbs"), *locale.entries("links")]
    return pa.array(list({word.lower(): word for word in words}.values()))


def _radices(pool: pa.Array) -> tuple[int, ...]:
    return (*((len(pool),) * _LONGEST), _LENGTHS)


def _sentences(pool: pa.Array, codes: Sequence[Codes], stop: str) -> pa.Array:
    lengths = codes[-1] + _SHORTEST
    words = np.stack(codes[:-1], axis=1)
    used = np.arange(_LONGEST) < lengths[:, None]
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
    lines = pc.binary_join(pa.ListArray.from_arrays(offsets, pool.take(pa.array(words[used]))), " ")
    return text.join(pc.utf8_upper(pc.utf8_slice_codeunits(lines, 0, 1)), pc.utf8_slice_codeunits(lines, 1), stop)
