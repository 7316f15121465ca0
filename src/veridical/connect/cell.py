"""Which Arrow type holds the cells of a text column without losing anything?"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from veridical.connect.figure import Figures
from veridical.connect.note import with_notes

TEXT_NULLS = ("?", "NA", "N/A", "n/a", "#N/A", "NULL", "null", "NaN", "nan", "<NA>", "NaT")
NUMBER_NULLS = ("", "na", "None", "none", "-", ".", "missing", "결측", "없음", *TEXT_NULLS)
# Beside dates, what else is said of them: MySQL's zero date, and words.
DATE_NULLS = (*NUMBER_NULLS, "--", "unknown", "Unknown", "UNKNOWN", "0000-00-00", "0000-00-00 00:00:00")
_DATE = r"^[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}([ T][0-9].*)?$"
ALWAYS_NULL = tuple(mark for mark in TEXT_NULLS if mark != "NA")  # NA may be Namibia
INFINITE = ("inf", "-inf", "+inf", "Inf", "-Inf", "+Inf", "Infinity", "-Infinity", "INF", "-INF")

_INTEGER = r"^(0|-?[1-9][0-9]{0,18})$"
_DECIMAL = r"^-?(([0-9]|[1-9][0-9]+)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,3})?$"
_CAREFUL = r"[eE]|[0-9.]{16,}"
_EXACT_INTEGERS = 2**53
HEAD = 1000


@dataclass(slots=True)
class CellTypes:
    """What the cells seen so far allow; fed block by block, so that a stream needs no more memory than a block.

    Leading zeros, signs and digits beyond a float's reach keep a column text: nothing is rounded away.

    Example:
        >>> seen = CellTypes()
        >>> seen.see(pa.chunked_array([["1", "2", "NA"]]))
        >>> seen.type, seen.nulls
        (DataType(int64), ('NA',))
    """

    number: bool = True
    integer: bool = True
    wide: bool = False  # an integer beyond what a float64 holds exactly was seen
    any_number: bool = False
    marks: frozenset[str] = frozenset()
    text_marks: frozenset[str] = frozenset()
    infinite: frozenset[str] = frozenset()
    only_codes: bool = True
    dates: bool = True
    any_date: bool = False
    date_marks: frozenset[str] = frozenset()
    marked: bool = True  # whether numbers with marks are numbers, and words beside dates missing
    comma_first: bool = False  # in doubt, a comma stands before decimals
    figures: Figures | None = None  # once a cell was no plain number

    def see(self, cells: pa.ChunkedArray) -> None:
        """Take another block of text cells into account."""
        distinct = cells.unique().drop_null()
        if len(distinct) == 0:
            return
        if self.number:
            self._see_number(distinct)
        elif self.figures is not None:
            self._see_figures(distinct)
        if self.dates and self.marked:
            self._see_dates(distinct)
        self.text_marks |= _found(distinct, TEXT_NULLS)
        if self.only_codes:
            # Beside other two-letter codes NA is Namibia or North America, no mark.
            self.only_codes = pc.all(pc.match_substring_regex(distinct, r"^[A-Z]{2}$")).as_py()

    def _see_number(self, distinct: pa.Array) -> None:
        marks, infinite = _found(distinct, NUMBER_NULLS), _found(distinct, INFINITE)
        if marks or infinite:
            distinct = _without(distinct, tuple(marks | infinite))
        self.marks |= marks
        self.infinite |= infinite
        if len(distinct) == 0:
            return
        self.any_number = True
        if not (_all_match(distinct.slice(0, HEAD), _DECIMAL) and _all_match(distinct, _DECIMAL)):
            self.number = False
            if not self.marked:
                return
            self.figures = Figures(decimals_seen=not self.integer, comma_first=self.comma_first)
            self._see_figures(distinct)
            return
        integers = _all_match(distinct, _INTEGER)
        careful = distinct.filter(pc.match_substring_regex(distinct, _CAREFUL)).to_pylist()
        if integers:
            self.number = all(-(2**63) <= int(text) < 2**63 for text in careful)
            self.wide |= any(abs(int(text)) > _EXACT_INTEGERS for text in careful)
        else:
            self.integer = False
            self.number = _all_match(distinct, "[0-9]") and all(_survives(text) for text in careful)
        if self.wide and (self.infinite or not self.integer):
            self.number = False

    def _see_dates(self, distinct: pa.Array) -> None:
        # The first cells tell of most columns that they hold no dates.
        for part in (distinct.slice(0, HEAD), distinct.slice(HEAD)):
            others = _without(part, DATE_NULLS)
            self.dates = self.dates and (len(others) == 0 or _all_match(others, _DATE))
            self.any_date |= len(others) > 0
        if self.dates:
            self.date_marks |= _found(distinct, DATE_NULLS)

    def _see_figures(self, distinct: pa.Array) -> None:
        assert self.figures is not None
        self.marks |= _found(distinct, NUMBER_NULLS)
        distinct = _without(distinct, NUMBER_NULLS)
        if len(distinct):
            self.figures.see(distinct)
            self.any_number = True
        if self.figures.style is None and not self.figures.alive:
            self.figures = None

    @property
    def _dated(self) -> bool:
        return self.dates and self.any_date and not self.number

    @property
    def _marked(self) -> Figures | None:
        """The numbers with marks that all cells are, if they are."""
        figures = None if self.wide else self.figures
        return figures if figures is not None and figures.style is not None and self.any_number else None

    @property
    def type(self) -> pa.DataType:
        """The Arrow type: int64, float64 or string."""
        if self._marked is not None:
            return pa.int64() if self._marked.integer else pa.float64()
        if not (self.number and self.any_number):
            return pa.string()
        return pa.int64() if self.integer else pa.float64()

    @property
    def nulls(self) -> tuple[str, ...]:
        """The cell texts that are read as missing."""
        if self.type != pa.string():
            return tuple(sorted(self.marks | self.infinite))
        if self._dated:
            return tuple(sorted(self.date_marks))
        return tuple(sorted(self.text_marks - ({"NA"} if self.only_codes else set())))

    def cast(self, cells: pa.ChunkedArray) -> pa.ChunkedArray:
        """Return the cells in this type, marks of missing values as nulls."""
        if self.nulls:
            missing = pc.is_in(cells, value_set=pa.array(self.nulls))
            cells = pc.if_else(missing, pa.scalar(None, cells.type), cells)
        if self._marked is not None:
            cells = self._marked.plain(cells)
        return cells if self.type == pa.string() else cells.cast(self.type)

    def field(self, name: str) -> pa.Field:
        """Return the Arrow field, with a note for what was read as missing."""
        field = pa.field(name, self.type)
        plain = [repr(mark) for mark in self.nulls if mark not in INFINITE]
        if plain:
            others = "dates" if self._dated else "numbers"
            why = (
                "a usual mark for it"
                if others == "numbers" and self.type == pa.string()
                else f"all others are {others}"
            )
            field = with_notes(field, f"{', '.join(plain)} read as missing: {why}")
        if self._marked is not None and self._marked.style is not None:
            marks = ", ".join(sorted({self._marked.style.words, *self._marked.words}))
            field = with_notes(field, f"numbers written with {marks}: read as plain numbers, and written so")
        if self.type != pa.string() and self.infinite:
            field = with_notes(field, "infinite values read as missing")
        return field


def as_text(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return text cells as they stand, but for marks that mean "missing" beside any other cells.

    What a cell becomes depends on that cell alone, never on what else its column holds.
    """
    return pc.if_else(pc.is_in(cells, value_set=pa.array(ALWAYS_NULL)), pa.scalar(None, pa.string()), cells)


def _found(distinct: pa.Array, words: tuple[str, ...]) -> frozenset[str]:
    return frozenset(distinct.filter(pc.is_in(distinct, value_set=pa.array(words))).to_pylist())


def _without(distinct: pa.Array, words: tuple[str, ...]) -> pa.Array:
    return distinct.filter(pc.invert(pc.is_in(distinct, value_set=pa.array(words, pa.string()))))


def _all_match(distinct: pa.Array, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(distinct, pattern)).as_py())


def _survives(text: str) -> bool:
    value = float(text)
    if abs(value) == float("inf"):
        return False
    exact = Decimal(text)
    # A whole number written out keeps every digit or stays text; one with an exponent is a measure, not a code.
    if exact == exact.to_integral_value() and "e" not in text.lower():
        return Decimal(value) == exact
    return abs(Decimal(value) - exact) <= abs(exact) * Decimal("1e-15")
