"""How is free text made up from what many records say alike?"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from veridical.fabricate.draw import choose
from veridical.fabricate.locale import locale_of
from veridical.fabricate.prose import sentence

_START, _END = "\x02", "\x03"
_MOST_TEXTS = 200_000  # of the source, read to learn
_POOL = 4_096  # texts made up in advance
_TRIES = 6 * _POOL
_PATIENCE = 400  # walks in a row that bring nothing new
_SHORT, _FEW_WORDS = 60, 4  # characters and words on average, up to which texts are names rather than sentences
_MOST_OF_LENGTH = 0.6  # of the source's, which texts made of words must reach on average
_VARIED = 0.2  # of the source's distinct texts, which there must be at least of those made of words
_TOLD_WORD = 3  # letters from which on a word of fewer than k records is never spelled again

_Followers = tuple[list[str], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class TextModel:
    """Texts made up in advance, with their shares; JSON and nothing else.

    Texts are checked against the source while it is at hand, so the model needs no trace of source texts to avoid
    them. With no texts at all, sentences of the locale are drawn.
    """

    texts: tuple[str, ...]
    shares: tuple[float, ...]
    locale: str = "en_US"

    def draw(self, rows: int, rng: np.random.Generator) -> pa.Array:
        """Return texts, shape (rows,)."""
        if not self.texts:
            return sentence(locale_of(self.locale)).draw(rows, rng)
        codes = choose(np.array(self.shares, dtype=np.float64), rows, rng)
        return pa.array(self.texts, pa.string()).take(pa.array(codes))

    def to_dict(self) -> dict[str, Any]:
        """Return the model as JSON-like data."""
        return {"texts": list(self.texts), "shares": list(self.shares), "locale": self.locale}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the model that `to_dict` wrote."""
        return cls(tuple(data["texts"]), tuple(float(share) for share in data["shares"]), str(data["locale"]))


def text_model(values: pa.Array | pa.ChunkedArray, k: int) -> TextModel:
    """Return a model of free text that shows only what at least `k` records carry.

    New texts are walks along word triples (or pairs) each carried by at least k records; a walk that comes out as
    a source text carried by fewer than k records is thrown away. Texts carried by k records or more keep their
    share. Texts are compared without regard to case and spacing.

    Example:
        >>> model = text_model(pa.array(["the red box fell", "a red box", "the red car"] * 5 + ["my secret"]), 5)
        >>> "my secret" in model.texts, "the red box fell" in model.texts
        (False, True)
    """
    records = Counter(_words(values))
    seen: Counter[str] = Counter()
    for text, count in records.items():
        seen[_print_of(text)] += count
    known = {text: count for text, count in records.items() if count >= k}
    rng = np.random.default_rng(len(records))
    new = _made_up(_chains(records, k, between=" "), seen, k, rng, longest=_most_words(records), between=" ")
    if _tells_little(new, records):
        new = _spelled(records, seen, k, rng) or new or _of_words(records, k, rng)
    rest = max(sum(records.values()) - sum(known.values()), 0)
    each = rest / len(new) if new else 0.0
    weights = [*(float(count) for count in known.values()), *([each] * len(new))]
    pool = [text for text, share in zip([*known, *new], weights, strict=True) if share > 0.0]
    korean = any("가" <= letter <= "힣" for text in list(records)[:200] for letter in text)
    return TextModel(tuple(pool), tuple(share for share in weights if share > 0.0), "ko_KR" if korean else "en_US")


def _words(values: pa.Array | pa.ChunkedArray) -> Iterable[str]:
    plain = values.cast(pa.string()).drop_null()
    if len(plain) > _MOST_TEXTS:
        step = -(-len(plain) // _MOST_TEXTS)
        plain = plain.take(pa.array(np.arange(0, len(plain), step)))
    squeezed = pc.replace_substring_regex(pc.utf8_trim_whitespace(plain), r"\s+", " ")
    return [text for text in squeezed.to_pylist() if text]


def _print_of(text: str) -> str:
    return "".join(text.split()).casefold()


def _most_words(records: Mapping[str, int]) -> int:
    return max((len(text.split()) for text in records), default=0)


def _tells_little(new: Sequence[str], records: Mapping[str, int]) -> bool:
    """Whether short texts (names of towns, of products) share so few words that few or only stumps come of them."""
    usual = _mean_length(list(records))
    few = len(new) < min(_VARIED * len(records), _POOL)
    words = sum(len(text.split()) for text in records) / max(len(records), 1)
    return 0 < usual <= _SHORT and words <= _FEW_WORDS and (few or _mean_length(new) < _MOST_OF_LENGTH * usual)


def _mean_length(texts: Sequence[str]) -> float:
    return sum(map(len, texts)) / max(len(texts), 1)


def _spelled(records: Mapping[str, int], seen: Mapping[str, int], k: int, rng: np.random.Generator) -> Sequence[str]:
    """Return texts spelled letter by letter, each step as k records have it, as long as theirs; no word of theirs."""
    lengths = sorted(length for text, count in records.items() for length in [len(text)] * count)
    if len(lengths) < 2 * k:
        return ()
    shortest, longest = lengths[k - 1], lengths[-k]
    words = Counter[str]()
    for text, count in records.items():
        words.update(dict.fromkeys({word.casefold() for word in text.split()}, count))
    told = {word for word, count in words.items() if count < k and len(word) >= _TOLD_WORD}
    found = _made_up(_chains(records, k, between=""), seen, k, rng, longest=longest, between="")
    kept = [text for text in found if len(text) >= shortest and told.isdisjoint(text.casefold().split())]
    return [text for text in kept if text == text.strip()]


def _of_words(records: Mapping[str, int], k: int, rng: np.random.Generator) -> Sequence[str]:
    """Return as many common words as the texts usually have, where too few records tell of anything else."""
    counts = sorted(len(text.split()) for text, count in records.items() for _ in range(count))
    if len(counts) < k:
        return ()
    capital = sum(count for text, count in records.items() if text[:1].isupper()) * 2 > len(counts)
    words = list(dict.fromkeys(locale_of("en_US").entries("words")))
    drawn = rng.choice(words, size=(_POOL, max(1, counts[len(counts) // 2])))
    texts = dict.fromkeys(" ".join(row) for row in drawn)
    return [text.title() if capital else text for text in texts]


def _chains(records: Mapping[str, int], k: int, *, between: str) -> dict[tuple[str, ...], _Followers]:
    """Followers of every context of one or two words or letters, counted once a record, where k records carry it."""
    counts: Counter[tuple[str, ...]] = Counter()
    for text, count in records.items():
        words = [_START, *(text.split(between) if between else text), _END]
        # No set: its order changes from one process to the next, and with it what is drawn.
        grams = dict.fromkeys(tuple(words[i : i + size]) for size in (2, 3) for i in range(len(words) - size + 1))
        for gram in grams:
            counts[gram] += count
    followers: defaultdict[tuple[str, ...], list[tuple[str, int]]] = defaultdict(list)
    for gram, count in counts.items():
        if count >= k:
            followers[gram[:-1]].append((gram[-1], count))
    return {
        context: ([word for word, _ in pairs], np.cumsum([count for _, count in pairs], dtype=np.float64))
        for context, pairs in followers.items()
    }


def _made_up(
    chains: Mapping[tuple[str, ...], _Followers],
    seen: Mapping[str, int],
    k: int,
    rng: np.random.Generator,
    *,
    longest: int,
    between: str,
) -> Sequence[str]:
    found: dict[str, None] = {}
    if (_START,) not in chains:
        return ()
    idle = 0
    for _ in range(_TRIES):
        text = between.join(_walk(chains, longest, rng, broken_off=bool(between)))
        if text and not 0 < seen.get(_print_of(text), 0) < k:
            idle = idle + 1 if text in found else 0
            found[text] = None
        else:
            idle += 1
        if len(found) >= _POOL or idle >= _PATIENCE:
            break
    return tuple(found)


def _walk(
    chains: Mapping[tuple[str, ...], _Followers], longest: int, rng: np.random.Generator, *, broken_off: bool
) -> list[str]:
    """Return the steps of a walk; none of one that does not come to an end, unless it may be broken off."""
    words = [_START]
    while len(words) <= longest:
        # Longer contexts read better, but one with a single way on would only retell the source.
        pair = chains.get(tuple(words[-2:]))
        step = pair if len(words) > 1 and pair is not None and len(pair[0]) > 1 else chains.get((words[-1],), pair)
        if step is None:
            break
        followers, ends = step
        word = followers[min(int(np.searchsorted(ends, rng.random() * ends[-1], "right")), len(followers) - 1)]
        if word == _END:
            return words[1:]
        words.append(word)
    return words[1:] if broken_off else []
