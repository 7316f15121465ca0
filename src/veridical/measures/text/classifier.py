"""What is a text classifier worth that saw synthetic texts only, do labels hold, and are the texts told from real ones?

One learner everywhere: logistic regression on sentence embeddings.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from veridical.core.contracts import Evidence, RunContext
from veridical.core.finding import Direction, Finding, not_measured
from veridical.measures.estimate import Estimate, area_under_curve, share
from veridical.measures.figure import beside, figure
from veridical.measures.text.view import LEAST, Side, TextView, view_of

TSTR, AGREEMENT, DETECTION = "text.tstr", "text.label_agreement", "text.detection"


@dataclass(frozen=True, slots=True, kw_only=True)
class Classifier:
    """Accuracy on real test texts after training on synthetic ones (TSTR), beside training on as many seeds.

    `text.label_agreement` is the share of synthetic texts whose label a classifier of the seeds gives too;
    `text.detection` the area under the ROC curve of telling synthetic from real texts, by ten-fold cross-validation.
    The ceiling of TSTR is the mean over `draws` draws of seeds, as many of each label as there are synthetic ones.
    """

    draws: int = 10

    def measure(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return `text.tstr`, `text.label_agreement` and `text.detection`."""
        view = view_of(evidence, ctx)
        return [*self._labelled(view), self._detection(view)]

    def _labelled(self, view: TextView) -> list[Finding]:
        reason = _unlabelled(view)
        if reason:
            return [not_measured(check, reason, n=len(view.fake)) for check in (TSTR, AGREEMENT)]
        return [self._tstr(view), self._agreement(view)]

    def _tstr(self, view: TextView) -> Finding:
        if view.test is None:
            return not_measured(TSTR, "no real test texts were given", n=len(view.fake))
        test = view.test
        ours = share(_right(_fitted(view.fake), test), len(test))
        hits = [_right(_fitted(view.seeds.take(_alike(view, draw))), test) for draw in range(self.draws)]
        spread = float(np.std(hits)) / len(test)
        ceiling = Estimate(float(np.mean(hits)) / len(test), spread, len(test))
        most = Counter(test.labels).most_common(1)[0][1] / len(test)
        words = f"Trained on {len(view.fake)} synthetic texts, {ours.value:.1%} of real ones are labelled right"
        # Which texts are drawn for training matters as much as which ones are tested.
        ours = Estimate(ours.value, math.hypot(ours.error, spread), ours.n)
        return figure(
            TSTR, ours, f"{words}{beside(ceiling)}.", direction=Direction.HIGHER, ceiling=ceiling,
            baseline=Estimate(most, 0.0, len(test)), detail={"learner": "logistic regression on sentence embeddings"},
        )  # fmt: skip

    def _agreement(self, view: TextView) -> Finding:
        model = _fitted(view.seeds)
        ours = share(_right(model, view.fake), len(view.fake))
        ceiling = None if view.test is None else share(_right(model, view.test), len(view.test))
        words = f"A classifier of the seeds gives {ours.value:.1%} of the texts the label they carry{beside(ceiling)}."
        return figure(AGREEMENT, ours, words, direction=Direction.HIGHER, ceiling=ceiling)

    def _detection(self, view: TextView) -> Finding:
        real = view.test if view.test is not None else view.seeds
        if min(len(real), len(view.fake)) < 2 * LEAST:
            return not_measured(DETECTION, f"{2 * LEAST} texts on each side are needed", n=len(view.fake))
        ours = _told_apart(view, real, view.fake)
        # Real against real: the seeds take the place of the synthetic texts.
        ceiling = None if view.test is None else _told_apart(view, real, view.seeds)
        words = f"A classifier tells synthetic from real texts with an area of {ours.value:.2f}{beside(ceiling)}."
        return figure(DETECTION, ours, words, ceiling=ceiling)


def _unlabelled(view: TextView) -> str:
    if not view.seeds.labels or not view.fake.labels:
        return "the texts have no labels"
    if len(set(view.fake.labels)) < 2 or len(set(view.seeds.labels)) < 2:
        return "there are fewer than two labels"
    return ""


def _fitted(side: Side) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=10.0, max_iter=1000).fit(side.points, np.array(side.labels))


def _right(model: Any, side: Side) -> int:
    return int((model.predict(side.points) == np.array(side.labels)).sum())


def _alike(view: TextView, draw: int) -> list[int]:
    wanted = Counter(view.fake.labels)
    chosen = []
    for place in view.rng("tstr", draw).permutation(len(view.seeds)):
        if wanted[view.seeds.labels[int(place)]] > 0:
            wanted[view.seeds.labels[int(place)]] -= 1
            chosen.append(int(place))
    return chosen


def _told_apart(view: TextView, real: Side, other: Side) -> Estimate:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    count = min(len(real), len(other))
    rng = view.rng("detection")
    one = real.points[rng.permutation(len(real))[:count]]
    two = other.points[rng.permutation(len(other))[:count]]
    points = np.concatenate([one, two])
    truth = np.repeat([0, 1], count)
    folds = StratifiedKFold(10, shuffle=True, random_state=int(rng.integers(2**31)))
    model = LogisticRegression(C=1.0, max_iter=1000)
    scores = cross_val_predict(model, points, truth, cv=folds, method="decision_function")
    return area_under_curve(scores[truth == 0], scores[truth == 1])
