"""Does the generator say the same thing over and over?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.core.contracts import Evidence, RunContext
from veridical.core.finding import Direction, Finding, not_measured
from veridical.measures import view as views
from veridical.measures.estimate import Estimate, share
from veridical.measures.fidelity.design import design_of
from veridical.measures.figure import LEAST_ROWS, beside, figure
from veridical.measures.view import Side, View, cut_down

REPEATED, MODES, VENDI = "diversity.repeated_rows", "diversity.modes", "diversity.vendi"


@dataclass(frozen=True, slots=True, kw_only=True)
class Collapse:
    """Rows that repeat within the table, kinds of rows that are lost, and the Vendi score (Friedman and Dieng 2023).

    Kinds are `modes` clusters of training rows (k-means on their features); a kind counts as kept by as much of the
    share it has among held-out rows as it has among synthetic ones. Vendi is the effective number of different rows
    among `vendi_rows` drawn at random, by a Gaussian kernel of the median distance between training rows.

    Example:
        >>> Collapse().vendi_rows
        800
    """

    modes: int = 40
    vendi_rows: int = 800
    cluster_rows: int = 8_000

    def measure(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return `diversity.repeated_rows`, `diversity.modes` and `diversity.vendi` of each table."""
        return [finding for view in views.of(evidence, ctx) for finding in self._table(view)]

    def _table(self, view: View) -> list[Finding]:
        least = min(view.train.rows, view.fake.rows, view.reference.rows)
        if least < LEAST_ROWS:
            reason = f"{least} rows on one side; {LEAST_ROWS} are needed"
            return [not_measured(check, reason, n=least, scope=view.scope()) for check in (REPEATED, MODES, VENDI)]
        return [self._repeated(view), self._modes(view), self._vendi(view)]

    def _repeated(self, view: View) -> Finding:
        rows = min(view.fake.rows, view.train.rows)

        def again(side: Side) -> Estimate:
            keys = row_keys(cut_down(side, rows, view.rng("repeated")))
            return share(keys.size - np.unique(keys).size, keys.size)

        ours, ceiling = again(view.fake), again(view.train if view.peer is None else view.peer)
        return figure(
            REPEATED, ours,
            f"{ours.value:.2%} of the rows repeat an earlier row{beside(ceiling, '.2%')}.",
            scope=view.scope(), ceiling=ceiling, detail={"ceiling": "train's own rows"},
        )  # fmt: skip

    def _modes(self, view: View) -> Finding:
        from sklearn.cluster import MiniBatchKMeans

        rng = view.rng("modes")
        drawn = design_of(view, cut_down(view.train, self.cluster_rows, rng))
        clusters = min(self.modes, len(drawn) // 5)
        seed = int(rng.integers(2**31))
        model = MiniBatchKMeans(clusters, random_state=seed, n_init=1, max_iter=20, batch_size=2048).fit(drawn)

        def shares(side: Side) -> NDArray[np.float64]:
            labels = model.predict(design_of(view, cut_down(side, self.cluster_rows, view.rng("modes", "asked"))))
            return np.bincount(labels, minlength=clusters) / len(labels)

        real, rows = shares(view.reference), min(view.reference.rows, self.cluster_rows)

        def kept(side: Side) -> Estimate:
            n = min(side.rows, self.cluster_rows)
            ratio = np.minimum(shares(side)[real > 0] / real[real > 0], 1.0)
            spread = np.minimum((1 / n + 1 / rows) / real[real > 0], 0.25)
            return Estimate(float(ratio.mean()), float(np.sqrt(spread.sum())) / ratio.size, min(n, rows))

        ours, ceiling = kept(view.fake), None if view.peer is None else kept(view.peer)
        return figure(
            MODES, ours,
            f"Of {clusters} kinds of real rows, {ours.value:.0%} of the mass is there{beside(ceiling, '.0%')}.",
            direction=Direction.HIGHER, scope=view.scope(), ceiling=ceiling, interval_by="over kinds, 95 %",
            detail={"kinds": clusters},
        )  # fmt: skip

    def _vendi(self, view: View) -> Finding:
        rows = min(view.fake.rows, view.reference.rows, self.vendi_rows)
        clouds = {
            name: design_of(view, cut_down(side, rows, view.rng("vendi", name)))
            for name, side in (("train", view.train), ("fake", view.fake), ("real", view.reference))
        }
        distances = np.sqrt(_squares(clouds["train"]))
        width = float(np.median(distances[np.triu_indices(rows, 1)])) or 1.0
        ours, halves = vendi(clouds["fake"], width), [vendi(clouds["fake"][part::2], width) for part in (0, 1)]
        ceiling = vendi(clouds["real"], width)
        # Two halves differ by chance alone: their spread, halved again for twice the rows, is the error.
        error = abs(halves[0] - halves[1]) / 2
        return figure(
            VENDI, Estimate(ours, max(error, ours / math.sqrt(rows) / 2), rows),
            f"{rows:,} synthetic rows are as varied as {ours:.1f} rows that have nothing in common"
            f"{beside(Estimate(ceiling), '.1f')}.",
            direction=Direction.CEILING, scope=view.scope(), ceiling=Estimate(ceiling), baseline=Estimate(1.0),
            limits=(1.0, float(rows)), unit="rows", interval_by="two halves, 95 %", detail={"rows": rows},
        )  # fmt: skip


def row_keys(side: Side) -> NDArray[np.uint64]:
    """Return a 64-bit key of each row's exact values: equal rows have equal keys."""
    keys = np.zeros(side.rows, np.uint64)
    with np.errstate(over="ignore"):
        for values in (*side.numbers.values(), *side.codes.values()):
            exact = (np.asarray(values, np.float64) + 0.0).view(np.uint64)
            mixed = (keys * np.uint64(0x9E3779B97F4A7C15) + exact) * np.uint64(0xBF58476D1CE4E5B9)
            keys = mixed ^ (mixed >> np.uint64(29))
    return keys


def vendi(cloud: NDArray[np.float32], width: float) -> float:
    """Return exp of the entropy of the eigenvalues of the kernel matrix over n.

    Example:
        >>> round(vendi(np.eye(4, dtype=np.float32) * 1000, 1.0), 6)
        4.0
    """
    kernel = np.exp(-_squares(cloud) / (2 * width * width)) / len(cloud)
    values = np.linalg.eigvalsh(kernel.astype(np.float64))
    values = values[values > 1e-12]
    return float(np.exp(-(values * np.log(values)).sum()))


def _squares(cloud: NDArray[np.float32]) -> NDArray[np.float64]:
    wide = cloud.astype(np.float64)
    lengths = (wide**2).sum(axis=1)
    return np.maximum(lengths[:, None] + lengths - 2 * wide @ wide.T, 0.0)
