"""What stands in columns that are never learned: keys, personal data, free text, constants?"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from veridical.core.contracts import Allowed
from veridical.core.errors import ConstraintError
from veridical.core.rng import derive
from veridical.core.schema import Column, Kind
from veridical.fabricate import UUID
from veridical.fabricate import column as made_up_column
from veridical.fabricate import pattern as made_up_pattern
from veridical.fabricate.draw import permute
from veridical.prepare.codec import Arrays, Place, Plain, whole
from veridical.prepare.moment_key import Calendar
from veridical.prepare.storage import parse_type, store

KNOWN = " (known)"  # the modelled column that says whether a fabricated value is there
_UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")


@dataclass(frozen=True, slots=True)
class KeyCodec:
    """A column of keys: value number `row` is fresh, and unique over all shards.

    `form` is "dense" (1, 2, 3 ... from `width`, which is 0 or 1), "sparse" (whole numbers of `width` digits), "uuid",
    "pattern" or "moment" (on the line of time that `calendar` is); `repeats` is how many rows in a row share a key
    (1 for unique keys).
    """

    column: Column
    form: str
    pattern: str
    width: int
    repeats: int = 1
    calendar: Calendar | None = None

    @classmethod
    def learn(cls, table: pa.Table, column: Column, *, unique: bool) -> KeyCodec:
        """Return the codec of a key column: its form is read from the shape of the values, never the values."""
        array = whole(table[column.name]).drop_null()
        distinct = max(1, pc.count_distinct(array).as_py())
        repeats = 1 if unique or column.unique else max(1, round(len(array) / distinct))
        kind = parse_type(column.storage)
        if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
            return cls(column, *_number_form(array, distinct, kind), repeats)
        calendar = Calendar.learn(table, column)
        if calendar is not None:
            return cls(column, "moment", "", 0, repeats, calendar)
        if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
            return cls(column, "pattern", _letters(array), 0, repeats)
        return cls(column, *_text_form(array.cast(pa.string()), column), repeats)

    @property
    def names(self) -> Sequence[str]:
        return (self.column.name,)

    @property
    def modelled(self) -> Sequence[Column]:
        return ()

    def encode(self, table: pa.Table) -> Arrays:  # noqa: ARG002
        return {}

    def decode(self, drawn: Arrays, place: Place) -> Arrays:  # noqa: ARG002
        number = np.arange(place.start_row, place.start_row + place.rows, dtype=np.int64) // self.repeats
        key = derive(place.key, "key", self.column.name)
        keys = max(1, -(-max(place.total_rows, place.start_row + place.rows) // self.repeats))
        return {self.column.name: store(self._written(number, key, keys), self.column.storage)}

    def limit(self, name: str, allowed: Allowed) -> Mapping[str, Allowed] | None:  # noqa: ARG002
        return None

    def to_plain(self) -> Plain:
        plain = {"form": self.form, "pattern": self.pattern, "width": self.width, "repeats": self.repeats}
        line = {} if self.calendar is None else {"calendar": self.calendar.to_plain()}
        return {"codec": "key", "column": self.column.name, **plain, **line}

    def _written(self, number: NDArray[np.int64], key: int, keys: int) -> pa.Array:
        if self.form == "dense":
            return pa.array(number + self.width)
        if self.calendar is not None:
            return self.calendar.written(number, self.column, key, keys)
        if self.form == "sparse":
            low = 10 ** (self.width - 1)
            space = 9 * low
            self._check(space, keys)
            return pa.array(low + permute(number, space, key))
        return self._spelled(number, key)

    def _spelled(self, number: NDArray[np.int64], key: int) -> pa.Array:
        # Rows that share a key ask for it once: fabricate numbers its values one by one.
        first, count = int(number[0]) if len(number) else 0, int(number[-1] - number[0]) + 1 if len(number) else 0
        rng, short = np.random.default_rng(0), key % 2**62
        if self.form == "uuid" or self.pattern == UUID:
            values = made_up_column("uuid", locale=None, rows=count, rng=rng, unique=True, start_row=first, key=short)
            values = pc.utf8_upper(values) if self.pattern == "A" else values
        else:
            values = made_up_pattern(self.pattern, count, rng=rng, unique=True, start_row=first, key=short)
        return values.take(pa.array(number - first)) if self.repeats > 1 else values

    def _check(self, space: int, keys: int) -> None:
        if keys > space:
            raise ConstraintError(
                f"{keys:,} unique keys asked, {space:,} fit", where=self.column.name, fix="ask for fewer rows"
            )


def _number_form(array: pa.Array, distinct: int, kind: Any) -> tuple[str, str, int]:
    if not len(array):
        return "dense", "", 1
    ends = pc.min_max(array.cast(pa.float64(), safe=False)).as_py()
    most = 18 if pa.types.is_integer(kind) and kind.bit_width == 64 else 9
    if (pa.types.is_integer(kind) and kind.bit_width < 32) or pa.types.is_floating(kind):
        return "dense", "", 1
    if ends["max"] - ends["min"] < 2 * distinct:
        return "dense", "", 0 if ends["min"] == 0 else 1
    return "sparse", "", max(1, min(most, len(str(int(abs(ends["max"]))))))


def _letters(array: pa.Array) -> str:
    """So many letters as most byte strings have bytes."""
    sizes = pc.value_counts(pc.binary_length(array)).to_pylist()
    most = max(sizes, key=lambda each: (each["counts"], each["values"]), default={"values": 16})
    return "a" * min(max(1, most["values"]), 64)


def _text_form(text: pa.Array, column: Column) -> tuple[str, str, int]:
    sample = text.slice(0, 2_000).to_pylist()
    if column.pattern and column.pattern != UUID:
        return "pattern", column.pattern, 0
    if column.pattern == UUID or (sample and all(_UUID.fullmatch(value) for value in sample)):
        return "uuid", "A" if any(c in "ABCDEF" for value in sample for c in value) else "a", 0
    return "pattern", shape_of(sample), 0


def shape_of(values: Sequence[str]) -> str:
    """Return the pattern that most values have: A, a and 9 stand for letters and digits; signs all share are kept.

    Example:
        >>> shape_of(["AB-104", "XK-223", "ZZ-900"]), shape_of(["ID7", "ID8"])
        ('AA-999', '\\\\I\\\\D9')
    """
    shapes: dict[str, list[str]] = {}
    for value in values:
        shapes.setdefault("".join(map(_sign, value[:64])), []).append(value)
    best = max(shapes, key=lambda shape: (len(shapes[shape]), shape), default="")
    alike = shapes.get(best, [])
    if len(alike) * 2 < len(values) or not re.search("[Aa9]", best):
        return "AAAA-99999999"
    spelled = []
    for place, sign in enumerate(best):
        shared = {value[place] for value in alike} if len(alike) > 1 else set()
        fixed = len(shared) == 1 and sign in "Aa" and len(alike) == len(values)
        spelled.append("\\" + shared.pop() if fixed else sign)
    pattern = "".join(spelled)
    return pattern if re.search(r"(?<!\\)[Aa9]", pattern) else best


def _sign(letter: str) -> str:
    if letter.isdigit():
        return "9"
    if letter.isalpha():
        return "A" if letter.isupper() else "a"
    # Other signs could be somebody's own, or mean something in a pattern.
    return letter if letter in "-_./:# " else "-"


@dataclass(frozen=True, slots=True)
class ConstantCodec:
    """A column with one value, or none: nothing is learned. `value` is its text; None is null."""

    column: Column
    value: str | None

    @property
    def names(self) -> Sequence[str]:
        return (self.column.name,)

    @property
    def modelled(self) -> Sequence[Column]:
        return ()

    def encode(self, table: pa.Table) -> Arrays:  # noqa: ARG002
        return {}

    def decode(self, drawn: Arrays, place: Place) -> Arrays:  # noqa: ARG002
        one = pa.array([self.value], pa.string())
        return {self.column.name: store(one, self.column.storage).take(pa.array(np.zeros(place.rows, np.int64)))}

    def limit(self, name: str, allowed: Allowed) -> Mapping[str, Allowed] | None:  # noqa: ARG002
        return None

    def to_plain(self) -> Plain:
        return {"codec": "constant", "column": self.column.name, "value": self.value}


@dataclass(frozen=True, slots=True)
class FabricatedCodec:
    """Personal data and free text: only whether a value is there is learned, the value is made up.

    `model` holds what `fabricate` needs for free text (JSON-like), None for personal data.
    """

    column: Column
    with_nulls: bool
    model: Plain | None = None
    unique: bool = False

    @property
    def names(self) -> Sequence[str]:
        return (self.column.name,)

    @property
    def modelled(self) -> Sequence[Column]:
        if not self.with_nulls:
            return ()
        known = Column(name=self.column.name + KNOWN, kind=Kind.BOOLEAN, storage="dictionary", categories=("no", "yes"))
        return (known,)

    def encode(self, table: pa.Table) -> Arrays:
        if not self.with_nulls:
            return {}
        codes = whole(table[self.column.name]).is_valid().cast(pa.int8()).cast(pa.int32())
        return {self.column.name + KNOWN: pa.DictionaryArray.from_arrays(codes, pa.array(["no", "yes"]))}

    def decode(self, drawn: Arrays, place: Place) -> Arrays:
        values = self._made(place)
        if self.with_nulls:
            known = pc.equal(whole(drawn[self.column.name + KNOWN]), "yes")
            values = pc.if_else(pc.fill_null(known, False), values, pa.scalar(None, values.type))
        return {self.column.name: store(values, self.column.storage)}

    def limit(self, name: str, allowed: Allowed) -> Mapping[str, Allowed] | None:
        if not self.with_nulls:
            return None
        only_null = allowed.nulls and allowed.values == ()
        values = ("no",) if only_null else ("no", "yes") if allowed.nulls else ("yes",)
        return {name + KNOWN: Allowed(values=values)}

    def to_plain(self) -> Plain:
        plain: Plain = {"codec": "fabricated", "column": self.column.name, "with_nulls": self.with_nulls}
        return {**plain, "model": self.model, "unique": self.unique}

    def _made(self, place: Place) -> pa.Array:
        from veridical.prepare.made_up import personal, text

        if self.model is not None:
            return text(self.model, place)
        return personal(self.column, place, unique=self.unique)
