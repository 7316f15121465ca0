"""Can two parts of one person's record, held by different parties, be linked through the synthetic data?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.attacks.evidence import TableEvidence, tables_of, unmeasured, why_not
from veridical.attacks.proportion import Rate
from veridical.attacks.target import aim, compare
from veridical.core.contracts import Evidence, RunContext
from veridical.core.errors import SchemaError
from veridical.core.finding import Finding, nothing_there
from veridical.encode.neighbours import Encoded, Index, build

CHECK = "privacy.linkability"


@dataclass(frozen=True, slots=True, kw_only=True)
class Linkability:
    """A link is right when both parts of a record have a nearest synthetic row (of `neighbours`) in common.

    `first` and `second` name the columns each party holds; empty: the columns are dealt at random into halves.
    Source: Giomi et al. 2023, section 4.2.

    Example:
        >>> Linkability(first=("age",), second=("zip",)).neighbours
        1
    """

    attacks: int = 2000
    neighbours: int = 1
    first: tuple[str, ...] = ()
    second: tuple[str, ...] = ()

    def run(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return `privacy.linkability` of each table.

        Raises:
            SchemaError: a named column is not among those compared.
        """
        found: list[Finding] = []
        for table in tables_of(evidence):
            reason = why_not(table)
            found += unmeasured((CHECK,), reason, table.scope) if reason else [self._attack(table, ctx)]
        return found or unmeasured((CHECK,), why_not(None))

    def _attack(self, table: TableEvidence, ctx: RunContext) -> Finding:
        names = [column.name for column in table.columns]
        if len(names) < 2:
            return nothing_there(CHECK, "A single column has no two parts to link.", scope=table.scope)
        rng = ctx.rng("attacks", "linkability", *table.scope)
        first, second = self._parts(names, rng)
        target = aim(table, self.attacks, rng)
        parts = [_Part.of(target.synthetic, columns, rng) for columns in (first, second)]
        n, rows = len(target.train), len(target.synthetic)
        k = min(self.neighbours, rows)
        hits = [_linked(parts, queries, k, ctx.workers) for queries in (target.train, target.holdout)]
        # Two random draws of k rows out of all share one with this probability.
        baseline = min(1.0, 1 - (1 - self.neighbours / rows) ** self.neighbours)
        return compare(
            CHECK, table.scope, Rate(hits[0], n), Rate(hits[1], n), baseline,
            "Two parts of a record are linked for",
        )  # fmt: skip

    def _parts(self, names: list[str], rng: np.random.Generator) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        unknown = [name for name in (*self.first, *self.second) if name not in names]
        if unknown:
            raise SchemaError(f"no compared column {unknown[0]!r}", where=CHECK, fix=f"use some of {', '.join(names)}")
        if self.first and self.second:
            return np.isin(names, self.first), np.isin(names, self.second)
        first = np.zeros(len(names), bool)
        first[rng.permutation(len(names))[: len(names) // 2]] = True
        return first, ~first


@dataclass(frozen=True, slots=True)
class _Part:
    """What one party searches: the synthetic rows in some columns, in an order of its own.

    Equal distances go to the first row in that order. Were it the same for both parties, chance would link more.
    """

    columns: NDArray[np.bool_]
    order: NDArray[np.int64]
    index: Index

    @classmethod
    def of(cls, synthetic: Encoded, columns: NDArray[np.bool_], rng: np.random.Generator) -> _Part:
        """Return the part of these columns."""
        order = rng.permutation(len(synthetic))
        return cls(columns, order, build(Encoded(values=synthetic.values[order][:, columns], names=())))

    def nearest(self, queries: Encoded, k: int, workers: int) -> NDArray[np.int64]:
        """Return the k nearest synthetic rows of each query."""
        asked = Encoded(values=np.ascontiguousarray(queries.values[:, self.columns]), names=())
        return self.order[self.index.nearest(asked, k, workers=workers).rows]


def _linked(parts: list[_Part], queries: Encoded, k: int, workers: int) -> int:
    one, two = (part.nearest(queries, k, workers) for part in parts)
    return int((one[:, :, None] == two[:, None, :]).any(axis=(1, 2)).sum())
