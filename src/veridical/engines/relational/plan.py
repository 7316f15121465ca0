"""What is learned of one table beside its links: which columns are drawn, given, copied, keyed or spelled out?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa

from veridical.core.expression import parse
from veridical.core.schema import TEMPORAL_KINDS, Column, Constraint, Kind, Role, TableSchema
from veridical.engines.relational import calendar, clock
from veridical.engines.relational.calendar import Spelled
from veridical.engines.relational.clock import Clock, in_minutes
from veridical.engines.relational.graph import Graph, inherited
from veridical.engines.relational.key import Fresh, Grid
from veridical.prepare.codec import whole
from veridical.prepare.link import Pointing
from veridical.prepare.linked_rule import seen_from

LEAST_NUMBERED = 20  # rows, from which being all different is no chance
UNTOLD = frozenset({Kind.IDENTIFIER, Kind.PERSONAL, Kind.TEXT})
COUNT, KIND, PARENT = "#{} children", "#{} kind", "#{} parent"


def count_name(link: int) -> str:
    """The hidden column of a parent that counts a link's children."""
    return COUNT.format(link)


def kind_name(link: int) -> str:
    """The hidden column of a parent that says which kind of children a link gives it."""
    return KIND.format(link)


def parent_name(link: int) -> str:
    """The hidden column of a child that says which kind of parent a link gives it."""
    return PARENT.format(link)


@dataclass(frozen=True, slots=True)
class TablePlan:
    """How the columns of one table come about.

    `fresh` columns get new keys; `grid` numbers the rows of one owner; `copied` maps a link to the columns that repeat
    the parent's; `spelled` columns follow from a time; `clocks` are told in minutes, or follow from two columns;
    `drawn` columns are modelled; `unique` are combinations with a link's column in them.
    """

    schema: TableSchema
    fresh: Mapping[str, Fresh]
    grid: Grid | None
    copied: Mapping[int, Mapping[str, str]]
    spelled: tuple[Spelled, ...]
    drawn: tuple[str, ...]
    clocks: tuple[Clock, ...] = field(default=())
    unique: tuple[tuple[str, ...], ...] = field(default=())

    @property
    def in_minutes(self) -> frozenset[str]:
        """The drawn columns that are told in minutes."""
        return frozenset(one.column for one in self.clocks if one.hour is None)


def plan(
    schema: TableSchema,
    table: pa.Table,
    graph: Graph,
    pointing: Sequence[Pointing],
    tables: Mapping[str, pa.Table],
) -> TablePlan:
    """Return how the columns of one table come about."""
    links = [i for i, link in enumerate(graph.links) if link.table == schema.name]
    linked = {name for i in links for name in graph.links[i].columns}
    columns = [column for column in schema.columns if column.role is not Role.DROP]
    fresh = {name: Fresh.learn(table, schema.column(name)) for name in _fresh(schema, table, graph, linked)}
    grid = _grid(schema, table, graph, pointing, linked)
    dealt = {grid.column} if grid is not None else set()
    copied = _copied(schema.name, graph, pointing, tables, taken={*linked, *fresh, *dealt})
    # What an owner gives is known beforehand; what a matched parent gives is drawn first, to be matched by.
    gone = {*linked, *fresh, *dealt, *copied.get(graph.owner.get(schema.name, -1), {})}
    free = [column.name for column in columns if column.name not in gone]
    told = [column.name for column in columns if column.kind not in UNTOLD and column.name in {*free, *dealt}]
    spelled = tuple(calendar.find(table, told)) if table.num_rows else ()
    if grid is not None:
        spelled = tuple(one for one in spelled if one.column == grid.column)
    gone |= {name for one in spelled for name in one.parts}
    known = [column.name for column in columns if column.name not in linked]
    clocks = clock.find(schema, table, [name for name in told if name not in gone], known) if table.num_rows else ()
    gone |= {one.column for one in clocks if one.hour is not None}
    drawn = tuple(name for name in free if name not in gone)
    return TablePlan(schema, fresh, grid, copied, spelled, drawn, clocks, _unique(schema, linked))


def _fresh(schema: TableSchema, table: pa.Table, graph: Graph, linked: set[str]) -> list[str]:
    """Keys of one column, and columns that others point to."""
    found: dict[str, None] = {}
    keys = [schema.primary_key] + [link.parent_columns for link in graph.links if link.parent == schema.name]
    for key in keys:
        own = [name for name in key if name not in linked]
        if len(key) == 1 and own:
            found[key[0]] = None
        elif own and not set(key) & linked and not any(name in found for name in own):
            # Of a wider key one column is new for each row; the rest is drawn as it comes. New days would never end.
            widest = max(own, key=lambda name: len(whole(table[name]).unique()))
            if schema.column(widest).kind not in TEMPORAL_KINDS:
                found[widest] = None
        elif len(own) == 1 and _is_number_of_row(schema.column(own[0]), table):
            found[own[0]] = None
    return list(found)


def _is_number_of_row(column: Column, table: pa.Table) -> bool:
    """Say whether a part of a key tells all rows apart by itself, as orders are numbered through all tenants."""
    if column.kind not in (Kind.IDENTIFIER, Kind.INTEGER) or table.num_rows < LEAST_NUMBERED:
        return False
    return len(whole(table[column.name]).unique()) == table.num_rows


def _grid(
    schema: TableSchema, table: pa.Table, graph: Graph, pointing: Sequence[Pointing], linked: set[str]
) -> Grid | None:
    owner = graph.owner.get(schema.name)
    if owner is None:
        return None
    mine = set(graph.links[owner].columns)
    for key in keys_of(schema):
        rest = [name for name in key if name not in mine]
        if mine <= set(key) and len(rest) == 1 and rest[0] not in linked:
            return Grid.learn(rest[0], whole(table[rest[0]]), pointing[owner].rows)
    return None


def keys_of(schema: TableSchema) -> list[tuple[str, ...]]:
    """Return the combinations of columns that no two rows of a table share: its key, then its unique ones."""
    unique = [rule.columns for rule in schema.constraints if rule.type == "unique"]
    return list(dict.fromkeys(key for key in [schema.primary_key, *unique] if key))


def _unique(schema: TableSchema, linked: set[str]) -> tuple[tuple[str, ...], ...]:
    return tuple(key for key in keys_of(schema) if set(key) & linked)


def _copied(
    name: str, graph: Graph, pointing: Sequence[Pointing], tables: Mapping[str, pa.Table], taken: set[str]
) -> dict[int, dict[str, str]]:
    found: dict[int, dict[str, str]] = {}
    mine = ([graph.owner[name]] if name in graph.owner else []) + list(graph.matched.get(name, ()))
    for i in mine:
        names = inherited(graph.links[i], tables, pointing[i])
        keys = {column for link in graph.links if link.table == graph.links[i].parent for column in link.columns}
        names = {own: theirs for own, theirs in names.items() if own not in taken and theirs not in keys}
        if names:
            found[i] = names
            taken = taken | set(names)
    return found


def inner_schema(
    planned: TablePlan, given: Sequence[Column], hidden: Sequence[Column], graph: Graph, owner: int | None
) -> TableSchema:
    """Return the schema that the table engine learns: drawn columns, given ones, and the hidden columns of links.

    Rules that speak of the owner are in it; those with other parents are kept when all rows are there.
    """
    schema = planned.schema
    own = [replace(schema.column(name), unique=_stays_unique(schema, name, planned)) for name in planned.drawn]
    own = [in_minutes(column) if column.name in planned.in_minutes else column for column in own]
    columns = (*given, *own, *hidden)
    names = {column.name for column in columns}
    link = None if owner is None else graph.links[owner]
    seen = [seen_from(link, graph.links, schema, rule) for rule in schema.constraints]
    rules = tuple(rule for rule in seen if rule is not None and _within(rule, columns, names))
    key = schema.primary_key if set(schema.primary_key) <= set(planned.drawn) else ()
    return TableSchema(name=schema.name, columns=columns, primary_key=key, constraints=rules)


def _stays_unique(schema: TableSchema, name: str, planned: TablePlan) -> bool:
    return schema.column(name).unique and name not in {column for key in planned.unique for column in key}


def _within(rule: Constraint, columns: Sequence[Column], names: set[str]) -> bool:
    if rule.type in ("total", "at_most_one") or not set(rule.columns) <= names:
        return False
    texts = [text for text in (rule.when, rule.then, rule.expression) if text is not None]
    known = {name for text in texts for name in _read(text, columns)}
    return known <= names


def _read(text: str, columns: Sequence[Column]) -> set[str]:
    from veridical.core.errors import SpecError

    try:
        return set(parse(text, columns).columns)
    except SpecError:
        return {""}  # it reads a column that is not here
