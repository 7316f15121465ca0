"""Does a private engine keep its claim on made-up people whom we planted ourselves?

A table is made whose column "mark" has one public category a canary. The engine is trained once on the canaries
that a coin let in; then the noisy count of each one's category (white box), the number of synthetic rows that carry
it (black box), or what every noisy gradient says of it, tells how likely it was in. No real row is used, so an audit
costs no budget.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from veridical.attacks.canary import BLACK_BOX, GRADIENTS, WHITE_BOX, Audit, audited, audited_by_trainings
from veridical.core.contracts import RunContext
from veridical.core.errors import SpecError
from veridical.core.rng import stream
from veridical.core.schema import Column, Kind, TableSchema
from veridical.engines.tabular.dp.engines import PrivacyTerms
from veridical.engines.tabular.dp.inference import Measurement
from veridical.engines.tabular.dp.private import CodedModel, NoisySampler, Private, Terms, learn_private
from veridical.engines.tabular.neural.private import NetModel
from veridical.privacy.ledger import Budget
from veridical.privacy.mechanisms import Lens
from veridical.stages.audit_gradient import Heard, codes_of_marks

Score = Callable[[Private, int], NDArray[np.float64]]
ToldOfMarks = Callable[[NoisySampler, Measurement, Mapping[str, int]], tuple[Any, Any]]
MARK, OTHER = "mark", "group"
GROUPS = ("a", "b", "c")
_DOUBT = 0.05  # the chance that any of an audit's bounds is wrong
_UNTOLD = 4  # rows of a canary where the engine chooses how many it uses


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What is audited: a model under terms, and the lens it looks through (None: the terms' own, with secure noise).

    `rows_each` is how many rows a canary has; they share its unit when the terms name one.
    """

    model: CodedModel
    terms: Terms
    lens: Callable[[], Lens] | None = None
    rows_each: int = 1
    marks_public: bool = True
    crowd: int | None = None  # others that carry each mark, known to the attacker; None: enough to be told from noise

    @property
    def crowd_each(self) -> int:
        """How many others carry each mark."""
        if self.crowd is not None:
            return self.crowd
        rho = self.terms.budget.rho * self.terms.domain_share / 2
        return len(GROUPS) * math.ceil(2 * (self.terms.rows_per_unit or 1) / math.sqrt(2 * rho) + 1)


def audit_engine(engine: Any, *, canaries: int, seed: int, trainings: int = 0) -> tuple[Audit, ...]:
    """Return what attackers who see more or less of an engine under its own terms tell of planted canaries.

    One training is seen in full (white box) and by its rows alone (black box), under DP-SGD by its noisy gradients too.
    With `trainings`, so many more are made with one person and so many without. All bounds together are wrong in one
    of twenty audits at most.

    Raises:
        SpecError: the engine promises no privacy.
    """
    from veridical.engines.tabular.dp.linked_engine import LinkedPrivateEngine

    if isinstance(engine, LinkedPrivateEngine):
        from veridical.stages.audit_linked import linked_attacker

        attacker = linked_attacker(engine)
    elif isinstance(engine, PrivacyTerms):
        attacker = _attacker(engine)
    else:
        raise SpecError(
            "this engine promises no differential privacy", where="audit", fix="name aim, mst, dp-sgd or dp-independent"
        )
    return attacker.audits(canaries=canaries, seed=seed, trainings=trainings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attacker:
    """What trains an engine with canaries that are present, out of how many, and what of it is seen."""

    learn: Callable[[NDArray[np.int64], int, int], Private]
    budget: Budget
    views: Mapping[str, Score]

    def audits(self, *, canaries: int, seed: int, trainings: int) -> tuple[Audit, ...]:
        """Return an audit of each view."""
        # What is seen of the noise is bounded twice: with and without the knowledge that it is Gaussian.
        bounds = sum(1 if view == BLACK_BOX else 2 for view in self.views) + 2 * (trainings > 0)
        level = 1 - _DOUBT / bounds
        coin = stream(seed, "audit", "coin").random(canaries) < 0.5
        found = self.learn(np.flatnonzero(coin), canaries, seed)
        claim, delta = self.budget.epsilon, self.budget.delta
        one_run = [
            replace(
                audited(
                    score(found, canaries), coin, claimed=claim, delta=delta, gaussian=view != BLACK_BOX, level=level
                ),
                view=view,
            )
            for view, score in self.views.items()
        ]
        return (*one_run, self._many(trainings, seed=seed, level=level)) if trainings else tuple(one_run)

    def _many(self, trainings: int, *, seed: int, level: float) -> Audit:
        """Return what so many trainings with one person and so many without tell of the person."""
        score = self.views[WHITE_BOX]
        sides = [
            np.array([score(self.learn(np.arange(there), 2, seed + turn), 2)[0] for turn in range(trainings)])
            for there in (1, 0)
        ]
        claim, delta = self.budget.epsilon, self.budget.delta
        return audited_by_trainings(*sides, claimed=claim, delta=delta, level=level)


def _attacker(engine: PrivacyTerms) -> Attacker:
    told = engine.terms()
    unit = "person" if told.unit is not None else None
    most: int | None = told.rows_per_unit
    terms = replace(told, unit=unit, declared=True)
    model: CodedModel = engine.model  # type: ignore[attr-defined]
    heard = Heard()
    trial = Trial(
        model=model, terms=terms, rows_each=(most or _UNTOLD) if unit else 1, lens=lambda: heard.lens(terms, _secure())
    )
    views: dict[str, Score] = {WHITE_BOX: noisy_counts, BLACK_BOX: drawn_counts}
    if isinstance(model, NetModel):
        trial = replace(trial, model=heard.model(model, crowd=trial.crowd_each // len(GROUPS)))
        views[GRADIENTS] = heard.pulls

    def learn(present: NDArray[np.int64], canaries: int, seed: int) -> Private:
        return train(trial, present, canaries=canaries, seed=seed)

    return Attacker(learn=learn, budget=terms.budget, views=views)


def one_run(trial: Trial, *, canaries: int, seed: int, score: Score | None = None) -> Audit:
    """Return what one training tells of canaries that a coin let in; by noisy counts unless told otherwise."""
    measure = noisy_counts if score is None else score
    coin = stream(seed, "audit", "coin").random(canaries) < 0.5
    found = train(trial, np.flatnonzero(coin), canaries=canaries, seed=seed)
    budget = trial.terms.budget
    return audited(
        measure(found, canaries),
        coin,
        claimed=budget.epsilon,
        delta=budget.delta,
        gaussian=measure is not drawn_counts,
    )


def train(trial: Trial, present: NDArray[np.int64], *, canaries: int, seed: int) -> Private:
    """Return what the model learns of made-up rows and the canaries that are present."""
    table = planted(trial, present, canaries=canaries, seed=seed)
    lens = trial.terms.lens(_secure()) if trial.lens is None else trial.lens()
    schema = schema_of(canaries, marks_public=trial.marks_public)
    return learn_private(table, schema, trial.model, trial.terms, lens, RunContext(seed=seed))


def planted(trial: Trial, present: NDArray[np.int64], *, canaries: int, seed: int) -> pa.Table:
    """Return made-up rows, as many of each mark, and each present canary's rows, in any order."""
    rng = stream(seed, "audit", "rows")
    crowd = np.repeat(np.arange(canaries), trial.crowd_each)
    planted_rows = np.repeat(present, trial.rows_each)
    marks = pa.array(np.concatenate([crowd, planted_rows])).cast(pa.string())
    people = [f"p{row}" for row in range(len(crowd))] + [f"q{who}" for who in planted_rows]
    # Whoever attacks knows all other rows: the same crowd for each mark, and every canary in group "a".
    groups = [GROUPS[row % len(GROUPS)] for row in range(len(crowd))] + [GROUPS[0]] * len(planted_rows)
    order = pa.array(rng.permutation(len(people)))
    return pa.table({MARK: pc.binary_join_element_wise("c", marks, ""), OTHER: groups, "person": people}).take(order)


def schema_of(canaries: int, *, marks_public: bool = True) -> TableSchema:
    """Return the schema of planted tables; every mark is a public category unless said otherwise."""
    marks = tuple(f"c{who}" for who in range(canaries)) if marks_public else None
    columns = (
        Column(name=MARK, kind=Kind.CATEGORY, categories=marks, public=marks_public),
        Column(name=OTHER, kind=Kind.CATEGORY, categories=GROUPS, public=True),
        Column(name="person", kind=Kind.IDENTIFIER),
    )
    return TableSchema(name="planted", columns=columns)


def noisy_counts(found: Private, canaries: int) -> NDArray[np.float64]:
    """Return the noisy count of each canary's mark: all looks at it, weighted by how exact they are (white box)."""
    return counts_of_marks(found, canaries, _of_marks)


def counts_of_marks(found: Private, canaries: int, told: ToldOfMarks) -> NDArray[np.float64]:
    """Return the noisy count of each canary's mark; `told` gives counts and variances of marks from one look."""
    places = {coding.column.name: place for place, coding in enumerate(found.sampler.codings)}
    if MARK not in places:
        return np.zeros(canaries)
    coding = found.sampler.codings[places[MARK]]
    total, weights = np.zeros(coding.size), np.zeros(coding.size)
    for measured in found.sampler.measurements:
        if places[MARK] in measured.columns:
            counts, variance = told(found.sampler, measured, places)
            total, weights = total + counts / variance, weights + 1 / variance
    codes = codes_of_marks(coding, canaries)
    return np.asarray(np.where(codes >= 0, (total / np.maximum(weights, 1e-300))[np.maximum(codes, 0)], 0.0))


def _of_marks(sampler: NoisySampler, measured: Measurement, places: Mapping[str, int]) -> tuple[Any, Any]:
    """Return the noisy counts of marks (in the canaries' group, where it was measured too) and their variances."""
    variance = np.broadcast_to(np.square(measured.sigma), measured.counts.shape)
    if len(measured.columns) == 1:
        return measured.counts, variance
    axis = measured.columns.index(places[OTHER])
    group = sampler.codings[places[OTHER]]
    code = int(group.encode(np.array([0]))[0])
    return measured.counts.take(code, axis=axis), variance.take(code, axis=axis)


def drawn_counts(found: Private, canaries: int, *, rows: int = 20_000) -> NDArray[np.float64]:
    """Return how many synthetic rows carry each canary's mark (black box)."""
    sampler: NoisySampler = found.sampler
    drawn = sampler.draw(rows, np.random.default_rng(0))
    if MARK not in drawn.column_names:
        return np.zeros(canaries)
    seen = drawn[MARK].value_counts() if hasattr(drawn[MARK], "value_counts") else []
    counts: Mapping[Any, int] = {entry["values"].as_py(): entry["counts"].as_py() for entry in seen}
    return np.array([float(counts.get(f"c{who}", 0)) for who in range(canaries)])


def _secure() -> Any:
    from veridical.privacy.noise import SecureNoise

    return SecureNoise()
