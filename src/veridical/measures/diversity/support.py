"""Do synthetic rows reach all of the real cloud, stay within it, and stand on their own?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.core.contracts import Evidence, RunContext
from veridical.core.finding import Direction, Finding, not_measured
from veridical.encode.neighbours import Encoded, Space, build
from veridical.measures import view as views
from veridical.measures.estimate import Estimate, share
from veridical.measures.figure import LEAST_ROWS, beside, figure
from veridical.measures.view import View

CHECKS = ("diversity.coverage", "diversity.density", "diversity.alpha_precision", "diversity.beta_recall",
          "diversity.authenticity")  # fmt: skip
_LEVELS = np.linspace(0.0, 1.0, 30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """Coverage and density (Naeem et al. 2020); alpha-precision, beta-recall, authenticity (Alaa et al. 2022).

    In Gower's distance over all columns. Real rows are held-out ones, synthetic rows as many, both at most
    `most_rows`, drawn at random; the ceiling plays train as synthetic. Alaa's spheres stand about the row that is
    least far from all others instead of a learned centre, so that no network decides. Authenticity asks whether a
    synthetic row lies farther from its nearest training row than that one lies from its own nearest; here all
    training rows are searched up to `most_train`, and the ceiling is what held-out rows get. Density counts among
    the 4 x `neighbours` nearest real rows.

    Example:
        >>> Support().neighbours
        5
    """

    neighbours: int = 5
    most_rows: int = 4_000
    most_train: int = 20_000

    def measure(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return the five figures of each table."""
        return [finding for view in views.of(evidence, ctx) for finding in self._table(view, ctx)]

    def _table(self, view: View, ctx: RunContext) -> list[Finding]:
        rows = min(view.fake.rows, view.reference.rows, self.most_rows)
        if rows < LEAST_ROWS or view.holdout is None:
            reason = "there is no holdout" if view.holdout is None else f"{rows} rows; {LEAST_ROWS} are needed"
            return [not_measured(check, reason, n=rows, scope=view.scope()) for check in CHECKS]
        clouds = self._clouds(view, rows)
        train = clouds.pop("train")
        real = clouds.pop("holdout")
        found = {name: self._figures(real, cloud, ctx.workers) for name, cloud in clouds.items()}
        for name, asked in (("synthetic", clouds["synthetic"]), ("peer", real)):
            found[name]["diversity.authenticity"] = _authentic(train, asked, ctx.workers)
        return [self._finding(view, check, found, len(train)) for check in CHECKS]

    def _clouds(self, view: View, rows: int) -> dict[str, Encoded]:
        space = Space.learn([view.tables["train"]], view.schema, view.names)
        clouds = {}
        rng = view.rng("support")
        # The peer's rows and those searched for authenticity are both of train, drawn apart.
        drawn = {"synthetic": rows, "holdout": rows, "peer": rows, "train": self.most_train}
        for name, most in drawn.items():
            side = "train" if name == "peer" else name
            table = view.tables[side]
            chosen = np.sort(rng.choice(table.num_rows, min(most, table.num_rows), replace=False))
            clouds[name] = space.encode(table.take(chosen))
        return clouds

    def _figures(self, real: Encoded, other: Encoded, workers: int) -> dict[str, Estimate]:
        k = min(self.neighbours, len(real) - 1)
        own = np.arange(len(real))
        index = build(real)
        reach = index.nearest(real, k, skip=own, workers=workers).distances[:, -1]
        within = index.nearest(other, min(4 * k, len(real)), workers=workers)
        hits = within.distances <= reach[within.rows]
        nearest = build(other).nearest(real, 1, workers=workers).distances[:, 0]
        density = hits.sum(axis=1) / k
        spread = float(density.std()) / np.sqrt(len(density))
        precision, recall = _spheres(real, other, reach, nearest)
        return {
            "diversity.coverage": share(int((nearest <= reach).sum()), len(real)),
            "diversity.density": Estimate(float(density.mean()), spread, len(other)),
            "diversity.alpha_precision": precision,
            "diversity.beta_recall": recall,
        }

    def _finding(self, view: View, check: str, found: dict[str, dict[str, Estimate]], searched: int) -> Finding:
        ours, ceiling = found["synthetic"][check], found["peer"][check]
        words = {
            "diversity.coverage": "{:.1%} of real rows have a synthetic row as near as their fifth real neighbour",
            "diversity.density": "A synthetic row lies within reach of {:.2f} real rows, in units of chance",
            "diversity.alpha_precision": "Synthetic rows lie as central among real ones as they should by {:.3f} of 1",
            "diversity.beta_recall": "Synthetic rows cover the real cloud from centre to edge by {:.3f} of 1",
            "diversity.authenticity": "{:.1%} of synthetic rows lie farther from their nearest training row than that "
            "one from its own",
        }[check].format(ours.value)
        said = f"{words}{beside(ceiling)}."
        if check == "diversity.authenticity" and ours.value + 2 * ours.error < ceiling.value - 2 * ceiling.error:
            said += " Fewer than of unseen real rows: training rows were copied or hardly changed."
        return figure(
            check, ours, said, direction=Direction.CEILING if check == "diversity.density" else Direction.HIGHER,
            scope=view.scope(), ceiling=ceiling, limits=(0.0, np.inf) if check == "diversity.density" else (0.0, 1.0),
            interval_by="binomial, 95 %", detail={"neighbours": self.neighbours, "training_rows_searched": searched},
        )  # fmt: skip


def _authentic(train: Encoded, asked: Encoded, workers: int) -> Estimate:
    index = build(train)
    found = index.nearest(asked, 1, workers=workers)
    nearest = np.unique(found.rows[:, 0])
    around = Encoded(values=np.ascontiguousarray(train.values[nearest]), names=train.names)
    own = index.nearest(around, 1, skip=nearest, workers=workers).distances[:, 0]
    gaps = own[np.searchsorted(nearest, found.rows[:, 0])]
    return share(int((found.distances[:, 0] > gaps).sum()), len(asked))


def _spheres(
    real: Encoded, other: Encoded, reach: NDArray[np.float32], nearest: NDArray[np.float32]
) -> tuple[Estimate, Estimate]:
    """Return integrated alpha-precision and beta-recall: 1 - 2 x the mean gap between a level and what it holds."""
    middle = _medoid(real)
    from_middle = [_gower(cloud, middle) for cloud in (real, other)]
    limits = np.quantile(from_middle[0], _LEVELS)
    inside = (from_middle[1][:, None] <= limits).mean(axis=0)
    precision = 1 - 2 * float(np.trapezoid(np.abs(_LEVELS - inside), _LEVELS))
    centre = _medoid(other)
    spheres = np.quantile(_gower(other, centre), _LEVELS)
    # A real row counts at level beta when a synthetic row of the beta-support is within its own reach.
    reached = (nearest <= reach)[:, None] & (_gower(real, centre)[:, None] <= spheres)
    recall = 1 - 2 * float(np.trapezoid(np.abs(_LEVELS - reached.mean(axis=0)), _LEVELS))
    error = 1 / np.sqrt(min(len(real), len(other)))
    return Estimate(precision, error, len(other)), Estimate(recall, error, len(real))


def _medoid(cloud: Encoded) -> NDArray[np.float32]:
    few = cloud.values[:: max(len(cloud) // 300, 1)]
    total = [float(np.minimum(np.abs(few - row), 1).sum()) for row in few]
    return np.asarray(few[int(np.argmin(total))])


def _gower(cloud: Encoded, middle: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.minimum(np.abs(cloud.values - middle), 1).sum(axis=1)
