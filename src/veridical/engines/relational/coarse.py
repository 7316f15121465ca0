"""Which new row of a lookup table is most like a learned one, told by coarse levels alone?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from veridical.prepare.codec import whole
from veridical.prepare.link import Rows

BINS = 8
LEAST_ROWS = 40  # below, a bin would speak of a handful of rows


@dataclass(frozen=True, slots=True)
class Coarse:
    """A column on few levels: `edges` between bins of numbers, or `values` of categories that many rows carry.

    In a small table only the order of numbers is told (`ranked`), never where they lie.
    """

    name: str
    edges: tuple[float, ...] = ()
    values: tuple[str, ...] = ()
    ranked: bool = False

    @classmethod
    def learn(cls, name: str, column: pa.ChunkedArray, rare_below: int) -> Coarse | None:
        """Return the levels of a column; None where it has none that may be told."""
        values = whole(column)
        number = (
            pa.types.is_integer(values.type) or pa.types.is_floating(values.type) or pa.types.is_decimal(values.type)
        )
        if len(values) < LEAST_ROWS:
            return cls(name, ranked=True) if number and not values.null_count and len(values.unique()) > 1 else None
        if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
            numbers = values.drop_null().cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
            if len(numbers) < LEAST_ROWS:
                return None
            return cls(name, tuple(np.unique(np.quantile(numbers, np.linspace(0, 1, BINS + 1)[1:-1])).tolist()))
        if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
            return None
        counted = values.drop_null().value_counts()
        kept = counted.filter(pc.greater_equal(counted.field("counts"), rare_below)).field("values")
        return cls(name, values=tuple(kept.cast(pa.string()).to_pylist())) if 1 < len(kept) <= 64 else None

    def codes(self, column: pa.ChunkedArray) -> Rows:
        """Return the level of each value; 0 where there is none."""
        values = whole(column)
        if self.ranked:
            numbers = values.cast(pa.float64(), safe=False).fill_null(0.0).to_numpy(zero_copy_only=False)
            place = np.argsort(np.argsort(numbers, kind="stable"), kind="stable")
            return place * (4 * BINS) // max(1, len(numbers))
        if self.edges:
            numbers = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
            return np.where(np.isnan(numbers), 0, 1 + np.searchsorted(self.edges, numbers, side="right"))
        found = pc.index_in(values.cast(pa.string()), pa.array(self.values, pa.string()))
        return np.asarray(pc.fill_null(found, -1).to_numpy(zero_copy_only=False)).astype(np.int64) + 1

    def to_plain(self) -> dict[str, Any]:
        """Return this as JSON-like data."""
        return {"name": self.name, "edges": list(self.edges), "values": list(self.values), "ranked": self.ranked}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Coarse:
        """Return what `to_plain` wrote."""
        return cls(plain["name"], tuple(plain["edges"]), tuple(plain["values"]), plain["ranked"])


def likest(known: Sequence[Rows], made: Sequence[Rows], ordered: Sequence[bool], rng: np.random.Generator) -> Rows:
    """Return for each known row a made row of its own, all together as alike as can be (Kuhn 1955).

    With fewer made rows than known ones, some made rows stand for several.
    """
    from scipy.optimize import linear_sum_assignment

    rows, size = (len(known[0]), len(made[0])) if known else (0, 0)
    cost = rng.random((rows, size)) * 1e-3
    for theirs, mine, in_order in zip(known, made, ordered, strict=True):
        apart = np.abs(theirs[:, None] - mine[None, :]) / BINS
        cost += apart if in_order else (theirs[:, None] != mine[None, :])
    found = np.empty(rows, dtype=np.int64)
    for start in range(0, rows, max(1, size)):
        part = slice(start, min(rows, start + size))
        one, two = linear_sum_assignment(cost[part])
        found[start + one] = two
    return found
