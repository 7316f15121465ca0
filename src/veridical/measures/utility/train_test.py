"""Does a model trained on synthetic rows predict real ones as well as a model trained on real rows?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from veridical.core.contracts import Evidence, RunContext
from veridical.core.finding import Direction, Finding, not_measured
from veridical.measures import view as views
from veridical.measures.estimate import Estimate
from veridical.measures.figure import LEAST_ROWS, figure
from veridical.measures.learner import limited
from veridical.measures.target import target_of
from veridical.measures.utility.task import LEARNERS, Task
from veridical.measures.view import View

TSTR, TRTR, TRTS = "utility.tstr", "utility.trtr", "utility.trts"
_NAMES = {"auc": "an area under the curve", "r2": "a share of variance explained", "rmse": "a root mean squared error",
          "f1": "an F1 score for the rarest class", "ap": "an average precision for the rarest class"}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainTest:
    """Train on synthetic, test on real (TSTR) beside TRTR (the ceiling) and TRTS (Esteban et al. 2017).

    Real and synthetic training sets have equally many rows. The figure without a learner's name is that of the
    learner that does best on real data. Intervals are over the tested rows.

    Example:
        >>> TrainTest().learners
        ('boosted', 'forest', 'linear')
    """

    target: str | None = None
    learners: tuple[str, ...] = LEARNERS

    def measure(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return `utility.tstr`, `utility.trtr`, `utility.trts`, and those of each learner, of each table."""
        with limited(ctx.workers):
            return [finding for view in views.of(evidence, ctx) for finding in self._table(view)]

    def _table(self, view: View) -> list[Finding]:
        task, reason = task_of(view, self.target)
        if task is None or view.holdout is None or view.peer is None:
            return [not_measured(check, reason, scope=view.scope()) for check in (TSTR, TRTR, TRTS)]
        found = {learner: self._scores(task, learner) for learner in self.learners}
        held = {learner: scores[TRTR][task.main].value for learner, scores in found.items() if scores[TRTR]}
        if not held:
            reason = "held-out rows have one class only"
            return [not_measured(check, reason, scope=view.scope()) for check in (TSTR, TRTR, TRTS)]
        best = max(held, key=lambda learner: held[learner])
        out = self._findings(task, found[best], "", best)
        for learner in self.learners:
            out += self._findings(task, found[learner], f".{learner}", learner)
        return out

    def _scores(self, task: Task, learner: str) -> dict[str, dict[str, Estimate]]:
        view = task.view
        assert view.peer is not None and view.holdout is not None
        real = task.fitted(learner, view.peer, "peer")
        fake = task.fitted(learner, view.fake, "fake")
        return {
            TSTR: task.score(fake, learner, view.holdout),
            TRTR: task.score(real, learner, view.holdout),
            TRTS: task.score(real, learner, view.fake),
        }

    def _findings(self, task: Task, scores: dict[str, dict[str, Estimate]], end: str, learner: str) -> list[Finding]:
        out = []
        for check, trained, tested in ((TSTR, "synthetic", "held-out real"), (TRTR, "real", "held-out real"),
                                       (TRTS, "real", "synthetic")):  # fmt: skip
            if not scores[check]:
                reason = f"the {trained if check != TRTS else tested} rows have one class only"
                out.append(not_measured(f"{check}{end}", reason, scope=task.view.scope()))
            for name, ours in scores[check].items():
                if end and name != task.main:
                    continue
                extra = "" if name == task.main else f"_{name}"
                out.append(_finding(task, f"{check}{extra}{end}", name, ours, scores[TRTR].get(name), learner,
                                    (trained, tested)))  # fmt: skip
        return out


def task_of(view: View, name: str | None) -> tuple[Task | None, str]:
    """Return the prediction task, or why there is none."""
    if view.holdout is None:
        return None, "there is no holdout, so no real rows to test on that nothing learned from"
    target = target_of(view, name)
    if target is None:
        return None, "no column can be predicted: none is named, or it holds one value only"
    least = min(len(target.known(view, side)) for side in (view.train, view.fake, view.holdout))
    if least < LEAST_ROWS:
        return None, f"{least} rows on one side have the target; {LEAST_ROWS} are needed"
    if len(view.names) < 2:
        return None, "there is only one column"
    return Task(view=view, target=target), ""


def _finding(
    task: Task, check: str, name: str, ours: Estimate, ceiling: Estimate | None, learner: str, sides: tuple[str, str]
) -> Finding:
    beside = ""
    if ceiling is not None and not check.startswith(TRTR):
        beside = f"; trained on real and tested on held-out rows it gets {ceiling.value:.3f}"
    error = name == "rmse"
    if (
        check.startswith(TRTS)
        and not error
        and ceiling is not None
        and ours.value - ceiling.value > 2.5 * math.hypot(ours.error, ceiling.error)
    ):
        beside += ". Better than on unseen rows: synthetic rows are like those that the model learned from"
    return figure(
        check, ours,
        f"Predicting {task.target.name}, a model ({learner}) trained on {sides[0]} and tested on {sides[1]} rows gets "
        f"{_NAMES[name]} of {ours.value:.3f}{beside}.",
        direction=_direction(check, error=error),
        scope=task.view.scope(), ceiling=ceiling, limits=(0.0, float("inf")) if error else (-float("inf"), 1.0),
        baseline=Estimate(task.guess) if name == task.main else None,
        interval_by="over tested rows, 95 %",
        detail={"target": task.target.name, "target_named": task.target.named, "learner": learner},
    )  # fmt: skip


def _direction(check: str, *, error: bool) -> Direction:
    if check.startswith(TRTR):
        return Direction.NONE
    if check.startswith(TRTS):
        return Direction.CEILING
    return Direction.LOWER if error else Direction.HIGHER
