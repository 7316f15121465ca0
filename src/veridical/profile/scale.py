"""Are these few texts a yes/no, or steps of a scale, and in which order?"""

from __future__ import annotations

import re
from collections.abc import Sequence

MOST_STEPS = 60  # of ranges; a scale has no more

_YES_NO = (
    ("false", "true"), ("f", "t"), ("no", "yes"), ("n", "y"), ("0", "1"), ("off", "on"), ("absent", "present"),
    ("negative", "positive"), ("neg", "pos"), ("아니오", "예"), ("아니요", "예"), ("부", "여"), ("x", "o"),
    ("무", "유"),
    ("non", "oui"), ("nein", "ja"), ("false.", "true."),
)  # fmt: skip
_SCALES: tuple[tuple[str, ...], ...] = (
    ("none", "very low", "low", "low medium", "medium", "mid", "moderate", "medium high", "high", "very high",
     "extreme", "critical"),
    ("none", "minimal", "mild", "moderate", "severe", "very severe", "critical"),
    ("xxs", "xs", "s", "m", "l", "xl", "xxl", "2xl", "xxxl", "3xl"),
    ("extra small", "small", "medium", "large", "extra large"),
    ("never", "rarely", "seldom", "sometimes", "occasionally", "often", "usually", "very often", "always"),
    ("strongly disagree", "disagree", "somewhat disagree", "neutral", "neither agree nor disagree", "somewhat agree",
     "agree", "strongly agree"),
    ("very dissatisfied", "dissatisfied", "neutral", "satisfied", "very satisfied"),
    ("very poor", "poor", "below average", "fair", "average", "ok", "good", "above average", "very good", "great",
     "excellent", "outstanding"),
    ("beginner", "novice", "intermediate", "advanced", "expert"),
    ("bronze", "silver", "gold", "platinum", "diamond"),
    ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
    ("mon", "tue", "wed", "thu", "fri", "sat", "sun"),
    ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
    ("preschool", "1st 4th", "5th 6th", "7th 8th", "9th", "10th", "11th", "12th", "hs grad", "some college",
     "assoc voc", "assoc acdm", "bachelors", "masters", "prof school", "doctorate"),
    ("매우 낮음", "낮음", "보통", "중간", "높음", "매우 높음"),
    ("매우 불만족", "불만족", "보통", "만족", "매우 만족"),
    ("하", "중", "상"),
    ("전혀 그렇지 않다", "그렇지 않다", "보통이다", "그렇다", "매우 그렇다"),
)  # fmt: skip
_FULL_MONTHS = {
    "january": "jan", "february": "feb", "march": "mar", "april": "apr", "june": "jun", "july": "jul", "august": "aug",
    "september": "sep", "sept": "sep", "october": "oct", "november": "nov", "december": "dec",
}  # fmt: skip
_NUMBER = r"[0-9]+(?:[.,][0-9]+)?"
_RANGE = re.compile(
    rf"^[\[(]?\s*[$€£₩]?({_NUMBER})\s*[kK%]?\s*(?:-|–|~|to|,)\s*[$€£₩]?({_NUMBER})\s*[kK%세대]?\s*[\])]?\w*$"
)
_OPEN_LOW = re.compile(
    rf"^(?:<=?|under|less than|fewer than|below|up to|at most|≤)\s*[$€£₩]?(?P<first>{_NUMBER})"
    rf"|^[$€£₩]?(?P<last>{_NUMBER})\s*\w?\s*(?:or|and|&)\s(?:less|under|younger|fewer|below|lower)\b",
    re.IGNORECASE,
)
_OPEN_HIGH = re.compile(
    rf"^(?:>=?|over|more than|above|greater than|at least|≥)\s*[$€£₩]?(?P<first>{_NUMBER})"
    rf"|^[$€£₩]?(?P<last>{_NUMBER})\s*[kKmM%]?\s*(?:\+|plus\b|(?:or|and|&)\s(?:more|over|above|older|up|higher)\b)\s*\w*$",
    re.IGNORECASE,
)
_YEAR_MONTH = re.compile(r"^[12][0-9]{3}[-/.년]\s?(0?[1-9]|1[0-2])월?$")
_SEASON = re.compile(r"^([12][0-9]{3})\s?[-–/]\s?([0-9]{2}|[12][0-9]{3})$")
_QUARTER = re.compile(r"^[Qq](?P<quarter>[1-4])[\s\-/]?(?P<year>[12][0-9]{3})$")
_QUARTER_LAST = re.compile(r"^(?P<year>[12][0-9]{3})[\s\-/:]?[Qq](?P<quarter>[1-4])$")
_UNIT = re.compile(r"(?<=[0-9])\s*[A-Za-z]{2,}$")
_GRADES = re.compile(r"^(grade|level|stage|class|tier|step|phase|q|year)\s?([0-9]+|i{1,3}|iv|vi{0,3})$", re.IGNORECASE)


def yes_no(texts: Sequence[str]) -> tuple[str, str] | None:
    """Return the spellings of no and yes, when that is what one or two texts are.

    Example:
        >>> yes_no(["Yes", "No"]), yes_no(["A", "B"])
        (('No', 'Yes'), None)
    """
    lower = {text.strip().lower(): text for text in texts}
    if len(lower) != 2 or len(texts) != 2:
        return None
    for no, yes in _YES_NO:
        if set(lower) == {no, yes}:
            return lower[no], lower[yes]
    return None


def in_order(texts: Sequence[str]) -> tuple[str, ...] | None:
    """Return the texts in the order of the scale they are steps of, or None.

    Example:
        >>> in_order(["high", "low", "medium"])
        ('low', 'medium', 'high')
        >>> in_order(["[10-20)", "[0-10)", ">=20"])
        ('[0-10)', '[10-20)', '>=20')
    """
    if not 3 <= len(texts) <= 400:
        return None
    for rank in (_scale_ranks, _season_ranks, _range_ranks, _month_ranks, _quarter_ranks, _grade_ranks):
        ranks = rank(texts)
        if ranks is not None and len(set(ranks)) == len(texts):
            return tuple(text for _, text in sorted(zip(ranks, texts, strict=True)))
    return None


def _scale_ranks(texts: Sequence[str]) -> list[float] | None:
    plain = [" ".join(re.split(r"[\s_\-/]+", text.strip().lower())) for text in texts]
    plain = [_FULL_MONTHS.get(text, text) for text in plain]
    for scale in _SCALES:
        if set(plain) <= set(scale):
            return [float(scale.index(text)) for text in plain]
    return None


def _season_ranks(texts: Sequence[str]) -> list[float] | None:
    """Years that end in the next: 2003-04, 1999/2000."""
    found = [_SEASON.match(text.strip()) for text in texts]
    pairs = [(int(match.group(1)), int(match.group(2))) for match in found if match]
    if len(pairs) < len(texts) or not all((year + 1 - end) % 100 == 0 for year, end in pairs):
        return None
    return [float(year) for year, _ in pairs]


def _quarter_ranks(texts: Sequence[str]) -> list[float] | None:
    """Quarters of years: Q32010, 2010-Q3, 3Q10."""
    found = [_QUARTER.match(text.strip()) or _QUARTER_LAST.match(text.strip()) for text in texts]
    parts = [match.groupdict() for match in found if match]
    return [float(part["year"]) * 4 + float(part["quarter"]) for part in parts] if len(parts) == len(texts) else None


def _range_ranks(texts: Sequence[str]) -> list[float] | None:
    # Steps of a scale are few; hundreds of pairs of numbers are codes (978-0803272620).
    if len(texts) > MOST_STEPS or len({_unit_of(text) for text in texts} - {""}) > 1:
        return None
    ranks, closed = [], 0
    for text in texts:
        between, low, high = _RANGE.match(text.strip()), _OPEN_LOW.match(text.strip()), _OPEN_HIGH.match(text.strip())
        if between:
            start, end = (float(part.replace(",", ".")) for part in between.groups())
            if end < start:
                return None
            ranks.append(start + 1e-6 * end)
            closed += 1
        elif low:
            ranks.append(_end_of(low) - 0.5)
        elif high:
            ranks.append(_end_of(high) + 0.5)
        elif text.strip().lower() in ("none", "norm", "normal") and len(texts) > 2:
            ranks.append(-1.0 if text.strip().lower() == "none" else -0.5)
        else:
            return None
    return ranks


def _end_of(found: re.Match[str]) -> float:
    return float((found.group("first") or found.group("last")).replace(",", "."))


def _unit_of(text: str) -> str:
    """Return the letters that a step ends in (1-3Mo and 1-2Yr are steps of two scales); open ends may have none."""
    found = _UNIT.search(text.strip())
    return found.group().lower() if found else ""


def _month_ranks(texts: Sequence[str]) -> list[float] | None:
    if not all(_YEAR_MONTH.match(text) for text in texts):
        return None
    parts = [re.findall(r"[0-9]+", text) for text in texts]
    return [float(year) * 12 + float(month) for year, month in parts]


def _grade_ranks(texts: Sequence[str]) -> list[float] | None:
    found = [_GRADES.match(text.strip()) for text in texts]
    if not all(found) or len({match.group(1).lower() for match in found if match}) != 1:
        return None
    roman = {"i": 1, "ii": 2, "iii": 3, "iv": 4, "vi": 6, "vii": 7, "viii": 8, "v": 5}
    return [float(roman.get(m.group(2).lower(), 0) or m.group(2)) for m in found if m]
