"""Can a model tell synthetic rows from real ones that nobody learned from?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from veridical.core import rng as random_streams
from veridical.core.contracts import Evidence, RunContext
from veridical.core.finding import Direction, Finding, not_measured
from veridical.measures import view as views
from veridical.measures.estimate import Estimate, area_under_curve, share
from veridical.measures.fidelity.design import design_of
from veridical.measures.figure import LEAST_ROWS, beside, figure
from veridical.measures.learner import Boosted, Matrix, Model, limited, rows_of, scores_of
from veridical.measures.view import Side, View

CHECK, WEAK, AGAINST_TRAIN = "fidelity.c2st", "fidelity.c2st_linear", "fidelity.c2st_train"
ODD = "fidelity.odd_rows"
_FALSE_ALARMS = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """One fold: a classifier, and the rows it did not see (`rows`: first `fake` synthetic ones, then real ones)."""

    model: Model
    rows: Matrix
    fake: int

    def area(self, rows: Matrix) -> Estimate:
        """Return how well the classifier parts the two sides, judged on these rows (the fold's own or altered)."""
        scores = scores_of(self.model, rows)
        return area_under_curve(scores[self.fake :], scores[: self.fake])

    def odd(self) -> Odd:
        """Return how many synthetic rows score above 99 % of the real ones, and how both crowd the top 1 %."""
        scores = scores_of(self.model, self.rows)
        fake, real = scores[: self.fake], scores[self.fake :]
        limit = np.quantile(real, 1 - _FALSE_ALARMS, method="higher")
        top = np.quantile(scores, 1 - _FALSE_ALARMS)
        return Odd(int((fake > limit).sum()), int((fake > top).sum()), int((real > top).sum()), fake.size)


@dataclass(frozen=True, slots=True)
class Odd:
    """Synthetic rows beyond 99 % of the real ones; rows of both sides in the joint top 1 %; rows a side."""

    beyond: int
    fake_top: int
    real_top: int
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoSample:
    """Classifier two-sample test (Lopez-Paz and Oquab 2017): area under the curve, cross-validated.

    Equally many rows on both sides, at most `most_rows` each, drawn at random. The area is the mean over `folds`
    folds (pooled scores would lie below one half when nothing can be told apart); its error is DeLong's. The
    linear model is there for comparison only: it sees no dependence, and independent columns pass it.

    Rows that share a value of the column `split_by` stand in the same fold; the model does not see that column.

    Example:
        >>> TwoSample().folds
        3
    """

    folds: int = 3
    most_rows: int = 20_000
    booster: Boosted = field(default_factory=Boosted)
    split_by: str | None = None

    def measure(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return `fidelity.c2st`, `.odd_rows`, `.c2st_linear` and `.c2st_train` of each table."""
        with limited(ctx.workers):
            return [finding for view in views.of(evidence, ctx) for finding in self._table(view)]

    def area(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return `fidelity.c2st` of each table, and nothing that would cost more."""
        with limited(ctx.workers):
            return [
                self._strong(view) if self._enough(view) else self._table(view)[0] for view in views.of(evidence, ctx)
            ]

    def _enough(self, view: View) -> bool:
        return min(view.fake.rows, view.reference.rows) >= LEAST_ROWS * self.folds

    def _table(self, view: View) -> list[Finding]:
        least = min(view.fake.rows, view.reference.rows)
        if not self._enough(view):
            reason = f"{least} rows on one side; {LEAST_ROWS * self.folds} are needed"
            checks = (CHECK, ODD, WEAK, AGAINST_TRAIN)
            return [not_measured(check, reason, n=least, scope=view.scope()) for check in checks]
        return [self._strong(view), self._odd(view), self._weak(view), self._against_train(view)]

    def _strong(self, view: View) -> Finding:
        ours = self.tell(view, view.fake, view.reference, "ours")
        ceiling = None if view.peer is None else self.tell(view, view.peer, view.reference, "ceiling")
        baseline = self.tell(view, view.independent, view.reference, "baseline", folds=1)
        return figure(
            CHECK, ours, _words("Boosted trees", ours, ceiling, view.reference_name),
            direction=Direction.CEILING, scope=view.scope(), ceiling=ceiling, baseline=baseline,
            p_value=_p_value(ours), interval_by="DeLong, 95 %",
            detail={"rows_each": ours.n, "folds": self.folds, "baseline": "independent columns"},
        )  # fmt: skip

    def _odd(self, view: View) -> Finding:
        """Return the share of rows that no real row resembles: an average hides a few per cent of nonsense.

        The p-value is exact: which rows make the joint top 1 % does not depend on which side they are from.
        """
        from scipy.stats import binom

        ours = [fold.odd() for fold in self.folds_of(view, view.fake, view.reference, "ours")]
        told = share(sum(odd.beyond for odd in ours), sum(odd.rows for odd in ours))
        ceiling = None
        if view.peer is not None:
            peers = [fold.odd() for fold in self.folds_of(view, view.peer, view.reference, "ceiling")]
            ceiling = share(sum(odd.beyond for odd in peers), sum(odd.rows for odd in peers))
        fake = sum(odd.fake_top for odd in ours)
        top = fake + sum(odd.real_top for odd in ours)
        return figure(
            ODD, told, f"{told.value:.1%} of the synthetic rows look less real than 99 % of the held-out rows do"
            f"{beside(ceiling, '.1%')}.",
            scope=view.scope(), ceiling=ceiling, baseline=Estimate(_FALSE_ALARMS),
            p_value=float(binom.sf(fake - 1, top, 0.5)), interval_by="Agresti and Coull, 95 %",
            detail={"rows_each": told.n, "false_alarms": _FALSE_ALARMS, "top": [fake, top]},
        )  # fmt: skip

    def _weak(self, view: View) -> Finding:
        ours = self._linear(view, view.fake, view.reference, "ours")
        ceiling = None if view.peer is None else self._linear(view, view.peer, view.reference, "ceiling")
        baseline = self._linear(view, view.independent, view.reference, "baseline")
        words = _words("A linear model (weak: it sees no dependence between columns)", ours, ceiling, "real")
        return figure(
            WEAK, ours, words, direction=Direction.CEILING, scope=view.scope(), ceiling=ceiling, baseline=baseline,
            p_value=_p_value(ours), interval_by="DeLong, 95 %", detail={"rows_each": ours.n, "weak": True},
        )  # fmt: skip

    def _against_train(self, view: View) -> Finding:
        if view.holdout is None:
            return not_measured(
                AGAINST_TRAIN, "there is no holdout, so fidelity.c2st is against train", scope=view.scope()
            )
        ours = self.tell(view, view.fake, view.train, "train", folds=1)  # no gate reads it: twins show in one fold
        copies = ours.value + 2 * ours.error < 0.5
        words = _words("Against the training rows, boosted trees", ours, None, "training")
        if copies:
            words += " Below one half means that rows have twins on the other side: training rows were copied."
        return figure(
            AGAINST_TRAIN, ours, words, direction=Direction.NONE, scope=view.scope(),
            interval_by="DeLong, 95 %", detail={"rows_each": ours.n, "copies_suspected": copies},
        )  # fmt: skip

    def tell(self, view: View, fake: Side, real: Side, purpose: str, *, folds: int | None = None) -> Estimate:
        """Return the cross-validated area under the curve of boosted trees that tell two sides apart."""

        def told() -> Estimate:
            found = self.folds_of(view, fake, real, purpose, folds=folds)
            return _mean([fold.area(fold.rows) for fold in found])

        return view.once(("c2st", self, purpose), told)

    def folds_of(self, view: View, fake: Side, real: Side, purpose: str, *, folds: int | None = None) -> list[Fold]:
        """Return the folds of a comparison, fitted once for each purpose."""
        wanted = self.folds if folds is None else folds
        return view.once(("c2st folds", self, purpose), lambda: self._fitted(view, fake, real, purpose, wanted))

    def _fitted(self, view: View, fake: Side, real: Side, purpose: str, folds: int) -> list[Fold]:
        rows, x, groups = self._drawn(view, fake, real, purpose)
        rng = view.rng("c2st", "folds", purpose)
        part = np.tile(rng.permutation(rows) % self.folds, 2)
        if groups is not None:
            part = (rng.permutation(int(groups.max()) + 1) % self.folds)[groups]
        codings = tuple(one for one in view.codings if one.name != self.split_by)
        y = np.repeat([1, 0], rows)
        out = []
        for fold in range(folds):
            used, held = part != fold, part == fold
            seed = random_streams.derive(view.seed, "c2st", purpose, fold) % 2**31
            model = self.booster.fit(x[used], y[used], codings, classes=True, seed=seed)
            out.append(Fold(model=model, rows=x[held], fake=int(y[held].sum())))
        return out

    def _drawn(self, view: View, fake: Side, real: Side, purpose: str) -> tuple[int, Matrix, NDArray[np.int64] | None]:
        """Return how many rows each side has, the rows (first the fake ones, then the real ones), and their groups."""
        rows = min(fake.rows, real.rows, view.reference.rows, self.most_rows)
        rng = view.rng("c2st", "rows", purpose)
        picked = [rng.choice(side.rows, rows, replace=False) for side in (fake, real)]
        bins = np.concatenate([side.bins[:, some] for side, some in zip((fake, real), picked, strict=True)], axis=1)
        if self.split_by is None:
            return rows, rows_of(bins), None
        held = np.concatenate(
            [side.numbers[self.split_by][some] for side, some in zip((fake, real), picked, strict=True)]
        )
        groups = np.unique(held, return_inverse=True)[1].astype(np.int64).ravel()
        return rows, rows_of(np.delete(bins, view.at(self.split_by), axis=0)), groups

    def _linear(self, view: View, fake: Side, real: Side, purpose: str) -> Estimate:
        from sklearn.linear_model import LogisticRegression

        rows = min(fake.rows, real.rows, self.most_rows // 2)
        rng = view.rng("c2st", "linear", purpose)
        chosen = [side.take(rng.choice(side.rows, rows, replace=False)) for side in (fake, real)]
        x = np.concatenate([design_of(view, side) for side in chosen])
        part = np.tile(rng.permutation(rows) % 2, 2)
        y = np.repeat([1, 0], rows)
        areas = []
        for fold in range(2):
            model = LogisticRegression(C=1.0, max_iter=60, tol=1e-3).fit(x[part != fold], y[part != fold])
            scores = model.decision_function(x[part == fold])
            held = y[part == fold]
            areas.append(area_under_curve(scores[held == 0], scores[held == 1]))
        return _mean(areas)


def _mean(areas: list[Estimate]) -> Estimate:
    value = sum(area.value for area in areas) / len(areas)
    error = math.sqrt(sum(area.error**2 for area in areas)) / len(areas)
    return Estimate(value, error, sum(area.n for area in areas))


def _p_value(ours: Estimate) -> float:
    """Return the one-sided p-value of no better than one half."""
    return 0.5 * math.erfc((ours.value - 0.5) / ours.error / math.sqrt(2))


def _words(model: str, ours: Estimate, ceiling: Estimate | None, real: str) -> str:
    kind = {"holdout": "held-out real", "train": "training"}.get(real, real)
    said = f"{model} tell synthetic from {kind} rows with an area under the curve of {ours.value:.3f} (0.5: not at all)"
    if model.startswith("A "):
        said = said.replace("tell", "tells", 1)
    return f"{said}." if ceiling is None else f"{said}; real rows in place of synthetic get {ceiling.value:.3f}."
