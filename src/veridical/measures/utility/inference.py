"""Would an analyst draw the same conclusions: do coefficients and their intervals overlap?"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.core.contracts import Evidence, RunContext
from veridical.core.finding import Direction, Finding, not_measured
from veridical.measures import view as views
from veridical.measures.estimate import Estimate, share
from veridical.measures.fidelity.marginal import spread_of
from veridical.measures.figure import beside, figure
from veridical.measures.target import Target
from veridical.measures.utility.regression import Coefficients, independent_columns, least_squares, logistic
from veridical.measures.utility.train_test import task_of
from veridical.measures.view import Side, View, cut_down

OVERLAP, SIGNS = "utility.coefficient_overlap", "utility.coefficient_signs"
_LEVELS = 6
_LEAST = 10
_Z = 1.959963984540054
Matrix = NDArray[np.float64]
Comparison = Callable[[Coefficients, Coefficients], tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inference:
    """Overlap of the 95 % intervals of regression coefficients (Karr et al. 2006) and agreement of their signs.

    Least squares for a number; for classes logistic regression of the commonest class against the rest. Numbers are
    scaled by train's spread, categories enter as the six commonest against the rest. Synthetic rows are held against
    held-out ones and so is train for the ceiling, all with equally many rows, at most `most_rows`. Overlap is the
    mean of the shared length over each interval's own: 1 for the same interval, 0 for disjoint ones.
    Signs are compared where the held-out coefficient is significantly not zero.

    Example:
        >>> Inference().most_rows
        20000
    """

    target: str | None = None
    most_rows: int = 20_000

    def measure(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return `utility.coefficient_overlap` and `utility.coefficient_signs` of each table."""
        return [finding for view in views.of(evidence, ctx) for finding in self._table(view)]

    def _table(self, view: View) -> list[Finding]:
        task, reason = task_of(view, self.target)
        if task is None or view.peer is None or view.holdout is None:
            return [not_measured(check, reason, scope=view.scope()) for check in (OVERLAP, SIGNS)]
        sides = {"real": view.holdout, "ours": view.fake, "peer": view.peer, "naive": view.independent}
        rows = min(self.most_rows, *(len(task.target.known(view, side)) for side in sides.values()))
        prepared = {name: self._prepared(view, task.target, side, rows, name) for name, side in sides.items()}
        usable = _estimable([prepared["real"], prepared["peer"]], classes=task.target.is_class)
        kept = usable[independent_columns(prepared["real"][0][:, usable])]
        fits = {name: _fit(task.target, x[:, kept], y) for name, (x, y) in prepared.items()}
        if fits["real"] is None or fits["peer"] is None or len(kept) < 2:
            reason = "a column parts the classes perfectly, so real coefficients have no finite value"
            return [not_measured(check, reason, n=rows, scope=view.scope()) for check in (OVERLAP, SIGNS)]
        detail = {"coefficients": len(kept) - 1, "rows": rows, "target": task.target.name}
        out = []
        for check, compare in ((OVERLAP, overlap), (SIGNS, signs)):
            found = {name: _compared(compare, fits["real"], fit, rows) for name, fit in fits.items()}
            out.append(_finding(view, check, found, detail))
        return out

    def _prepared(self, view: View, target: Target, side: Side, rows: int, name: str) -> tuple[Matrix, Matrix]:
        known = side.take(target.known(view, side))
        chosen = cut_down(known, rows, view.rng("inference", name))
        answers = target.answers(view, chosen)
        if target.is_class:
            counts = np.bincount(target.answers(view, view.train)[target.known(view, view.train)])
            return _design(view, target, chosen), (answers == counts.argmax()).astype(np.float64)
        return _design(view, target, chosen), np.asarray(answers, np.float64)


def _design(view: View, target: Target, side: Side) -> Matrix:
    columns = [np.ones(side.rows)]
    for place, coding in enumerate(view.codings):
        if coding.name == target.name:
            continue
        if coding.is_number:
            train = view.train.ordered[coding.name]
            middle, scale = float(np.median(train)), spread_of(train)
            values = (side.numbers[coding.name] - middle) / scale
            columns.append(np.where(np.isnan(values), 0.0, np.clip(values, -20, 20)))
        else:
            columns += [
                (side.bins[place] == level).astype(np.float64) for level in range(1, min(_LEVELS, coding.levels))
            ]
    return np.column_stack(columns)


def _estimable(sides: list[tuple[Matrix, Matrix]], *, classes: bool) -> NDArray[np.int64]:
    """Return the columns whose coefficient real rows can tell: a category needs ten rows with each answer."""
    kept = []
    for column in range(sides[0][0].shape[1]):
        few = False
        for x, y in sides:
            values = x[:, column]
            if column and bool(((values == 0) | (values == 1)).all()):
                held = [values[y == answer] for answer in (0.0, 1.0)] if classes else [values]
                few |= any(min(int(part.sum()), int((1 - part).sum())) < _LEAST for part in held)
        if not few:
            kept.append(column)
    return np.array(kept, np.int64)


def _fit(target: Target, x: Matrix, y: Matrix) -> Coefficients | None:
    if y.min() == y.max():
        return None
    return logistic(x, y) if target.is_class else least_squares(x, y)


def overlap(real: Coefficients, other: Coefficients) -> tuple[float, float]:
    """Return the mean overlap of 95 % intervals (the intercept left out), and its spread over coefficients."""
    ends = [(c.values[1:] - _Z * c.errors[1:], c.values[1:] + _Z * c.errors[1:]) for c in (real, other)]
    shared = np.minimum(ends[0][1], ends[1][1]) - np.maximum(ends[0][0], ends[1][0])
    lengths = [np.maximum(high - low, 1e-300) for low, high in ends]
    each = np.clip(0.5 * (shared / lengths[0] + shared / lengths[1]), 0.0, 1.0)
    return float(each.mean()), float(each.std() / math.sqrt(each.size))


def signs(real: Coefficients, other: Coefficients) -> tuple[float, float]:
    """Return the share of significant real coefficients whose sign the other has."""
    sure = np.abs(real.values[1:]) > _Z * real.errors[1:]
    if not sure.any():
        return math.nan, math.nan
    same = int((np.sign(real.values[1:]) == np.sign(other.values[1:]))[sure].sum())
    found = share(same, int(sure.sum()))
    return found.value, found.error


def _compared(compare: Comparison, real: Coefficients | None, other: Coefficients | None, rows: int) -> Estimate:
    if real is None or other is None:
        return Estimate(0.0, 0.0, rows)  # these rows part the classes perfectly: nothing agrees
    value, error = compare(real, other)
    return Estimate(value, error, rows)


def _finding(view: View, check: str, found: dict[str, Estimate], detail: dict[str, object]) -> Finding:
    ours, ceiling, naive = found["ours"], found["peer"], found["naive"]
    words = {
        OVERLAP: "The intervals of regression coefficients overlap by",
        SIGNS: "Of the coefficients that are surely not zero, the sign agrees for",
    }
    return figure(
        check, ours, f"{words[check]} {ours.value:.0%}{beside(ceiling, '.0%')}.", direction=Direction.HIGHER,
        scope=view.scope(), ceiling=ceiling, baseline=naive, interval_by="over coefficients, 95 %", detail=detail,
    )  # fmt: skip
