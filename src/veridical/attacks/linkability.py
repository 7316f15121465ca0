"""Can two parts of one person's record, held by different parties, be linked through the synthetic data?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.attacks.evidence import TableEvidence, tables_of, unmeasured, why_not
from veridical.attacks.proportion import Rate
from veridical.attacks.target import aim, compare, nearest_rows
from veridical.core.contracts import Evidence, RunContext
from veridical.core.errors import SchemaError
from veridical.core.finding import Finding, not_measured
from veridical.encode.neighbours import Encoded

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
            return not_measured(CHECK, "a single column has no two parts", scope=table.scope)
        rng = ctx.rng("attacks", "linkability", *table.scope)
        first, second = self._parts(names, rng)
        target = aim(table, self.attacks, rng)
        links = {}
        for side, queries in (("train", target.train), ("holdout", target.holdout)):
            links[side] = self._linked(target.synthetic, queries, first, second, rng, ctx.workers)
        n, rows = len(target.train), len(target.synthetic)
        # Two random draws of k rows out of all share one with this probability.
        baseline = min(1.0, 1 - (1 - self.neighbours / rows) ** self.neighbours)
        return compare(
            CHECK, table.scope, Rate(links["train"], n), Rate(links["holdout"], n), baseline,
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

    def _linked(
        self,
        synthetic: Encoded,
        queries: Encoded,
        first: NDArray[np.bool_],
        second: NDArray[np.bool_],
        rng: np.random.Generator,
        workers: int,
    ) -> int:
        k = min(self.neighbours, len(synthetic))
        one = nearest_rows(synthetic, queries, first, k, rng, workers)
        two = nearest_rows(synthetic, queries, second, k, rng, workers)
        return int((one[:, :, None] == two[:, None, :]).any(axis=(1, 2)).sum())
