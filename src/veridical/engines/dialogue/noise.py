"""How do people really type? Typos, abbreviations, emoji, mixed languages: put in on purpose, each with its label.

Nothing that carries meaning (a number, an address, an e-mail) is touched, so the clean text and the messy one say the
same; the labels tell what was done and where, so that a model may be trained to undo or to stand it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

KINDS = ("typo", "abbreviation", "emoji", "code_switch", "lowercase", "no_punctuation")
_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_SHORT: Mapping[str, Mapping[str, str]] = {
    "en": {
        "please": "pls", "you": "u", "your": "ur", "are": "r", "thanks": "thx", "thank you": "ty", "because": "bc",
        "about": "abt", "order": "ord", "number": "nr", "address": "addr", "message": "msg", "tomorrow": "tmrw",
        "right": "rite", "going to": "gonna", "want to": "wanna", "I do not know": "idk", "as soon as possible": "asap",
    },
    "ko": {
        "감사합니다": "ㄱㅅ", "감사해요": "ㄱㅅㄱㅅ", "네": "넹", "안녕하세요": "안뇽하세요", "주세요": "주세욤",
        "싶어요": "싶어용", "그냥": "걍", "너무": "넘", "진짜": "ㄹㅇ", "어떻게": "어케", "좋아요": "ㅇㅋ",
    },
}  # fmt: skip
_SWITCH: Mapping[str, Mapping[str, str]] = {
    "en": {"order": "주문", "refund": "환불", "address": "주소", "thanks": "감사", "please": "제발", "yes": "네",
           "cancel": "취소", "number": "번호", "money": "돈"},
    "ko": {"주문": "order", "환불": "refund", "주소": "address", "취소": "cancel", "배송": "delivery", "번호": "number",
           "감사합니다": "thank you", "상품": "item", "네": "yes"},
}  # fmt: skip
_CALM, _CROSS = ("🙂", "🙏", "👍", "😊", "^^"), ("😡", "😤", "🙄", "!!", "ㅡㅡ")
_VALUE = re.compile(r"\S*[@\d]\S*")


@dataclass(frozen=True, slots=True)
class Mess:
    """One thing that was done: its kind, the words before and after, and where the latter begin."""

    kind: str
    before: str
    after: str
    start: int


@dataclass(frozen=True, slots=True)
class Messy:
    """A text after, with the labels of what was done to it, first to last."""

    text: str
    labels: tuple[Mess, ...]


def messed(
    text: str,
    rates: Mapping[str, float],
    rng: np.random.Generator,
    *,
    language: str = "en",
    protected: Sequence[str] = (),
    cross: bool = False,
) -> Messy:
    """Return a text as somebody in a hurry would type it; `rates` maps kinds to the chance that each happens.

    Words with digits or an @ in them, and those of `protected`, are left alone.

    Example:
        >>> rng = np.random.default_rng(2)
        >>> messed("Please cancel order W12.", {"abbreviation": 1.0}, rng).text
        'pls cancel ord W12.'
    """
    labels: list[Mess] = []
    for kind in KINDS:
        if rng.random() < rates.get(kind, 0.0):
            text = _INJECTORS[kind](text, _Spot(rng, language, _kept(text, protected), cross, labels))
    return Messy(text, tuple(sorted(_placed(text, labels), key=lambda mess: mess.start)))


@dataclass
class _Spot:
    """What an injector may know: chance, language, spans to leave alone, mood; and where it notes what it did."""

    rng: np.random.Generator
    language: str
    kept: list[tuple[int, int]]
    cross: bool
    labels: list[Mess]


Injector = Callable[[str, _Spot], str]


def _kept(text: str, protected: Sequence[str]) -> list[tuple[int, int]]:
    spans = [found.span() for found in _VALUE.finditer(text)]
    return spans + [found.span() for value in protected if value for found in re.finditer(re.escape(value), text)]


def _free(spans: Sequence[tuple[int, int]], start: int, end: int) -> bool:
    return all(end <= low or start >= high for low, high in spans)


def _words(text: str, kept: Sequence[tuple[int, int]], least: int) -> list[re.Match[str]]:
    found = re.finditer(r"[^\W\d_]+", text)
    return [word for word in found if len(word.group()) >= least and _free(kept, *word.span())]


def _typo(text: str, spot: _Spot) -> str:
    words = _words(text, spot.kept, 2 if spot.language == "ko" else 4)
    if not words:
        return text
    word = words[int(spot.rng.integers(len(words)))]
    made = _mistyped(word.group(), spot.rng)
    if made == word.group():
        return text
    spot.labels.append(Mess("typo", word.group(), made, word.start()))
    return text[: word.start()] + made + text[word.end() :]


def _mistyped(word: str, rng: np.random.Generator) -> str:
    place = int(rng.integers(len(word) - 1))
    way = int(rng.integers(4))
    if way == 0:
        return word[:place] + word[place + 1] + word[place] + word[place + 2 :]
    if way == 1:
        return word[:place] + word[place + 1 :]
    if way == 2:
        return word[:place] + word[place] + word[place:]
    for row in _KEYS:
        if (at := row.find(word[place].lower())) >= 0:
            return word[:place] + row[at - 1 if at else 1] + word[place + 1 :]
    return word[:place] + word[place + 1 :]


def _swap(kind: str, tables: Mapping[str, Mapping[str, str]], *, once: bool) -> Injector:
    def swap(text: str, spot: _Spot) -> str:
        table = tables.get(spot.language, {})
        known = [word for word in table if _find(word, text, spot.language)]
        if not known:
            return text
        chosen = [known[int(spot.rng.integers(len(known)))]] if once else known
        for word in chosen:
            found = _find(word, text, spot.language)
            if found is None or not _free(_kept(text, ()), *found.span()) or not _free(spot.kept, *found.span()):
                continue
            spot.labels.append(Mess(kind, found.group(), table[word], found.start()))
            text = text[: found.start()] + table[word] + text[found.end() :]
        return text

    return swap


def _find(word: str, text: str, language: str) -> re.Match[str] | None:
    edge = "" if language == "ko" else r"\b"
    return re.search(rf"{edge}{re.escape(word)}{edge}", text, re.I)


def _emoji(text: str, spot: _Spot) -> str:
    signs = _CROSS if spot.cross else _CALM
    sign = signs[int(spot.rng.integers(len(signs)))]
    spot.labels.append(Mess("emoji", "", sign, len(text) + 1))
    return f"{text} {sign}"


def _lowercase(text: str, spot: _Spot) -> str:
    made = "".join(sign.lower() if _free(spot.kept, place, place + 1) else sign for place, sign in enumerate(text))
    if made != text:
        spot.labels.append(Mess("lowercase", "", "", 0))
    return made


def _no_punctuation(text: str, spot: _Spot) -> str:
    found = [sign.span() for sign in re.finditer(r"[.!?,]+(?=\s|$)", text)]
    made = text
    for start, end in reversed(found):
        # The full stop after a number belongs to the sentence; a comma inside an address does not.
        if end == len(text) or _free(spot.kept, start, end) or _ends_word(text, start, spot.kept):
            made = made[:start] + made[end:]
    if made != text:
        spot.labels.append(Mess("no_punctuation", "", "", 0))
    return made


def _ends_word(text: str, start: int, kept: Sequence[tuple[int, int]]) -> bool:
    """Return whether a sign only ends one protected word, and stands in no longer protected value."""
    return not any(low < start < high - 1 and " " in text[low:high] for low, high in kept)


_INJECTORS: Mapping[str, Injector] = {
    "typo": _typo,
    "abbreviation": _swap("abbreviation", _SHORT, once=False),
    "emoji": _emoji,
    "code_switch": _swap("code_switch", _SWITCH, once=True),
    "lowercase": _lowercase,
    "no_punctuation": _no_punctuation,
}


def _placed(text: str, labels: Sequence[Mess]) -> list[Mess]:
    """Return the labels with places that hold in the final text; -1 where a later change hid the words."""
    placed = []
    for mess in labels:
        at = text.lower().find(mess.after.lower()) if mess.after else 0
        exact = text[mess.start : mess.start + len(mess.after)].lower() == mess.after.lower()
        placed.append(Mess(mess.kind, mess.before, mess.after, mess.start if exact else at))
    return placed
