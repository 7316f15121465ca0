"""Which names do the columns get when a header is empty, doubled or unprintable?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from veridical.core.errors import DataError

RESERVED_PREFIX = "__veridical"


@dataclass(frozen=True, slots=True)
class Header:
    """Usable column names, and a note for each that had to be changed."""

    names: tuple[str, ...]
    notes: dict[str, str]


def clean(names: Sequence[str], *, where: str) -> Header:
    """Return distinct, printable, non-empty names: doubled ones get `_2`, `_3` ..., empty ones `column_N`.

    Example:
        >>> clean(["a", "a", ""], where="x.csv").names
        ('a', 'a_2', 'column_3')

    Raises:
        DataError: a name begins with the prefix kept for veridical's own columns.
    """
    given = {name.strip() for name in names}
    taken: set[str] = set()
    result: list[str] = []
    notes: dict[str, str] = {}
    for index, original in enumerate(names):
        name = " ".join("".join(c if c.isprintable() else " " for c in original).split())
        if name.startswith(RESERVED_PREFIX):
            raise DataError(
                f"column {index + 1} is called {name!r}", where=where, fix=f"drop the {RESERVED_PREFIX} prefix"
            )
        note = "" if name == original.strip() else "unprintable characters in the column's name were dropped"
        if not name:
            name, note = f"column_{index + 1}", "the column had no name"
        if name in taken:
            note = f"the name {name!r} stood there before: renamed"
            name = _free(name, taken | given)
        taken.add(name)
        result.append(name)
        if note:
            notes[name] = note
    return Header(tuple(result), notes)


def _free(name: str, taken: set[str]) -> str:
    number = 2
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"
