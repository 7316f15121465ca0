"""Which weighted sum of the past and of the columns before it predicts a column best?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RIDGE = 1e-3


@dataclass(frozen=True, slots=True)
class Weights:
    """A linear prediction: `weights` of features (a gap counts as their mean), and a constant."""

    weights: NDArray[np.float64]
    means: NDArray[np.float64]
    constant: float

    def predict(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the prediction for features x rows."""
        known = np.where(np.isnan(features), self.means[:, None], features)
        found: NDArray[np.float64] = self.weights @ known + self.constant
        return found

    def to_plain(self) -> dict[str, object]:
        """Return it as JSON-like data."""
        return {"weights": self.weights.tolist(), "means": self.means.tolist(), "constant": self.constant}

    @classmethod
    def from_plain(cls, plain: dict[str, object]) -> Weights:
        """Return what `to_plain` wrote."""
        weights, means = (np.array(plain[name], dtype=np.float64) for name in ("weights", "means"))
        return cls(weights, means, float(str(plain["constant"])))


def fit_weights(features: NDArray[np.float64], target: NDArray[np.float64]) -> Weights:
    """Return ridge regression of a target on features x rows, standardised (Hoerl and Kennard 1970).

    The farthest two thousandths of targets on either side count as the ends of the others, so that no single value
    steers the weights.
    """
    with np.errstate(invalid="ignore"):
        means = np.array([np.nanmean(row) if np.isfinite(row).any() else 0.0 for row in features])
    known = np.where(np.isnan(features), means[:, None], features) - means[:, None]
    spread = known.std(axis=1)
    used = spread > 1e-9 * (np.abs(means) + 1e-9)
    scaled = known[used] / spread[used][:, None]
    held = np.clip(target, *np.quantile(target, (0.002, 0.998)))
    centre = float(held.mean())
    gram = scaled @ scaled.T / len(target)
    answer = np.linalg.solve(gram + RIDGE * np.eye(len(gram)), scaled @ (held - centre) / len(target))
    weights = np.zeros(len(features))
    weights[used] = answer / spread[used]
    return Weights(weights, means, centre - float(weights @ means))
