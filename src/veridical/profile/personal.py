"""Does a text column hold data about persons, of which type and locale?"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from veridical.fabricate.check_digit import iban_holds, luhn_holds
from veridical.profile import header

SAMPLE = 500
FIRST = 30  # looked at before the rest: most columns are no such thing
MOST = 0.9  # share of the looked-at values that must fit
# Share of texts with a usual first name from which on they are people, whatever the header says: among places,
# makers and works it stays below a quarter.
NAMED, FIRST_NAMED = 0.35, 0.4
FEWEST_NAMES = 10

_EMAIL = re.compile(r"^[^@\s,;]{1,64}@[^@\s,;]+\.[^@\s,;.]{2,}$")
_PHONE = re.compile(r"^\+?[\d\s().\-–/x]{7,25}$")
_KOREAN_PHONE = re.compile(r"^(\+82[- ]?|0)(1[016789]|2|[3-6]\d|70|50\d?)[- )]?\d{3,4}[- ]?\d{4}$")
_SSN = re.compile(r"^(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}$")
_RRN = re.compile(r"^(\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])-?([1-8])\d{6}$")
_NINO = re.compile(r"^[A-CEGHJ-PR-TW-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]$")
_IBAN = re.compile(r"^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$")
_STREET = re.compile(
    r"(^\d+[\w\-/]*\s+\S.*)|(\b(street|st|avenue|ave|road|rd|lane|ln|drive|dr|blvd|boulevard|way|court|ct|square|plaza"
    r"|rua|rue|calle|via|straße|strasse|allee)\b\.?.*\d|\d.*\b(street|st|avenue|ave|road|rd|lane|drive|blvd|way)\b)",
    re.IGNORECASE,
)
_KOREAN_STREET = re.compile(r"(시|도|구|군|읍|면|동|리)\s.*(로|길|동|가|리)\s?\d+")
_WORD = re.compile(r"^[^\W\d_]+(?:['’\-][^\W\d_]+)*\.?$")
_HANGUL_NAME = re.compile(r"^[가-힣]{2,4}$")


@dataclass(frozen=True, slots=True)
class Personal:
    """A type of personal data, its locale where it shows, and why this is thought."""

    type: str
    locale: str | None
    reason: str
    confidence: float


def find(name: str, texts: Sequence[str]) -> Personal | None:
    """Return what personal data the distinct texts of a column are, by content first, then by header.

    Example:
        >>> find("contact", ["kim@example.com", "lee@example.org"]).type
        'email'
    """
    sample = [text.strip() for text in texts[:: max(1, len(texts) // SAMPLE)] if text.strip()]
    if not sample:
        return None
    said = header.personal_type(name)
    for kind, check, needs_header in _CHECKS:
        if sum(map(check, sample[:FIRST])) < 0.4 * min(FIRST, len(sample)):
            continue
        share = sum(map(check, sample)) / len(sample)
        if share >= (0.6 if said == kind else MOST) and (said == kind or not needs_header):
            return _found(kind, sample, f"{share:.0%} of the values look like one", said == kind)
    named = _person_name(said, sample)
    if named is not None:
        return named
    if said == "address" and len(sample) >= 5 and _has_letters(sample) and _long(sample):
        return _found("address", sample, "the header says so", True)
    if (
        said in ("username", "first_name", "last_name")
        and _has_letters(sample)
        and len(sample) >= 5
        and not _long(sample)
    ):
        return _found(said, sample, "the header says so", True)
    return None


def _found(kind: str, sample: Sequence[str], why: str, said: bool) -> Personal:
    confidence = 0.98 if said and "look" in why else 0.8
    return Personal(
        kind, _locale(kind, sample), f"{why}{', and the header says so' if said and 'look' in why else ''}", confidence
    )


def is_card(text: str) -> bool:
    """Return whether the digits are a payment card's number (13 to 19 digits, Luhn's check digit).

    Example:
        >>> is_card("4111 1111 1111 1111"), is_card("4111 1111 1111 1112")
        (True, False)
    """
    digits = text.replace(" ", "").replace("-", "")
    if not (digits.isascii() and digits.isdigit() and 13 <= len(digits) <= 19 and digits[0] in "23456"):
        return False
    return luhn_holds(digits)


def is_iban(text: str) -> bool:
    """Return whether the text is an IBAN (ISO 13616: the number modulo 97 is 1).

    Example:
        >>> is_iban("GB82 WEST 1234 5698 7654 32"), is_iban("GB82 WEST 1234 5698 7654 33")
        (True, False)
    """
    compact = text.replace(" ", "").upper()
    return bool(_IBAN.match(compact)) and iban_holds(compact)


def is_korean_id(text: str) -> bool:
    """Return whether the text is a Korean resident number with a valid date and check digit.

    Example:
        >>> is_korean_id("900101-1234568"), is_korean_id("901301-1234567")
        (True, False)
    """
    if not _RRN.match(text):
        return False
    digits = [int(d) for d in text if d.isdigit()]
    return (11 - sum(d * w for d, w in zip(digits, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)))) % 11 % 10 == digits[12]


def _is_korean_shape(text: str) -> bool:
    # Numbers given out since October 2020 have no check digit: the dash and a valid date must do.
    return bool(_RRN.match(text)) and "-" in text


def _is_ip(text: str) -> bool:
    if "." not in text and text.count(":") < 2:
        return False
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_phone(text: str) -> bool:
    digits = sum(c.isdigit() for c in text)
    return bool(_PHONE.match(text)) and 7 <= digits <= 15


def _is_written_phone(text: str) -> bool:
    marked = text.startswith(("+", "(")) or bool(re.match(r"^(0\d{1,4}|\d{3})[-. ]\d{3,4}[-. ]\d{4}$", text))
    return marked and _is_phone(text) and not re.match(r"^\d{4}-\d{2}-\d{2}", text)


_CHECKS: tuple[tuple[str, Callable[[str], bool], bool], ...] = (
    ("email", lambda text: bool(_EMAIL.match(text)), False),
    ("national_id", is_korean_id, False),
    ("national_id", _is_korean_shape, False),
    ("national_id", lambda text: bool(_SSN.match(text)), False),
    ("national_id", lambda text: bool(_NINO.match(text)), False),
    ("national_id", lambda text: sum(c.isdigit() for c in text) >= 6, True),
    ("iban", is_iban, False),
    ("iban", lambda text: sum(c.isdigit() for c in text) >= 8, True),
    ("card", is_card, False),
    ("card", lambda text: sum(c.isdigit() for c in text) >= 13, True),
    ("ip", _is_ip, False),
    ("phone", lambda text: bool(_KOREAN_PHONE.match(text)), False),
    ("phone", _is_written_phone, False),
    ("phone", _is_phone, True),
    ("address", lambda text: bool(_KOREAN_STREET.search(text)), False),
    ("address", lambda text: bool(_STREET.search(text)) and len(text) >= 6, True),
)


def _person_name(said: str | None, sample: Sequence[str]) -> Personal | None:
    """Names are told by known first or family names, which city or product names do not begin with."""
    korean = [text for text in sample if _HANGUL_NAME.match(text)]
    if len(korean) >= MOST * len(sample) and (said == "name" or len(sample) >= 3):
        surnames = sum(text[0] in _korean_surnames() for text in korean) / len(korean)
        usual = sum(len(text) == 3 for text in korean) / len(korean)
        if surnames >= MOST and (said in ("name", "last_name", "first_name") or (usual >= 0.8 and len(sample) >= 20)):
            return Personal("name", "ko_KR", "Korean family names with given names", 0.9 if said else 0.7)
    tokens = [re.sub(r"(?<=\w)\d+\b", "", text).replace(",", "").split() for text in sample]
    wordy = [parts for parts in tokens if 1 <= len(parts) <= 4 and all(_WORD.match(part) for part in parts)]
    if len(wordy) < 0.8 * len(sample) or len(sample) < 3:
        return None
    hits = sum(any(part.lower() in _first_names() for part in parts) for parts in wordy) / len(wordy)
    several = sum(len(parts) >= 2 for parts in wordy) / len(wordy)
    if said in ("first_name", "last_name", "username") and _capital(wordy):
        return Personal(said, None, "the header says so", 0.9)
    if said == "name" and hits >= 0.25:
        kind = "name" if several >= 0.5 else "first_name"
        return Personal(kind, None, f"the header says so, {hits:.0%} hold a usual first name", 0.9)
    reason = f"{hits:.0%} of the values hold a usual first name"
    if hits >= NAMED and several >= 0.8 and len(sample) >= FEWEST_NAMES:
        return Personal("name", None, reason, 0.7)
    if hits >= FIRST_NAMED and several < 0.2 and len(sample) >= FIRST:
        return Personal("first_name", None, reason, 0.6)
    return None


def _capital(texts: Sequence[Sequence[str]]) -> bool:
    """Whether words are written as names are, or in one case throughout."""
    first = [parts[0][0] for parts in texts]
    return sum(letter.isupper() for letter in first) >= 0.8 * len(first) or not any(c.isupper() for c in first)


@cache
def _first_names() -> frozenset[str]:
    from veridical.fabricate.locale import LOCALES, locale_of

    return frozenset(name.lower() for locale in LOCALES for name in locale_of(locale).first_names)


@cache
def _korean_surnames() -> frozenset[str]:
    from veridical.fabricate.locale import locale_of

    return frozenset(name[0] for name in locale_of("ko_KR").entries("last"))


def _locale(kind: str, sample: Sequence[str]) -> str | None:
    text = "".join(sample[:200])
    if any("가" <= character <= "힣" for character in text):
        return "ko_KR"
    if kind == "phone" and sum(bool(_KOREAN_PHONE.match(item)) for item in sample) >= MOST * len(sample):
        return "ko_KR"
    if kind == "national_id":
        if sum(_is_korean_shape(item) or is_korean_id(item) for item in sample) >= 0.6 * len(sample):
            return "ko_KR"
        return "en_GB" if _NINO.match(sample[0]) else "en_US" if _SSN.match(sample[0]) else None
    return None


def _has_letters(sample: Sequence[str]) -> bool:
    return sum(any(c.isalpha() for c in text) for text in sample) >= 0.8 * len(sample)


def _long(sample: Sequence[str]) -> bool:
    return sum(len(text) for text in sample) / len(sample) >= 8
