"""What stands in a column of which too few records tell anything?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.core.contracts import Allowed
from veridical.core.schema import CATEGORY_KINDS, NUMERIC_KINDS, TEMPORAL_KINDS, Column
from veridical.prepare.category import from_text
from veridical.prepare.codec import Arrays, Place, Plain, from_numpy
from veridical.prepare.moment import MomentCodec, bounds_in
from veridical.prepare.number import NumberCodec, grid_of
from veridical.prepare.storage import is_text, parse_type, store

_FINEST = {"year": "day", "month": "day", None: "s"}


@dataclass(frozen=True, slots=True)
class UnseenCodec:
    """A column whose values are null where the schema lets them be, else anything the schema allows."""

    column: Column

    @property
    def names(self) -> Sequence[str]:
        return (self.column.name,)

    @property
    def modelled(self) -> Sequence[Column]:
        return ()

    def encode(self, table: pa.Table) -> Arrays:  # noqa: ARG002
        return {}

    def decode(self, drawn: Arrays, place: Place) -> Arrays:  # noqa: ARG002
        return {self.column.name: self._drawn(place)}

    def limit(self, name: str, allowed: Allowed) -> Mapping[str, Allowed] | None:  # noqa: ARG002
        return None

    def to_plain(self) -> Plain:
        return {"codec": "unseen", "column": self.column.name}

    def _drawn(self, place: Place) -> pa.Array:
        column = self.column
        if column.nullable:
            return store(pa.nulls(place.rows), column.storage)
        if column.kind in NUMERIC_KINDS:
            codec = NumberCodec(column, grid_of(column) == 1.0)
            low, high = (None if end is None else float(end) for end in (column.low, column.high))
            return self._within(codec, low, high, place)
        if column.kind in TEMPORAL_KINDS:
            unit = _FINEST.get(column.resolution, column.resolution) or "s"
            moment = MomentCodec(column, unit, False, *bounds_in(column, unit))
            return self._within(moment, moment.low, moment.high, place)
        values = column.categories or (("false", "true") if column.kind in CATEGORY_KINDS else ("unknown",))
        if column.kind in CATEGORY_KINDS and not column.categories and column.storage != "bool":
            values = ("unknown",) if is_text(parse_type(column.storage)) else ("0",)
        drawn = pa.array(values, pa.string()).take(pa.array(place.rng.integers(len(values), size=place.rows)))
        return from_text(drawn, replace(column, categories=values))

    def _within(self, codec: Any, low: float | None, high: float | None, place: Place) -> pa.Array:
        name = self.column.name
        if low is None or high is None:
            value = low if low is not None else high if high is not None else 0.0
            drawn: NDArray[Any] = np.full(place.rows, value)
        else:
            drawn = place.rng.uniform(low, high, size=place.rows)
        is_float = isinstance(codec, NumberCodec) and not codec.whole
        array = from_numpy(drawn if is_float else np.rint(drawn).astype(np.int64))
        result: pa.Array = codec.decode({name: array}, place)[name]
        return result
