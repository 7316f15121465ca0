"""Is a model trained on synthetic rows less fair to groups than one trained on real rows?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.core.contracts import Evidence, RunContext
from veridical.core.finding import Finding, not_measured
from veridical.measures import view as views
from veridical.measures.estimate import Estimate, share
from veridical.measures.fairness.group import NO_COLUMNS, Grouping, groupings_of, positive_of
from veridical.measures.fairness.representation import whole_table
from veridical.measures.figure import figure
from veridical.measures.learner import limited
from veridical.measures.utility.task import Fitted, Task
from veridical.measures.utility.train_test import task_of
from veridical.measures.view import Side, View

PARITY, ODDS = "fairness.parity", "fairness.equalised_odds"
Rows = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """Demographic parity and equalised-odds gaps (Hardt et al. 2016) of boosted trees, asked on held-out rows.

    Parity is the largest difference between groups in how often the model says yes; equalised odds the larger such
    difference among those who have the label and among those who do not. The ceiling is the real-trained model's.
    Groups need `least_rows` held-out rows with, and without, the label.

    Example:
        >>> Parity().least_rows
        30
    """

    columns: tuple[str, ...] | None = None
    target: str | None = None
    least_rows: int = 30

    def measure(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return `fairness.parity` and `fairness.equalised_odds` of each table and of each grouping."""
        with limited(ctx.workers):
            return [finding for view in views.of(evidence, ctx) for finding in self._table(view)]

    def _table(self, view: View) -> list[Finding]:
        task, reason = task_of(view, self.target)
        every = [] if task is None else groupings_of(view, self.columns)
        groupings = [grouping for grouping in every if task is not None and task.target.name not in grouping.columns]
        if task is None or view.peer is None or view.holdout is None or not groupings:
            reason = reason if task is None else NO_COLUMNS
            return [not_measured(check, reason, scope=view.scope()) for check in (PARITY, ODDS)]
        real, fake = (_said(task, side, name) for side, name in ((view.peer, "peer"), (view.fake, "fake")))
        if real is None or fake is None:
            reason = "the training rows on one side have one class only"
            return [not_measured(check, reason, scope=view.scope()) for check in (PARITY, ODDS)]
        truth = positive_of(view, task.target, view.holdout) == 1
        found = [f for grouping in groupings for f in self._gaps(view, grouping, fake, real, truth)]
        heads = []
        for check in (PARITY, ODDS):
            own = [finding for finding in found if finding.check == check and finding.measured]
            worst = max(own, key=lambda item: (item.value or 0.0) - (item.ceiling or 0.0), default=None)
            reason = f"fewer than two groups have {self.least_rows} rows"
            heads.append(not_measured(check, reason, scope=view.scope()) if worst is None else whole_table(view, worst))
        return [*heads, *found]

    def _gaps(self, view: View, grouping: Grouping, fake: Rows, real: Rows, truth: Rows) -> list[Finding]:
        groups, name = grouping.of(view, view.reference), " and ".join(grouping.columns)
        scope, out = view.scope(*grouping.columns), []
        everyone = np.ones(truth.size, bool)
        for check, conditions, words in (
            (PARITY, (everyone,), "in how often a model says yes"),
            (
                ODDS,
                (truth, ~truth),
                "in how often it is right about those with, or wrong about those without, the label",
            ),
        ):
            ours = max((self._gap(fake, groups, among) for among in conditions), key=_value)
            ceiling = max((self._gap(real, groups, among) for among in conditions), key=_value)
            if math.isnan(ours.value):
                out.append(not_measured(check, f"fewer than two groups have {self.least_rows} rows", scope=scope))
                continue
            out.append(
                figure(
                    check, ours, f"Between groups of {name}, the largest difference {words} is {ours.value:.1%} when "
                    f"trained on synthetic rows, {ceiling.value:.1%} when trained on real ones.",
                    scope=scope, ceiling=ceiling, interval_by="over tested rows, 95 %",
                )
            )  # fmt: skip
        return out

    def _gap(self, said: Rows, groups: NDArray[np.int64], among: Rows) -> Estimate:
        rows = np.bincount(groups[among])
        large = np.flatnonzero(rows >= self.least_rows)
        if large.size < 2:
            return Estimate(math.nan)
        hits = np.bincount(groups[among], weights=said[among])
        rates = [share(int(hits[group]), int(rows[group])) for group in large]
        high, low = max(rates, key=_value), min(rates, key=_value)
        return Estimate(high.value - low.value, math.hypot(high.error, low.error), min(high.n, low.n))


def _value(estimate: Estimate) -> float:
    return -1.0 if math.isnan(estimate.value) else estimate.value


def _said(task: Task, side: Side, name: str) -> Rows | None:
    """Return for each held-out row whether the model fitted on `side` says yes."""
    fitted: Fitted | None = task.fitted("boosted", side, name)
    if fitted is None:
        return None
    predicted = fitted.predict(task.features("boosted", task.view.reference))
    if task.target.is_class:
        return np.asarray(predicted.argmax(axis=1) == task.target.rare)
    return np.asarray(predicted > float(np.median(task.view.train.ordered[task.target.name])))
