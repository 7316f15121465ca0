"""How do columns of which exactly one is on stay so?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from veridical.core.contracts import Allowed
from veridical.core.schema import Column, Kind
from veridical.prepare.category import as_text, from_text
from veridical.prepare.codec import Arrays, Place, Plain, whole

ON = frozenset({"1", "true", "1.0", "yes", "y", "t"})
_SPELLINGS = (("true", "false"), ("1", "0"), ("yes", "no"), ("Yes", "No"), ("Y", "N"), ("y", "n"), ("t", "f"))


@dataclass(frozen=True, slots=True)
class OneHotCodec:
    """Several 0/1 columns as one category: which one is on. `on` and `off` are how each column spells it.

    `seen` lists the columns that are on often enough to be emitted as such.
    """

    columns: tuple[Column, ...]
    on: tuple[str, ...]
    off: tuple[str, ...]
    seen: tuple[str, ...]

    @classmethod
    def learn(cls, table: pa.Table, columns: Sequence[Column], *, rare_below: int) -> OneHotCodec:
        """Return the codec of columns of which one is on in each row (rows in which not are learned as null)."""
        spelled = [_spelling(table, column) for column in columns]
        which = _which(table, columns)
        counts = np.bincount(which[which >= 0], minlength=len(columns))
        seen = tuple(column.name for column, count in zip(columns, counts, strict=True) if count >= rare_below)
        kept = seen or tuple(column.name for column in columns)
        return cls(tuple(columns), tuple(s[0] for s in spelled), tuple(s[1] for s in spelled), kept)

    @property
    def names(self) -> Sequence[str]:
        return tuple(column.name for column in self.columns)

    @property
    def modelled(self) -> Sequence[Column]:
        return (Column(name=self._which, kind=Kind.CATEGORY, storage="dictionary", categories=self.seen),)

    def encode(self, table: pa.Table) -> Arrays:
        which = _which(table, self.columns)
        place = {name: number for number, name in enumerate(self.seen)}
        code_of = np.array([*(place.get(column.name, -1) for column in self.columns), -1])
        codes = code_of[which]
        lost = codes < 0
        if lost.any():  # none is on, several are, or too rarely: learned as one of the safe ones
            rng = np.random.default_rng(len(self.seen))
            known = codes[~lost]
            codes[lost] = rng.choice(known, size=int(lost.sum())) if len(known) else 0
        return {self._which: pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(self.seen))}

    def decode(self, drawn: Arrays, place: Place) -> Arrays:  # noqa: ARG002
        which = pc.fill_null(whole(drawn[self._which]), self.seen[0])
        made = {}
        for column, on, off in zip(self.columns, self.on, self.off, strict=True):
            text = pc.if_else(pc.equal(which, column.name), on, off)
            made[column.name] = from_text(text, column)
        return made

    def limit(self, name: str, allowed: Allowed) -> Mapping[str, Allowed] | None:
        if allowed.values is None:
            return None
        asked = {str(value).lower() in ON for value in allowed.values}
        if asked == {True}:
            return {self._which: Allowed(values=(name,))}
        if asked == {False}:
            return {self._which: Allowed(values=tuple(other for other in self.seen if other != name))}
        return None

    def to_plain(self) -> Plain:
        names = [column.name for column in self.columns]
        lists = {"on": list(self.on), "off": list(self.off), "seen": list(self.seen)}
        return {"codec": "one_hot", "columns": names, **lists}

    @property
    def _which(self) -> str:
        return " | ".join(self.names)


def _which(table: pa.Table, columns: Sequence[Column]) -> np.ndarray:
    """Return the place of the one column that is on; -1 where none or several are."""
    on = np.stack([_is_on(table, column) for column in columns], axis=1)
    return np.where(on.sum(axis=1) == 1, on.argmax(axis=1), -1)


def _is_on(table: pa.Table, column: Column) -> np.ndarray:
    text = pc.utf8_lower(as_text(table, column))
    found = pc.fill_null(pc.is_in(text, value_set=pa.array(sorted(ON))), False)
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=bool)


def _spelling(table: pa.Table, column: Column) -> tuple[str, str]:
    seen = set(pc.unique(as_text(table, column).drop_null()).to_pylist()[:10])
    return next((pair for pair in _SPELLINGS if seen & set(pair)), ("1", "0"))
