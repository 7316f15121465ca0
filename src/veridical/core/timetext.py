"""How is a moment read from text, and written as text, in a given form?

A form is strftime's, with `%q` for the quarter (as in d3's formats), `%G` and `%V` for the year and week of ISO 8601,
and, as in glibc's strftime, `%-d`, `%-m`, `%-H`, `%-I` for numbers that are not padded with a zero, `%^b` and `%^B` for
months in capitals and `%P` for am and pm in small letters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_FIELDS = {
    "%-m": r"(?P<m>[0-9]{1,2})", "%-d": r"(?P<d>[0-9]{1,2})", "%-H": r"(?P<H>[0-9]{1,2})", "%-I": r"(?P<H>[0-9]{1,2})",
    "%^b": r"(?P<b>[A-Z]{3})", "%^B": r"(?P<b>[A-Z]{3,9})", "%P": r"(?P<p>am|pm)",
    "%Y": r"(?P<Y>[0-9]{4})", "%y": r"(?P<y>[0-9]{2})", "%m": r"(?P<m>[0-9]{1,2})", "%d": r"(?P<d>[0-9]{1,2})",
    "%b": r"(?P<b>[A-Za-z]{3})", "%B": r"(?P<b>[A-Za-z]{3,9})", "%H": r"(?P<H>[0-9]{1,2})", "%I": r"(?P<H>[0-9]{1,2})",
    "%M": r"(?P<M>[0-9]{2})", "%S": r"(?P<S>[0-9]{2})", "%f": r"(?P<f>[0-9]{1,9})", "%p": r"(?P<p>AM|PM|am|pm|Am|Pm)",
    "%z": r"(?P<z>Z|[+-][0-9]{2}:?[0-9]{2})", "%q": r"(?P<q>[1-4])", "%G": r"(?P<G>[0-9]{4})",
    "%V": r"(?P<V>[0-9]{2})",
}  # fmt: skip
_OWN = re.compile(r"%-[mdHI]|%q|%\^[bB]|%P")  # what Arrow neither reads nor writes
_OWN_WEEK = re.compile(r"%[GV]")  # what Arrow writes and does not read
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Read:
    """Microseconds since 1970 of each text, and which texts are in the form; the others count 0."""

    micros: Integers
    fits: NDArray[np.bool_]


def as_moments(texts: pa.Array | pa.ChunkedArray, form: str) -> pa.Array | pa.ChunkedArray:
    """Return texts as timestamps in microseconds; null where one is not in the form.

    Example:
        >>> as_moments(pa.array(["1990 Q2", "soon"]), "%Y Q%q").cast(pa.date32()).to_pylist()
        [datetime.date(1990, 4, 1), None]
    """
    texts = texts.cast(pa.string())
    if not (_OWN.search(form) or _OWN_WEEK.search(form)):
        return pc.strptime(texts, format=form, unit="us", error_is_null=True)
    if "%q" not in form and not _OWN_WEEK.search(form):
        plain = form.replace("%-", "%").replace("%^", "%").replace("%P", "%p")
        return pc.strptime(texts, format=plain, unit="us", error_is_null=True)
    whole = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    coded = pc.dictionary_encode(whole)
    found = read(coded.dictionary, form)
    moments = pa.array(found.micros, mask=~found.fits).cast(pa.timestamp("us"))
    return moments.take(coded.indices)


def in_form(moments: pa.Array, form: str) -> pa.Array:
    """Return moments as text of the form.

    Example:
        >>> in_form(pa.array([0, None], pa.timestamp("us")), "%-d.%-m.%Y, Q%q").to_pylist()
        ['1.1.1970, Q1', None]
    """
    # Moments count in UTC here; an offset in the text is spelled as such.
    form = form.replace("%z", "Z")
    # Arrow writes seconds with their fraction; whole seconds are cast first so that %S reads as it was written.
    if pa.types.is_timestamp(moments.type) and "%f" not in form:
        moments = moments.cast(pa.timestamp("s"), safe=False)
    if "%f" in form:
        return pa.array([None if one is None else one.strftime(form) for one in moments.to_pylist()], pa.string())
    own, between = _OWN.findall(form), _OWN.split(form)
    if not own:
        return pc.strftime(moments, format=form)
    pieces = [_plain(moments, between[0])]
    for field, after in zip(own, between[1:], strict=True):
        pieces += [_spelled(moments, field).cast(pa.string()), _plain(moments, after)]
    return pc.binary_join_element_wise(*pieces, pa.scalar("", pa.string()))


def _plain(moments: pa.Array, form: str) -> pa.Array:
    return pc.strftime(moments, format=form) if "%" in form else pa.scalar(form, pa.string())


def _spelled(moments: pa.Array, field: str) -> pa.Array:
    if field in ("%^b", "%^B", "%P"):
        text = pc.strftime(moments, format="%p" if field == "%P" else field.replace("^", ""))
        return pc.utf8_lower(text) if field == "%P" else pc.utf8_upper(text)
    if field == "%q":
        return pc.quarter(moments)
    if field in ("%-d", "%-m"):
        return pc.day(moments) if field == "%-d" else pc.month(moments)
    hour = pc.hour(moments)
    if field == "%-H":
        return hour
    past = pc.if_else(pc.greater(hour, 12), pc.subtract(hour, 12), hour)
    return pc.if_else(pc.equal(past, 0), pa.scalar(12, pa.int64()), past)


def read(values: pa.Array, form: str) -> Read:
    """Return the place of each text on the time line, from year 0001 to 9999; nulls do not fit."""
    parts = pc.extract_regex(values, regex(form))
    piece = {field.name: parts.field(i) for i, field in enumerate(parts.type)}
    fits = parts.is_valid().to_numpy(zero_copy_only=False)
    month, day = _month(piece, fits), _integers(piece, "d", 1)
    year = _year(piece)
    hour, minute, second = (_integers(piece, key, 0) for key in "HMS")
    if "p" in piece:
        after = pc.fill_null(pc.equal(pc.utf8_lower(piece["p"]), "pm"), False).to_numpy(zero_copy_only=False)
        hour = hour % 12 + 12 * after
    fits = fits & _within(year, 1, 9999) & _within(month, 1, 12) & _within(day, 1, 31)
    fits &= _within(hour, 0, 23) & _within(minute, 0, 59) & _within(second, 0, 60)
    year, month, day = (np.where(fits, part, other) for part, other in ((year, 1970), (month, 1), (day, 1)))
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    days = months.astype("datetime64[D]").astype(np.int64) + day - 1
    fits &= days.astype("datetime64[D]").astype("datetime64[M]") == months  # no 31st of a shorter month
    if "V" in piece:
        days, of_year = _monday(_integers(piece, "G", 1970), _integers(piece, "V", 1))
        fits &= of_year
    micros = (days * 86_400 + hour * 3600 + minute * 60 + second) * 1_000_000
    if "f" in piece:
        padded = pc.utf8_slice_codeunits(pc.utf8_rpad(piece["f"], 6, "0"), 0, 6)
        micros = micros + _cast(padded, 0)
    return Read(np.where(fits, micros, 0).astype(np.int64), np.asarray(fits, dtype=bool))


def _year(piece: dict[str, pa.Array]) -> Integers:
    if "y" not in piece:
        return _integers(piece, "Y", 1970)
    short = _integers(piece, "y", 70)
    return np.where(short < 69, 2000 + short, 1900 + short)


def _month(piece: dict[str, pa.Array], fits: NDArray[np.bool_]) -> Integers:
    if "q" in piece:
        return _integers(piece, "q", 1) * 3 - 2
    if "b" not in piece:
        return _integers(piece, "m", 1)
    names = pc.utf8_slice_codeunits(pc.utf8_lower(piece["b"]), 0, 3)
    found = pc.index_in(names, value_set=pa.array(_MONTHS)).fill_null(-1).to_numpy(zero_copy_only=False)
    return np.where(fits, found.astype(np.int64) + 1, 1)


def _monday(year: Integers, week: Integers) -> tuple[Integers, NDArray[np.bool_]]:
    """Return the first day of ISO weeks, and which of them their year has."""
    start = np.clip(year, 1, 9999) - 1970
    fourth = start.astype("datetime64[Y]").astype("datetime64[D]").astype(np.int64) + 3  # 4 January is in week 1
    first = fourth - (fourth + 3) % 7  # day 0 was a Thursday
    days = first + 7 * (week - 1)
    thursday = (days + 3).astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64)
    return days, (thursday == start) & (week >= 1)


def regex(form: str) -> str:
    """Return the regular expression of texts in a form, each part a named group."""
    spelled = re.escape(form).replace(r"\ ", " ").replace("\\%", "%").replace(r"\-", "-").replace(r"\^", "^")
    for key, group in _FIELDS.items():
        spelled = spelled.replace(key, group)
    return f"^{spelled}$"


def _integers(piece: dict[str, pa.Array], key: str, default: int) -> Integers:
    if key not in piece:
        return np.full(len(next(iter(piece.values()))), default, dtype=np.int64)
    return _cast(piece[key], default)


def _cast(digits: pa.Array, default: int) -> Integers:
    spelled = pc.if_else(pc.equal(digits, ""), pa.scalar(None, pa.string()), digits)
    return np.asarray(spelled.cast(pa.int64()).fill_null(default).to_numpy(zero_copy_only=False))


def _within(values: Integers, low: int, high: int) -> NDArray[np.bool_]:
    return (values >= low) & (values <= high)
