"""Which cells count as edge cases: a column's tails, and its rarest safe categories?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from veridical.core.schema import CATEGORY_KINDS, NUMERIC_KINDS, Role, TableSchema
from veridical.prepare.category import as_text
from veridical.prepare.codec import Plain, to_numpy, whole

TAIL_SHARE = 0.01  # each end of a numeric column
RARE_SHARE = 0.01  # a category carried by fewer rows than this share


@dataclass(frozen=True)
class Tails:
    """Cut points of numeric columns (below the first, above the second is a tail) and rare, yet safe, categories.

    `shares` holds the share of real rows with at least one such cell, under "tails" and "rare".
    """

    cuts: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    rare: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    shares: Mapping[str, float] = field(default_factory=dict)

    def tail_rows(self, table: pa.Table) -> NDArray[np.bool_]:
        """Say for each row whether a number of it lies in a tail."""
        found = np.zeros(table.num_rows, dtype=bool)
        for name, (low, high) in self.cuts.items():
            values, null = to_numpy(whole(table[name]).cast(pa.float64(), safe=False))
            found |= ~null & ((values < low) | (values > high))
        return found

    def rare_rows(self, table: pa.Table, schema: TableSchema) -> NDArray[np.bool_]:
        """Say for each row whether it holds a rare category."""
        found = np.zeros(table.num_rows, dtype=bool)
        for name, values in self.rare.items():
            listed = pc.is_in(as_text(table, schema.column(name)), value_set=pa.array(values, pa.string()))
            found |= np.asarray(listed.to_numpy(zero_copy_only=False), dtype=bool)
        return found

    def to_plain(self) -> Plain:
        """Return the cells as JSON-like data."""
        cuts = {name: list(pair) for name, pair in self.cuts.items()}
        return {"cuts": cuts, "rare": {k: list(v) for k, v in self.rare.items()}, "shares": dict(self.shares)}

    @classmethod
    def from_plain(cls, plain: Plain) -> Tails:
        """Return what `to_plain` wrote."""
        cuts = {name: (low, high) for name, (low, high) in plain["cuts"].items()}
        return cls(cuts, {name: tuple(values) for name, values in plain["rare"].items()}, dict(plain["shares"]))


def learn_tails(table: pa.Table, schema: TableSchema, *, rare_below: int) -> Tails:
    """Return the edge cases of a table; cut points stand between rows, with at least `rare_below` beyond each."""
    cuts: dict[str, tuple[float, float]] = {}
    rare: dict[str, tuple[str, ...]] = {}
    for column in schema.columns:
        if column.role is not Role.MODEL or not table.num_rows:
            continue
        if column.kind in NUMERIC_KINDS and not pa.types.is_string(table[column.name].type):
            pair = _cuts(table, column.name, rare_below)
            if pair is not None:
                cuts[column.name] = pair
        elif column.kind in CATEGORY_KINDS:
            counted = pc.value_counts(as_text(table, column).drop_null())
            counts = dict(zip(counted.field(0).to_pylist(), counted.field(1).to_pylist(), strict=True))
            few = tuple(sorted(v for v, n in counts.items() if rare_below <= n < RARE_SHARE * table.num_rows))
            if few:
                rare[column.name] = few
    found = Tails(cuts, rare)
    shares = {"tails": found.tail_rows(table).mean(), "rare": found.rare_rows(table, schema).mean()}
    return Tails(cuts, rare, {name: float(share) for name, share in shares.items() if table.num_rows})


def _cuts(table: pa.Table, name: str, rare_below: int) -> tuple[float, float] | None:
    values = whole(table[name]).cast(pa.float64(), safe=False).drop_null().to_numpy(zero_copy_only=False)
    seen = values[np.isfinite(values)]
    if len(seen) * TAIL_SHARE < rare_below or seen.min() == seen.max():
        return None
    low, high = np.quantile(seen, (TAIL_SHARE, 1 - TAIL_SHARE), overwrite_input=True)
    return float(low), float(high)
