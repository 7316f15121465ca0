"""Addresses on the net, telephone numbers, cards, and numbers that the state or a house gives out: by their shape, and
by their check digits where they have one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from veridical.deidentify.entity import Entity
from veridical.fabricate.check_digit import iban_holds, luhn_holds

_LABELS = (
    r"(?:patient|medical record|record|mrn|chart|case|account|acct|customer|client|member|policy|order|invoice|claim|"
    r"passport|licen[cs]e|licence plate|driver'?s? licen[cs]e|employee|student|staff|user|subscriber|reference|ref|"
    r"ssn|national insurance|nhs|id|tax|vat|serial)"
)
_KOREAN_LABELS = (
    r"(?:환자|고객|회원|주문|등록|접수|차트|사원|직원|학생|계좌|카드|여권|면허|증권|보험|사건|청구|차량|수험|군|주민|운전면허|외국인)"
    r"\s?(?:등록)?\s?(?:번호|ID|아이디)|사번|학번|군번|계좌"
)
_PATTERNS: tuple[tuple[str, re.Pattern[str], float], ...] = (
    ("email", re.compile(r"[\w.+'-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}"), 1.0),
    ("url", re.compile(r"\bhttps?://[^\s<>\"')\]]+|\bwww\.[^\s<>\"')\]]+", re.I), 0.95),
    ("national_id", re.compile(r"(?<!\d)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\s?-\s?[1-8](?:\d{6}|\*{6})(?!\d)"), 1.0),  # noqa: E501
    ("national_id", re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])"), 0.97),
    ("national_id", re.compile(r"\b[A-CEGHJ-PR-TW-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b"), 0.95),
    ("national_id", re.compile(r"(?<!\d)\d{3} \d{3} \d{4}(?= *\(?NHS)|(?<=NHS )\d{3} \d{3} \d{4}(?!\d)"), 0.98),
    ("id", re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{5}(?![\d-])"), 0.9),  # Korean business number
    ("id", re.compile(r"(?<![\d-])\d{2}-\d{2}-\d{6}-\d{2}(?![\d-])"), 0.97),  # Korean driving licence
    ("id", re.compile(r"(?<![\dA-Za-z-])[MSRODG]\d{3}[A-Z]\d{4}(?![\dA-Za-z])|(?<![\dA-Za-z-])[MSR]\d{8}(?!\d)"), 0.85),
    ("plate", re.compile(r"(?<![\d가-힣])(?:[가-힣]{2}\s?)?\d{2,3}\s?[가-힣]\s?\d{4}(?!\d)"), 0.85),
    ("ip", re.compile(r"(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\d.]\d)"), 0.95),
    ("ip", re.compile(r"(?<![\w:])(?:[0-9A-Fa-f]{1,4}:){3,7}(?::?[0-9A-Fa-f]{1,4})(?![\w:])|\b(?:[0-9A-F]{2}[:-]){5}[0-9A-F]{2}\b", re.I), 0.9),  # noqa: E501
    ("phone", re.compile(r"(?<![\w.-])\+\d{1,3}[ .-]?(?:\(?\d{1,4}\)?[ .-]?){2,4}\d{2,4}(?![\w-])"), 0.95),
    ("phone", re.compile(r"(?<![\w.-])(?:1[ .-])?\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?:\s?(?:x|ext\.?)\s?\d{1,5})?(?![\w-])"), 0.93),  # noqa: E501
    ("phone", re.compile(r"(?<![\w.-])(?:01[016789]|02|0[3-6]\d|070|050\d|080)[ .)-]{0,2}\d{3,4}[ .-]?\d{4}(?!\d)"), 0.93),  # noqa: E501
    ("phone", re.compile(r"(?<![\w.-])(?:1[568]\d{2})-\d{4}(?![\w-])"), 0.8),
    ("phone", re.compile(r"(?<![\w.-])0\d{2,4}[ -]\d{3,4}[ -]?\d{3,4}(?![\w-])"), 0.8),
    ("phone", re.compile(r"(?:(?<=tel )|(?<=phone )|(?<=call )|(?<=Tel: )|(?<=phone: )|(?<=Call )|(?<=at ))\d{3}-\d{4}(?![\w-])"), 0.8),  # noqa: E501
)  # fmt: skip
_CARD = re.compile(r"(?<![\d.-])\d(?:[ -]?\d){12,18}(?!\d|\.\d)")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b")
_LABELLED = re.compile(
    rf"(?:\b{_LABELS}\b(?:\s+(?:number|no\.?|num|id|code|#))?|{_KOREAN_LABELS})\s*(?:is|was|[:#=]|은|는|이|가)?\s*[:#]?\s*"
    r"(?P<id>(?=[A-Za-z0-9/-]*\d)[A-Za-z0-9]+(?:[-/][A-Za-z0-9]+)*)",
    re.I,
)
_USER = re.compile(r"(?<![\w@/.])@[A-Za-z_][\w.]{2,30}")


def contacts_in(text: str) -> Iterator[Entity]:
    """Yield contacts and numbers of a text; they may overlap.

    Example:
        >>> text = "Mail jo@example.org, card 4111 1111 1111 1111, 주민번호 900101-1234567, MRN: A-10293."
        >>> sorted({entity.kind for entity in contacts_in(text)})
        ['card', 'email', 'id', 'national_id']
    """
    for kind, pattern, sure in _PATTERNS:
        for found in pattern.finditer(text):
            yield Entity(*found.span(), kind, sure)
    yield from _checked("card", _CARD, text, lambda raw: luhn_holds(re.sub(r"\D", "", raw)))
    yield from _checked("iban", _IBAN, text, lambda raw: iban_holds(raw.replace(" ", "")))
    for found in _LABELLED.finditer(text):
        if len(found["id"]) >= 4:
            yield Entity(*found.span("id"), "id", 0.75)
    for found in _USER.finditer(text):
        yield Entity(*found.span(), "id", 0.7)


def _checked(kind: str, pattern: re.Pattern[str], text: str, holds: Callable[[str], bool]) -> Iterator[Entity]:
    for found in pattern.finditer(text):
        start, end = found.span()
        raw = found.group()
        # A word after an IBAN looks like more of it: the check digits tell where it ends.
        while end - start >= 15:
            if holds(raw[: end - start]):
                yield Entity(start, end, kind, 0.99)
                break
            if kind == "card":
                break
            end -= 1
