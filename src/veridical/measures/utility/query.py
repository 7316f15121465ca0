"""Do counting queries get the same answers?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.core.contracts import Evidence, RunContext
from veridical.core.finding import Finding
from veridical.measures import view as views
from veridical.measures.estimate import Estimate
from veridical.measures.figure import beside, figure
from veridical.measures.view import Side, View

CHECK = "utility.queries"
_WORDS = {CHECK: "on average", f"{CHECK}_relative": "of the true count, for the middle query"}
Query = list[tuple[int, NDArray[np.bool_]]]  # a place, and which of its bins are asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Queries:
    """Mean absolute error of random counting queries with one to three predicates, in share of rows.

    A predicate on a number is a range between two bin bounds, on a category one value or a set of up to three; each
    query is built about a random training row, so that it asks for something there is. Also the median relative
    error, with the true share held above `least_share` (Li et al. 2014).

    Example:
        >>> Queries(count=500).predicates
        3
    """

    count: int = 300
    predicates: int = 3
    least_share: float = 0.005

    def measure(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return `utility.queries` and `utility.queries_relative` of each table."""
        return [finding for view in views.of(evidence, ctx) for finding in self._table(view)]

    def _table(self, view: View) -> list[Finding]:
        queries = self._queries(view)
        real = _answers(view.reference, queries)
        ours = _answers(view.fake, queries)
        peer = None if view.peer is None else _answers(view.peer, queries)
        naive = _answers(view.independent, queries)
        n = min(view.fake.rows, view.reference.rows)
        detail = {"queries": self.count, "most_predicates": self.predicates, "against": view.reference_name}
        out = []
        for check, judged in ((CHECK, self._absolute), (f"{CHECK}_relative", self._relative)):
            found, ceiling = judged(ours, real, n), None if peer is None else judged(peer, real, n)
            out.append(
                figure(
                    check, found, f"Random counting queries are off by {found.value:.2%} {_WORDS[check]}"
                    f"{beside(ceiling, '.2%')}.",
                    scope=view.scope(), ceiling=ceiling, baseline=judged(naive, real, n), limits=(0.0, math.inf),
                    interval_by="over queries, 95 %", detail=detail,
                )
            )  # fmt: skip
        return out

    def _absolute(self, one: NDArray[np.float64], real: NDArray[np.float64], n: int) -> Estimate:
        gaps = np.abs(one - real)
        return Estimate(float(gaps.mean()), float(gaps.std() / math.sqrt(len(gaps))), n)

    def _relative(self, one: NDArray[np.float64], real: NDArray[np.float64], n: int) -> Estimate:
        gaps = np.abs(one - real) / np.maximum(real, self.least_share)
        # A median's error for a smooth law: 1.2533 standard errors of the mean, by the robust spread.
        spread = float(np.subtract(*np.quantile(gaps, (0.75, 0.25)))) / 1.349
        return Estimate(float(np.median(gaps)), 1.2533 * spread / math.sqrt(len(gaps)), n)

    def _queries(self, view: View) -> list[Query]:
        rng, out = view.rng("queries"), []
        most = min(self.predicates, len(view.names))
        for _ in range(self.count):
            places = rng.choice(len(view.names), rng.integers(1, most + 1), replace=False)
            row = int(rng.integers(view.train.rows))
            out.append([(int(place), self._predicate(view, int(place), row, rng)) for place in places])
        return out

    def _predicate(self, view: View, place: int, row: int, rng: np.random.Generator) -> NDArray[np.bool_]:
        coding, own = view.codings[place], int(view.train.bins[place, row])
        asked = np.zeros(coding.width, bool)
        asked[own] = True
        if own == coding.width - 1:
            return asked  # "is missing"
        if coding.is_number:
            ends = view.train.bins[place, rng.integers(view.train.rows, size=2)]
            ends = ends[ends < coding.width - 1]
            asked[min(own, *ends.tolist(), own) : max(own, *ends.tolist(), own) + 1] = True
        elif rng.random() < 0.5:
            asked[view.train.bins[place, rng.integers(view.train.rows, size=2)]] = True
        return asked


def _answers(side: Side, queries: list[Query]) -> NDArray[np.float64]:
    out = np.empty(len(queries))
    for at, query in enumerate(queries):
        hits = query[0][1][side.bins[query[0][0]]]
        for place, asked in query[1:]:
            hits &= asked[side.bins[place]]
        out[at] = np.count_nonzero(hits) / max(side.rows, 1)
    return out
