"""Does a text hold what could reach, name or charge a person?

Patterns only: e-mail addresses, telephone numbers, payment cards and IBANs (by their check digits), identity numbers of
the US and Korea, IP addresses, links with a user. Names and postal addresses are not found by these.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from veridical.curate.setting import configured
from veridical.curate.word import joined
from veridical.fabricate.check_digit import iban_holds, luhn_holds
from veridical.llm.candidate import Ask, Candidate, Rejection

# ASCII alone bounds a word: a Korean particle stands right behind a number or an address.
_PATTERNS = {
    "e-mail address": re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}", re.I | re.A),
    "US social security number": re.compile(r"\b(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}\b", re.A),
    "Korean resident number": re.compile(r"\b\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])-[1-8]\d{6}\b", re.A),
    "IP address": re.compile(r"\b(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)\b", re.A),
    "link with a user": re.compile(r"\bhttps?://[^\s/@]+@", re.I | re.A),
    "telephone number": re.compile(
        r"(?<![\w.-])(?:\+\d{1,3}[ .-]?(?:\(?\d{1,4}\)?[ .-]?){2,4}\d{2,4}|\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}"
        r"|01[016789][ .-]?\d{3,4}[ .-]?\d{4}|0\d{2,4}[ -]\d{3,4}[ -]?\d{3,4})(?![\w-])",
        re.A,
    ),
}
_CARD = re.compile(r"(?<![\d.])\d(?:[ -]?\d){12,18}(?!\d|\.\d)")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b", re.A)


@configured
@dataclass(frozen=True, kw_only=True)
class Personal:
    """Refuses texts that hold personal data of a kind not in `allow`.

    Example:
        >>> import asyncio
        >>> asyncio.run(Personal()(Candidate(fields={"text": "Mail me at jo@example.org"}), None)).reason
        'it holds: e-mail address'
    """

    fields: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    name: str = field(default="personal", init=False)

    async def __call__(self, candidate: Candidate, ask: Ask) -> Candidate | Rejection:  # noqa: ARG002
        """Return the candidate, or the kinds of personal data that it holds (never the data)."""
        found = [kind for kind in kinds_of(joined(candidate.fields, self.fields)) if kind not in self.allow]
        return Rejection(self.name, f"it holds: {', '.join(found)}") if found else candidate


def kinds_of(text: str) -> list[str]:
    """Return the kinds of personal data a text holds.

    Example:
        >>> kinds_of("card 4111 1111 1111 1111 please")
        ['payment card']
    """
    return list(dict.fromkeys(_kinds(text)))


def _kinds(text: str) -> Iterator[str]:
    for found in _CARD.finditer(text):
        if luhn_holds(re.sub(r"\D", "", found.group())):
            yield "payment card"
    for found in _IBAN.finditer(text):
        if iban_holds(found.group().replace(" ", "")):
            yield "IBAN"
    for kind, pattern in _PATTERNS.items():
        if pattern.search(text):
            yield kind
