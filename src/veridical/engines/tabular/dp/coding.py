"""Which small set of codes stands for a column, and which value does a code become again?

A column has fine cells (a category each, or a stretch of ticks each) and coarser codes that join cells too thin to be
told from noise. A code is decoded by drawing a cell by its noisy weight and a value within the cell. Code 0 is null
where the column may hold gaps; values outside every category share one more cell, drawn as some known category.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.core.contracts import Allowed
from veridical.core.errors import ArtifactError
from veridical.core.schema import CATEGORY_KINDS, Column, Schema, TableSchema

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Coding:
    """One prepared column: `weight` and `group` (the code of each fine cell); a number's cells are `low` to `high`
    in ticks of `unit`, a category's are `column.categories` and, last, every other value."""

    column: Column
    nullable: bool
    weight: Floats
    group: Ints
    low: Ints
    high: Ints
    unit: float = 1.0

    @property
    def is_category(self) -> bool:
        """Whether cells are categories."""
        return self.column.kind in CATEGORY_KINDS

    @property
    def size(self) -> int:
        """How many codes there are."""
        return int(self.group.max(initial=-1)) + 1 + self.nullable

    def encode(self, cells: Ints) -> Ints:
        """Return the code of each row's fine cell; -1 means null."""
        codes = self.group[np.maximum(cells, 0)] + self.nullable
        # A gap where none may be is counted as the first code: a rule of the row alone, whatever other rows hold.
        return np.where(cells < 0, 0, codes)

    def cells_of(self, values: pa.Array) -> Ints:
        """Return the fine cell of each prepared value; -1 means null."""
        null = np.asarray(values.is_null().to_numpy(zero_copy_only=False), dtype=bool)
        if self.is_category:
            cells = category_cells(values, self.column.categories or ())
        else:
            ticks = np.rint(values.cast(pa.float64()).fill_null(0.0).to_numpy(zero_copy_only=False) / self.unit)
            cells = self.place(ticks.astype(np.int64))
        return np.where(null, -1, cells)

    def place(self, ticks: Ints) -> Ints:
        """Return the cell of each tick; what lies outside counts to the nearest cell."""
        return np.clip(np.searchsorted(self.low, ticks, side="right") - 1, 0, len(self.low) - 1).astype(np.int64)

    def shares(self, allowed: Allowed) -> Floats:
        """Return for each code which part of it is allowed, shape (size,)."""
        left = self.weight * self._cell_shares(allowed)
        whole = np.bincount(self.group, weights=self.weight, minlength=self.size - self.nullable)
        part = np.bincount(self.group, weights=left, minlength=self.size - self.nullable)
        shares = part / np.maximum(whole, 1e-300)
        null = [1.0 if allowed.nulls else 0.0] if self.nullable else []
        return np.concatenate([null, shares])

    def decode(self, codes: Ints, rng: np.random.Generator, allowed: Allowed | None = None) -> pa.Array:
        """Return a prepared column drawn from codes."""
        null = (codes == 0) & self.nullable
        left = self.weight if allowed is None else self.weight * self._cell_shares(allowed)
        cells = self._draw_cells(np.maximum(codes - self.nullable, 0), left, rng)
        if self.is_category:
            return self._categories(cells, null, left, rng)
        ticks = self._draw_ticks(cells, rng, allowed)
        whole = self.column.storage == "int64"
        values = ticks if whole else np.round(ticks * self.unit, 9)
        return pa.array(values, pa.int64() if whole else pa.float64(), mask=null)

    def _draw_cells(self, groups: Ints, weight: Floats, rng: np.random.Generator) -> Ints:
        order = np.argsort(self.group, kind="stable")
        ends = np.cumsum(weight[order])
        counts = np.bincount(self.group, minlength=int(self.group.max(initial=0)) + 1)
        last = np.cumsum(counts) - 1
        before = np.where(last - counts >= 0, ends[np.maximum(last - counts, 0)], 0.0)
        point = before[groups] + rng.random(len(groups)) * (ends[last] - before)[groups]
        found = np.searchsorted(ends, point, side="right")
        return order[np.clip(found, (last - counts + 1)[groups], last[groups])]

    def _categories(self, cells: Ints, null: NDArray[np.bool_], weight: Floats, rng: np.random.Generator) -> pa.Array:
        known = pa.array(self.column.categories or (), pa.string())
        other = cells >= len(known)
        if other.any() and len(known):
            share = weight[: len(known)]
            share = share / share.sum() if share.sum() > 0 else np.full(len(known), 1.0 / len(known))
            cells = cells.copy()
            cells[other] = rng.choice(len(known), size=int(other.sum()), p=share)
        codes = pa.array(cells.astype(np.int32), mask=null | (cells >= len(known)))
        return pa.DictionaryArray.from_arrays(codes, known)

    def _draw_ticks(self, cells: Ints, rng: np.random.Generator, allowed: Allowed | None) -> Ints:
        low, high = self._narrowed(allowed)
        span = np.maximum(high - low, 0)
        ticks = low[cells] + np.floor(rng.random(len(cells)) * (span[cells] + 1.0)).astype(np.int64)
        ticks = np.minimum(ticks, high[cells])
        if allowed is None or allowed.values is None:
            return ticks
        listed = np.unique(np.rint(np.asarray(allowed.values, dtype=float) / self.unit).astype(np.int64))
        if not len(listed):
            return ticks
        first = np.searchsorted(listed, self.low[cells], side="left")
        count = np.searchsorted(listed, self.high[cells], side="right") - first
        pick = first + np.floor(rng.random(len(cells)) * np.maximum(count, 1)).astype(np.int64)
        return listed[np.minimum(pick, len(listed) - 1)]

    def _narrowed(self, allowed: Allowed | None) -> tuple[Ints, Ints]:
        if allowed is None:
            return self.low, self.high
        low, high = self.low, self.high
        if allowed.low is not None:
            bound = float(allowed.low) / self.unit
            first = np.floor(bound) + 1 if allowed.low_open else np.ceil(bound - 1e-9)
            low = np.maximum(low, int(np.clip(first, -(2.0**62), 2.0**62)))
        if allowed.high is not None:
            bound = float(allowed.high) / self.unit
            last = np.ceil(bound) - 1 if allowed.high_open else np.floor(bound + 1e-9)
            high = np.minimum(high, int(np.clip(last, -(2.0**62), 2.0**62)))
        return low, high

    def _cell_shares(self, allowed: Allowed) -> Floats:
        if self.is_category:
            if allowed.values is None:
                return np.ones(len(self.weight))
            named = {str(value) for value in allowed.values}
            return np.array([value in named for value in (self.column.categories or ())] + [False], dtype=float)
        low, high = self._narrowed(allowed)
        share = np.clip(high - low + 1, 0, None) / (self.high - self.low + 1.0)
        if allowed.values is None:
            return np.asarray(share, dtype=float)
        listed = np.unique(np.rint(np.asarray(allowed.values, dtype=float) / self.unit).astype(np.int64))
        count = np.searchsorted(listed, self.high, side="right") - np.searchsorted(listed, self.low, side="left")
        return np.minimum(share > 0, count / (self.high - self.low + 1.0))

    def to_plain(self) -> dict[str, Any]:
        """Return the coding as JSON-like data."""
        return {
            "column": Schema(tables=(TableSchema(name="column", columns=(self.column,)),)).to_dict(),
            "nullable": self.nullable,
            "weight": self.weight.tolist(),
            "group": self.group.tolist(),
            "low": self.low.tolist(),
            "high": self.high.tolist(),
            "unit": self.unit,
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Coding:
        """Return what `to_plain` wrote.

        Raises:
            ArtifactError: the coding is damaged.
        """
        try:
            return cls(
                column=Schema.from_dict(plain["column"]).only.columns[0],
                nullable=bool(plain["nullable"]),
                weight=np.asarray(plain["weight"], dtype=float),
                group=np.asarray(plain["group"], dtype=np.int64),
                low=np.asarray(plain["low"], dtype=np.int64),
                high=np.asarray(plain["high"], dtype=np.int64),
                unit=float(plain["unit"]),
            )
        except (KeyError, TypeError, ValueError) as wrong:
            raise ArtifactError("a coding cannot be read", where="codings.json", fix="fit the model again") from wrong


def category_cells(values: pa.Array, known: tuple[str, ...]) -> Ints:
    """Return the place of each text among known values; the number after the last for any other."""
    import pyarrow.compute as pc

    text = values.dictionary_decode() if pa.types.is_dictionary(values.type) else values
    found = pc.index_in(text.cast(pa.string()), value_set=pa.array(known, pa.string()))
    return np.asarray(found.fill_null(len(known)).to_numpy(zero_copy_only=False), dtype=np.int64)
