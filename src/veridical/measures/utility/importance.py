"""Do models from synthetic and from real rows find the same columns important?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.core.contracts import Evidence, RunContext
from veridical.core.finding import Direction, Finding, not_measured
from veridical.measures import view as views
from veridical.measures.estimate import Estimate
from veridical.measures.figure import beside, figure
from veridical.measures.learner import limited
from veridical.measures.utility.task import Fitted, Task, rank_agreement
from veridical.measures.utility.train_test import task_of
from veridical.measures.view import Side, View, cut_down

CHECK = "utility.importance"
_LEARNER = "boosted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Importance:
    """Rank correlation of permutation importances (Breiman 2001) of a synthetic-trained and a real-trained model.

    Both models are asked on held-out rows, at most `most_rows`. The ceiling is the correlation of the real-trained
    model with one trained on the held-out rows and asked on training rows.

    Example:
        >>> Importance().most_rows
        3000
    """

    target: str | None = None
    most_rows: int = 3_000

    def measure(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return `utility.importance` of each table."""
        with limited(ctx.workers):
            return [self._table(view) for view in views.of(evidence, ctx)]

    def _table(self, view: View) -> Finding:
        task, reason = task_of(view, self.target)
        if task is None or view.peer is None or view.holdout is None:
            return not_measured(CHECK, reason, scope=view.scope())
        if len(view.names) < 4:
            return not_measured(CHECK, "ranks of fewer than three columns say nothing", scope=view.scope())
        asked = cut_down(view.holdout, self.most_rows, view.rng("importance"))
        seen = cut_down(view.peer, self.most_rows, view.rng("importance", "peer"))
        real = self._ranks(task, task.fitted(_LEARNER, view.peer, "peer"), asked)
        fake = self._ranks(task, task.fitted(_LEARNER, view.fake, "fake"), asked)
        other = self._ranks(task, task.fitted(_LEARNER, view.holdout, "holdout"), seen)
        if real is None or fake is None or other is None:
            return not_measured(CHECK, "the rows on one side have one class only", scope=view.scope())
        ours, ceiling = rank_agreement(fake, real), rank_agreement(other, real)
        names = [name for name in view.names if name != task.target.name]
        return figure(
            CHECK, ours,
            f"The order of columns by importance agrees by {ours.value:.2f} (1: the same){beside(ceiling, '.2f')}.",
            direction=Direction.HIGHER, scope=view.scope(), ceiling=ceiling, baseline=Estimate(0.0), limits=(-1.0, 1.0),
            interval_by="Fisher, over columns, 95 %",
            detail={"target": task.target.name, "rows": asked.rows, "real": _shares(names, real),
                    "synthetic": _shares(names, fake)},
        )  # fmt: skip

    def _ranks(self, task: Task, fitted: Fitted | None, side: Side) -> NDArray[np.float64] | None:
        """Return how much worse the model gets when each column is shuffled."""
        before = task.score(fitted, _LEARNER, side).get(task.main)
        if fitted is None or before is None:
            return None
        rng = task.view.rng("importance", "shuffle")
        order = rng.permutation(side.rows)
        losses = []
        for place, name in enumerate(task.view.names):
            if name == task.target.name:
                continue
            bins = side.bins.copy()
            bins[place] = bins[place][order]
            shuffled = Side(rows=side.rows, numbers=side.numbers, codes=side.codes, bins=bins)
            losses.append(before.value - task.score(fitted, _LEARNER, shuffled)[task.main].value)
        return np.array(losses)


def _shares(names: list[str], losses: NDArray[np.float64]) -> dict[str, float]:
    return {name: round(float(loss), 4) for name, loss in zip(names, losses, strict=True)}
