"""How do columns whose combinations are fixed stay together: education with its number, a town with its region?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from veridical.core.contracts import Allowed
from veridical.core.errors import ConstraintError
from veridical.core.schema import Column, Kind
from veridical.prepare.category import holds
from veridical.prepare.codec import Arrays, Codec, Place, Plain, to_numpy, whole

Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CombinationCodec:
    """Columns of which only combinations carried by enough records are emitted.

    `inner` encodes each column on its own; `rows` lists the combinations in those terms (null is None), most frequent
    first, and `counts` how many records carry each. One column that determines the others (`lead`) is learned as
    itself and the others follow; when none does, the combination's number is learned as a category.
    """

    inner: tuple[Codec, ...]
    rows: tuple[tuple[Any, ...], ...]
    counts: tuple[int, ...]
    lead: int | None

    @classmethod
    def learn(cls, table: pa.Table, inner: Sequence[Codec], *, rare_below: int) -> CombinationCodec:
        """Return the codec of columns that each have an encoding of one column.

        Raises:
            ConstraintError: no combination is carried by `rare_below` records.
        """
        arrays = [_plain(codec, table) for codec in inner]
        rows, counts = _counted(arrays)
        safe = [(row, count) for row, count in zip(rows, counts, strict=True) if count >= rare_below]
        if not safe:
            names = ", ".join(name for codec in inner for name in codec.names)
            raise ConstraintError(
                f"no combination is carried by {rare_below} records",
                where=f"fixed_combinations {names}",
                fix="drop the constraint, or lower rare_below",
            )
        kept = tuple(row for row, _ in safe)
        return cls(tuple(inner), kept, tuple(count for _, count in safe), _lead(kept))

    @property
    def names(self) -> Sequence[str]:
        return tuple(name for codec in self.inner for name in codec.names)

    @property
    def modelled(self) -> Sequence[Column]:
        if self.lead is not None:
            return self.inner[self.lead].modelled
        values = tuple(str(number) for number in range(len(self.rows)))
        return (Column(name=self._code, kind=Kind.CATEGORY, storage="dictionary", categories=values),)

    def encode(self, table: pa.Table) -> Arrays:
        """Return the modelled column; a rare combination is learned as a safe one, nearest in what it shares."""
        codes = self._codes([_plain(codec, table) for codec in self.inner])
        return self._modelled_from(codes)

    def encode_known(self, table: pa.Table, rng: np.random.Generator) -> Arrays:
        """Return the modelled column where only some of the columns are known: a combination that goes with them."""
        block = max(1, 4_000_000 // len(self.rows))
        parts = [self._fitting(table.slice(start, block), rng) for start in range(0, table.num_rows, block)]
        return self._modelled_from(np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64))

    def _fitting(self, table: pa.Table, rng: np.random.Generator) -> Codes:
        fits = np.ones((table.num_rows, len(self.rows)), dtype=bool)
        for place, codec in enumerate(self.inner):
            if codec.names[0] not in table.column_names:
                continue
            value_of, codes = _numbered(self._column(place), _plain(codec, table))
            fits &= codes[:, None] == value_of[None, :]
        weight = np.asarray(self.counts, dtype=float) * fits
        weight[~fits.any(axis=1)] = self.counts  # known cells that go with no safe combination
        level = rng.random(table.num_rows) * weight.sum(axis=1)
        codes = np.minimum((np.cumsum(weight, axis=1) <= level[:, None]).sum(axis=1), len(self.rows) - 1)
        return codes.astype(np.int64)

    def decode(self, drawn: Arrays, place: Place) -> Arrays:
        codes = pa.array(self._drawn_codes(drawn))
        made: dict[str, pa.Array] = {}
        for at, codec in enumerate(self.inner):
            values = self._column(at)
            if pa.types.is_string(values.type):  # few texts stand for many rows, and go on as such
                few = values.dictionary_encode()
                told = pa.DictionaryArray.from_arrays(few.indices.take(codes), few.dictionary)
            else:
                told = values.take(codes)
            made |= codec.decode({codec.names[0]: told}, place)
        return made

    def limit(self, name: str, allowed: Allowed) -> Mapping[str, Allowed] | None:
        at = list(self.names).index(name)
        inner = self.inner[at].limit(name, allowed)
        if inner is None:
            return None
        limits = inner[name]
        kept = [number for number, row in enumerate(self.rows) if _allows(row[at], limits)]
        if self.lead is None:
            return {self._code: Allowed(values=tuple(str(number) for number in kept))}
        leads = [self.rows[number][self.lead] for number in kept]
        lead_name = self.inner[self.lead].names[0]
        values = tuple(value for value in leads if value is not None)
        return {lead_name: Allowed(values=values, nulls=None in leads)}

    def to_plain(self) -> Plain:
        return {
            "codec": "combination",
            "inner": [codec.to_plain() for codec in self.inner],
            "rows": [list(row) for row in self.rows],
            "counts": list(self.counts),
            "lead": self.lead,
        }

    @property
    def _code(self) -> str:
        return " + ".join(self.names)

    def _column(self, at: int) -> pa.Array:
        kind = pa.string() if _is_text(self.inner[at]) else _number_type(self.inner[at])
        return pa.array([row[at] for row in self.rows], kind)

    def _codes(self, arrays: Sequence[pa.Array]) -> Codes:
        numbered = [_numbered(self._column(at), array) for at, array in enumerate(arrays)]
        code, known = np.zeros(len(arrays[0]), dtype=np.int64), np.zeros(len(self.rows), dtype=np.int64)
        for value_of, codes in numbered:
            width = int(value_of.max(initial=0)) + 2
            known, code = known * width + value_of, code * width + codes
            distinct = np.union1d(np.unique(known), np.unique(code))
            known, code = np.searchsorted(distinct, known), np.searchsorted(distinct, code)
        order = np.argsort(known)
        found = order[np.minimum(np.searchsorted(known[order], code), len(known) - 1)]
        rare = np.flatnonzero(known[found] != code)
        if len(rare):
            found[rare] = self._nearest_safe(code[rare], [(value_of, codes[rare]) for value_of, codes in numbered])
        return found

    def _nearest_safe(self, code: Codes, numbered: Sequence[tuple[Codes, Codes]]) -> Codes:
        """Return for each rare combination one of the safe ones that share most values with it, by how common it is."""
        rng, found = np.random.default_rng(len(self.rows)), np.zeros(len(code), dtype=np.int64)
        counts = np.asarray(self.counts, dtype=float)
        _, first, many = np.unique(code, return_index=True, return_counts=True)
        alike = np.split(np.argsort(code, kind="stable"), np.cumsum(many)[:-1])
        for row, places in zip(first, alike, strict=True):
            shared = sum((value_of == codes[row]).astype(int) for value_of, codes in numbered)
            weight = np.where(shared == shared.max(), counts, 0.0)
            found[places] = rng.choice(len(counts), size=len(places), p=weight / weight.sum())
        return found

    def _modelled_from(self, codes: Codes) -> Arrays:
        if self.lead is None:
            values = pa.array([str(number) for number in range(len(self.rows))], pa.string())
            return {self._code: pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), values)}
        name = self.inner[self.lead].names[0]
        values = self._column(self.lead).take(pa.array(codes))
        if not pa.types.is_string(values.type):
            return {name: values}
        known = pa.array([row[self.lead] for row in self.rows if row[self.lead] is not None], pa.string())
        return {name: pa.DictionaryArray.from_arrays(pc.index_in(values, value_set=known).cast(pa.int32()), known)}

    def _drawn_codes(self, drawn: Arrays) -> Codes:
        if self.lead is None:
            codes = pc.fill_null(whole(drawn[self._code]).cast(pa.int64()), 0)
            return np.asarray(codes.to_numpy(zero_copy_only=False))
        values = whole(drawn[self.inner[self.lead].names[0]])
        leads = [row[self.lead] for row in self.rows]
        if pa.types.is_string(values.type):
            codes = pc.fill_null(pc.index_in(values, value_set=pa.array(leads, pa.string())), 0)
            return np.asarray(codes.to_numpy(zero_copy_only=False)).astype(np.int64)
        return _nearest(values, leads)


def _nearest(values: pa.Array, leads: Sequence[Any]) -> Codes:
    """Return for each number the combination whose lead is nearest; null goes with the null lead, if any."""
    numbers, null = to_numpy(values)
    places = np.array([place for place, lead in enumerate(leads) if lead is not None], dtype=np.int64)
    if not len(places):
        return np.zeros(len(numbers), dtype=np.int64)
    known = np.array([leads[place] for place in places])
    order = np.argsort(known, kind="stable")
    known, places = known[order], places[order]
    right = (
        np.clip(np.searchsorted(known, numbers), 1, len(known) - 1) if len(known) > 1 else np.zeros(len(numbers), int)
    )
    left = np.maximum(right - 1, 0)
    chosen = np.where(np.abs(numbers - known[left]) <= np.abs(known[right] - numbers), left, right)
    codes = places[chosen]
    if None in leads:
        codes = np.where(null, leads.index(None), codes)
    return codes


def _allows(value: Any, limits: Allowed) -> bool:
    return limits.nulls if value is None else holds(value, limits, lambda one: one)


def _is_text(codec: Codec) -> bool:
    return codec.modelled[0].storage == "dictionary"


def _number_type(codec: Codec) -> pa.DataType:
    return pa.int64() if codec.modelled[0].storage == "int64" else pa.float64()


def _plain(codec: Codec, table: pa.Table) -> pa.Array:
    return whole(codec.encode(table)[codec.names[0]])


def _counted(arrays: Sequence[pa.Array]) -> tuple[list[tuple[Any, ...]], list[int]]:
    names = [str(place) for place in range(len(arrays))]
    counted = pa.table(dict(zip(names, arrays, strict=True))).group_by(names).aggregate([([], "count_all")])
    counted = counted.sort_by([("count_all", "descending"), *((name, "ascending") for name in names)])
    rows = list(zip(*(counted[name].to_pylist() for name in names), strict=True))
    return rows, counted["count_all"].to_pylist()


def _lead(rows: Sequence[tuple[Any, ...]]) -> int | None:
    """Return the first column that determines all others, numbers before text."""
    places = range(len(rows[0]))
    keys = [place for place in places if len({row[place] for row in rows}) == len(rows) > 1]
    numeric = [place for place in keys if all(not isinstance(row[place], str) for row in rows)]
    return next(iter(numeric or keys), None)


def _numbered(known: pa.Array, values: pa.Array) -> tuple[Codes, Codes]:
    """Return numbers for known values, and for others the same numbers, or one more than any for strangers."""
    distinct = pc.unique(known)
    codes = [pc.index_in(array.cast(known.type), value_set=distinct) for array in (known, values)]
    first, second = (pc.fill_null(code, len(distinct)).to_numpy(zero_copy_only=False) for code in codes)
    return np.asarray(first, dtype=np.int64), np.asarray(second, dtype=np.int64)
