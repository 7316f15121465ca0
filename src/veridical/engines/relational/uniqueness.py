"""How are combinations kept unique that a link takes part in?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pyarrow as pa

from veridical.core.errors import ConstraintError
from veridical.engines.relational.graph import Graph
from veridical.engines.relational.made import Made
from veridical.engines.relational.model import LinkModel, TableModel
from veridical.engines.relational.pairing import apart
from veridical.engines.relational.spreading import key_codes, spread
from veridical.prepare.codec import whole
from veridical.prepare.link import Rows


def keep_apart(
    graph: Graph, model: TableModel, made: Mapping[str, Made], links: Mapping[int, LinkModel],
    rng: Callable[[str | int], np.random.Generator], *, by_links: bool,
) -> None:  # fmt: skip
    """Move what is paired (`by_links`), or the values of a key's last column, until no combination comes twice.

    Rows that never have the same parent by two links have not. `rng` gives a random stream by name.

    Raises:
        ConstraintError: a column has too few values.
    """
    plan, name = model.plan, model.plan.schema.name
    table = made[name]
    for key in plan.unique:
        used = [i for i in table.above if set(graph.links[i].columns) & set(key)]
        free = [column for column in key if column in table.columns]
        movable = [i for i in used if i in graph.matched.get(name, ()) and i not in graph.led]
        if bool(movable) != by_links:
            continue
        if movable:
            i = movable[-1]
            others = _codes(graph, key, [j for j in used if j != i], made, name, free)
            _part(table, i, others, rng("apart"), _never(i, table, links))
        elif free and (plan.grid is None or plan.grid.column not in key):
            groups = _codes(graph, key, used, made, name, free[:-1])
            values = spread(table.columns[free[-1]], groups, rng("apart"))
            if values is None:
                raise ConstraintError(
                    "rows of one parent cannot be told apart", where=f"{name}: unique {', '.join(key)}",
                    fix="drop the key, or widen the column's values",
                )  # fmt: skip
            table.columns[free[-1]] = values
    for i in table.groups if by_links else ():
        never = _never(i, table, links)
        if any(((table.above[i] == other) & (other >= 0)).any() for other in never):
            _part(table, i, np.arange(table.rows), rng("unlike"), never)


def _codes(
    graph: Graph, key: Sequence[str], used: Sequence[int], made: Mapping[str, Made], name: str, free: Sequence[str]
) -> Rows:
    """Return one code for each combination of what a key says of parents and of a row's own columns."""
    table, whole_links, parts = made[name], [], []
    for j in used:
        link = graph.links[j]
        if set(link.columns) <= set(key):
            whole_links.append(table.above[j])
            continue
        # The tenant of an order's customer is in the order's key, the customer is not.
        held = made[link.parent]
        there = np.where(table.above[j] < held.rows, table.above[j], -1)
        for own, theirs in zip(link.columns, link.parent_columns, strict=True):
            if own in key:
                parts.append(whole(held.columns[theirs]).take(pa.array(there, mask=there < 0)))
    return key_codes(whole_links, [*parts, *(table.columns[one] for one in free)])


def _never(i: int, table: Made, links: Mapping[int, LinkModel]) -> list[Rows]:
    return [table.above[j] for j in links[i].unlike if j in table.above]


def _part(table: Made, i: int, others: Rows, rng: np.random.Generator, never: Sequence[Rows]) -> None:
    table.above[i], wrong = apart(table.above[i], others, table.groups[i], rng, never, table.cells.get(i))
    if len(wrong):
        table.leave_out(wrong)  # its cell has too few parents: a tenant of three products, and an order of four lines
