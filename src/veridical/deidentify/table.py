"""How does a table lose what names its people: which column is what, and whose dates move together?"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from veridical.core.errors import SpecError
from veridical.deidentify.entity import USUAL
from veridical.deidentify.finder import All, Known, Rules
from veridical.deidentify.moment import shifted
from veridical.deidentify.nested import changed as changed_within
from veridical.deidentify.nested import columns_within, folded, leaves, unfolded
from veridical.deidentify.pseudonym import Pseudonyms
from veridical.deidentify.text import deidentify, leaks
from veridical.profile import header, personal

TREATMENTS = (*USUAL, "text", "keep", "drop")
_MEANT: Mapping[str, str] = {"first_name": "name", "last_name": "name", "username": "id", "postcode": "address"}
_NUMBERED = re.compile(
    r"(?:^|[_\s])(?:mrn|patient|customer|member|employee|student|account|subject|person|user)?_?(?:id|no|nr|number)$|번호$",
    re.I,
)
_PEOPLE = ("name", "id", "email", "phone", "national_id")
_Known = tuple[tuple[str, str], ...]  # kind and text of what a row's columns say of its people
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
    if said is not None and said in ("name", "first_name", "last_name", "username"):
        return _MEANT.get(said, said)
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

    `columns` maps names to one of `TREATMENTS` where the guess is wrong. What lies within nested values is treated as
    columns are, by its path ("order.customer.name"). Without `subject` the first column of names or ids tells whose row
    it is. Names of a row's own columns are found in its texts, wherever they stand.

    Raises:
        SpecError: a column is not there, or a treatment is unknown.
    """
    given = dict(columns or {})
    nested = {f.name: v for f in table.schema if (v := unfolded(f, table.column(f.name))) is not None}
    treated = _treatments(table, nested, given, subject)
    own = [(name, treated[name]) for name in table.column_names]
    whose = subject or next((n for want in ("id", "name") for n, how in own if how == want), None)
    work = _Work(finder, names)
    rows = list(zip(_subjects(table, whose), _known(table, nested, treated), strict=True))
    made = {name: _made(name, table, nested, treated, work, rows) for name, how in own if how != "drop"}
    columns_left = tuple(name for name, rest in work.remains.items() if leaks(work.removed, rest))
    everything = [text for rest in work.remains.values() for text in rest]
    return CleanedTable(
        table=_as_read(pa.table(made), table.schema, nested),
        treated=treated,
        counts=dict(work.counts),
        leaked=len(leaks(work.removed, everything)),
        leaked_columns=columns_left,
    )


def _made(
    name: str, table: pa.Table, nested: Mapping[str, list[Any]], treated: Mapping[str, str], work: _Work,
    rows: Sequence[tuple[str, _Known]],
) -> pa.Array | pa.ChunkedArray:  # fmt: skip
    """Return a column without what was found, given each row's subject and known people."""
    column = table.column(name)
    if treated[name] == "keep":
        work.remains[name] = [str(value) for value in column.unique().drop_null().to_pylist()]
        return column
    values = nested.get(name) or column.to_pylist()
    changed = [_changed(value, name, treated, work, *row) for value, row in zip(values, rows, strict=True)]
    as_text = name in nested and not pa.types.is_nested(column.type)
    return folded(changed) if as_text else _column(changed, column.type)


def default_finder(kinds: Sequence[str] = USUAL, *, known: Sequence[str] = (), presidio: bool = False) -> All:
    """Return the rules, a list of known persons where there is one, and Presidio where it is wanted."""
    finders: list[Any] = [Rules()]
    if known:
        finders.append(Known(tuple(known)))
    if presidio:
        from veridical.deidentify.presidio import Presidio

        finders.append(Presidio.of())
    return All(tuple(finders), kinds=tuple(kinds))


def _as_read(made: pa.Table, schema: pa.Schema, nested: Mapping[str, list[Any]]) -> pa.Table:
    """Return a table whose nested columns are known for such, so that they are written as they were read."""
    fields = [f.with_metadata(schema.field(f.name).metadata) if f.name in nested else f for f in made.schema]
    return made.cast(pa.schema(fields))


def _treatments(
    table: pa.Table, nested: Mapping[str, list[Any]], given: Mapping[str, str], subject: str | None
) -> dict[str, str]:
    """Return how each column is treated, and each path within the nested ones."""
    treated: dict[str, str] = {}
    for name in table.column_names:
        column = table.column(name)
        treated[name] = given.get(name) or ("text" if name in nested else treatment_of(name, column))
        for path, within in columns_within(name, nested.get(name, ())).items() if name not in given else ():
            if path != name:
                treated[path] = given.get(path) or treatment_of(path.rpartition(".")[2], within)
    for name in (*given, *([subject] if subject is not None else [])):
        if name not in (treated if name in given else table.column_names):
            raise SpecError(f"there is no column {name!r}", where="columns", fix=f"use {', '.join(treated)}")
    for name, how in given.items():
        if how not in TREATMENTS:
            raise SpecError(f"no treatment is called {how!r}", where=name, fix=f"use {', '.join(TREATMENTS)}")
    return treated


def _known(table: pa.Table, nested: Mapping[str, list[Any]], treated: Mapping[str, str]) -> list[_Known]:
    """Return for each row what its own columns, and paths within them, say of its people."""
    rows: list[list[tuple[str, str]]] = [[] for _ in range(table.num_rows)]
    for name in table.column_names:
        if name not in nested and treated[name] not in _PEOPLE:
            continue
        for row, value in enumerate(nested.get(name) or table.column(name).to_pylist()):
            found = leaves(value, name) if name in nested else [(name, value)]
            told = [(treated.get(path, "keep"), str(leaf)) for path, leaf in found if leaf is not None]
            rows[row] += [(kind, text) for kind, text in told if kind in _PEOPLE]
    return [tuple(each) for each in rows]


def _subjects(table: pa.Table, whose: str | None) -> list[str]:
    if whose is None:
        return [f"row {row}" for row in range(table.num_rows)]
    return [f"row {row}" if v is None else str(v) for row, v in enumerate(table.column(whose).to_pylist())]


def _changed(
    value: Any, name: str, treated: Mapping[str, str], work: _Work, subject: str, known: _Known
) -> Any:  # fmt: skip
    """Return a column's value as its treatment makes it; within a nested one each path has its own."""
    how = treated[name]
    if value is None or how == "keep":
        return value
    if not isinstance(value, dict | list):
        return _replaced(value, how, work, subject, known, name)

    def within(leaf: Any, path: str) -> Any:
        inner = treated.get(path, how)
        if inner == "keep":
            work.remains.setdefault(name, []).append(str(leaf))
            return leaf
        return None if inner == "drop" else _replaced(leaf, inner, work, subject, known, name)

    return changed_within(value, name, within)


def _replaced(value: Any, how: str, work: _Work, subject: str, known: _Known, column: str) -> Any:
    if how == "text":
        return _read(value, work, subject, known, column) if isinstance(value, str) else value
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
    if made.casefold() == raw.casefold():
        work.remains.setdefault(column, []).append(raw)  # it was not replaced: the search for leaks shall find it
    return int(made) if isinstance(value, int) and made.isdigit() else made


def _read(value: str, work: _Work, subject: str, known: _Known, column: str) -> str:
    """Return a text without what is found."""
    terms = {kind: {text for of, text in known if of == kind} for kind in dict.fromkeys(of for of, _ in known)}
    if "name" in terms:
        terms["name"] |= {part for text in terms["name"] for part in text.split()}
    own = [Known(tuple(sorted(t for t in found if len(t) >= 2)), kind) for kind, found in terms.items()]
    finder = replace(work.finder, finders=(*work.finder.finders, *own)) if own else work.finder
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
