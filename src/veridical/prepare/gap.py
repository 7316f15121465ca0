"""How does a column that is never below another stay so: an end after its start, a maximum above its minimum?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from veridical.core.contracts import Allowed
from veridical.core.schema import Column, Kind
from veridical.prepare.codec import Arrays, Place, Plain, from_numpy, to_numpy
from veridical.prepare.moment import MomentCodec
from veridical.prepare.number import NumberCodec

OVER = " over "
_NARROW = 0.5  # a gap is learned when its middle half spans less than this part of the column's own


@dataclass(frozen=True, slots=True)
class GapCodec:
    """One column, learned as its distance over a lower column; both count in the same unit and are null together."""

    low: NumberCodec | MomentCodec
    high: NumberCodec | MomentCodec
    strict: bool

    @classmethod
    def learn(
        cls, table: pa.Table, low: NumberCodec | MomentCodec, high: NumberCodec | MomentCodec, *, strict: bool
    ) -> GapCodec | None:
        """Return the codec; None when the distance tells no more than the column itself, or units differ."""
        same = type(low) is type(high) and _unit(low) == _unit(high)
        if not same or _is_split(low) or _is_split(high):
            return None
        one, one_null = to_numpy(low.encode(table)[low.column.name])
        two, two_null = to_numpy(high.encode(table)[high.column.name])
        both = ~one_null & ~two_null
        # Where only one of the two is known a gap says nothing: such tables are drawn column by column.
        if not both.any() or np.any(one_null != two_null):
            return None
        gap = (two - one)[both]
        if np.mean(gap < 0) > 0.01:
            return None
        spread, own = _span(gap), _span(two[both])
        return cls(low, high, strict) if spread <= _NARROW * own else None

    @property
    def names(self) -> Sequence[str]:
        return (self.high.column.name,)

    @property
    def name(self) -> str:
        """The modelled column."""
        return f"{self.high.column.name}{OVER}{self.low.column.name}"

    @property
    def modelled(self) -> Sequence[Column]:
        own = self.high.modelled[0]
        return (replace(own, name=self.name, low=self._least, high=None, kind=_kind(own), categories=None),)

    def encode(self, table: pa.Table) -> Arrays:
        if self.low.column.name not in table.column_names:
            return {}  # known cells that lack the lower one tell no distance
        one, one_null = to_numpy(self.low.encode(table)[self.low.column.name])
        two, two_null = to_numpy(self.high.encode(table)[self.high.column.name])
        return {self.name: from_numpy(np.maximum(two - one, self._least), one_null | two_null)}

    def decode(self, drawn: Arrays, place: Place) -> Arrays:
        lower = self.low.column.name
        below = self.low.encode(pa.table({lower: place.made[lower]}))[lower]
        one, one_null = to_numpy(below)
        gap, gap_null = to_numpy(drawn[self.name])
        values = one + np.maximum(gap, self._least)
        return self.high.decode({self.high.column.name: from_numpy(values, one_null | gap_null)}, place)

    def limit(self, name: str, allowed: Allowed) -> Mapping[str, Allowed] | None:  # noqa: ARG002
        only_null = allowed.nulls and allowed.values == ()
        return {self.name: Allowed(values=(), nulls=True)} if only_null else None

    def to_plain(self) -> Plain:
        return {
            "codec": "gap",
            "low": self.low.to_plain(),
            "high": self.high.to_plain(),
            "strict": self.strict,
        }

    @property
    def _least(self) -> float | int:
        if not self.strict:
            return 0
        unit = 1 if isinstance(self.high, MomentCodec) or self.high.whole else self.high.unit
        return unit if unit is not None else 0


def _unit(codec: NumberCodec | MomentCodec) -> object:
    return codec.unit if isinstance(codec, MomentCodec) else codec.whole


def _is_split(codec: NumberCodec | MomentCodec) -> bool:
    return isinstance(codec, MomentCodec) and codec.split


def _kind(own: Column) -> Kind:
    return own.kind if own.kind in (Kind.INTEGER, Kind.DECIMAL) else Kind.INTEGER


def _span(values: np.ndarray) -> float:
    low, high = np.quantile(values, (0.25, 0.75))
    if high > low:
        return float(high - low)
    return float(values.max() - values.min()) / 2
