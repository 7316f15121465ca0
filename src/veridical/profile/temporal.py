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
from veridical.profile.facts import Facts, Integers

_FIELDS = {
    "%Y": r"(?P<Y>[0-9]{4})", "%y": r"(?P<y>[0-9]{2})", "%m": r"(?P<m>[0-9]{1,2})", "%d": r"(?P<d>[0-9]{1,2})",
    "%b": r"(?P<b>[A-Za-z]{3})", "%B": r"(?P<b>[A-Za-z]{3,9})", "%H": r"(?P<H>[0-9]{1,2})", "%I": r"(?P<H>[0-9]{1,2})",
    "%M": r"(?P<M>[0-9]{2})", "%S": r"(?P<S>[0-9]{2})", "%f": r"(?P<f>[0-9]{1,9})", "%p": r"(?P<p>AM|PM|am|pm)",
    "%z": r"(?P<z>Z|[+-][0-9]{2}:?[0-9]{2})",
}  # fmt: skip
_DATES = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%m/%d/%Y", "%d/%m/%Y", "%m-%d-%Y", "%d-%m-%Y", "%d.%m.%Y", "%Y년 %m월 %d일",
    "%d %b %Y", "%d-%b-%Y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y", "%d-%b-%y", "%m/%d/%y", "%d/%m/%y", "%Y%m%d",
    "%Y-%m", "%Y/%m", "%b %Y", "%b-%Y", "%B %Y",
)  # fmt: skip
_TIMES = ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p")
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_TICKS = (("day", 86_400_000_000), ("hour", 3_600_000_000), ("minute", 60_000_000), ("s", 1_000_000), ("ms", 1000))
_MAY_BE_A_TIME = re.compile(r"\d.*[-/.:년\s]|^\d{8}$|^[A-Za-z]{3}.*\d{4}")
SAMPLE = 200
COMPACT = "%Y%m%d"
LEAST_MONTHS = 3


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
    if pattern == COMPACT and (np.ptp(micros) > 200 * 366 * 86_400_000_000 or facts.distinct < 3):
        return None
    rivals = [other for other, _ in fitting[1:] if other != pattern]
    has_date, has_time = "%Y" in pattern or "%y" in pattern, "%M" in pattern
    if has_date and "%d" not in pattern and facts.distinct < LEAST_MONTHS:
        return None
    kind = Kind.DATETIME if has_date and has_time else Kind.DATE if has_date else Kind.TIME
    doubt = f"; it could also be {rivals[0]}" if rivals else ""
    return Format(
        kind=kind,
        format=pattern,
        timezone=_zone(facts.values) if "%z" in pattern else None,
        resolution=resolution_of(micros),
        micros=micros,
        reason=f"all {facts.distinct:,} distinct texts read as {pattern}{doubt}",
        confidence=0.6 if rivals else 0.97,
    )


def _zone(values: pa.Array) -> str:
    zones = set(pc.replace_substring_regex(values, r".*?(Z|[+-][0-9:]+)$", r"\1").unique().to_pylist())
    if zones <= {"Z", "+00:00", "+0000"}:
        return "UTC"
    return next(iter(zones)) if len(zones) == 1 else "mixed"


def parse(values: pa.Array, pattern: str) -> Integers | None:
    """Return microseconds since 1970 of each text, or None when one text does not fit; nulls become 0."""
    parts = pc.extract_regex(values, _regex(pattern))
    if parts.null_count > values.null_count:
        return None
    piece = {field.name: parts.field(i) for i, field in enumerate(parts.type)}
    year = _integers(piece, "Y", 1970)
    if "y" in piece:
        short = _integers(piece, "y", 70)
        year = np.where(short < 69, 2000 + short, 1900 + short)
    month, day = _integers(piece, "m", 1), _integers(piece, "d", 1)
    if "b" in piece:
        names = [None if name is None else name[:3].lower() for name in piece["b"].to_pylist()]
        month = np.array([_MONTHS.index(name) + 1 if name in _MONTHS else 0 for name in names])
    hour, minute, second = (_integers(piece, key, 0) for key in "HMS")
    if "p" in piece:
        after = np.array([str(half).lower() == "pm" for half in piece["p"].to_pylist()])
        hour = hour % 12 + 12 * after
    if not (_within(year, 1, 9999) and _within(month, 1, 12) and _within(day, 1, 31)):
        return None
    if not (_within(hour, 0, 23) and _within(minute, 0, 59) and _within(second, 0, 60)):
        return None
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    days = months.astype("datetime64[D]").astype(np.int64) + day - 1
    if np.any(days.astype("datetime64[D]").astype("datetime64[M]") != months):
        return None  # the 31st of a shorter month
    micros = (days * 86_400 + hour * 3600 + minute * 60 + second) * 1_000_000
    if "f" in piece:
        padded = pc.utf8_slice_codeunits(pc.utf8_rpad(piece["f"], 6, "0"), 0, 6)
        micros = micros + padded.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    return np.asarray(micros, dtype=np.int64)


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
    return re.compile(_regex(pattern) if whole else _regex(pattern).removesuffix("$"))


def _regex(pattern: str) -> str:
    spelled = re.escape(pattern).replace(r"\ ", " ").replace("\\%", "%").replace(r"\-", "-")
    for key, group in _FIELDS.items():
        spelled = spelled.replace(key, group)
    return f"^{spelled}$"


def _integers(piece: dict[str, pa.Array], key: str, default: int) -> Integers:
    length = len(next(iter(piece.values())))
    if key not in piece:
        return np.full(length, default, dtype=np.int64)
    return np.asarray(piece[key].cast(pa.int64()).fill_null(max(default, 0)).to_numpy(zero_copy_only=False))


def _within(values: Integers, low: int, high: int) -> bool:
    return len(values) == 0 or bool(values.min() >= low and values.max() <= high)
