"""Which marginals are worth their noise, one after the other? (AIM, McKenna, Mullins, Sheldon & Miklau 2022)"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from veridical.engines.tabular.dp.inference import Fitted, Measurement, fit
from veridical.engines.tabular.dp.junction import Clique, cells_with, junction_of
from veridical.engines.tabular.dp.mst import Learned
from veridical.engines.tabular.dp.selection import Rows, Scores, expected_of

_NOISE = math.sqrt(2 / math.pi)


@dataclass(frozen=True, slots=True, kw_only=True)
class AimModel:
    """Measures the marginal that the model knows worst, learns, and asks again, until the budget is spent.

    `rounds_per_column` and `rounds_per_marginal`, the smaller of both, set the first noise; `most_cells` bounds the
    junction tree (8 bytes a cell); `degree` is the largest number of columns in a marginal; a tenth of each round's
    rho selects (`selection_share`).
    """

    rounds_per_column: float = 16.0
    rounds_per_marginal: float = 2.0
    selection_share: float = 0.1
    degree: int = 2
    most_cells: int = 300_000
    iterations: int = 40
    last_iterations: int = 400

    def learn(self, rows: Rows, singles: Sequence[Measurement], *, rho: float, total: float) -> Learned:
        """Return the model after the last round; `singles` are the columns' own noisy counts.

        Raises:
            BudgetError: the ledger has not got `rho` left.
        """
        fitted = fit(singles, rows.sizes, total, iterations=200)
        candidates = self._candidates(rows)
        if not candidates:
            return Learned(fitted, tuple(singles))
        measurements, left = list(singles), rho
        # So many rounds that no marginal of a narrow table need be measured more than twice.
        rounds = min(self.rounds_per_column * len(rows.sizes), self.rounds_per_marginal * len(candidates))
        spend = rho / rounds
        expected = expected_of(fitted, candidates)
        weights = _weights(candidates, rows)
        while left > 1e-12 * rho:
            if left < 2 * spend:
                spend = left  # the last round spends the rest
            sigma = rows.lens.rows_per_unit / math.sqrt(2 * spend * (1 - self.selection_share))
            fitting = self._fitting(candidates, measurements, rows, fitted, 1 - (left - spend) / rho)
            scores = Scores(expected, weights, sigma)
            chosen = rows.choose(fitting, scores, rho=spend * self.selection_share)
            measurements.append(rows.measure(chosen, rho=spend * (1 - self.selection_share)))
            left -= spend
            fitted = self._refit(measurements, rows, total, fitted, self.iterations)
            before, expected = expected[chosen], expected_of(fitted, candidates)
            if float(np.abs(expected[chosen] - before).sum()) <= _NOISE * sigma * rows.cells(chosen):
                spend = min(4 * spend, left)
        fitted = self._refit(measurements, rows, total, fitted, self.last_iterations)
        return Learned(fitted, tuple(measurements))

    def _candidates(self, rows: Rows) -> list[Clique]:
        columns = range(len(rows.sizes))
        found: list[Clique] = [c for k in range(2, self.degree + 1) for c in combinations(columns, k)]
        return [c for c in found if rows.cells(c) <= self.most_cells]

    def _refit(
        self, measurements: Sequence[Measurement], rows: Rows, total: float, start: Fitted, iterations: int
    ) -> Fitted:
        return fit(measurements, rows.sizes, total, start=start, iterations=iterations)

    def _fitting(
        self,
        candidates: Sequence[Clique],
        measurements: Sequence[Measurement],
        rows: Rows,
        fitted: Fitted,
        used: float,
    ) -> list[Clique]:
        """Return candidates that keep the junction tree within the part of its bound that the spent budget allows."""
        limit = max(self.most_cells * used, 4.0 * fitted.junction.cells(rows.sizes) / 3)
        limit = min(limit, self.most_cells)
        cheap = [c for c in candidates if cells_with(fitted.junction, (c[0], c[-1]), rows.sizes) <= limit]
        if self.degree > 2:
            sets = [m.columns for m in measurements]
            cheap = [
                c
                for c in cheap
                if len(c) == 2
                or fitted.junction.holder(c) is not None
                or junction_of([*sets, c], rows.sizes).cells(rows.sizes) <= limit
            ]
        held = [c for c in candidates if fitted.junction.holder(c) is not None]
        return cheap or held or [min(candidates, key=rows.cells)]


def _weights(candidates: Sequence[Clique], rows: Rows) -> dict[Clique, float]:
    """Return the workload's overlap with each candidate, scaled to 1 at most."""
    found = {c: len(c) * rows.importance(c) for c in candidates}
    largest = max(found.values())
    return {c: weight / largest for c, weight in found.items()}
