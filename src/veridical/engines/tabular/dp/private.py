"""How does a table become a generator that owes each person only noise?

Every step that reads rows goes through a `Lens`, in this order: rows per unit are bounded; shapes of cells are voted
on (kinds, gaps, decimals, number of rows); cells of each column are found (categories by stability, numbers by
splitting); codes are counted by the marginal engine. Nothing else of the rows reaches the generator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

import numpy as np
import pyarrow as pa

from veridical.core.contracts import PrivacyEvent, RunContext, Sampler
from veridical.core.errors import BudgetError
from veridical.core.schema import CATEGORY_KINDS, NUMERIC_KINDS, Column, Kind, Role, Schema, TableSchema
from veridical.engines.tabular.dp.bound import with_bound
from veridical.engines.tabular.dp.coding import Coding
from veridical.engines.tabular.dp.found import Finder, Found
from veridical.engines.tabular.dp.inference import Measurement
from veridical.engines.tabular.dp.law import private_schema
from veridical.engines.tabular.dp.sampler import MarginalSampler
from veridical.engines.tabular.dp.selection import Rows
from veridical.engines.tabular.dp.shape import Votes, guessed, settled, vote
from veridical.engines.tabular.dp.ticks import moment_codec
from veridical.engines.tabular.dp.unit import bounded
from veridical.prepare.category import CategoryCodec
from veridical.prepare.codec import Codec
from veridical.prepare.formula import learn_formulas
from veridical.prepare.fresh import FabricatedCodec, KeyCodec
from veridical.prepare.number import NumberCodec
from veridical.prepare.restore import Restore
from veridical.prepare.satisfiable import tightened
from veridical.prepare.storage import is_text, parse_type
from veridical.privacy.ledger import Budget, Ledger
from veridical.privacy.mechanisms import Lens
from veridical.privacy.noise import Noise
from veridical.privacy.words import rows_used

Floats = np.ndarray[Any, np.dtype[np.float64]]
_MADE_UP = frozenset({Kind.IDENTIFIER, Kind.PERSONAL, Kind.TEXT})
_SHAPE, _NUMBER_SHAPE = "AAAA-99999999", "99999999"


class NoisySampler(Sampler, Protocol):
    """A sampler learned through noise, and the noisy counts that its draws can be held against for free."""

    method: ClassVar[str]  # what a folder asks to be opened by

    @property
    def codings(self) -> tuple[Coding, ...]: ...

    @property
    def measurements(self) -> tuple[Measurement, ...]: ...

    @property
    def sizes(self) -> tuple[int, ...]: ...

    @property
    def total(self) -> float: ...


class Learned(Protocol):
    """What a model learned of coded rows."""

    @property
    def measurements(self) -> tuple[Measurement, ...]: ...

    def sampler(self, codings: tuple[Coding, ...]) -> NoisySampler: ...


class CodedModel(Protocol):
    """What learns coded rows through their lens: marginals, or a network."""

    def learn(self, rows: Rows, singles: Sequence[Measurement], *, rho: float, total: float) -> Learned: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a private fit is told besides the data: the budget, whose rows belong together, what may be assumed.

    Of `rho`, `vote_share` goes to kinds, gaps and the number of rows and `domain_share` to categories and cells.
    """

    budget: Budget
    unit: str | None = None
    rows_per_unit: int | None = 1  # None: chosen by a charged look
    declared: bool = False  # kinds and roles were declared by the user's schema
    beside: frozenset[str] = frozenset()  # columns that are no part of the source (see `linked`)
    keys: frozenset[str] = frozenset()  # columns that are keys by declaration, besides the unit
    vote_share: float = 0.03
    domain_share: float = 0.22
    finest: int = 32

    def lens(self, noise: Noise) -> Lens:
        """Return the lens through which this fit may look, with the whole budget before it."""
        most = self.rows_per_unit if self.unit is not None else 1
        return Lens(ledger=Ledger(self.budget), noise=noise, rows_per_unit=1 if most is None else most)

    def rows(self, table: pa.Table) -> pa.Table:
        """Return the rows that are used: of each unit as many as were agreed.

        Raises:
            DataError: the unit column has gaps.
        """
        assert self.rows_per_unit is not None
        return bounded(table, self.unit, self.rows_per_unit)


@dataclass(frozen=True)
class Private:
    """A table learned privately: what draws, what restores, what it cost, and about how many rows there were."""

    schema: TableSchema
    restore: Restore
    sampler: NoisySampler
    events: tuple[PrivacyEvent, ...]
    rows: int


def learn_private(
    table: pa.Table, schema: TableSchema, model: CodedModel, terms: Terms, lens: Lens, ctx: RunContext
) -> Private:
    """Return what was learned of a table within the budget of `terms`.

    Raises:
        BudgetError: the budget does not suffice, or delta is too large for so many units.
        DataError: the unit column has gaps.
        SchemaError: the schema names a column that is not there.
        ConstraintError: a constraint cannot be kept without looking at the data.
    """
    law = private_schema(schema, table.schema, terms)
    _declare(lens.ledger, law, terms)
    ctx.progress("bound rows", done=0, total=4)
    names = [c.name for c in law.columns if c.role is Role.MODEL and c.kind not in _MADE_UP]
    terms, lens = with_bound(terms, lens, table, columns=len(names))
    rows = terms.rows(table)
    ctx.progress("vote", done=1, total=4)
    rho = terms.budget.rho
    votes = vote(lens, rows, names, rho=terms.vote_share * rho) if names else Votes(np.zeros((1, 1)), 1.0)
    if terms.budget.delta >= 1.0 / votes.rows and names:
        raise BudgetError(
            f"delta {terms.budget.delta:g} is not below one over the number of rows (about {votes.rows:,.0f}, by noisy "
            "count): it would allow giving somebody away whole",
            where="delta",
            fix="give a smaller delta; nothing was saved, and what was looked at stays charged",
        )
    law = tightened(_with_votes(law, rows, names, votes, terms))
    ctx.progress("find cells", done=2, total=4)
    found = Finder(lens, rows, tuple(map(law.column, names)), votes, terms).found()
    ctx.progress("learn marginals", done=3, total=4)
    kept = [entry for entry in found if entry.coding is not None and entry.single is not None]
    sampler = _sampler(model, lens, kept, votes.rows, terms.beside)
    law = law.with_columns(_final(column, found) for column in law.columns)
    restore = Restore(law, _codecs(law, found), learn_formulas(law))
    events = lens.ledger.events
    if not lens.noise.private:
        events = (*events, PrivacyEvent(what="the noise can be repeated: NOT PRIVATE", mechanism="seeded_noise"))
    ctx.progress("learn marginals", done=4, total=4)
    return Private(law, restore, sampler, events, max(1, round(votes.rows)))


def _sampler(
    model: CodedModel, lens: Lens, kept: Sequence[Found], total: float, beside: frozenset[str]
) -> NoisySampler:
    codings = tuple(entry.coding for entry in kept if entry.coding is not None)
    if not codings:
        from veridical.engines.tabular.dp.inference import fit

        return MarginalSampler((), fit([], (), total))
    codes = np.stack([coding.encode(entry.cells) for coding, entry in zip(codings, kept)])
    sizes, names = tuple(c.size for c in codings), tuple(c.column.name for c in codings)
    rows = Rows(codes, sizes, names, lens, beside)
    singles = [
        Measurement((place,), entry.single[0], entry.single[1])
        for place, entry in enumerate(kept)
        if entry.single is not None
    ]
    learned = model.learn(rows, singles, rho=lens.ledger.rho_left, total=total)
    return learned.sampler(codings)


def _declare(ledger: Ledger, law: TableSchema, terms: Terms) -> None:
    names = {column.name for column in law.columns} - terms.beside
    ledger.declare(
        "the names of the columns, the storage types that the file's header states, and how the file is written "
        "(its separator and encoding)"
    )
    if terms.declared:
        ledger.declare("kinds and roles of the columns, by the schema given")
    for column in law.columns:
        if column.public and column.name in names:
            ledger.declare(
                f"the domain of {column.name}: declared public by the schema given; what lies outside is moved into it"
            )
    if terms.unit is not None:
        most = "" if terms.rows_per_unit is None else f", and that {rows_used(terms.rows_per_unit, terms.unit)}"
        ledger.declare(f"the unit {terms.unit}, which tells people apart{most}")


def _with_votes(law: TableSchema, table: pa.Table, names: Sequence[str], votes: Votes, terms: Terms) -> TableSchema:
    places = {name: place for place, name in enumerate(names)}

    def one(column: Column) -> Column:
        if column.name not in places:
            return column
        counts = votes.counts[places[column.name]]
        if not terms.declared and not column.public:
            kind = table.schema.field(column.name).type
            column = replace(guessed(column.name, kind, counts, votes.sigma), role=column.role, reason=column.reason)
        return settled(column, counts, votes.sigma)

    return law.with_columns(map(one, law.columns))


def _final(column: Column, found: Sequence[Found]) -> Column:
    return next((entry.column for entry in found if entry.column.name == column.name), column)


def _codecs(law: TableSchema, found: Sequence[Found]) -> tuple[Codec, ...]:
    known = {entry.column.name: entry for entry in found}
    derived = {rule.columns[0] for rule in law.constraints if rule.type == "formula" and rule.columns}
    kept = [c for c in law.columns if c.role is Role.MODEL and c.name not in derived]
    return tuple(_codec(column, known.get(column.name)) for column in kept)


def _codec(column: Column, found: Found | None) -> Codec:
    if found is None or found.coding is None:
        if column.kind is Kind.IDENTIFIER:
            return _key(column)
        if column.kind is Kind.PERSONAL:
            return FabricatedCodec(column, with_nulls=False, unique=column.unique)
        shape = _SHAPE if is_text(parse_type(column.storage)) else _NUMBER_SHAPE
        return FabricatedCodec(column, with_nulls=False, model={"pattern": column.pattern or shape})
    if column.kind in CATEGORY_KINDS:
        weight = tuple(float(w) for w in found.coding.weight[:-1])
        return CategoryCodec(column, tuple(column.categories or ()), weight)
    if column.kind in NUMERIC_KINDS:
        return NumberCodec(column, column.kind is Kind.INTEGER, found.support)
    return moment_codec(column, found.support)


def _key(column: Column) -> Codec:
    if is_text(parse_type(column.storage)):
        return KeyCodec(column, "pattern", column.pattern or _SHAPE, 0)
    return KeyCodec(column, "dense", "", 1)


def private_full_schema(schema: Schema, table: TableSchema) -> Schema:
    """Return the schema that a private generator promises: what was declared or charged, and nothing else."""
    return Schema(tables=(table,), foreign_keys=(), rare_below=schema.rare_below, notes=())
