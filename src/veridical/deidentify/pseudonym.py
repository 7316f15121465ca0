"""By what is each thing replaced, so that the same stays the same and nothing can be traced back?

Every choice is drawn from HMAC-SHA-256 of a secret key and the thing itself: with the same key the same person gets the
same name in every file; without the key nobody can tell which was whose.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from veridical.deidentify.moment import shifted, year_of
from veridical.fabricate import column
from veridical.fabricate.locale import locale_of, slug

Mode = Literal["replace", "generalise", "tag"]
_HANGUL = re.compile(r"[가-힣]")
# Words within names that name nobody.
_SMALL_WORDS = """van von der den de la le las los del della di da do dos das du bin ibn al el ter ten zu zum y e"""
_SMALL = frozenset(_SMALL_WORDS.split())
_TRIES = 50
_WEEKS = 52
_KINDS = {"phone": "phone", "card": "card", "iban": "iban", "address": "address", "place": "city"}


def new_key() -> bytes:
    """Return a key that nobody else has, from the operating system's entropy."""
    return secrets.token_bytes(32)


@dataclass
class Pseudonyms:
    """The replacements of one key; `locale` is for what shows none of its own (Korean always stays Korean).

    Example:
        >>> names = Pseudonyms(key=b"k" * 32)
        >>> names.of("name", "Maria Santos").upper() == names.of("name", "MARIA  SANTOS")
        True
        >>> names.of("name", "Maria Santos").split()[1] == names.of("name", "Santos")
        True
    """

    key: bytes = field(repr=False)
    locale: str = "en_US"
    mode: Mode = "replace"
    _made: dict[tuple[str, str], str] = field(default_factory=dict, repr=False)
    _used: dict[tuple[str, str], str] = field(default_factory=dict, repr=False)
    _numbers: dict[str, dict[str, int]] = field(default_factory=dict, repr=False)

    def of(self, kind: str, text: str, *, subject: str = "") -> str:
        """Return what stands for an entity; dates move by the days of their `subject`."""
        if self.mode == "tag" or kind == "period":
            return self._tag(kind, text)
        if kind == "date":
            moved = year_of(text) if self.mode == "generalise" else shifted(text, self.days_of(subject))
            return moved if moved is not None else self._tag(kind, text)
        if self.mode == "generalise":
            return _coarse(kind, text) or f"[{kind.upper()}]"
        if kind == "name":
            return self._name(text)
        return self._once(kind, _folded(text), lambda turn: self._value(kind, text, turn))

    def days_of(self, subject: str) -> int:
        """Return by how many days a subject's dates move: whole weeks, 1 to 52, back or forth, so weekdays stay."""
        weeks = 1 + self._number("shift", subject, 0) % _WEEKS
        return 7 * (weeks if self._number("direction", subject, 0) % 2 else -weeks)

    def _tag(self, kind: str, text: str) -> str:
        known = self._numbers.setdefault(kind, {})
        return f"[{kind.upper()}_{known.setdefault(_folded(text), len(known) + 1)}]"

    def _name(self, text: str) -> str:
        if _HANGUL.search(text):
            return self._korean(text)
        if "," in text:
            last, _, first = text.partition(",")
            return f"{self._word(last.strip(), 'last')}, {self._word(first.strip(), 'first')}"
        words = text.split()
        if len(words) == 1:
            role = "first" if words[0].capitalize() in _firsts() else "last"
            return self._word(words[0], role)
        made = [
            word if at and word.lower() in _SMALL else self._word(word, "first" if at < len(words) - 1 else "last")
            for at, word in enumerate(words)
        ]
        return " ".join(made)

    def _word(self, word: str, role: str) -> str:
        """Return what stands for one word of a name; an initial becomes an initial, small particles stay."""
        bare = word.rstrip(".")
        if len(bare) == 1 and bare.isupper():
            return self._draw("initial", bare, 0, "ABCDEFGHJKLMNPRSTW") + word[1:]
        if word in _SMALL or not bare:
            return word
        if word.count(" "):
            return " ".join(self._word(part, role) for part in word.split())
        kind = "first_name" if role == "first" else "last_name"
        made = self._once(
            f"name.{role}", _folded(bare), lambda turn: self._fabricated(kind, self.locale, _folded(bare), turn)
        )
        if word.islower():
            return made.lower()
        return made.upper() if word.isupper() and len(word) > 1 else made

    def _korean(self, text: str) -> str:
        """Return a Korean name: family and given name apart, each ending as the true one does, so particles fit."""
        cut = 2 if text[:2] in _korean_lasts() and len(text) >= 4 else 1
        last, given = text[:cut], text[cut:].strip()
        family = self._once("name.korean_last", last, lambda turn: self._alike("last_name", last, turn))
        if not given or not _HANGUL.search(given):
            return family + text[cut:]
        name = self._once("name.korean_given", given, lambda turn: self._alike("first_name", given, turn))
        return family + name

    def _alike(self, kind: str, text: str, turn: int) -> str:
        for again in range(_TRIES):
            made = self._fabricated(kind, "ko_KR", text, turn * _TRIES + again)
            if _closed(made[-1]) == _closed(text[-1]) and (kind == "last_name" or len(made) == 2):
                return made
        return made

    def _value(self, kind: str, text: str, turn: int) -> str:
        locale = (
            "ko_KR"
            if _HANGUL.search(text) or (kind == "phone" and re.match(r"0(?:1|2|[3-6]\d|70)", text))
            else self.locale
        )
        if kind == "place":
            city = self._fabricated("city", locale, text, turn)
            return (
                city
                if locale != "ko_KR" or _closed(city[-1]) == _closed(text[-1]) or turn > 20
                else self._value(kind, text, turn + 1)
            )
        if kind == "national_id":
            korean = re.fullmatch(r"\d{6}\s?-\s?[1-8][\d*]{6}", text)
            if korean or re.fullmatch(r"\d{3}-\d{2}-\d{4}", text):
                return self._fabricated(kind, "ko_KR" if korean else "en_US", text, turn)
            return self._reshaped(text, turn)
        if kind == "email":  # under example.org, which reaches nobody
            first, last = (self._fabricated(part, "en_US", text, turn) for part in ("first_name", "last_name"))
            return f"{slug(first)}.{slug(last)}{self._number(kind, text, turn) % 1000}@example.org"
        if kind in _KINDS:
            return self._fabricated(_KINDS[kind], locale, text, turn)
        if kind == "url":
            return f"https://example.org/{self._number(kind, text, turn) % 10**8:08d}"
        if kind == "ip":
            return self._address(text, turn)
        return self._reshaped(text, turn)

    def _address(self, text: str, turn: int) -> str:
        if "." in text:  # RFC 5737: reserved for documents, so nobody's
            return f"203.0.113.{self._number('ip', text, turn) % 254 + 1}"
        return self._reshaped(text, turn) if text.count(":") == 5 or "-" in text else (
            f"2001:db8::{self._number('ip', text, turn) % 65536:x}"
        )  # fmt: skip

    def _reshaped(self, text: str, turn: int) -> str:
        """Return other letters and digits in the same places."""
        made = []
        for place, sign in enumerate(text):
            alphabet = (
                "0123456789"
                if sign.isdigit()
                else "ABCDEFGHJKLMNPRSTUVWXYZ"
                if sign.isascii() and sign.isalpha()
                else ""
            )
            drawn = self._draw("shape", f"{text}\x1f{place}", turn, alphabet) if alphabet else sign
            made.append(drawn.lower() if sign.islower() else drawn)
        return "".join(made)

    def _once(self, kind: str, text: str, draw: Callable[[int], str]) -> str:
        """Return the replacement made before, or a new one that is neither the thing itself nor another's."""
        if (known := self._made.get((kind, text))) is not None:
            return known
        for turn in range(_TRIES):
            made = draw(turn)
            owner = self._used.get((kind, _folded(made)))
            if _folded(made) != text and owner in (None, text):
                break
        self._made[kind, text] = made
        self._used[kind, _folded(made)] = text
        return made

    def _fabricated(self, kind: str, locale: str, text: str, turn: int) -> str:
        rng = np.random.default_rng(self._number(f"{kind}.{locale}", _folded(text), turn))
        return str(column(kind, locale=locale, rows=1, rng=rng)[0].as_py())

    def _draw(self, what: str, text: str, turn: int, alphabet: str) -> str:
        return alphabet[self._number(what, text, turn) % len(alphabet)]

    def _number(self, what: str, text: str, turn: int) -> int:
        told = f"{what}\x1f{text}\x1f{turn}".encode()
        return int.from_bytes(hmac.new(self.key, told, hashlib.sha256).digest()[:16], "big")


def _coarse(kind: str, text: str) -> str:
    """Return what may be told of a thing without naming it: the region of a city, the network of an address."""
    if kind == "ip" and "." in text:
        return ".".join(text.split(".")[:2]) + ".0.0"
    if kind == "place":
        return _regions().get(text, "")
    if kind == "address":
        found = re.match(r"([가-힣]+(?:특별자치시|특별자치도|특별시|광역시|도))\s", text)
        return found[1] if found else ""
    return ""


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _closed(syllable: str) -> bool:
    """Whether a Korean syllable ends in a consonant: particles after it differ."""
    return "가" <= syllable <= "힣" and (ord(syllable) - ord("가")) % 28 != 0


def _firsts() -> frozenset[str]:
    from veridical.deidentify.name import _firsts as known

    return known()


def _korean_lasts() -> frozenset[str]:
    return frozenset(locale_of("ko_KR").entries("last"))


def _regions() -> dict[str, str]:
    return {city: region for name in ("en_US", "en_GB", "de_DE", "ko_KR") for city, region, _ in locale_of(name).places}
