"""How are combinations kept unique that a link takes part in?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from veridical.core.errors import ConstraintError
from veridical.engines.relational.graph import Graph
from veridical.engines.relational.made import Made
from veridical.engines.relational.model import LinkModel, TableModel
from veridical.engines.relational.pairing import apart
from veridical.engines.relational.spreading import key_codes, spread
from veridical.prepare.link import Rows


def keep_apart(
    graph: Graph, model: TableModel, table: Made, links: Mapping[int, LinkModel],
    rng: Callable[[str | int], np.random.Generator], *, by_links: bool,
) -> None:  # fmt: skip
    """Move what is paired (`by_links`), or the values of a key's last column, until no combination comes twice.

    Rows that never have the same parent by two links have not. `rng` gives a random stream by name.

    Raises:
        ConstraintError: a column has too few values.
    """
    plan, name = model.plan, model.plan.schema.name
    for key in plan.unique:
        used = [i for i in table.above if set(graph.links[i].columns) & set(key)]
        free = [column for column in key if column in table.columns]
        movable = [i for i in used if i in graph.matched.get(name, ()) and i not in graph.led]
        if bool(movable) != by_links:
            continue
        if movable:
            i = movable[-1]
            others = key_codes([table.above[j] for j in used if j != i], [table.columns[c] for c in free])
            _part(table, i, others, rng("apart"), _never(i, table, links))
        elif free and (plan.grid is None or plan.grid.column not in key):
            groups = key_codes([table.above[j] for j in used], [table.columns[c] for c in free[:-1]])
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


def _never(i: int, table: Made, links: Mapping[int, LinkModel]) -> list[Rows]:
    return [table.above[j] for j in links[i].unlike if j in table.above]


def _part(table: Made, i: int, others: Rows, rng: np.random.Generator, never: Sequence[Rows]) -> None:
    table.above[i], wrong = apart(table.above[i], others, table.groups[i], rng, never, table.cells.get(i))
    if len(wrong):
        table.leave_out(wrong)  # its cell has too few parents: a tenant of three products, and an order of four lines
