"""Can it be told from the synthetic data whether a person was learned from?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.attacks.evidence import TableEvidence, tables_of, unmeasured, why_not
from veridical.attacks.score import Separation, findings, separation
from veridical.core.contracts import Engine, Evidence, RunContext, SampleRequest, Shard
from veridical.core.dataset import Dataset
from veridical.core.errors import VeridicalError
from veridical.core.finding import Finding, not_measured
from veridical.core.schema import Schema, TableSchema
from veridical.encode.neighbours import Encoded, Index, Space, build

RATIO, DISTANCE, SHADOW = (f"privacy.membership.{name}" for name in ("density_ratio", "distance", "shadow"))
_NEIGHBOURS = 5
_FOLDS = 5
_LEAST_DISTANCE = 1e-3  # nearer is all the same: scores are logarithms of distances


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """Three attackers; members are training rows, non-members half of the holdout, the other half is what they know.

    `density_ratio`: how much denser the synthetic rows lie around a person than other real rows do, by the distances
    of the five nearest (DOMIAS, van Breugel et al. 2023; nearest-neighbour densities, Loftsgaarden & Quesenberry
    1965). `distance`: a logistic regression on distances to the nearest synthetic rows, trained and judged on
    different people. `shadow`: the same features learned on generators that the attacker fits, with `engine`, to
    halves of what they know (Stadler et al. 2022); not measured without an engine. All synthetic rows are searched.

    Example:
        >>> Membership(engine=None).shadows
        2
    """

    targets: int = 5000
    engine: Engine | None = None
    shadows: int = 2

    def run(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return the area under the curve and the rate at 1 % false positives of each attacker and table."""
        found: list[Finding] = []
        for table in tables_of(evidence):
            reason = why_not(table, least_rows=100)
            checks = (RATIO, DISTANCE, SHADOW)
            found += unmeasured(checks, reason, table.scope) if reason else self._table(table, ctx)
        return found or unmeasured((RATIO, DISTANCE, SHADOW), why_not(None))

    def _table(self, table: TableEvidence, ctx: RunContext) -> list[Finding]:
        rng = ctx.rng("attacks", "membership", *table.scope)
        space = Space.learn([table.synthetic], table.schema)
        dealt = rng.permutation(table.holdout.num_rows)
        half = table.holdout.num_rows // 2
        known = table.holdout.take(pa.array(dealt[:half]))
        others = table.holdout.take(pa.array(dealt[half:][: self.targets]))
        chosen = rng.permutation(table.train.num_rows)[: others.num_rows]
        members = space.encode(table.train.take(pa.array(chosen)))
        world = _World(build(space.encode(table.synthetic)), build(space.encode(known)), ctx.workers)
        inside, outside = world.features(members), world.features(space.encode(others))
        ratio = separation(inside[:, _LOG_RATIO], outside[:, _LOG_RATIO])
        n = others.num_rows
        return [
            *findings(RATIO, table.scope, ratio, n, "how dense synthetic rows lie around a person"),
            *findings(DISTANCE, table.scope, _learned(inside, outside, rng), n, "distances to synthetic rows"),
            *self._shadow(table, space, known, (inside, outside), ctx),
        ]

    def _shadow(
        self,
        table: TableEvidence,
        space: Space,
        known: pa.Table,
        judged: tuple[NDArray[np.float64], NDArray[np.float64]],
        ctx: RunContext,
    ) -> list[Finding]:
        if self.engine is None:
            return [not_measured(SHADOW, "no engine was given to fit shadow generators with", scope=table.scope)]
        features, labels = [], []
        for number in range(self.shadows):
            order = ctx.rng("attacks", "shadow", *table.scope, number).permutation(known.num_rows)
            third = known.num_rows // 3
            parts = [known.take(pa.array(order[a * third : (a + 1) * third])) for a in range(3)]
            try:
                made = _generate(self.engine, table.schema, parts[0], table.synthetic.num_rows, ctx.seed + number)
            except VeridicalError as refused:
                reason = f"no shadow generator could be fitted: {refused.what}"
                return [not_measured(SHADOW, reason, scope=table.scope)]
            world = _World(build(space.encode(made)), build(space.encode(parts[2])), ctx.workers)
            for label, part in ((1, parts[0]), (0, parts[1])):
                features.append(world.features(space.encode(part)))
                labels.append(np.full(part.num_rows, label))
        score = _fit(np.concatenate(features), np.concatenate(labels))
        found = separation(score(judged[0]), score(judged[1]))
        return findings(SHADOW, table.scope, found, len(judged[1]), "likeness to what shadow generators remember")


_LOG_RATIO = 3
_NEARNESS = 4  # the first features speak of nearness to synthetic rows


@dataclass(frozen=True, slots=True)
class _World:
    """What the attacker searches: synthetic rows, and real rows of their own."""

    synthetic: Index
    known: Index
    workers: int

    def features(self, rows: Encoded) -> NDArray[np.float64]:
        """Return five columns: nearness to the 1st and the 5th synthetic row, the difference, the log density ratio,
        and how far the nearest known real row is."""
        made = self._logs(self.synthetic, rows)
        real = self._logs(self.known, rows)
        return np.column_stack(
            [-made[:, 0], -made[:, -1], made[:, -1] - made[:, 0], real.mean(axis=1) - made.mean(axis=1), real[:, 0]]
        )

    def _logs(self, index: Index, rows: Encoded) -> NDArray[np.float64]:
        k = min(_NEIGHBOURS, index.size)
        distances = index.nearest(rows, k, workers=self.workers).distances.astype(np.float64)
        return np.log(np.maximum(distances, _LEAST_DISTANCE))


def _generate(engine: Engine, schema: TableSchema, known: pa.Table, rows: int, seed: int) -> pa.Table:
    generator = engine.fit(Dataset({schema.name: known}), Schema(tables=(schema,)), RunContext(seed=seed))
    return generator.sample(SampleRequest(rows=rows, seed=seed), Shard(0, 1, 0, rows)).tables[schema.name]


def _learned(inside: NDArray[np.float64], outside: NDArray[np.float64], rng: np.random.Generator) -> Separation:
    """Return the separation of a classifier's scores on people it was not trained on."""
    features = np.concatenate([inside, outside])
    labels = np.concatenate([np.ones(len(inside), int), np.zeros(len(outside), int)])
    fold = np.empty(len(labels), int)
    for label in (0, 1):  # the same number of both in each fold, so that scores compare across folds
        fold[labels == label] = rng.permutation(np.arange(int((labels == label).sum())) % _FOLDS)
    scores = np.empty(len(labels))
    for number in range(_FOLDS):
        judged = fold == number
        scores[judged] = _fit(features[~judged], labels[~judged])(features[judged])
    return separation(scores[labels == 1], scores[labels == 0])


def _fit(features: NDArray[np.float64], labels: NDArray[np.int_]) -> _Scorer:
    """Return a logistic regression in which nearness to synthetic rows can only speak for membership.

    Unbound, it would call it a leak when *non*-members lie nearer, as when the holdout itself plays the synthetic.
    """
    from scipy.optimize import minimize
    from scipy.special import expit

    centre, spread = features.mean(axis=0), features.std(axis=0)
    scorer = _Scorer(centre, np.where(spread > 0, spread, 1.0), np.zeros(features.shape[1]))
    scaled = np.column_stack([scorer.scaled(features), np.ones(len(features))])

    def loss(weight: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margin = scaled @ weight
        ridge = np.append(weight[:-1], 0.0)
        value = np.logaddexp(0, margin).sum() - margin[labels == 1].sum() + 0.5 * float(ridge @ ridge)
        return float(value), scaled.T @ (expit(margin) - labels) + ridge

    bounds = [(0.0, None)] * _NEARNESS + [(None, None)] * (scaled.shape[1] - _NEARNESS)
    best = minimize(loss, np.zeros(scaled.shape[1]), jac=True, method="L-BFGS-B", bounds=bounds)
    return _Scorer(scorer.centre, scorer.spread, np.asarray(best.x[:-1], np.float64))


@dataclass(frozen=True, slots=True)
class _Scorer:
    centre: NDArray[np.float64]
    spread: NDArray[np.float64]
    weight: NDArray[np.float64]

    def scaled(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return features with mean 0 and deviation 1 in the training rows."""
        return (features - self.centre) / self.spread

    def __call__(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the score of each row: higher for members."""
        return self.scaled(features) @ self.weight
