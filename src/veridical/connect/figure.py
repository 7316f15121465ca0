"""Which cells are numbers written with marks: 1.234,50 or $1,234.50, 12 %, (3.10), +5?"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

_UNIT = r"(?:US\$|R\$|[$€£¥₩₹₽]|USD|EUR|GBP|CHF|KRW|JPY|kr|zł|원)"
_SIGN = r"[-−]"
_BLANKS = r"\s" + "\u00a0\u202f"
HEAD = 1000
CALLED = 9
MOST_DIGITS = 15  # that a float64 holds


@dataclass(frozen=True, slots=True)
class Style:
    """The mark before the decimals, and the one between thousands (a regular expression; blanks of any kind)."""

    point: str
    thousands: str
    words: str

    @property
    def number(self) -> str:
        """The regular expression of one number without sign and unit; codes with leading zeros are none."""
        point = re.escape(self.point)
        grouped = rf"[1-9][0-9]{{0,2}}(?:{self.thousands}[0-9]{{3}})+"
        return rf"(?:{grouped}|0|[1-9][0-9]*)(?:{point}[0-9]+)?|{point}[0-9]+"


STYLES = (
    Style(".", ",", "commas between thousands"),
    Style(",", r"\.", "decimal commas"),
    Style(",", "[ \u00a0\u202f]", "decimal commas"),
    Style(".", "[ \u00a0\u202f'’]", "blanks between thousands"),
)


class Figures:
    """The styles that all cells seen so far fit; fed block by block, as `CellTypes` is.

    `decimals_seen` says that plain numbers with a decimal point stood there before: then a comma is no decimal mark.
    `comma_first` says that 1,234 is rather a decimal: the file is cut by semicolons.

    Example:
        >>> seen = Figures(decimals_seen=False)
        >>> seen.see(pa.array(["1.234,50 €", "12,00 €"]))
        >>> seen.style.words, seen.plain(pa.chunked_array([["1.234,50 €"]])).to_pylist()
        ('decimal commas', ['1234.50'])
    """

    def __init__(self, *, decimals_seen: bool, comma_first: bool = False) -> None:
        alive = [style for style in STYLES if style.point == "." or not decimals_seen]
        self._alive = sorted(alive, key=lambda style: comma_first and style.point != ",")
        self._lengths: set[int] = set()
        self._units: set[str] = set()
        self._plus = self._minus = False
        self.integer = not decimals_seen
        self.words: set[str] = set()

    @property
    def alive(self) -> bool:
        """Whether some style still fits."""
        return bool(self._alive) and len(self._units) <= 1

    @property
    def style(self) -> Style | None:
        """The first style that fits, if the cells are numbers of one unit."""
        # A plus without any minus is rather a code (+82); two units are two columns in one.
        if not self._alive or len(self._units) > 1 or (self._plus and not self._minus):
            return None
        # Nine digits and more in every cell, in threes, are no amounts but are called: 612 345 678, 192.168.100.100.
        if self.integer and len(self._lengths) == 1 and min(self._lengths) >= CALLED and self._alive[0] != STYLES[0]:
            return None
        return self._alive[0]

    def see(self, distinct: pa.Array) -> None:
        """Take distinct cells that are not missing into account."""
        for style in list(self._alive):
            whole = _whole(style)
            if not (_all(distinct.slice(0, HEAD), whole) and _all(distinct, whole)):
                self._alive.remove(style)
        if not self._alive:
            return
        if pc.any(pc.match_substring_regex(distinct, rf"[0-9.,]{{{MOST_DIGITS + 2},}}")).as_py():
            self._alive = []
            return
        parts = pc.extract_regex(distinct, _whole(self._alive[0]))
        for group, what in (("before", "a unit"), ("after", "a unit"), ("percent", "percent signs")):
            found = set(parts.field(group).unique().to_pylist()) - {"", None}
            self._units |= {text.strip() for text in found}
            self.words |= {what} if found else set()
        signs = set(pc.utf8_trim_whitespace(parts.field("sign")).unique().to_pylist())
        brackets = bool(pc.any(pc.match_substring(distinct, "(")).as_py())
        self._plus |= "+" in signs
        self._minus |= brackets or bool(signs & {"-", "−"})
        self.words |= {"brackets for negative numbers"} if brackets else set()
        plain = self.plain(distinct)
        self.integer &= not pc.any(pc.match_substring(plain, ".")).as_py()
        self._lengths |= set(pc.binary_length(plain).unique().to_pylist()[:2])

    def plain(self, cells: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
        """Return cells of the style as plain numbers, still as text; nulls stay."""
        style = self._alive[0]
        negative = pc.match_substring_regex(cells, rf"\(|{_SIGN}")
        digits = pc.replace_substring_regex(cells, rf"{style.thousands}|{_UNIT}|[{_BLANKS}()%+\-−]", "")
        digits = pc.replace_substring(digits, style.point, ".") if style.point != "." else digits
        return pc.if_else(negative, pc.binary_join_element_wise("-", digits, ""), digits)


def _whole(style: Style) -> str:
    blank = rf"[{_BLANKS}]*"
    sign, unit = rf"(?:[+]|{_SIGN})?", rf"{_UNIT}?"
    before = rf"(?P<sign>{sign}){blank}(?P<before>{unit}){blank}{sign}"
    after = rf"{blank}(?P<after>{unit})(?P<percent>%?)"
    return rf"^{blank}(?:\(?){before}(?:{style.number}){after}(?:\)?){blank}$"


def _all(cells: pa.Array, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(cells, pattern)).as_py())
