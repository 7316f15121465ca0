"""How do linked tables become a generator that owes each unit only noise?

The unit's rows come first, each with the number of its rows in every table below as a column of its own; then, table
by table, rows beside a few coarse columns of their parent. Every table is learned as a table of its own (`private`),
through a lens that counts with as many rows as a unit may have there, and all write into one ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from veridical.core.contracts import RunContext
from veridical.core.dataset import Dataset
from veridical.core.errors import ConstraintError, SchemaError
from veridical.core.expression import parse
from veridical.core.schema import Column, Constraint, ForeignKey, Kind, Role, Schema, TableSchema
from veridical.engines.tabular.dp.bound import chosen
from veridical.engines.tabular.dp.family import Family
from veridical.engines.tabular.dp.given import Told, codes_told, tellable
from veridical.engines.tabular.dp.kinship import Choose, Ints, Used, used_rows
from veridical.engines.tabular.dp.private import CodedModel, Private, Terms, learn_private
from veridical.engines.tabular.dp.relevant import relevant
from veridical.prepare.codec import whole
from veridical.prepare.violation import rule_text
from veridical.privacy.ledger import Budget, Ledger
from veridical.privacy.mechanisms import Lens
from veridical.privacy.noise import Noise
from veridical.privacy.words import rows_used

NUMBER = "#"  # before the name of a table below: how many rows of it a row has
_TOLD_SHARE = 0.05  # of a table's budget, for choosing what its rows are told of their parents


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedTerms:
    """What is promised, and how many rows of a unit are used in each table (None: chosen by a charged look)."""

    budget: Budget
    most: Mapping[str, int | None]
    declared: bool = False
    told_columns: int = 6

    def lens(self, ledger: Ledger, noise: Noise, most: int) -> Lens:
        """Return the lens through which a table is looked at that holds up to `most` rows of a unit."""
        return Lens(ledger=ledger, noise=noise, rows_per_unit=most)

    def used(self, tables: Mapping[str, pa.Table], family: Family, choose: Choose) -> dict[str, Used]:
        """Return the rows that are used of each table: of each unit as many as were agreed.

        Raises:
            DataError: a key that says whose a row is has gaps.
        """
        return used_rows(tables, family, choose)


@dataclass(frozen=True)
class Member:
    """One table of the family as it was learned, and what its rows are told of their parents."""

    learned: Private
    told: tuple[Told, ...]
    most: int


def learn_linked(
    data: Dataset, schema: Schema, family: Family, model: CodedModel, terms: LinkedTerms, ledger: Ledger, noise: Noise,
    ctx: RunContext,
) -> dict[str, Member]:  # fmt: skip
    """Return every table of a family, learned within one budget.

    Raises:
        BudgetError: the budget does not suffice, or delta is too large for so many units.
        DataError: a key that says whose a row is has gaps.
        SchemaError: the schema disagrees with the data.
        ConstraintError: a rule cannot be kept without looking at the data, or reads a key.
    """
    laws = {name: _law(schema, family, name, data) for name in family.tables}
    _declare(ledger, family, terms)
    shares = _shares(laws)
    parts = {name: replace(terms.budget, share=terms.budget.share * shares[name]) for name in family.tables}
    ledgers = {name: Ledger(parts[name], whole=ledger, name=name) for name in family.tables}

    def choose(table: str, numbers: Callable[[], Ints]) -> int:
        told = terms.most.get(table)
        if told is not None:
            return told
        own = Terms(budget=parts[table], rows_per_unit=None)
        lens = terms.lens(ledgers[table], noise, 1)
        return chosen(lens, own, numbers, "unit", columns=len(laws[table].columns))

    used = terms.used(data.tables, family, choose)
    found: dict[str, Member] = {}
    for name in family.tables:
        lens = terms.lens(ledgers[name], noise, used[name].most)
        told, given = _told(lens, family, name, used, found, laws, terms, parts[name])
        table, law = _as_learned(laws[name], family, name, used, told, given)
        own = Terms(
            budget=parts[name], rows_per_unit=used[name].most, declared=terms.declared,
            keys=family.keys(name) | set(laws[name].primary_key),
            beside=frozenset(law.names) - frozenset(laws[name].names),
        )  # fmt: skip
        found[name] = Member(learn_private(table, law, model, own, lens, ctx), told, used[name].most)
    return found


def _told(
    lens: Lens, family: Family, name: str, used: Mapping[str, Used], found: Mapping[str, Member],
    laws: Mapping[str, TableSchema], terms: LinkedTerms, budget: Budget,
) -> tuple[tuple[Told, ...], dict[str, pa.Array]]:  # fmt: skip
    """Return what rows of a table are told of their parents, and the codes they are told."""
    kin = family.kin_of(name)
    if kin is None:
        return (), {}
    above = found[kin.parent].learned
    names = [column.name for column in laws[kin.parent].columns]
    all_told = tellable(above.sampler, names)
    parent = _plain(used[kin.parent].rows, laws[kin.parent])
    coarse = codes_told(all_told, above.sampler, above.restore, parent)
    codes = {one: values[used[name].parent] for one, values in coarse.items()}
    own = _plain(used[name].rows, laws[name])
    modelled = [c.name for c in laws[name].columns if c.kind not in (Kind.IDENTIFIER, Kind.PERSONAL, Kind.TEXT)]
    picked = relevant(lens, codes, own.select(modelled), rho=_TOLD_SHARE * budget.rho, most=terms.told_columns)
    told = tuple(one for one in all_told if one.column in picked)
    return told, {one.name: one.texts(codes[one.column]) for one in told}


def _as_learned(
    law: TableSchema, family: Family, name: str, used: Mapping[str, Used], told: Sequence[Told],
    given: Mapping[str, pa.Array],
) -> tuple[pa.Table, TableSchema]:  # fmt: skip
    """Return a table with the numbers of rows below and what it is told beside its own columns, and its schema."""
    table = _plain(used[name].rows, law)
    columns = list(law.columns)
    for below in family.below(name):
        kin = family.kin_of(below)
        single = kin is not None and kin.single
        counts = np.minimum(used[below].numbers, 1) if single else used[below].numbers
        table = table.append_column(f"{NUMBER}{below}", pa.array(counts))
        columns.append(number_column(below, high=1 if single else None))
    for one in told:
        table = table.append_column(one.name, given[one.name])
        columns.append(one.as_column)
    return table, law.with_columns(columns)


def number_column(below: str, *, high: int | None) -> Column:
    """Return the column that says how many rows of a table below a row has; its range is found if it is not told."""
    low = None if high is None else 0
    return Column(
        name=f"{NUMBER}{below}", kind=Kind.INTEGER, storage="int64", low=low, high=high, decimals=0, public=True
    )


def _plain(rows: pa.Table, law: TableSchema) -> pa.Table:
    return rows.select([column.name for column in law.columns])


def _law(schema: Schema, family: Family, name: str, data: Dataset) -> TableSchema:
    """Return what is learned of a table: without the columns that follow from its parent.

    Raises:
        SchemaError: a column's name is one that is needed for what a row is told.
        ConstraintError: a rule reads a key.
    """
    table, kin = schema.table(name), family.kin_of(name)
    follow = frozenset() if kin is None else kin.names
    public = {column: (parent, key) for column, parent, key in family.looked_up.get(name, ())}
    keys = family.keys(name) | ({*table.primary_key} if len(table.primary_key) == 1 else set())
    columns = []
    for column in table.columns:
        if column.name in follow or column.role is Role.DROP:
            continue
        if column.name[:1] in (NUMBER, "^"):
            raise SchemaError(f"a column may not begin with {column.name[:1]}", where=f"{name}.{column.name}")
        columns.append(_believed(column, column.name in keys, public.get(column.name), data))
    names = {column.name for column in columns}
    key = tuple(part for part in table.primary_key if part in names) if len(table.primary_key) == 1 else ()
    rules = tuple(rule for rule in table.constraints if _kept(rule, table, names, kin is not None))
    return replace(table, columns=tuple(columns), primary_key=key, constraints=rules, unit=None, series=None)


def _believed(column: Column, key: bool, public: tuple[str, str] | None, data: Dataset) -> Column:
    if key:
        kind = column.kind if column.kind is Kind.PERSONAL else Kind.IDENTIFIER
        return replace(column, kind=kind, unique=True, nullable=False, low=None, high=None, categories=None)
    if public is not None:
        rows = whole(data.tables[public[0]][public[1]]).drop_null().cast(pa.string()).unique()
        return replace(column, kind=Kind.CATEGORY, categories=tuple(rows.to_pylist()), public=True, unique=False)
    return column


def _kept(rule: Constraint, table: TableSchema, names: set[str], below: bool) -> bool:
    """Say whether a rule speaks of what is learned; one that the parent's keys keep is left to them."""
    text = rule_text(rule, table)
    read = set(rule.columns) | (set() if text is None else set(parse(text, table.columns).columns))
    if read <= names or rule.source == "learned":
        return read <= names
    if rule.type == "unique" and below and len(read - names) == len(read):
        return False
    raise ConstraintError(
        f"a {rule.type} rule reads a key, which is made up", where=f"{table.name}: {', '.join(sorted(read - names))}",
        fix="leave that rule out of the schema",
    )  # fmt: skip


def _shares(laws: Mapping[str, TableSchema]) -> dict[str, float]:
    """Return each table's part of the budget: by its number of columns, which is no secret."""
    sizes = {name: len(law.columns) + 1 for name, law in laws.items()}
    return {name: size / sum(sizes.values()) for name, size in sizes.items()}


def _declare(ledger: Ledger, family: Family, terms: LinkedTerms) -> None:
    ledger.declare(f"that a row of {family.unit}, known by {family.key}, is a unit")
    for kin in family.kin:
        ledger.declare(f"that {kin.table}.{kin.column} names the row of {kin.parent} that a row belongs to")
        most = terms.most.get(kin.table)
        if most is not None:
            ledger.declare(f"that {rows_used(most, f'unit in {kin.table}')}")
    for name in family.public:
        ledger.declare(f"every row of {name}, which goes out as it is")


def full_schema(schema: Schema, family: Family, members: Mapping[str, Member]) -> Schema:
    """Return the schema that the tables are promised to keep: what was declared or charged, and nothing else."""
    tables = [_full(schema.table(name), members[name], family, name) for name in family.tables]
    tables += [schema.table(name) for name in family.public]
    links = [
        ForeignKey(table=kin.table, columns=(column,), parent=parent, parent_columns=(key,))
        for kin in family.kin for column, parent, key in ((kin.column, kin.parent, kin.parent_column), *kin.also)
    ]  # fmt: skip
    links += [
        ForeignKey(table=name, columns=(column,), parent=parent, parent_columns=(key,))
        for name, found in family.looked_up.items() for column, parent, key in found
    ]  # fmt: skip
    return Schema(tables=tuple(tables), foreign_keys=tuple(links), rare_below=schema.rare_below)


def _full(table: TableSchema, member: Member, family: Family, name: str) -> TableSchema:
    known = {column.name: column for column in member.learned.schema.columns}
    kin = family.kin_of(name)
    columns = []
    for column in table.columns:
        if column.name in known:
            columns.append(known[column.name])
        elif kin is not None and column.name == kin.ordinal:
            columns.append(Column(name=column.name, kind=Kind.INTEGER, storage="int64", low=1, decimals=0))
        elif column.role is not Role.DROP:
            columns.append(Column(name=column.name, kind=Kind.IDENTIFIER, storage=column.storage))
    return replace(member.learned.schema, columns=tuple(columns), primary_key=table.primary_key)
