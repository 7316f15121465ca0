"""What may a marginal engine ask of the coded rows, and how far is a model from them?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from veridical.engines.tabular.dp.inference import Fitted, Floats, Measurement
from veridical.engines.tabular.dp.junction import Clique
from veridical.engines.tabular.dp.pairs import all_pairs
from veridical.privacy.mechanisms import Lens

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Rows:
    """Codes of every row, shape (columns, rows), and the lens through which alone they may be looked at."""

    codes: Ints
    sizes: tuple[int, ...]
    names: tuple[str, ...]
    lens: Lens
    beside: frozenset[str] = (
        frozenset()
    )  # columns that tie the table to others: what they have to do with its own counts
    _counted: dict[Clique, Ints] = field(default_factory=dict, repr=False)

    def measure(self, columns: Clique, *, rho: float) -> Measurement:
        """Return noisy counts of the cells of some columns.

        Raises:
            BudgetError: the ledger has not got `rho` left.
        """
        noisy = self.lens.histogram(f"marginal of {self.told(columns)}", lambda: self._counts(columns), rho=rho)
        shape = tuple(self.sizes[c] for c in columns)
        return Measurement(columns, noisy.counts.reshape(shape).astype(np.float64), noisy.sigma)

    def choose(self, candidates: Sequence[Clique], scores: Scores, *, rho: float) -> Clique:
        """Return a candidate that the model is far from on these rows, by the exponential mechanism.

        Raises:
            BudgetError: the ledger has not got `rho` left.
        """

        def look() -> Floats:
            return np.array([scores.score(c, self._counts(c)) for c in candidates])

        weight = max(scores.weights[c] for c in candidates)
        what = f"which of {len(candidates)} marginals to measure next"
        place = self.lens.choose(what, look, rho=rho, sensitivity=weight, options=len(candidates))
        return candidates[place]

    def importance(self, columns: Clique) -> float:
        """Return how much a marginal matters beside its size: more where it ties the table to others."""
        tied = sum(self.names[column] in self.beside for column in columns)
        return 1.0 if not tied else 0.25 if tied == len(columns) else 1.5

    def told(self, columns: Clique) -> str:
        """Return columns by name."""
        return " x ".join(self.names[c] for c in columns)

    def cells(self, columns: Clique) -> int:
        """Return how many cells a marginal has."""
        return math.prod(self.sizes[c] for c in columns)

    def _counts(self, columns: Clique) -> Ints:
        if columns not in self._counted:
            index = self.codes[columns[0]]
            for column in columns[1:]:
                index = index * self.sizes[column] + self.codes[column]
            self._counted[columns] = np.bincount(index, minlength=self.cells(columns))
        return self._counted[columns]


@dataclass(frozen=True)
class Scores:
    """What the model expects of each candidate, the candidates' weights, and what measuring one would cost in noise.

    A score is weight x (L1 distance - expected L1 noise): McKenna et al. 2022, equation 1. One row changes the
    distance by 1 at most.
    """

    expected: dict[Clique, Floats]
    weights: dict[Clique, float]
    sigma: float

    def score(self, columns: Clique, counts: Ints) -> float:
        """Return the score of one candidate."""
        distance = float(np.abs(counts - self.expected[columns]).sum())
        return self.weights[columns] * (distance - math.sqrt(2 / math.pi) * self.sigma * len(counts))


def expected_of(fitted: Fitted, candidates: Sequence[Clique]) -> dict[Clique, Floats]:
    """Return what the model expects of each candidate, flattened."""
    pairs = all_pairs(fitted)
    wide = [columns for columns in candidates if columns not in pairs]
    tables = fitted.tables() if wide else []
    found = {columns: pairs[columns].ravel() for columns in candidates if columns in pairs}
    return found | {columns: fitted.marginal(columns, tables).ravel() for columns in wide}
