"""What of a parent's row is a child's row told? A few columns in a few coarse codes, all of them paid for already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.core.schema import Column, Kind
from veridical.engines.tabular.dp.private import NoisySampler
from veridical.prepare import Restore
from veridical.prepare.codec import whole

Ints = NDArray[np.int64]
MARK = "^"  # before the name of a parent's column, beside a child's own
MOST_CODES = 12


@dataclass(frozen=True)
class Told:
    """One column of a parent: `group` is the coarse code of each of its codes, of which there are `size`."""

    column: str
    group: Ints

    @property
    def size(self) -> int:
        """How many coarse codes there are."""
        return int(self.group.max(initial=0)) + 1

    @property
    def name(self) -> str:
        """What the column is called beside the child's own."""
        return f"{MARK}{self.column}"

    @property
    def as_column(self) -> Column:
        """The column as the child's schema holds it: codes as texts, a domain that is public by now."""
        codes = tuple(str(code) for code in range(self.size))
        return Column(name=self.name, kind=Kind.CATEGORY, categories=codes, public=True, reason="of its parent")

    def texts(self, codes: Ints) -> pa.Array:
        """Return coarse codes as texts."""
        listed = pa.array([str(code) for code in range(self.size)])
        return listed.take(pa.array(codes))

    def to_plain(self) -> dict[str, Any]:
        """Return this as JSON-like data."""
        return {"column": self.column, "group": self.group.tolist()}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Told:
        """Return what `to_plain` wrote."""
        return cls(str(plain["column"]), np.asarray(plain["group"], dtype=np.int64))


def tellable(sampler: NoisySampler, names: Sequence[str]) -> list[Told]:
    """Return how each modelled column among `names` is told: codes that hold few rows are joined, neighbours first."""
    weights = {m.columns[0]: np.asarray(m.counts, float) for m in sampler.measurements if len(m.columns) == 1}
    found = []
    for place, coding in enumerate(sampler.codings):
        if coding.column.name in names and coding.size > 1 and place in weights:
            counts = weights[place]
            group = _named(counts) if coding.is_category else _neighbours(counts, nullable=coding.nullable)
            found.append(Told(coding.column.name, group))
    return found


def codes_told(told: Sequence[Told], sampler: NoisySampler, restore: Restore, parent: pa.Table) -> dict[str, Ints]:
    """Return the coarse codes of each parent row, by column."""
    encoded = restore.encode(parent, [one.column for one in told])
    codings = {coding.column.name: coding for coding in sampler.codings}
    found = {}
    for one in told:
        coding = codings[one.column]
        found[one.column] = one.group[coding.encode(coding.cells_of(whole(encoded[one.column])))]
    return found


def _neighbours(counts: NDArray[np.float64], *, nullable: bool) -> Ints:
    """Join neighbouring codes until each holds about an equal part; gaps keep a code of their own."""
    own = np.clip(counts[int(nullable) :], 0.0, None)
    middle = np.cumsum(own) - own / 2
    parts = np.floor(middle / max(float(own.sum()), 1e-9) * (MOST_CODES - nullable)).astype(np.int64)
    _, group = np.unique(parts, return_inverse=True)
    return np.concatenate([[0], group + 1]) if nullable else group


def _named(counts: NDArray[np.float64]) -> Ints:
    """Keep the codes that hold most; all others are one."""
    order = np.argsort(-counts, kind="stable")
    group = np.full(len(counts), min(len(counts), MOST_CODES) - 1, dtype=np.int64)
    kept = order[: MOST_CODES - 1] if len(counts) > MOST_CODES else order
    group[kept] = np.arange(len(kept))
    return group
