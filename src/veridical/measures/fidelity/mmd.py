"""How far apart are the two clouds of rows, all columns at once?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.core.contracts import Evidence, RunContext
from veridical.core.finding import Finding, not_measured
from veridical.measures import view as views
from veridical.measures.estimate import Estimate
from veridical.measures.fidelity.design import design_of
from veridical.measures.figure import LEAST_ROWS, figure
from veridical.measures.view import Side, View, cut_down

CHECK = "fidelity.mmd"
Features = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Discrepancy:
    """Squared maximum mean discrepancy, unbiased (Gretton et al. 2012), by random Fourier features.

    A Gaussian kernel of the median distance (Rahimi and Recht 2007 for the features). At most `most_rows` rows of
    each side, drawn at random.

    Example:
        >>> Discrepancy().features
        256
    """

    features: int = 256
    most_rows: int = 20_000

    def measure(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return `fidelity.mmd` of each table."""
        return [self._table(view) for view in views.of(evidence, ctx)]

    def _table(self, view: View) -> Finding:
        least = min(view.fake.rows, view.reference.rows)
        if least < LEAST_ROWS:
            return not_measured(
                CHECK, f"{least} rows on one side; {LEAST_ROWS} are needed", n=least, scope=view.scope()
            )
        waves = self._waves(view)
        real = self._mapped(view, view.reference, waves, "real")
        ours, spread = discrepancy(self._mapped(view, view.fake, waves, "fake"), real)
        baseline, _ = discrepancy(self._mapped(view, view.independent, waves, "independent"), real)
        ceiling = None
        if view.peer is not None:
            ceiling, _ = discrepancy(self._mapped(view, view.peer, waves, "peer"), real)
        p_value = 0.5 * math.erfc(ours.value / spread / math.sqrt(2)) if spread > 0 else None
        return figure(
            CHECK, ours,
            f"The squared discrepancy of all columns at once is {ours.value:.5f} (0 when alike; "
            f"{baseline.value:.5f} for independent columns).",
            scope=view.scope(), ceiling=ceiling, baseline=baseline, limits=(-np.inf, np.inf), p_value=p_value,
            interval_by="large-sample, 95 %", detail={"features": self.features, "against": view.reference_name},
        )  # fmt: skip

    def _waves(self, view: View) -> tuple[Features, Features]:
        rng = view.rng("mmd", "waves")
        few = design_of(view, cut_down(view.train, 400, rng))
        squares = (few**2).sum(axis=1)
        distances = np.sqrt(np.maximum(squares[:, None] + squares - 2 * few @ few.T, 0))
        width = float(np.median(distances[np.triu_indices(len(few), 1)]))
        scale = 1.0 / width if width > 0 else 1.0
        slopes = rng.normal(0.0, scale, (few.shape[1], self.features)).astype(np.float32)
        return slopes, rng.uniform(0, 2 * np.pi, self.features).astype(np.float32)

    def _mapped(self, view: View, side: Side, waves: tuple[Features, Features], purpose: str) -> Features:
        chosen = cut_down(side, self.most_rows, view.rng("mmd", purpose))
        mapped = design_of(view, chosen) @ waves[0] + waves[1]
        return np.cos(mapped, out=mapped) * np.float32(math.sqrt(2 / self.features))


def discrepancy(one: Features, two: Features) -> tuple[Estimate, float]:
    """Return the unbiased squared distance of two feature means, and its standard error were the two alike."""
    means, covariances = [], []
    for sample in (one, two):
        mean = sample.mean(axis=0, dtype=np.float64)
        centred = sample - mean.astype(np.float32)
        means.append(mean)
        covariances.append((centred.T @ centred).astype(np.float64) / (len(sample) - 1) / len(sample))
    gap, noise = means[0] - means[1], covariances[0] + covariances[1]
    value = float(gap @ gap) - float(np.trace(noise))
    null = 2 * float((noise * noise).sum())
    error = math.sqrt(max(4 * float(gap @ noise @ gap), 0.0) + null)
    return Estimate(value, error, min(len(one), len(two))), math.sqrt(null)
