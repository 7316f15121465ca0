"""Which models judge the data, and what do they see of it?"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from veridical.measures.column import Bins, Coding

Matrix = NDArray[Any]
Scores = NDArray[np.float64]

_THREADED_ROWS = 20_000


class Model(Protocol):
    """A fitted scikit-learn estimator."""

    def predict(self, x: Matrix) -> NDArray[Any]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Boosted:
    """Boosted trees on bins: categories split by sets of them, missing is a value like any other.

    Source: histogram gradient boosting (Ke et al. 2017), as in scikit-learn.
    """

    iterations: int = 100
    leaves: int = 31
    rate: float = 0.1
    least_rows: int = 20

    def fit(self, x: Matrix, y: NDArray[Any], codings: tuple[Coding, ...], *, classes: bool, seed: int) -> Model:
        """Return the model of rows x (rows x columns, bins) and answers y."""
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        kind = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
        model = kind(
            max_iter=self.iterations,
            max_leaf_nodes=self.leaves,
            learning_rate=self.rate,
            min_samples_leaf=self.least_rows,
            early_stopping=False,
            max_bins=255,
            categorical_features=[place for place, coding in enumerate(codings) if not coding.is_number],
            random_state=seed,
        )
        # Threads on few rows wait for each other longer than they work.
        with limited(1) if len(x) < _THREADED_ROWS else nullcontext():
            return model.fit(x, y)


def rows_of(bins: Bins) -> Matrix:
    """Return bins as rows x columns, in the type that boosted trees take as it is."""
    return np.ascontiguousarray(bins.T, np.float64)


def scores_of(model: Any, x: Matrix) -> Scores:
    """Return the probability of the second class."""
    return np.asarray(model.predict_proba(x)[:, 1], np.float64)


def limited(workers: int) -> Any:
    """Return a context in which compiled libraries use at most `workers` threads."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(max(1, workers))
