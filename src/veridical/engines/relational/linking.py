"""What is learned of a link: how many children its parents have, and of which kinds these parents are?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from veridical.core.contracts import RunContext
from veridical.core.schema import Role, Schema
from veridical.engines.relational.cell import shared
from veridical.engines.relational.graph import Graph
from veridical.engines.relational.group import Grouping, Groups, codes_of, group
from veridical.engines.relational.model import LinkModel
from veridical.engines.relational.pairing import never_alike, pairs_per_row, upward
from veridical.engines.relational.plan import UNTOLD, TablePlan
from veridical.engines.relational.quota import blurred, learned
from veridical.prepare.link import Pointing, Rows

MOST_ABOVE = 12  # columns of a row's owner and of those above that may speak for kinds of its other parents


@dataclass(frozen=True)
class Source:
    """Real tables, where their links point, and the tables that go out as they are."""

    tables: Mapping[str, pa.Table]
    schema: Schema
    graph: Graph
    pointing: Sequence[Pointing]
    keep: Sequence[str] = ()


def groups_of(i: int, source: Source, plans: Mapping[str, TablePlan], grouping: Grouping) -> Groups:
    """Return the kinds of a link's parents: by what their children share, and by what children's owners speak for."""
    link = source.graph.links[i]
    child, parent = source.tables[link.table], source.tables[link.parent]
    graph = source.graph
    keys = {name for each in graph.links if each.table == link.table for name in each.columns}
    known = {column.name for column in source.schema.table(link.table).columns if column.role is not Role.DROP}
    telling = {column.name for column in source.schema.table(link.table).columns if column.kind not in UNTOLD}
    if shared(i, graph.links, [j for j in graph.owner.values() if j != i]):
        # A row meets parents of its own cell only: what they are like tells more than which one it is, or which cell.
        grouping, telling = replace(grouping, most_alone=0), telling - keys
    else:
        telling |= keys
    columns = [name for name in child.column_names if name in (telling & known) - set(link.columns)]
    own = told_of(plans[link.parent], source)
    return group(
        parent, child, columns, source.pointing[i], grouping, source.schema.rare_below, own, _above(i, source, plans)
    )


def _above(i: int, source: Source, plans: Mapping[str, TablePlan]) -> list[Rows]:
    """Return what rows are told of their owner and of those above, as codes by row."""
    graph = source.graph
    table = graph.links[i].table
    rows: Rows | None = None
    found: list[Rows] = []
    seen = {table}
    while (owner := graph.owner.get(table)) is not None and owner != i and len(found) < MOST_ABOVE:
        link, pointing = graph.links[owner], source.pointing[owner]
        up = np.append(np.where(pointing.rows >= pointing.present, -1, pointing.rows), -1)
        rows = up[:-1] if rows is None else up[rows]
        parent, table = source.tables[link.parent], link.parent
        if table in seen:
            break
        seen.add(table)
        for name in told_of(plans[table], source):
            codes = codes_of(parent[name])
            if codes is not None:
                found.append(np.append(codes + 1, 0)[rows])
    return found[:MOST_ABOVE]


def told_of(planned: TablePlan, source: Source) -> list[str]:
    """Return the columns of a table that may be told to its children: no keys, nothing personal, no free text.

    A foreign key tells something only where it names rows of a table that goes out as it is.
    """
    new = {name for link in source.schema.foreign_keys for name in link.columns
           if link.table == planned.schema.name and link.parent not in source.keep}  # fmt: skip
    fresh = {*planned.fresh, *new}
    return [
        column.name for column in planned.schema.columns
        if column.kind not in UNTOLD and column.name not in fresh and column.role is Role.MODEL
    ]  # fmt: skip


def link_model(i: int, source: Source, groups: Groups, ctx: RunContext) -> LinkModel:
    """Return how a link's numbers of children are spread, what its keys lack, and how its pairs come."""
    link, pointing = source.graph.links[i], source.pointing[i]
    rare = source.schema.rare_below
    rows, rng = pointing.rows, ctx.rng("model", "link", i)
    own = np.zeros(len(rows), dtype=bool)
    circles = False
    if link.table == link.parent:
        own = rows == np.arange(len(rows))
        straight = np.where(own | (rows >= pointing.present), -1, rows)
        circles = bool((upward(straight, rng) != straight).any())
    counts = np.bincount(rows[(rows >= 0) & ~own], minlength=pointing.parents).astype(np.int64)
    present, missing = counts[: pointing.present], counts[pointing.present :]
    return LinkModel(
        numbers=learned(present, rare, rng), rows=len(rows), kinds=groups.count, alone=groups.alone,
        nulls=int((rows < 0).sum()), to_self=int(own.sum()), circles=circles, pairs=_pairs(i, source),
        unlike=_unlike(i, source),
        missing_numbers=blurred(missing, groups.labels[pointing.present :], rare, rng),
        missing_kinds=np.sort(groups.labels[pointing.present :]),
    )  # fmt: skip


def _unlike(i: int, source: Source) -> tuple[int, ...]:
    link, size = source.graph.links[i], source.pointing[i].present
    ends = [j for j, other in enumerate(source.graph.links) if (other.table, other.parent) == (link.table, link.parent)]
    mine = source.pointing[i].rows
    return tuple(j for j in ends if j != i and never_alike(mine, source.pointing[j].rows, size))


def _pairs(i: int, source: Source) -> float:
    table = source.graph.links[i].table
    owner = source.graph.owner.get(table)
    if owner is None or i not in source.graph.matched.get(table, ()):
        return 1.0
    return pairs_per_row(source.pointing[owner].rows, source.pointing[i].rows)
