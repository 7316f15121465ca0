"""How well does a model that was fitted on one side predict the target on another?"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veridical.core import rng as random_streams
from veridical.measures.estimate import Estimate, area_gain, area_under_curve, mean_of, placements
from veridical.measures.fidelity.design import design_of
from veridical.measures.learner import Boosted
from veridical.measures.target import Target
from veridical.measures.view import Side, View

LEARNERS = ("boosted", "forest", "linear")
_MOST_ROWS = {"boosted": 50_000, "forest": 20_000, "linear": 20_000}
Matrix = NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A fitted model and the rows it rests on; `predict` gives class probabilities (rows x classes) or numbers."""

    predict: Callable[[Matrix], Matrix]
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Predict one column from all others."""

    view: View
    target: Target

    def fitted(self, learner: str, side: Side, name: str) -> Fitted | None:
        """Return a learner fitted on a side, made once under that name; None when the side holds one class only."""
        key = ("task", self.target.name, learner, name)
        return self.view.once(key, lambda: self._fit(learner, side, name))

    def score(self, fitted: Fitted | None, learner: str, side: Side) -> dict[str, Estimate]:
        """Return the figures of a model on a side: auc, f1, ap (rarest class); or r2, rmse."""
        if fitted is None:
            return {}
        rows = self.target.known(self.view, side)
        answers = self.target.answers(self.view, side)[rows]
        predicted = fitted.predict(self.features(learner, side)[rows])
        if self.target.is_class:
            return class_scores(answers, predicted, self.target.rare)
        return number_scores(answers, predicted)

    def gain(self, one: Fitted, two: Fitted, learner: str, side: Side) -> Estimate | None:
        """Return by how much the main figure of `two` is above that of `one` on the same rows, with a paired error."""
        rows = self.target.known(self.view, side)
        answers, x = self.target.answers(self.view, side)[rows], self.features(learner, side)[rows]
        chances = [fitted.predict(x) for fitted in (one, two)]
        if self.target.is_class:
            return class_gain(answers, chances[0], chances[1], self.target.rare)
        return number_gain(answers, chances[0], chances[1])

    @property
    def main(self) -> str:
        """The name of the figure that stands for all: "auc" or "r2"."""
        return "auc" if self.target.is_class else "r2"

    @property
    def guess(self) -> float:
        """What a model gets that knows nothing of the row."""
        return 0.5 if self.target.is_class else 0.0

    def features(self, learner: str, side: Side) -> Matrix:
        """Return what a learner sees of a side's rows."""
        place = self.view.at(self.target.name)
        if learner == "linear":
            kept = self.view.once(("side", id(side)), lambda: side)
            return self.view.once(
                ("design", self.target.name, id(kept)), lambda: design_of(self.view, side, without=(place,))
            )
        others = [row for row in range(len(self.view.codings)) if row != place]
        return side.bins[others].T

    def _fit(self, learner: str, side: Side, name: str) -> Fitted | None:
        rng = self.view.rng("utility", learner, name)
        rows = self.target.known(self.view, side)
        if len(rows) > _MOST_ROWS[learner]:
            rows = np.sort(rng.choice(rows, _MOST_ROWS[learner], replace=False))
        answers = self.target.answers(self.view, side)[rows]
        if len(rows) == 0 or answers.min() == answers.max():
            return None
        seed = random_streams.derive(self.view.seed, "utility", learner, name) % 2**31
        model = self._model(learner, self.features(learner, side)[rows], answers, seed)
        if not self.target.is_class:
            return Fitted(predict=model.predict, rows=len(rows))
        return Fitted(predict=_probabilities(model, self.target.classes), rows=len(rows))

    def _model(self, learner: str, x: Matrix, y: NDArray[Any], seed: int) -> Any:
        classes = self.target.is_class
        if learner == "boosted":
            place = self.view.at(self.target.name)
            codings = tuple(coding for row, coding in enumerate(self.view.codings) if row != place)
            rounds = max(20, 100 // max(1, self.target.classes - 1))
            return Boosted(iterations=rounds).fit(np.asarray(x, np.float64), y, codings, classes=classes, seed=seed)
        if learner == "forest":
            from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

            kind = ExtraTreesClassifier if classes else ExtraTreesRegressor
            return kind(n_estimators=30, min_samples_leaf=5, random_state=seed).fit(np.asarray(x, np.float32), y)
        from sklearn.linear_model import LogisticRegression, Ridge

        if classes:
            return LogisticRegression(max_iter=60, tol=1e-3).fit(x, y)
        return Ridge(alpha=1.0).fit(x, y)


def _probabilities(model: Any, classes: int) -> Callable[[Matrix], Matrix]:
    def predict(x: Matrix) -> Matrix:
        whole = np.zeros((len(x), classes))
        whole[:, model.classes_.astype(int)] = model.predict_proba(x)
        return whole

    return predict


def class_scores(answers: NDArray[np.int64], chances: Matrix, rare: int) -> dict[str, Estimate]:
    """Return the area under the curve (mean over classes against the rest), and F1 and average precision of `rare`.

    The errors speak of the tested rows alone. F1 by the delta method; average precision after Boyd et al. 2013.
    """
    wanted = _asked_classes(answers, chances.shape[1], rare)
    if not wanted:
        return {}
    areas = [area_under_curve(chances[answers != c, c], chances[answers == c, c]) for c in wanted]
    error = math.sqrt(sum(area.error**2 for area in areas)) / len(areas)
    found = {"auc": Estimate(float(np.mean([area.value for area in areas])), error, len(answers))}
    truth = answers == rare
    if truth.any():
        found["f1"] = _f1(truth, chances.argmax(axis=1) == rare)
        found["ap"] = average_precision(truth, chances[:, rare])
    return found


def class_gain(answers: NDArray[np.int64], one: Matrix, two: Matrix, rare: int) -> Estimate | None:
    """Return how far the area under the curve of `two` is above that of `one`, rows being the same."""
    gains = []
    for c in _asked_classes(answers, one.shape[1], rare):
        parts = [placements(chances[answers != c, c], chances[answers == c, c]) for chances in (one, two)]
        gains.append(area_gain(parts[0], parts[1]))
    return mean_of(gains) if gains else None


def number_gain(answers: NDArray[np.float64], one: Matrix, two: Matrix) -> Estimate | None:
    """Return how far the share of variance explained by `two` is above that of `one`, rows being the same."""
    total = float(((answers - answers.mean()) ** 2).mean()) if len(answers) > 2 else 0.0
    if total == 0:
        return None
    gains = ((answers - one) ** 2 - (answers - two) ** 2) / total
    return Estimate(float(gains.mean()), float(gains.std()) / math.sqrt(len(gains)), len(gains))


def _asked_classes(answers: NDArray[np.int64], classes: int, rare: int) -> list[int]:
    present = [c for c in range(classes) if 0 < np.count_nonzero(answers == c) < len(answers)]
    if len(present) == 2 and rare in present:
        return [rare]
    return present if len(present) > 1 else []


def _f1(truth: NDArray[np.bool_], said: NDArray[np.bool_]) -> Estimate:
    hits, wrong, n = int((truth & said).sum()), int((truth ^ said).sum()), len(truth)
    if hits + wrong == 0:
        return Estimate(math.nan)
    value = 2 * hits / (2 * hits + wrong)
    # F1 = 2h / (2h + w) with h, w multinomial counts.
    share = (2 * hits + wrong) / n
    spread = ((2 * (1 - value)) ** 2 * hits / n + value**2 * wrong / n) / share**2
    return Estimate(value, math.sqrt(spread / n), n)


def average_precision(truth: NDArray[np.bool_], scores: Matrix) -> Estimate:
    """Return the average precision: precision at each threshold, weighted by the recall it adds."""
    order = np.argsort(-scores, kind="stable")
    hits, ordered = truth[order], scores[order]
    last = np.r_[np.flatnonzero(np.diff(ordered)), len(ordered) - 1]
    found = np.cumsum(hits)[last]
    precision = found / (last + 1)
    positives = int(truth.sum())
    value = float((np.diff(np.r_[0, found]) / positives) @ precision)
    return Estimate(value, math.sqrt(max(value * (1 - value), 0.0) / positives), len(truth))


def number_scores(answers: NDArray[np.float64], predicted: Matrix) -> dict[str, Estimate]:
    """Return the share of variance explained and the root mean squared error, with delta-method errors."""
    n = len(answers)
    around = answers - answers.mean()
    total = float((around**2).mean()) if n else 0.0
    if n < 3 or total == 0:
        return {}
    squares = (answers - predicted) ** 2
    left = float(squares.mean())
    value = 1 - left / total
    pull = (squares - (1 - value) * around**2) / total
    rmse = math.sqrt(left)
    error = float(squares.std()) / math.sqrt(n) / (2 * rmse) if rmse > 0 else 0.0
    return {"r2": Estimate(value, float(pull.std()) / math.sqrt(n), n), "rmse": Estimate(rmse, error, n)}
