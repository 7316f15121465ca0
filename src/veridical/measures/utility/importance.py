"""Do models from synthetic and from real rows find the same columns important?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veridical.core.contracts import Evidence, RunContext
from veridical.core.finding import Direction, Finding, not_measured
from veridical.measures import view as views
from veridical.measures.estimate import Estimate, midranks, pearson
from veridical.measures.figure import beside, figure
from veridical.measures.learner import limited
from veridical.measures.utility.task import Fitted, Task, class_scores, number_scores
from veridical.measures.utility.train_test import task_of
from veridical.measures.view import Side, View

CHECK = "utility.importance"
_LEARNER = "boosted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Importance:
    """Rank correlation of permutation importances (Breiman 2001) of a synthetic-trained and a real-trained model.

    The real-trained model learns from one half of the held-out rows; all are asked on the other half, at most
    `most_rows`. The ceiling is the same correlation for a model of training rows. The error comes from asking four
    quarters of the rows apart.

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
        order = view.rng("importance").permutation(view.holdout.rows)
        half = view.holdout.rows // 2
        learned, asked = view.holdout.take(order[:half]), view.holdout.take(order[half:][: self.most_rows])
        real = self._losses(task, task.fitted(_LEARNER, learned, "half of holdout"), asked)
        fake = self._losses(task, task.fitted(_LEARNER, view.fake, "fake"), asked)
        peer = self._losses(task, task.fitted(_LEARNER, view.peer, "peer"), asked)
        if real is None or fake is None or peer is None:
            return not_measured(CHECK, "the rows on one side have one class only, or are too few", scope=view.scope())
        ours, ceiling = _agreement(fake, real, asked.rows), _agreement(peer, real, asked.rows)
        names = [name for name in view.names if name != task.target.name]
        return figure(
            CHECK, ours,
            f"The order of columns by importance agrees by {ours.value:.2f} (1: the same){beside(ceiling, '.2f')}.",
            direction=Direction.HIGHER, scope=view.scope(), ceiling=ceiling, baseline=Estimate(0.0), limits=(-1.0, 1.0),
            interval_by="four quarters of the rows, 95 %",
            detail={"target": task.target.name, "rows": asked.rows, "real": _shares(names, real[0]),
                    "synthetic": _shares(names, fake[0])},
        )  # fmt: skip

    def _losses(self, task: Task, fitted: Fitted | None, side: Side) -> NDArray[np.float64] | None:
        """Return how much worse the model gets when each column is shuffled: on all rows, then on each quarter."""
        if fitted is None:
            return None
        order = task.view.rng("importance", "shuffle").permutation(side.rows)
        before = self._scores(task, fitted, side)
        losses = []
        for place, name in enumerate(task.view.names):
            if name != task.target.name:
                bins = side.bins.copy()
                bins[place] = bins[place][order]
                shuffled = Side(rows=side.rows, numbers=side.numbers, codes=side.codes, bins=bins)
                losses.append(before - self._scores(task, fitted, shuffled))
        found = np.stack(losses, axis=1)
        return None if np.isnan(found).any() else found

    def _scores(self, task: Task, fitted: Fitted, side: Side) -> NDArray[np.float64]:
        answers = task.target.answers(task.view, side)
        predicted = fitted.predict(task.features(_LEARNER, side))
        known = task.target.known(task.view, side)
        parts = [known, *(known[quarter::4] for quarter in range(4))]
        return np.array([_score(task, answers[rows], predicted[rows]) for rows in parts])


def _score(task: Task, answers: NDArray[Any], predicted: NDArray[Any]) -> float:
    if task.target.is_class:
        found = class_scores(answers, predicted, task.target.rare)
    else:
        found = number_scores(answers, predicted)
    return found[task.main].value if found else float("nan")


def _agreement(one: NDArray[np.float64], two: NDArray[np.float64], rows: int) -> Estimate:
    each = [pearson(midranks(a), midranks(b)) for a, b in zip(one, two, strict=True)]
    quarters = np.array(each[1:])
    return Estimate(each[0], float(quarters.std(ddof=1)) / 2, rows)


def _shares(names: list[str], losses: NDArray[np.float64]) -> dict[str, float]:
    return {name: round(float(loss), 4) for name, loss in zip(names, losses, strict=True)}
