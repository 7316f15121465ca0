"""Which delimiter, quote and header does this text have?"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass

DELIMITERS = (",", ";", "\t", "|", "^", "\x01", "\x1f")
ONE_COLUMN = "\x1f"
SAMPLE_LINES = 500
MOST_PREAMBLE = 20  # lines before the table
_SEP = re.compile(r"^sep=.$", re.IGNORECASE)

_NUMBER = re.compile(r"\s*[-+]?(\d[\d ,.]*|\.\d+)([eE][-+]?\d+)?%?\s*$")
_DATE = re.compile(r"\s*\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How a CSV text is cut into cells. `escape` is a backslash or None (quotes are doubled)."""

    delimiter: str = ","
    quote: str = '"'
    escape: str | None = None
    header: bool = True

    def reader_options(self) -> dict[str, object]:
        """Return the options of the standard library's CSV reader."""
        return {
            "delimiter": self.delimiter,
            "quotechar": self.quote,
            "escapechar": self.escape,
            "doublequote": self.escape is None,
        }


def sniff(text: str) -> Dialect:
    """Return the dialect of the beginning of a CSV text.

    The delimiter is the one that cuts most lines into the same number of cells, as the first line.

    Example:
        >>> sniff("name;age\\nKim;31\\nLee;45\\n").delimiter
        ';'
    """
    text = text.removeprefix("\ufeff")
    quote = "'" if _quoted_by(text, "'") and '"' not in text else '"'
    escape = "\\" if f"\\{quote}" in text and _is_escaped(text, quote) else None
    best = _delimiter(text, quote, escape)
    if best == ONE_COLUMN and not any(mark in text for mark in (",", ONE_COLUMN)):
        best = ","
    dialect = Dialect(delimiter=best, quote=quote, escape=escape)
    return Dialect(delimiter=best, quote=quote, escape=escape, header=_has_header(rows(text, dialect)))


def _delimiter(text: str, quote: str, escape: str | None) -> str:
    best, best_score = ONE_COLUMN, 0.0
    for delimiter in DELIMITERS:
        score = _consistency(text, Dialect(delimiter=delimiter, quote=quote, escape=escape))
        if score > best_score:
            best, best_score = delimiter, score
    return best


def _is_escaped(text: str, quote: str) -> bool:
    """Whether a backslash before a quote escapes it: a cell may as well end in a backslash."""
    cut = [
        _well_cut(text, Dialect(delimiter=_delimiter(text, quote, escape), quote=quote, escape=escape))
        for escape in (None, "\\")
    ]
    return cut[1] > cut[0]


def _well_cut(text: str, dialect: Dialect) -> int:
    """Return how many rows, from the first on, have its width and no quote out of place."""
    options = dialect.reader_options()
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, **options)  # type: ignore[arg-type]
    count, width = 0, None
    try:
        for row in reader:
            width = len(row) if width is None else width
            if len(row) != width or count >= SAMPLE_LINES:
                return count
            count += 1
    except csv.Error:
        return count
    return count


def without_preamble(text: str) -> tuple[int, str]:
    """Return how many lines stand before the table, and the text without them: blank ones, comments, Excel's `sep=;`.

    Example:
        >>> without_preamble("sep=;\\nname;age\\nKim;31\\n")[0], without_preamble("# made in 2020\\na,b\\n1,2\\n")[0]
        (1, 1)
    """
    lines = text.removeprefix("\ufeff").splitlines(keepends=True)[:SAMPLE_LINES]
    count = 0
    while count < min(len(lines) - 1, MOST_PREAMBLE) and _is_aside(lines, count):
        count += 1
    return (count, "".join(text.removeprefix("\ufeff").splitlines(keepends=True)[count:])) if count else (0, text)


def _is_aside(lines: list[str], at: int) -> bool:
    line, later = lines[at].strip(), [other for other in lines[at + 1 :] if other.strip()][:20]
    if not line or _SEP.match(line):
        return bool(later)
    if not line.startswith("#") or not later:
        return False
    # A header may begin with the mark of a comment, but is cut as the rows are.
    usual = Counter(_marks(other) for other in later).most_common(1)[0][0]
    return _marks(line) != usual or later[0].startswith("#") or not lines[at + 1].strip()


def _marks(line: str) -> int:
    return max(line.count(delimiter) for delimiter in DELIMITERS)


def column_names(found: list[list[str]], dialect: Dialect) -> list[str]:
    """Return the names of the columns: "" where the header says nothing.

    Rows may be longer than the header by one: by a delimiter at each end, or by names of rows (as R writes them).
    """
    if not found:
        return []
    first, body = found[0], found[1:]
    if not dialect.header:
        return [""] * len(first)
    if body and all(len(row) == len(first) + 1 for row in body):
        return [*first, ""] if all(not row[-1].strip() for row in body) else ["", *first]
    return first


def rows(text: str, dialect: Dialect) -> list[list[str]]:
    """Return the first rows of a sample, the last (perhaps cut) one left out when there are others."""
    reader = csv.reader(io.StringIO(text, newline=""), **dialect.reader_options())  # type: ignore[arg-type]
    found: list[list[str]] = []
    try:
        for row in reader:
            if row:
                found.append(row)
            if len(found) >= SAMPLE_LINES:
                return found
    except csv.Error:
        return found
    return found[:-1] if len(found) > 2 and not text.endswith("\n") else found


def _quoted_by(text: str, quote: str) -> bool:
    return bool(re.search(rf"(^|[,;\t|]){re.escape(quote)}[^\n]*{re.escape(quote)}([,;\t|]|\r?$)", text, re.MULTILINE))


def _consistency(text: str, dialect: Dialect) -> float:
    if dialect.delimiter not in text:
        return 0.0
    widths = [len(row) for row in rows(text, dialect)]
    if not widths or widths[0] < 2:
        return 0.0
    common, count = Counter(widths).most_common(1)[0]
    if common < 2:
        return 0.0
    # Wider cuts win ties; a first line of another width speaks against the delimiter.
    return count / len(widths) * (1.0 if widths[0] == common else 0.6) + min(common, 50) * 1e-3


def _has_header(found: list[list[str]]) -> bool:
    if not found:
        return True
    first, rest = found[0], found[1:]
    if any(_is_value(cell) for cell in first):
        # A number on top of a column of numbers is a value, not a name (years as column names are names).
        body = [row for row in rest if len(row) == len(first)]
        return not body or not all(
            _is_value(cell) == all(_is_value(row[i]) or not row[i] for row in body) for i, cell in enumerate(first)
        )
    return True


def _is_value(cell: str) -> bool:
    return bool(_NUMBER.match(cell) or _DATE.match(cell))
