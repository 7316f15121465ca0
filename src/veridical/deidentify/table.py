"""How does a table lose what names its people: which column is what, and whose dates move together?"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from veridical.core.errors import SpecError
from veridical.deidentify.entity import USUAL
from veridical.deidentify.finder import All, Known, Rules
from veridical.deidentify.moment import shifted
from veridical.deidentify.pseudonym import Pseudonyms
from veridical.deidentify.text import deidentify, leaks
from veridical.profile import header, personal

TREATMENTS = (*USUAL, "text", "keep", "drop")
_MEANT: Mapping[str, str] = {"first_name": "name", "last_name": "name", "username": "id", "postcode": "address"}
_NUMBERED = re.compile(
    r"(?:^|[_\s])(?:mrn|patient|customer|member|employee|student|account|subject|person|user)?_?(?:id|no|nr|number)$|번호$",
    re.I,
)
_LOOKED_AT = 300
_MOST = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanedTable:
    """A table without what was found: how each column was treated, how much of each kind was replaced, and the number
    of removed values that still stand somewhere (0, or the table must not go out)."""

    table: pa.Table
    treated: Mapping[str, str]
    counts: Mapping[str, int]
    leaked: int
    leaked_columns: tuple[str, ...] = ()


@dataclass
class _Work:
    finder: All
    names: Pseudonyms
    counts: Counter[str] = field(default_factory=Counter)
    removed: set[str] = field(default_factory=set)
    remains: dict[str, list[str]] = field(default_factory=dict)


def treatment_of(name: str, column: pa.ChunkedArray) -> str:
    """Return how a column is to be treated (one of `TREATMENTS`), by its content, then its header.

    Example:
        >>> treatment_of("contact", pa.chunked_array([["a@example.org", "b@example.org"]]))
        'email'
    """
    kind = column.type
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return "date"
    if pa.types.is_nested(kind):
        return "text"
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind)):
        return "id" if pa.types.is_integer(kind) and _NUMBERED.search(name) else "keep"
    texts = [str(value) for value in column.unique().drop_null().to_pylist()][:_LOOKED_AT]
    if not texts:
        return "keep"
    found = personal.find(name, texts)
    if found is not None:
        return _MEANT.get(found.type, found.type if found.type in USUAL else "text")
    if sum(shifted(text.strip().split("T")[0], 7) is not None for text in texts) >= _MOST * len(texts):
        return "date"
    said = header.personal_type(name)
    if said is not None and said in ("name", "first_name", "last_name"):
        return "name"
    if _NUMBERED.search(name):
        return "id"
    # Anything else may hold a name somewhere: it is read as text.
    return "text"


def deidentify_table(
    table: pa.Table,
    finder: All,
    names: Pseudonyms,
    *,
    columns: Mapping[str, str] | None = None,
    subject: str | None = None,
) -> CleanedTable:
    """Return a table with personal columns replaced whole and texts read; one subject's dates move together.

    `columns` maps names to one of `TREATMENTS` where the guess is wrong. Without `subject` the first column of names or
    ids tells whose row it is. Names of a row's own columns are found in its texts, wherever they stand.

    Raises:
        SpecError: a column is not there, or a treatment is unknown.
    """
    given = dict(columns or {})
    _check(given, subject, table)
    treated = {name: given.get(name) or treatment_of(name, table.column(name)) for name in table.column_names}
    whose = subject or next((n for want in ("id", "name") for n, how in treated.items() if how == want), None)
    subjects = _subjects(table, whose)
    work = _Work(finder, names)
    made = {}
    people = [name for name, how in treated.items() if how in ("name", "id", "email", "phone", "national_id")]
    known = [tuple(str(v) for v in row if v is not None) for row in _rows(table, people)]
    for name, how in treated.items():
        if how == "drop":
            continue
        values = table.column(name).to_pylist()
        changed = [
            _changed(value, how, work, subjects[row], known[row] if known else (), name)
            for row, value in enumerate(values)
        ]
        made[name] = table.column(name) if how == "keep" else _column(changed, table.column(name).type)
        if how == "keep":
            work.remains[name] = [str(v) for v in table.column(name).unique().drop_null().to_pylist()]
    columns_left = tuple(name for name, rest in work.remains.items() if leaks(work.removed, rest))
    everything = [text for rest in work.remains.values() for text in rest]
    return CleanedTable(
        table=pa.table(made),
        treated=treated,
        counts=dict(work.counts),
        leaked=len(leaks(work.removed, everything)),
        leaked_columns=columns_left,
    )


def default_finder(kinds: Sequence[str] = USUAL, *, known: Sequence[str] = (), presidio: bool = False) -> All:
    """Return the rules, a list of known persons where there is one, and Presidio where it is wanted."""
    finders: list[Any] = [Rules()]
    if known:
        finders.append(Known(tuple(known)))
    if presidio:
        from veridical.deidentify.presidio import Presidio

        finders.append(Presidio.of())
    return All(tuple(finders), kinds=tuple(kinds))


def _check(given: Mapping[str, str], subject: str | None, table: pa.Table) -> None:
    for name in (*given, *([subject] if subject is not None else [])):
        if name not in table.column_names:
            raise SpecError(f"there is no column {name!r}", where="columns", fix=f"use {', '.join(table.column_names)}")
    for name, how in given.items():
        if how not in TREATMENTS:
            raise SpecError(f"no treatment is called {how!r}", where=name, fix=f"use {', '.join(TREATMENTS)}")


def _subjects(table: pa.Table, whose: str | None) -> list[str]:
    if whose is None:
        return [f"row {row}" for row in range(table.num_rows)]
    return [f"row {row}" if v is None else str(v) for row, v in enumerate(table.column(whose).to_pylist())]


def _rows(table: pa.Table, names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    if names:
        yield from zip(*(table.column(name).to_pylist() for name in names), strict=True)


def _changed(value: Any, how: str, work: _Work, subject: str, known: tuple[str, ...], column: str) -> Any:
    if value is None or how == "keep":
        return value
    if how == "text":
        return _read(value, work, subject, known, column)
    work.counts[how] += 1
    if isinstance(value, dt.date):
        if work.names.mode != "replace":
            return str(value.year) if work.names.mode == "generalise" else "[DATE]"
        return value + dt.timedelta(days=work.names.days_of(subject))
    raw = str(value).strip()
    work.removed.add(raw)
    day, rest = raw, ""
    if how == "date" and len(raw) > 10 and raw[10] in "T ":
        day, rest = raw[:10], raw[10:]
    made = work.names.of(how, day, subject=subject)
    made = made + rest if work.names.mode == "replace" else made
    return int(made) if isinstance(value, int) and made.isdigit() else made


def _read(value: Any, work: _Work, subject: str, known: tuple[str, ...], column: str) -> Any:
    """Return a text, or every text within a nested value, without what is found."""
    if isinstance(value, dict):
        return {name: _read(item, work, subject, known, column) for name, item in value.items()}
    if isinstance(value, list):
        return [_read(item, work, subject, known, column) for item in value]
    if not isinstance(value, str):
        return value
    terms = tuple(term for term in {*known, *(part for term in known for part in term.split())} if len(term) >= 2)
    finder = replace(work.finder, finders=(*work.finder.finders, Known(terms))) if terms else work.finder
    cleaned = deidentify(value, finder, work.names, subject=subject)
    work.counts.update(cleaned.counts)
    work.removed.update(cleaned.removed)
    work.remains.setdefault(column, []).append(cleaned.kept)
    return cleaned.text


def _column(values: list[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(kind):
        kind = pa.string()
    try:
        return pa.array(values, kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pa.array([None if value is None else str(value) for value in values], pa.string())
