"""What do synthetic rows add to real ones, and what do they replace?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from veridical.core.contracts import Evidence, RunContext
from veridical.core.finding import Direction, Finding, not_measured
from veridical.measures import view as views
from veridical.measures.estimate import Estimate
from veridical.measures.figure import beside, figure
from veridical.measures.learner import limited
from veridical.measures.utility.task import Fitted, Task
from veridical.measures.utility.train_test import task_of
from veridical.measures.view import Side, View, cut_down

CHECK = "utility.ablation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ablation:
    """Boosted trees trained on mixes of real and synthetic rows, tested on held-out real rows.

    A mix is (share of the real rows, synthetic rows for each of all real rows); its ceiling is real rows alone. The
    headline is what adding as many synthetic rows gains, its ceiling what adding as many other real rows gains. At
    most `most_rows` real rows, drawn at random.

    Example:
        >>> Ablation().mixes[0]
        (1.0, 0.0)
    """

    target: str | None = None
    mixes: tuple[tuple[float, float], ...] = ((1.0, 0.0), (0.0, 1.0), (1.0, 0.5), (1.0, 1.0), (0.1, 0.0), (0.1, 1.0))
    most_rows: int = 12_000

    def measure(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return `utility.ablation` (the gain of adding synthetic rows) and one finding for each mix."""
        with limited(ctx.workers):
            return [finding for view in views.of(evidence, ctx) for finding in self._table(view)]

    def _table(self, view: View) -> list[Finding]:
        task, reason = task_of(view, self.target)
        if task is None or view.peer is None:
            return [not_measured(CHECK, reason, scope=view.scope())]
        order = view.rng("ablation", "real").permutation(view.peer.rows)
        rows = min(view.peer.rows // 2, view.fake.rows, self.most_rows)
        real, other = view.peer.take(order[:rows]), view.peer.take(order[rows : 2 * rows])
        fake = cut_down(view.fake, rows, view.rng("ablation", "fake"))
        scores = {mix: _score(task, _mixed(mix, real, fake), f"{mix[0]:g} {mix[1]:g}") for mix in self.mixes}
        whole = _score(task, [real], "1 0")
        if whole is None:
            return [not_measured(CHECK, "no model can be fitted on the real rows", scope=view.scope())]
        each = [_finding(task, mix, score, whole, rows) for mix, score in scores.items()]
        gains = [_gain(task, real, extra, name) for extra, name in ((fake, "1 1"), (other, "real"))]
        return [_headline(task, gains[0], gains[1], scores), *each]


def _mixed(mix: tuple[float, float], real: Side, fake: Side) -> list[Side]:
    counts = [round(share * side.rows) for share, side in zip(mix, (real, fake), strict=True)]
    return [side.take(np.arange(count)) for side, count in zip((real, fake), counts, strict=True) if count]


def _score(task: Task, parts: list[Side], name: str) -> Estimate | None:
    if not parts or task.view.holdout is None:
        return None
    return task.score(_fitted(task, parts, name), "boosted", task.view.holdout).get(task.main)


def _fitted(task: Task, parts: list[Side], name: str) -> Fitted | None:
    return task.fitted("boosted", joined(parts), f"ablation {name}")


def joined(parts: Sequence[Side]) -> Side:
    """Return the rows of several sides, one after the other."""
    return Side(
        rows=sum(part.rows for part in parts),
        numbers={name: np.concatenate([part.numbers[name] for part in parts]) for name in parts[0].numbers},
        codes={name: np.concatenate([part.codes[name] for part in parts]) for name in parts[0].codes},
        bins=np.concatenate([part.bins for part in parts], axis=1),
    )


def _finding(task: Task, mix: tuple[float, float], score: Estimate | None, whole: Estimate, rows: int) -> Finding:
    check = f"{CHECK}.real_{mix[0]:g}_synthetic_{mix[1]:g}"
    if score is None:
        return not_measured(check, "the rows of this mix have one class only", scope=task.view.scope())
    return figure(
        check, score,
        f"Trained on {mix[0]:.0%} of {rows:,} real rows and {mix[1]:.0%} as many synthetic ones, a model predicts "
        f"{task.target.name} with {score.value:.3f}; with all the real rows alone, {whole.value:.3f}.",
        direction=Direction.HIGHER if mix[1] else Direction.NONE, scope=task.view.scope(), ceiling=whole,
        baseline=Estimate(task.guess),
        limits=(-math.inf, 1.0), interval_by="over tested rows, 95 %",
        detail={"real": mix[0], "synthetic": mix[1], "figure": task.main, "real_rows": rows},
    )  # fmt: skip


def _gain(task: Task, real: Side, extra: Side, name: str) -> Estimate | None:
    without, both = _fitted(task, [real], "1 0"), _fitted(task, [real, extra], name)
    if without is None or both is None or task.view.holdout is None:
        return None
    return task.gain(without, both, "boosted", task.view.holdout)


def _headline(
    task: Task, gain: Estimate | None, other: Estimate | None, scores: dict[tuple[float, float], Estimate | None]
) -> Finding:
    if gain is None:
        return not_measured(CHECK, "no model can be fitted on real and synthetic rows", scope=task.view.scope())
    return figure(
        CHECK, gain,
        f"Adding as many synthetic rows to the real ones changes how well {task.target.name} is predicted by "
        f"{gain.value:+.3f}{beside(other, '+.3f')}.",
        direction=Direction.HIGHER, scope=task.view.scope(), ceiling=other, baseline=Estimate(0.0),
        limits=(-math.inf, 1.0), interval_by="paired over tested rows, 95 %",
        detail={"figure": task.main, "curve": _curve(scores)},
    )  # fmt: skip


def _curve(scores: dict[tuple[float, float], Estimate | None]) -> dict[str, list[list[float]]]:
    """Return for each share of real rows the score at each number of synthetic rows for a real one."""
    lines: dict[str, list[list[float]]] = {}
    for (real, synthetic), score in sorted(scores.items()):
        if score is not None and real > 0:
            lines.setdefault(f"{real:.0%} of the real rows", []).append([synthetic, round(score.value, 4)])
    return lines
