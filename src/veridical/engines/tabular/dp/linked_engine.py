"""Which private engine learns linked tables, and what is it told?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from veridical.core.contracts import PrivacyEvent, RunContext
from veridical.core.dataset import Dataset
from veridical.core.errors import SpecError
from veridical.core.schema import Schema
from veridical.engines.tabular.dp.aim import AimModel
from veridical.engines.tabular.dp.bound import AUTO
from veridical.engines.tabular.dp.engines import PrivacyTerms
from veridical.engines.tabular.dp.family import Family, family_of
from veridical.engines.tabular.dp.linked import LinkedTerms, Member, full_schema, learn_linked
from veridical.engines.tabular.dp.linked_generator import LinkedPrivateGenerator
from veridical.engines.tabular.generator import TableGenerator
from veridical.prepare.tails import Tails
from veridical.privacy.account import Account
from veridical.privacy.ledger import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedPrivateEngine(PrivacyTerms):
    """Linked tables for adding or removing one unit: a row of the unit's table with every row below it.

    `unit` is TABLE or TABLE.COLUMN. `rows_per_unit` is a number for every table below, "auto" (chosen by a charged
    look), or either by table. `keep` names public tables. Rows are told `told_columns` columns of their parents.
    """

    generator: ClassVar[type[LinkedPrivateGenerator]] = LinkedPrivateGenerator
    private: ClassVar[bool] = True
    rows_per_unit: Any = AUTO  # a number, "auto", or a mapping of tables to either
    keep: tuple[str, ...] = ()
    told_columns: int = 6
    model: AimModel = field(default_factory=AimModel)

    def __post_init__(self) -> None:
        _ = self.budget
        for table, most in self._bounds().items():
            if most != AUTO and not (isinstance(most, int) and not isinstance(most, bool) and most >= 1):
                raise SpecError(
                    f"{most} rows of each unit", where=f"rows_per_unit {table}".strip(), fix="give 1 or more, or auto"
                )
        if self.told_columns < 0:
            raise SpecError(f"{self.told_columns} columns told", where="told_columns", fix="give 0 or more")

    def fit(self, data: Dataset, schema: Schema, ctx: RunContext) -> LinkedPrivateGenerator:
        """Return a private generator of all tables; the whole budget is charged before the first look.

        Raises:
            BudgetError: the source's budget does not allow this run, or delta is too large; nothing is returned.
            DataError: a key that says whose a row is has gaps.
            SchemaError: a table cannot be told apart by units; it is named.
            ConstraintError: a rule cannot be kept without looking at the data.
        """
        family = self.family(schema)
        account, budget = Account.default(), self.budget
        source = account.keyed(data.fingerprint if self.project is None else f"project {self.project}")
        account.reserve(source, budget, f"{type(self).__name__}, unit {self.unit}")
        ledger, noise = Ledger(budget), self.noise()
        members = learn_linked(data, schema, family, self.model, self.linked_terms(family), ledger, noise, ctx)
        events = ledger.events
        if not noise.private:
            events = (*events, PrivacyEvent(what="the noise can be repeated: NOT PRIVATE", mechanism="seeded_noise"))
        account.settle(source, events)
        return LinkedPrivateGenerator(
            full_schema=full_schema(schema, family, members),
            family=family,
            members={name: _generator(name, member) for name, member in members.items()},
            told={name: member.told for name, member in members.items()},
            most={name: member.most for name, member in members.items()},
            public={name: data.tables[name] for name in family.public},
            events=events,
        )

    def family(self, schema: Schema) -> Family:
        """Return the tables under the unit.

        Raises:
            SchemaError: a table cannot be told apart by units, or a bound names none.
            SpecError: there is no unit.
        """
        if self.unit is None:
            raise SpecError(
                "linked tables promise nothing without a unit", where="unit", fix="name its table: --unit patients"
            )
        family = family_of(schema, self.unit, tuple(self.keep))
        known = {kin.table for kin in family.kin}
        for table in self._bounds():
            if table and table not in known:
                listed = ", ".join(sorted(known)) or "none"
                raise SpecError(
                    f"no table {table!r} below the unit's", where="rows_per_unit", fix=f"there are {listed}"
                )
        return family

    def linked_terms(self, family: Family) -> LinkedTerms:
        """Return the terms of a private fit."""
        bounds = self._bounds()
        most = {kin.table: bounds.get(kin.table, bounds.get("", AUTO)) for kin in family.kin}
        return LinkedTerms(
            budget=self.budget,
            most={
                kin.table: 1 if kin.single and kin.parent == family.unit else _number(most[kin.table])
                for kin in family.kin
            },
            declared=self.declared_kinds,
            told_columns=self.told_columns,
        )

    def _bounds(self) -> Mapping[str, Any]:
        return self.rows_per_unit if isinstance(self.rows_per_unit, Mapping) else {"": self.rows_per_unit}


def _number(most: Any) -> int | None:
    return None if most == AUTO else int(most)


def _generator(name: str, member: Member) -> TableGenerator:
    learned = member.learned
    whole = Schema(tables=(learned.schema,))
    return TableGenerator(
        whole, name, learned.sampler.method, learned.restore, learned.sampler, Tails(), (), learned.rows
    )
