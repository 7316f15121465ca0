"""Does the private engine of linked tables keep its claim on made-up units whose rows lie in a table below?

Every canary is a unit with several rows in the table "marks", all with a mark of its own. Whoever counts rows of that
table instead of units, or takes more of them than agreed, gives the canaries away. No real row is used.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.attacks.canary import BLACK_BOX, WHITE_BOX, Audit, audited
from veridical.core.contracts import RunContext
from veridical.core.dataset import Dataset
from veridical.core.rng import stream
from veridical.core.schema import Column, ForeignKey, Kind, Schema, TableSchema
from veridical.engines.tabular.dp.family import family_of
from veridical.engines.tabular.dp.inference import Measurement
from veridical.engines.tabular.dp.linked import LinkedTerms, learn_linked
from veridical.engines.tabular.dp.linked_engine import LinkedPrivateEngine
from veridical.engines.tabular.dp.private import CodedModel, NoisySampler, Private
from veridical.privacy.ledger import Ledger
from veridical.privacy.noise import Noise, SecureNoise
from veridical.stages.audit import Attacker, counts_of_marks, drawn_counts

PEOPLE, MARKS, MARK = "people", "marks", "mark"
_UNTOLD = 3  # rows of a canary where the engine chooses how many it uses


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedTrial:
    """What is audited: a model under terms, and how many rows each canary has in the table below."""

    model: CodedModel
    terms: LinkedTerms
    rows_each: int
    noise: Noise = SecureNoise()  # noqa: RUF009  (frozen and without state)

    @property
    def crowd_each(self) -> int:
        """How many other units carry each mark: enough for it to stand out of the noise."""
        rho = self.terms.budget.rho * 0.22 / 6
        return math.ceil(6 * (self.terms.most.get(MARKS) or _UNTOLD) / math.sqrt(2 * rho)) + 3


def linked_attacker(engine: LinkedPrivateEngine) -> Attacker:
    """Return who trains the engine's model, under its own budget, on planted units."""
    bound = engine.rows_per_unit
    most = max((n for n in bound.values() if isinstance(n, int)), default=None) if isinstance(bound, dict) else bound
    known = most if isinstance(most, int) else None
    terms = LinkedTerms(budget=engine.budget, most={MARKS: known}, declared=True)
    trial = LinkedTrial(model=engine.model, terms=terms, rows_each=known or _UNTOLD)

    def learn(present: NDArray[np.int64], canaries: int, seed: int) -> Private:
        return train_linked(trial, present, canaries=canaries, seed=seed)

    views = {WHITE_BOX: mark_counts, BLACK_BOX: drawn_counts}
    return Attacker(learn=learn, budget=engine.budget, views=views)


def one_run_linked(trial: LinkedTrial, *, canaries: int, seed: int) -> Audit:
    """Return what one training tells of units that a coin let in, by the noisy counts of the table below."""
    coin = stream(seed, "audit", "coin").random(canaries) < 0.5
    found = train_linked(trial, np.flatnonzero(coin), canaries=canaries, seed=seed)
    budget = trial.terms.budget
    return audited(mark_counts(found, canaries), coin, claimed=budget.epsilon, delta=budget.delta, gaussian=True)


def train_linked(trial: LinkedTrial, present: NDArray[np.int64], *, canaries: int, seed: int) -> Private:
    """Return what the model learns of the table below from made-up units and the canaries that are present."""
    data, schema = planted_family(trial, present, canaries=canaries, seed=seed), schema_of(canaries)
    family, ledger = family_of(schema, PEOPLE), Ledger(trial.terms.budget)
    found = learn_linked(data, schema, family, trial.model, trial.terms, ledger, trial.noise, RunContext(seed=seed))
    return found[MARKS].learned


def planted_family(trial: LinkedTrial, present: NDArray[np.int64], *, canaries: int, seed: int) -> Dataset:
    """Return two linked tables: units of a crowd with a row each below, and the canaries that are present."""
    rng = stream(seed, "audit", "rows")
    crowd = np.repeat(np.arange(canaries), trial.crowd_each)
    people = [f"p{row}" for row in range(len(crowd))] + [f"q{who}" for who in present]
    owners = people[: len(crowd)] + [f"q{who}" for who in present for _ in range(trial.rows_each)]
    marks = [f"c{who}" for who in (*crowd, *np.repeat(present, trial.rows_each))]
    above = pa.table({"person": people, "group": ["a"] * len(people)})
    below = pa.table({"person": owners, MARK: marks})
    return Dataset({
        PEOPLE: above.take(pa.array(rng.permutation(len(people)))),
        MARKS: below.take(pa.array(rng.permutation(len(owners)))),
    })  # fmt: skip


def schema_of(canaries: int) -> Schema:
    """Return the schema of planted tables; every mark is a public category."""
    key = Column(name="person", kind=Kind.IDENTIFIER)
    group = Column(name="group", kind=Kind.CATEGORY, categories=("a", "b"), public=True)
    mark = Column(name=MARK, kind=Kind.CATEGORY, categories=tuple(f"c{who}" for who in range(canaries)), public=True)
    tables = (
        TableSchema(name=PEOPLE, columns=(key, group), primary_key=("person",)),
        TableSchema(name=MARKS, columns=(key, mark)),
    )
    link = ForeignKey(table=MARKS, columns=("person",), parent=PEOPLE, parent_columns=("person",))
    return Schema(tables=tables, foreign_keys=(link,))


def mark_counts(found: Private, canaries: int) -> NDArray[np.float64]:
    """Return the noisy count of each canary's mark: all looks at it, weighted by how exact they are."""
    return counts_of_marks(found, canaries, _of_marks)


def _of_marks(_sampler: NoisySampler, measured: Measurement, places: Mapping[str, int]) -> tuple[Any, Any]:
    """Return the noisy counts of marks, summed over whatever else was looked at with them, and their variances."""
    others = tuple(axis for axis, column in enumerate(measured.columns) if column != places[MARK])
    variance = np.broadcast_to(np.square(measured.sigma), measured.counts.shape)
    return measured.counts.sum(axis=others), variance.sum(axis=others)
