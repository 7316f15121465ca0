"""Which number does a reply end in, do two answers agree, and what do most replies say?"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:\s*/\s*\d+)?")
_MARKED = re.compile(
    r"(?:####|answer(?:\s+is)?\s*[:=]?|답(?:은|:)?|\\boxed\{)\s*\$?\s*(-?\d[\d,]*(?:\.\d+)?(?:/\d+)?)", re.I
)


def final_number(text: str) -> Fraction | None:
    """Return the number after the last "answer", "####" or box, else the last number, else None.

    Example:
        >>> final_number("So 3 * 4 = 12. The answer is 1,200.50 dollars, not 7.")
        Fraction(2401, 2)
    """
    found = _MARKED.findall(text) or _NUMBER.findall(text)
    if not found:
        return None
    try:
        return Fraction(found[-1].replace(",", "").replace(" ", ""))
    except (ValueError, ZeroDivisionError):
        return None


def numbers_in(text: str) -> Counter[Fraction]:
    """Return every number of a text with how often it stands there; a comma parts thousands."""
    return Counter(Fraction(word.replace(",", "")) for word in re.findall(r"\d[\d,]*\d|\d", text))


def majority(texts: Sequence[str]) -> tuple[Fraction | None, float]:
    """Return the answer that most texts end in and its share of all of them (Wang et al. 2023, self-consistency).

    Example:
        >>> majority(["#### 4", "#### 4", "#### 5", "no idea"])
        (Fraction(4, 1), 0.5)
    """
    counts = Counter(number for text in texts if (number := final_number(text)) is not None)
    if not counts:
        return None, 0.0
    ((best, count),) = counts.most_common(1)
    return best, count / len(texts)


def spelled(number: Fraction) -> str:
    """Return a number as it is written: whole where it is.

    Example:
        >>> spelled(Fraction(7)), spelled(Fraction(1, 4))
        ('7', '0.25')
    """
    return str(number.numerator) if number.denominator == 1 else f"{float(number):g}"
