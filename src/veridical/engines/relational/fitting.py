"""How are linked tables learned: each link's numbers and groups first, then each table given its parents?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from veridical.core.contracts import Engine, Generator, RunContext
from veridical.core.dataset import Dataset
from veridical.core.schema import Column, Kind, Role, Schema, TableSchema
from veridical.engines.relational import following, lattice, sibling, strand
from veridical.engines.relational.clock import to_minutes
from veridical.engines.relational.coarse import Coarse
from veridical.engines.relational.group import Grouping, Groups
from veridical.engines.relational.leading import led_numbers
from veridical.engines.relational.linking import Source, groups_of, link_model, told_of
from veridical.engines.relational.model import LinkModel, Profiles, TableModel
from veridical.engines.relational.plan import (
    TablePlan,
    count_name,
    inner_schema,
    kind_name,
    parent_name,
    plan,
)
from veridical.engines.relational.rarity import people_of, without_rare
from veridical.prepare.codec import whole
from veridical.prepare.link import Rows

MOST_CONTEXT = 32
LEAST_MODELLED = 1  # rows; a table with none is only its columns
NONE, SELF = "none", "self"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """What was learned of all links and tables."""

    links: Mapping[int, LinkModel]
    tables: Mapping[str, TableModel]
    led: Mapping[int, Rows]  # by link that follows from another: the sorted numbers of rows led to each parent


def fit(source: Source, engine: Engine, grouping: Grouping, ctx: RunContext) -> Fit:
    """Return what is learned of linked tables.

    Raises:
        VeridicalError: whatever the table engine refuses, with the table named.
    """
    graph = source.graph
    drawn = [i for i in range(len(graph.links)) if i not in graph.implied]
    plans = {
        table.name: plan(table, source.tables[table.name], graph, source.pointing, source.tables)
        for table in source.schema.tables
    }
    groups = {i: groups_of(i, source, plans, grouping) for i in drawn}
    links = {i: link_model(i, source, groups[i], ctx) for i in drawn}
    offers: dict[str, pa.Table] = {}
    tables: dict[str, TableModel] = {}
    for done, name in enumerate(graph.order):
        ctx.progress(f"table {name}", done=done, total=len(graph.order))
        tables[name], offers[name] = _table(plans[name], source, groups, offers, engine, name in source.keep, ctx)
    ctx.progress("tables", done=len(graph.order), total=len(graph.order))
    led = led_numbers(graph.summed, source.pointing, source.schema.rare_below, ctx.rng("model", "led"))
    return Fit(links=links, tables=tables, led=led)


def _table(
    planned: TablePlan, source: Source, groups: Mapping[int, Groups], offers: Mapping[str, pa.Table], engine: Engine,
    is_kept: bool, ctx: RunContext,
) -> tuple[TableModel, pa.Table]:  # fmt: skip
    name, graph = planned.schema.name, source.graph
    table = source.tables[name]
    owner = graph.owner.get(name)
    given = _given(owner, source, groups, offers) if owner is not None else _no_columns(table.num_rows)
    offered, offer = _offer(planned, table, source, given)
    if is_kept:
        kept = TableModel(
            plan=planned, rows=table.num_rows, generator=None, offered=offered, kept=table.combine_chunks(),
            profiles=_profiles(name, source, groups, everyone=True), fixed=True,
        )  # fmt: skip
        return kept, offer
    people = people_of(name, source.schema, graph, source.pointing, table.num_rows)
    hidden, extra = _hidden(planned, source, groups)
    own = source.pointing[owner].rows if owner is not None else None
    told = {one: _told(one, planned, table, people, source.schema.rare_below) for one in planned.drawn}
    law = _law(planned, source, groups, offers, given, Inner(told, tuple(hidden), extra), engine, ctx)
    shuffled = own is not None and len(own) > 1 and float((own[1:] == own[:-1]).mean()) < 0.3
    alone = [i for i in graph.children(name) if groups[i].alone and graph.links[i].table != name]
    fixed = owner is None and bool(alone) and len(alone) == len(graph.children(name))
    model = TableModel(
        plan=planned, rows=table.num_rows, generator=law.generator,
        context=tuple(column.name for column in law.context), offered=offered,
        profiles=_profiles(name, source, groups, everyone=False) if alone else None, fixed=fixed, shuffled=shuffled,
        order=law.order, strands=law.strands, siblings=law.siblings,
        levels=lattice.of_columns(planned, table, source.schema.rare_below),
    )  # fmt: skip
    return model, offer


@dataclass(frozen=True)
class Inner:
    """What of a table is drawn: its columns as they are told, and the hidden ones of its links."""

    told: Mapping[str, pa.Array | pa.ChunkedArray]
    hidden: tuple[Column, ...]
    extra: Mapping[str, pa.Array]

    def table(self, planned: TablePlan, given: Mapping[str, pa.Array | pa.ChunkedArray]) -> pa.Table:
        """Return drawn columns beside what is given."""
        return pa.table({**given, **{name: self.told[name] for name in planned.drawn}, **self.extra})


@dataclass(frozen=True, slots=True)
class Law:
    """What the rows of a table are told, their generator, by which time and in which series they follow, and what
    each is told of a sibling.
    """

    context: tuple[Column, ...]
    generator: Generator | None
    order: str | None = None
    strands: strand.Strands | None = None
    siblings: Mapping[str, str] = field(default_factory=dict)


def _law(
    planned: TablePlan, source: Source, groups: Mapping[int, Groups], offers: Mapping[str, pa.Table], given: pa.Table,
    drawn: Inner, engine: Engine, ctx: RunContext,
) -> Law:  # fmt: skip
    """Return the law of a table's rows, given their owner."""
    name, rare = planned.schema.name, source.schema.rare_below
    table, owner = source.tables[name], source.graph.owner.get(name)
    own = source.pointing[owner].rows if owner is not None else None
    time = following.time_of(planned, table, own) if own is not None else None
    strands = strand.find(planned, source.graph, source.pointing, source.tables, rare) if time is None else None
    if strands is not None:
        return _stranded(planned, strands, source, offers, drawn, ctx)
    calendar, spelled = _calendar(planned, table) if time is None else ([], {time: table[time]})
    context = (*_columns_of(given, source), *calendar)
    schema = inner_schema(planned, context, drawn.hidden, source.graph, owner)
    if not table.num_rows or not any(column.role is Role.MODEL for column in schema.columns):
        return Law(context, None)
    inner = drawn.table(planned, {one: given[one] for one in given.column_names} | spelled)
    kin: dict[str, str] = {}
    if own is not None and owner is not None:
        labels = np.append(groups[owner].labels, -1)[own]
        if time is not None:
            moment = planned.schema.column(time)
            return Law(context, following.fit(inner, schema, moment, own, labels, rare, _quiet(ctx)), time)
        kin = sibling.find(inner, schema.columns, own, labels)
    if kin and own is not None:
        rounds = sibling.Rounds.of(own, ctx.rng("model", "siblings", name))
        for one, values in sibling.told(inner, list(kin), rounds.sibling).items():
            inner = inner.append_column(one, values)
        schema = replace(schema, columns=(*sibling.contexts(schema.columns, list(kin)), *schema.columns))
    whole_schema = Schema(tables=(schema,), rare_below=rare)
    return Law(context, engine.fit(Dataset.of(inner, name), whole_schema, _quiet(ctx)), siblings=kin)


def _stranded(
    planned: TablePlan, strands: strand.Strands, source: Source, offers: Mapping[str, pa.Table], drawn: Inner,
    ctx: RunContext,
) -> Law:  # fmt: skip
    table, root = source.tables[planned.schema.name], source.graph.links[strands.root]
    pointing = source.pointing[strands.root]
    rows = np.where(pointing.rows >= pointing.present, -1, pointing.rows)
    given = taken(offers[root.parent], rows)
    rest, columns = strand.told_by(planned, strands)
    context = (*_columns_of(given, source), *columns)
    words = whole(table[strands.by]).cast(pa.string())
    told = {one: given[one] for one in given.column_names} | {strands.by: words, strands.time: table[strands.time]}
    places = strand.places_of(strands, table[strands.by])
    told |= strands.told(places)
    multiples = {name: strands.scaled(name, whole(table[name]), places) for name in strands.levels}
    drawn = replace(drawn, told={**drawn.told, **multiples})
    codes = words.dictionary_encode().indices.to_numpy(zero_copy_only=False).astype(np.int64)
    series = np.where(rows < 0, -1, rows * (int(codes.max(initial=0)) + 1) + codes)
    law = following.fit(
        drawn.table(rest, told), inner_schema(rest, context, drawn.hidden, source.graph, strands.root),
        planned.schema.column(strands.time),
        series, np.zeros(len(series), dtype=np.int64), source.schema.rare_below, _quiet(ctx),
    )  # fmt: skip
    return Law(context, law, strands.time, strands)


def _told(name: str, planned: TablePlan, table: pa.Table, people: Rows | None, rare: int) -> pa.Array | pa.ChunkedArray:
    if name in planned.in_minutes:
        return to_minutes(whole(table[name]))
    return without_rare(planned.schema.column(name), table[name], people, rare)


def _quiet(ctx: RunContext) -> RunContext:
    from veridical.core.contracts import silent

    return replace(ctx, progress=silent)


def _no_columns(rows: int) -> pa.Table:
    return pa.table({"": pa.nulls(rows)}).select([])


def _given(owner: int, source: Source, groups: Mapping[int, Groups], offers: Mapping[str, pa.Table]) -> pa.Table:
    """Return what each row of a table is told of its owner and of those above: one column each, null without one."""
    link, pointing = source.graph.links[owner], source.pointing[owner]
    offer = offers[link.parent]
    places = np.where((pointing.rows < 0) | (pointing.rows >= pointing.present), -1, pointing.rows)
    found = taken(offer, places)
    labels = np.append(groups[owner].labels, -1)[pointing.rows]
    return found.append_column(kind_name(owner), kind_words(labels))


def taken(table: pa.Table, places: Rows) -> pa.Table:
    """Return rows of a table; nulls where the place is -1."""
    if not table.num_columns:
        return _no_columns(len(places))
    return table.take(pa.array(places, mask=places < 0)).combine_chunks()


def kind_words(labels: Rows) -> pa.Array:
    """Return groups as categories; "none" for -1."""
    count = int(labels.max(initial=-1)) + 1
    words = pa.array([*(f"g{i}" for i in range(count)), NONE], pa.string())
    return words.take(pa.array(np.where(labels < 0, count, labels)))


def kind_labels(words: pa.Array) -> Rows:
    """Return what `kind_words` was made of; -2 for rows that point to themselves."""
    encoded = whole(words).dictionary_encode()
    known = encoded.dictionary.to_pylist()
    # A group of few rows is rare: an engine may have made up a word instead.
    groups = [word is not None and word[:1] == "g" and word[1:].isdecimal() for word in known]
    values = [
        int(word[1:]) if is_one else -2 if word == SELF else -1 for word, is_one in zip(known, groups, strict=True)
    ]
    codes = encoded.indices.fill_null(len(known)).to_numpy(zero_copy_only=False)
    return np.array([*values, -1], dtype=np.int64)[codes]


def _offer(planned: TablePlan, table: pa.Table, source: Source, given: pa.Table) -> tuple[tuple[Column, ...], pa.Table]:
    """Return what a table's children may be told: its own columns, how many children it has, what it was told."""
    name = planned.schema.name
    columns: dict[str, tuple[Column, pa.Array]] = {}
    for own in told_of(planned, source):
        column = planned.schema.column(own)
        columns[f"{name}.{own}"] = (_as_context(column, f"{name}.{own}"), whole(table[own]))
    for i in source.graph.children(name):
        if source.graph.links[i].table == name:
            continue
        counts = source.pointing[i].counts[: table.num_rows]
        columns[count_name(i)] = (_count_column(i, Role.CONTEXT), pa.array(counts))
    for column in _columns_of(given, source):
        if len(columns) < MOST_CONTEXT and not column.name.startswith("#"):
            columns.setdefault(column.name, (column, whole(given[column.name])))
    offered = tuple(column for column, _ in columns.values())
    values = pa.table({key: held for key, (_, held) in columns.items()}) if columns else _no_columns(table.num_rows)
    return offered, values


def _as_context(column: Column, name: str) -> Column:
    return replace(column, name=name, role=Role.CONTEXT, nullable=True, unique=False, public=column.public)


def _count_column(i: int, role: Role) -> Column:
    nullable = role is Role.CONTEXT
    return Column(name=count_name(i), kind=Kind.INTEGER, storage="int64", role=role, nullable=nullable, decimals=0)


def _columns_of(given: pa.Table, source: Source) -> tuple[Column, ...]:
    """Return the schema columns of what is given."""
    found = []
    for name in given.column_names:
        if name.startswith("#"):
            link = int(name[1:].split(" ")[0])
            word = Column(name=name, kind=Kind.CATEGORY, storage="string", role=Role.CONTEXT, nullable=True)
            found.append(_count_column(link, Role.CONTEXT) if name == count_name(link) else word)
            continue
        table = next(t.name for t in _longest_first(source.schema) if name.startswith(t.name + "."))
        found.append(_as_context(source.schema.table(table).column(name[len(table) + 1 :]), name))
    return tuple(found)


def _longest_first(schema: Schema) -> list[TableSchema]:
    return sorted(schema.tables, key=lambda table: -len(table.name))


def _hidden(
    planned: TablePlan, source: Source, groups: Mapping[int, Groups]
) -> tuple[list[Column], dict[str, pa.Array]]:
    """Return the hidden columns of a table's links: its children's numbers and kinds, its parents' kinds."""
    name, graph = planned.schema.name, source.graph
    rows = source.tables[name].num_rows
    columns: list[Column] = []
    values: dict[str, pa.Array] = {}
    for i in graph.children(name):
        if groups[i].alone and graph.links[i].table != name:
            continue
        columns += [_count_column(i, Role.MODEL), Column(name=kind_name(i), kind=Kind.CATEGORY, storage="string")]
        values[count_name(i)] = pa.array(source.pointing[i].counts[:rows])
        values[kind_name(i)] = kind_words(groups[i].labels[:rows])
    mine = [*graph.matched.get(name, ()), *(i for i in graph.late if graph.links[i].table == name)]
    for i in mine:
        pointing = source.pointing[i]
        labels = np.append(groups[i].labels, -1)[pointing.rows]  # -1, a null key, is the last
        words = kind_words(labels)
        if graph.links[i].parent == name:
            own = pa.array(pointing.rows == np.arange(rows))
            words = pc.if_else(own, pa.scalar(SELF), words)
        columns.append(Column(name=parent_name(i), kind=Kind.CATEGORY, storage="string"))
        values[parent_name(i)] = words
    return columns, values


def _calendar(planned: TablePlan, table: pa.Table) -> tuple[list[Column], dict[str, pa.Array]]:
    """Return the parts of a dealt-out time, which the rest of the row is drawn by."""
    if planned.grid is None:
        return [], {}
    names = [planned.grid.column, *(name for one in planned.spelled for name in one.parts)]
    columns = [replace(planned.schema.column(name), role=Role.CONTEXT, nullable=True, unique=False) for name in names]
    return columns, {name: table[name] for name in names}


def _profiles(name: str, source: Source, groups: Mapping[int, Groups], *, everyone: bool) -> Profiles:
    """Return what is known of single parents: of all rows of a kept table, or of those used in a lookup table."""
    graph, table = source.graph, source.tables[name]
    links = [i for i in graph.children(name) if graph.links[i].table != name and (everyone or groups[i].alone)]
    counts = {i: source.pointing[i].counts[: table.num_rows] for i in links}
    used = np.arange(table.num_rows)
    if not everyone:
        used = np.flatnonzero(np.sum([counts[i] > 0 for i in links], axis=0))
    coarse: list[Coarse] = []
    if not everyone:
        keys = {name for key in [source.schema.table(name).primary_key] for name in key}
        found = [
            Coarse.learn(own, table[own], source.schema.rare_below) for own in table.column_names if own not in keys
        ]
        coarse = [one for one in found if one is not None]
    return Profiles(
        kinds={i: groups[i].labels[used] for i in links}, numbers={i: counts[i][used] for i in links},
        coarse=tuple(coarse), levels=tuple(one.codes(table[one.name])[used] for one in coarse),
    )  # fmt: skip
