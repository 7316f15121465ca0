"""Which days does a text name, and how is each written a number of days later in the same form?"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass

from veridical.deidentify.entity import Entity

_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
           "december")  # fmt: skip
_MONTH = r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"  # noqa: E501
_DAY = r"(?P<day>[12]\d|3[01]|0?[1-9])"
_YEAR = r"(?P<year>(?:18|19|20)\d{2})"
_NUMBER = r"(?P<month>1[0-2]|0?[1-9])"
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}|\d{8}")
# Korean: what may stand before ("last month the 31st") and after; a day alone must be no number of days.
_KO_BEFORE = r"(?<![\d가-힣.,~∼∽-])(?:(?:지난\s?달|지난\s?해|지난|올해|올|작년|내년|금년|전년|재작년|다음\s?달|이달|매년|매달)\s?)?"  # noqa: E501
_KO_YEAR = r"(?:(?P<year>(?:18|19|20)\d{2})년\s?)?"
_KO_WEEKDAY = r"(?:\s[월화수목금토일]요일|\s?\([월화수목금토일]\))?"
_KO_PART = r"(?:\s?(?:초순|중순|하순|초|말)(?=에|부터|까지|쯤|께|,|\s|$))?"
_KO_POINT = r"(?!(?:간|치)|\s?(?:간(?![가-힣])|동안|째|만에|이내|연속|정도|씩|여|차|분량|걸|이상|이하))"
_UNTIL = r"(?P<until>[12]\d|3[01]|0?[1-9])"
_LEAP = 2000  # the year taken where none is told: it has a 29th of February
_FORMS: tuple[tuple[re.Pattern[str], float], ...] = (
    (re.compile(rf"(?<![\d.-]){_YEAR}(?P<a>[-/.])\s?{_NUMBER}(?P<b>[-/.])\s?{_DAY}(?![\d])"), 0.96),
    (re.compile(rf"{_KO_BEFORE}{_KO_YEAR}{_NUMBER}월\s?{_DAY}일?\s?[~∼∽-]\s?{_UNTIL}일"), 0.95),
    (re.compile(rf"{_KO_BEFORE}{_KO_YEAR}{_NUMBER}월\s?{_DAY}일{_KO_WEEKDAY}"), 0.94),
    (re.compile(rf"{_KO_BEFORE}{_KO_YEAR}{_NUMBER}월(?!\s?\d{{1,2}}일|\d){_KO_PART}"), 0.9),
    (re.compile(rf"(?<!월\s){_KO_BEFORE}{_DAY}일?\s?[~∼∽]\s?{_UNTIL}일{_KO_POINT}"), 0.7),
    (re.compile(rf"(?<!월\s){_KO_BEFORE}{_DAY}일{_KO_POINT}{_KO_WEEKDAY}"), 0.6),
    (re.compile(rf"(?<![\d/.-]){_DAY}(?P<a>[/.]){_NUMBER}(?P<b>[/.])(?P<year>(?:18|19|20)?\d{{2}})(?![\d/])"), 0.9),
    (re.compile(rf"(?<![\d/.-]){_NUMBER}(?P<a>[/-]){_DAY}(?P<b>[/-])(?P<year>(?:18|19|20)?\d{{2}})(?![\d/])"), 0.91),
    (re.compile(rf"\b{_DAY}(?P<suffix>st|nd|rd|th)?(?:\s+of)?\s+{_MONTH}(?:,?\s+{_YEAR})?(?!\w)", re.I), 0.94),
    (re.compile(rf"\b{_MONTH}\s+{_DAY}(?P<suffix>st|nd|rd|th)?(?:,?\s+{_YEAR})?(?!\w|,?\d)", re.I), 0.94),
    (re.compile(rf"\b{_MONTH}\s+{_YEAR}\b", re.I), 0.9),
    (re.compile(r"(?<!\d)(?P<year>(?:19|20)\d{2})(?P<month>0[1-9]|1[0-2])(?P<day>0[1-9]|[12]\d|3[01])(?!\d)"), 0.7),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Written:
    """A day as it is written: its parts and where each stands within the text."""

    start: int
    end: int
    day: dt.date
    spans: dict[str, tuple[int, int]]
    sure: float


def dates_in(text: str) -> Iterator[Entity]:
    """Yield the dates of a text; a bare year is none (`period.py`). They may overlap.

    Example:
        >>> text = "on 3 March 2021 and 2024년 3월 5일, in 1999"
        >>> [entity.of(text) for entity in dates_in(text)]
        ['2024년 3월 5일', '3 March 2021', 'March 2021']
    """
    for found in _written(text):
        yield Entity(found.start, found.end, "date", found.sure)


def shifted(text: str, days: int) -> str | None:
    """Return a date as it is written, so many days later; None where the text is no date.

    Example:
        >>> shifted("March 3rd, 2021", 30), shifted("2024년 12월 30일", 7), shifted("28.02.99", 1)
        ('April 2nd, 2021', '2025년 1월 6일', '01.03.99')
    """
    found = next((w for w in _written(text) if (w.start, w.end) == (0, len(text))), None)
    if found is None:
        return None
    try:
        moved = found.day + dt.timedelta(days=days)
    except OverflowError:
        return None
    numbers = [text[slice(*found.spans[name])] for name in ("month", "day") if name in found.spans]
    padded = any(number.startswith("0") for number in numbers) or bool(_ISO.fullmatch(text))
    made = text
    for name, (start, end) in sorted(found.spans.items(), key=lambda item: -item[1][0]):
        day = moved if name != "until" else _last_day(found.day, text[start:end]) + dt.timedelta(days=days)
        made = made[:start] + _part(name, text[start:end], day, padded) + made[end:]
    return made


def year_of(text: str) -> str | None:
    """Return the year of a written date, in the form of its language; None where it has none."""
    found = next((w for w in _written(text) if (w.start, w.end) == (0, len(text)) and "year" in w.spans), None)
    if found is None:
        return None
    return f"{found.day.year}년" if "년" in text else str(found.day.year)


def _written(text: str) -> Iterator[Written]:
    for pattern, sure in _FORMS:
        for found in pattern.finditer(text):
            parts = {name: value for name, value in found.groupdict().items() if value and name not in ("a", "b")}
            day = _day(parts)
            if day is not None:
                yield Written(*found.span(), day, {name: found.span(name) for name in parts}, sure)


def _day(parts: dict[str, str]) -> dt.date | None:
    year = int(parts["year"]) if "year" in parts else _LEAP
    if year < 100:
        year += 1900 if year > 40 else 2000
    month = parts.get("month", "1")  # a day alone: of a month that has 31
    number = (
        int(month) if month.isdigit() else 1 + next(i for i, m in enumerate(_MONTHS) if m.startswith(month[:3].lower()))
    )
    try:
        return dt.date(year, number, int(parts.get("day", 15)))
    except ValueError:
        return None


def _last_day(first: dt.date, until: str) -> dt.date:
    """Return the last day of a range that is written by its day alone; an earlier number is of the next month."""
    return first + dt.timedelta(days=(int(until) - first.day) % 31)


def _part(name: str, was: str, moved: dt.date, padded: bool) -> str:
    if name == "suffix":
        day = moved.day
        return "th" if 11 <= day <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    if name == "month" and not was.isdigit():
        month = _MONTHS[moved.month - 1]
        month = month if len(was) > 3 or _MONTHS[moved.month - 1] == "may" else month[:3]
        return month.upper() if was.isupper() else month.capitalize() if was[0].isupper() else month
    value = {"year": moved.year, "month": moved.month, "day": moved.day, "until": moved.day}[name]
    if name == "year" and len(was) == 2:
        return f"{value % 100:02d}"
    return f"{value:02d}" if padded else str(value)
