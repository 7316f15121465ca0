"""In which format, zone and resolution are dates and times written?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from veridical.core.schema import Kind
from veridical.core.timetext import read, regex
from veridical.profile.facts import Facts, Integers

_DATES = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%m/%d/%Y", "%d/%m/%Y", "%m-%d-%Y", "%d-%m-%Y", "%d.%m.%Y", "%Y년 %m월 %d일",
    "%d %b %Y", "%d-%b-%Y", "%d%b%Y", "%b %d, %Y", "%b %d %Y", "%d %B %Y", "%B %d, %Y", "%B %d %Y", "%d-%b-%y",
    "%d%b%y", "%m/%d/%y", "%d/%m/%y", "%d.%m.%y", "%Y%m%d", "%Y-%m", "%Y/%m", "%Y.%m", "%m/%Y", "%YM%m", "%Ym%m",
    "%Y년 %m월", "%b %Y", "%b-%Y", "%Y %b", "%Y-%b", "%b-%y", "%b %y", "%B %Y", "%Y %B", "%Y Q%q", "%Y-Q%q", "%YQ%q",
    "%Yq%q", "%Y:Q%q", "Q%q %Y", "Q%q-%Y", "Q%q/%Y", "Q%q%Y", "%G W%V", "%G-W%V", "%GW%V",
)  # fmt: skip
_TIMES = ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p", "%I:%M%p")
_TICKS = (("day", 86_400_000_000), ("hour", 3_600_000_000), ("minute", 60_000_000), ("s", 1_000_000), ("ms", 1000))
_MAY_BE_A_TIME = re.compile(
    r"\d.*[-/.:년\s]|^\d{8}$|^[A-Za-z]{3}.*\d{2}|^\d{4}\s?[A-Za-z]|^[Qq][1-4]|^\d{1,2}[A-Za-z]{3}\d"
)
SAMPLE = 200
COMPACT = "%Y%m%d"
LEAST_MONTHS = 3
MOST_TERMS = 4  # of a year, when months are told by one digit


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """How text tells a time. `format` is strftime's; `micros` holds each distinct text's place on the time line."""

    kind: Kind
    format: str
    timezone: str | None
    resolution: str
    micros: Integers
    reason: str
    confidence: float


def find(facts: Facts) -> Format | None:
    """Return the format that every distinct text of a column fits, from year 0001 to 9999.

    Example:
        >>> import pyarrow as pa
        >>> from veridical.profile.facts import column_facts
        >>> find(column_facts(pa.field("d", pa.string()), pa.chunked_array([["31/12/2020", "01/02/2021"]]))).format
        '%d/%m/%Y'
    """
    texts = facts.values.slice(0, SAMPLE).to_pylist()
    if not texts or not all(_MAY_BE_A_TIME.search(text) for text in texts[:20]):
        return None
    fitting = []
    for pattern in _candidates(texts):
        micros = parse(facts.values, pattern)
        if micros is not None:
            fitting.append((pattern, micros))
    if not fitting:
        return None
    pattern, micros = fitting[0]
    if "%m" in pattern and "%d" not in pattern and _is_season(facts.values, pattern):
        return None
    if pattern == COMPACT and (np.ptp(micros) > 200 * 366 * 86_400_000_000 or facts.distinct < 3):
        return None
    rivals = [other for other, others in fitting[1:] if not np.array_equal(others, micros)]
    has_date, has_time = any(year in pattern for year in ("%Y", "%y", "%G")), "%M" in pattern
    if has_date and "%d" not in pattern and facts.distinct < LEAST_MONTHS:
        return None
    kind = Kind.DATETIME if has_date and has_time else Kind.DATE if has_date else Kind.TIME
    doubt = f"; it could also be {rivals[0]}" if rivals else ""
    pattern = _as_spelled(facts.values, pattern)
    return Format(
        kind=kind,
        format=pattern,
        timezone=_zone(facts.values) if "%z" in pattern else None,
        resolution=resolution_of(micros),
        micros=micros,
        reason=f"all {facts.distinct:,} distinct texts read as {pattern}{doubt}",
        confidence=0.6 if rivals else 0.97,
    )


def _is_season(values: pa.Array, pattern: str) -> bool:
    """Whether what looks like months are years that end in the next (2003-04), or terms of a year (2003-1, 2003-2)."""
    parts = pc.extract_regex(values, regex(pattern))
    digits = parts.field("m")
    year, month = (parts.field(key).cast(pa.int64()).to_numpy(zero_copy_only=False) for key in "Ym")
    terms = pc.max(pc.binary_length(digits)).as_py() == 1 and month.max() <= MOST_TERMS
    return bool(terms or (len(year) > 1 and np.all(month == (year + 1) % 100)))


def _as_spelled(values: pa.Array, pattern: str) -> str:
    """Return the pattern with what its texts show beside: numbers without a zero before them, capitals."""
    parts = pc.extract_regex(values, regex(pattern))
    for key, fields in (("m", ("%m",)), ("d", ("%d",)), ("H", ("%H", "%I")), ("b", ("%b", "%B")), ("p", ("%p",))):
        field = next((field for field in fields if field in pattern), None)
        if field is None:
            continue
        texts = parts.field(key)
        if key in "mdH" and pc.min(pc.binary_length(texts)).as_py() == 1:
            pattern = pattern.replace(field, field.replace("%", "%-"))
        elif key == "b" and pc.all(pc.utf8_is_upper(texts)).as_py():
            pattern = pattern.replace(field, field.replace("%", "%^"))
        elif key == "p" and pc.all(pc.utf8_is_lower(texts)).as_py():
            pattern = pattern.replace(field, "%P")
    return pattern


def _zone(values: pa.Array) -> str:
    zones = set(pc.replace_substring_regex(values, r".*?(Z|[+-][0-9:]+)$", r"\1").unique().to_pylist())
    if zones <= {"Z", "+00:00", "+0000"}:
        return "UTC"
    return next(iter(zones)) if len(zones) == 1 else "mixed"


def parse(values: pa.Array, pattern: str) -> Integers | None:
    """Return microseconds since 1970 of each text, or None when one text does not fit; nulls become 0."""
    found = read(values, pattern)
    return found.micros if int(found.fits.sum()) == len(values) - values.null_count else None


def resolution_of(micros: Integers) -> str:
    """Return the coarsest unit that tells all the times apart from the hour on: "day" to "us"."""
    for name, tick in _TICKS:
        if not np.any(micros % tick):
            return name
    return "us"


def outward(low: int, high: int) -> tuple[str, str]:
    """Return ISO dates around two instants (microseconds), at the start and end of a year, month or day.

    Example:
        >>> outward(0, 86_400_000_000 * 1000)
        ('1970-01-01', '1972-12-31')
    """
    first, last = np.int64(low).astype("datetime64[us]"), np.int64(high).astype("datetime64[us]")
    days = (last - first).astype("timedelta64[D]").astype(int)
    unit = "Y" if days > 730 else "M" if days > 60 else "D"
    start = first.astype(f"datetime64[{unit}]").astype("datetime64[D]")
    end = (last.astype(f"datetime64[{unit}]") + 1).astype("datetime64[D]") - 1
    return str(start), str(end)


def _candidates(texts: Sequence[str]) -> list[str]:
    found = [time for time in _TIMES if _all_match(time, texts)]
    for date in _DATES:
        if not _all_match(date, texts, whole=False):
            continue
        if _all_match(date, texts):
            found.append(date)
        for time in _TIMES:
            endings = (f"{date}{middle}{time}{zone}" for middle in " T" for zone in ("", "%z", " %z"))
            found += [pattern for pattern in endings if _all_match(pattern, texts)]
    return found


def _all_match(pattern: str, texts: Sequence[str], *, whole: bool = True) -> bool:
    shape = _compiled(pattern, whole)
    return all(shape.match(text) for text in texts)


@cache
def _compiled(pattern: str, whole: bool) -> re.Pattern[str]:
    return re.compile(regex(pattern) if whole else regex(pattern).removesuffix("$"))
