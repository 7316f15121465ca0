"""Which differentially private table engines may a user name, and what are they told?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from veridical.core.contracts import RunContext
from veridical.core.dataset import Dataset
from veridical.core.errors import SpecError
from veridical.core.schema import Schema
from veridical.engines.tabular.dp.aim import AimModel
from veridical.engines.tabular.dp.bound import AUTO
from veridical.engines.tabular.dp.mst import MstModel, SinglesModel
from veridical.engines.tabular.dp.private import CodedModel, Terms, learn_private, private_full_schema
from veridical.engines.tabular.generator import TableGenerator
from veridical.prepare.tails import Tails
from veridical.privacy.account import Account
from veridical.privacy.ledger import Budget
from veridical.privacy.noise import Noise, SecureNoise, SeededNoise


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacyTerms:
    """What is promised to whom: `epsilon` and `delta` for adding or removing one unit.

    `unit` is the column that tells people apart (None: each row is a person of its own), `rows_per_unit` how many
    rows of one are used ("auto": chosen by a charged look). `declared_kinds` says that kinds and roles in the schema
    are the user's own word, not guessed from the data. `project` names a group of sources that share one budget.
    `noise_seed` is for tests: the release is then marked NOT PRIVATE.
    """

    epsilon: float = 1.0
    delta: float = 1e-6
    unit: str | None = None
    rows_per_unit: int | str = 1
    declared_kinds: bool = False
    project: str | None = None
    noise_seed: int | None = None

    def __post_init__(self) -> None:
        self.terms()

    @property
    def budget(self) -> Budget:
        """The budget of one fit.

        Raises:
            SpecError: epsilon or delta is out of range.
        """
        return Budget(epsilon=self.epsilon, delta=self.delta)

    def terms(self) -> Terms:
        """Return the terms of a private fit.

        Raises:
            SpecError: a number is out of range.
        """
        most = None if self.rows_per_unit == AUTO else self.rows_per_unit
        if most is not None and not (isinstance(most, int) and most >= 1):
            raise SpecError(f"{most} rows of each unit", where="rows_per_unit", fix="give 1 or more, or auto")
        return Terms(budget=self.budget, unit=self.unit, rows_per_unit=most, declared=self.declared_kinds)

    def noise(self) -> Noise:
        """Return where the noise comes from."""
        return SecureNoise() if self.noise_seed is None else SeededNoise(self.noise_seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class AimEngine(PrivacyTerms):
    """Marginals chosen one after the other where the model is worst: the best of the private engines."""

    generator: ClassVar[type[TableGenerator]] = TableGenerator
    private: ClassVar[bool] = True
    model: AimModel = field(default_factory=AimModel)

    def fit(self, data: Dataset, schema: Schema, ctx: RunContext) -> TableGenerator:
        """Return a private generator of the only table (see `fit_private` for what is raised)."""
        return fit_private(self, self.model, data, schema, ctx)


@dataclass(frozen=True, slots=True, kw_only=True)
class MstEngine(PrivacyTerms):
    """A tree of pairs: quickest, and enough where columns depend on few others."""

    generator: ClassVar[type[TableGenerator]] = TableGenerator
    private: ClassVar[bool] = True
    model: MstModel = field(default_factory=MstModel)

    def fit(self, data: Dataset, schema: Schema, ctx: RunContext) -> TableGenerator:
        """Return a private generator of the only table (see `fit_private` for what is raised)."""
        return fit_private(self, self.model, data, schema, ctx)


@dataclass(frozen=True, slots=True, kw_only=True)
class SinglesEngine(PrivacyTerms):
    """Every column on its own: the baseline, and the most exact for single columns."""

    generator: ClassVar[type[TableGenerator]] = TableGenerator
    private: ClassVar[bool] = True
    model: SinglesModel = field(default_factory=SinglesModel)

    def fit(self, data: Dataset, schema: Schema, ctx: RunContext) -> TableGenerator:
        """Return a private generator of the only table (see `fit_private` for what is raised)."""
        return fit_private(self, self.model, data, schema, ctx)


def fit_private(
    told: PrivacyTerms, model: CodedModel, data: Dataset, schema: Schema, ctx: RunContext
) -> TableGenerator:
    """Return a private generator; the whole budget is charged to the source before the first look.

    Raises:
        BudgetError: the source's budget does not allow this run, or delta is too large; nothing is returned.
        DataError: there are several tables, or the unit column has gaps.
        SchemaError: the schema disagrees with the data.
        ConstraintError: a constraint cannot be kept without looking at the data.
    """
    terms, table = told.terms(), data.only
    table_schema = schema.table(data.name) if len(schema.tables) > 1 else schema.only
    account = Account.default()
    source = account.keyed(data.fingerprint if told.project is None else f"project {told.project}")
    account.reserve(source, terms.budget, f"{type(told).__name__}, unit {told.unit or 'row'}")
    found = learn_private(table, table_schema, model, terms, terms.lens(told.noise()), ctx)
    account.settle(source, found.events)
    return TableGenerator(
        private_full_schema(schema, found.schema),
        data.name,
        found.sampler.method,
        found.restore,
        found.sampler,
        Tails(),
        found.events,
        found.rows,
    )
