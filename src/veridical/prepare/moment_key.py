"""Which new keys does a table get whose key is a date, an instant or a time of day?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.core.errors import ConstraintError, SchemaError
from veridical.core.schema import Column, Kind
from veridical.fabricate.draw import permute
from veridical.prepare.moment import counted, told
from veridical.prepare.storage import is_text, parse_type

LEAST_FILLED = 0.5  # of the places between first and last, from which keys follow each other as in a calendar
_BLUR = 50  # ends of scattered moments are told to a part in fifty of their span


@dataclass(frozen=True, slots=True)
class Calendar:
    """Keys on a line of time: key number i is `start + step * i` counts of `unit`.

    Where real ones leave most places empty, `space` is how many there are, and keys are dealt over them; else 0.
    """

    unit: str
    start: int
    step: int
    space: int = 0

    @classmethod
    def learn(cls, table: pa.Table, column: Column) -> Calendar | None:
        """Return the line that a column's keys stand on; None where they are no moments."""
        as_moment = timed(column)
        if as_moment is None:
            return None
        try:
            unit, counts = counted(table, as_moment)
        except SchemaError:
            return None
        levels = np.unique(counts)
        if not len(levels):
            return cls(unit, 0, 1)
        first, last = int(levels[0]), int(levels[-1])
        step = int(np.gcd.reduce(np.diff(levels))) if len(levels) > 1 else 1
        if len(levels) >= LEAST_FILLED * ((last - first) // step + 1):
            return cls(unit, first, step)
        # Somebody's first and last moment are not told exactly.
        blur = max(1, (last - first) // _BLUR // step) * step
        start = first // blur * blur + first % step
        start = start - blur if start > first else start
        return cls(unit, start, step, (last - start) // step + 1 + blur // step)

    def written(self, number: NDArray[np.int64], column: Column, key: int, keys: int) -> pa.Array:
        """Return keys number `number` of `keys` in the column's storage.

        Raises:
            ConstraintError: a day has fewer such times.
        """
        place = number
        if self.space:
            place = permute(number, max(self.space, keys), key)
        counts = self.start + self.step * place
        as_moment = timed(column)
        assert as_moment is not None
        if as_moment.kind is Kind.TIME and len(counts):
            counts = _within_a_day(counts, self.unit, self.step, keys, column.name)
        return told(counts, as_moment, self.unit)

    def to_plain(self) -> dict[str, Any]:
        """Return this as JSON-like data."""
        return {"unit": self.unit, "start": self.start, "step": self.step, "space": self.space}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any] | None) -> Calendar | None:
        """Return what `to_plain` wrote."""
        return None if plain is None else cls(plain["unit"], plain["start"], plain["step"], plain["space"])


def _within_a_day(counts: NDArray[np.int64], unit: str, step: int, keys: int, name: str) -> NDArray[np.int64]:
    day = {"hour": 24, "minute": 1_440, "s": 86_400, "ms": 86_400_000, "us": 86_400_000_000}.get(unit, 86_400 * 10**9)
    if keys * step > day:
        raise ConstraintError(f"{keys:,} unique times asked, {day // step:,} fit", where=name, fix="ask for fewer rows")
    return counts % day


def timed(column: Column) -> Column | None:
    """Return a key column as the moment that its storage says it is; None where it is none."""
    kind = parse_type(column.storage)
    if pa.types.is_date(kind):
        return replace(column, kind=Kind.DATE)
    if pa.types.is_timestamp(kind):
        return replace(column, kind=Kind.DATETIME)
    if pa.types.is_time(kind):
        return replace(column, kind=Kind.TIME)
    form = column.datetime_format
    if not is_text(kind) or form is None:
        return None
    form = form.replace("%-", "%")
    if not any(sign in form for sign in ("%d", "%j", "%F", "%m", "%Y", "%b", "%B", "%q", "%G")):
        return replace(column, kind=Kind.TIME)
    clock = any(sign in form for sign in ("%H", "%I", "%T", "%M"))
    return replace(column, kind=Kind.DATETIME if clock else Kind.DATE)
