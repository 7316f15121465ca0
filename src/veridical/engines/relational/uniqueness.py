"""How are combinations kept unique that a link takes part in?"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from veridical.core.errors import ConstraintError
from veridical.engines.relational.graph import Graph
from veridical.engines.relational.made import Made
from veridical.engines.relational.model import LinkModel, TableModel
from veridical.engines.relational.pairing import apart
from veridical.engines.relational.spreading import key_codes, spread


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
    never = {i: [table.above[j] for j in links[i].unlike if j in table.above] for i in table.groups}
    for key in plan.unique:
        used = [i for i in table.above if set(graph.links[i].columns) & set(key)]
        free = [column for column in key if column in table.columns]
        movable = [i for i in used if i in graph.matched.get(name, ()) and i not in graph.led]
        if bool(movable) != by_links:
            continue
        if movable:
            i = movable[-1]
            others = key_codes([table.above[j] for j in used if j != i], [table.columns[c] for c in free])
            table.above[i] = apart(table.above[i], others, table.groups[i], rng("apart"), never.pop(i, ()))
        elif free and (plan.grid is None or plan.grid.column not in key):
            groups = key_codes([table.above[j] for j in used], [table.columns[c] for c in free[:-1]])
            values = spread(table.columns[free[-1]], groups, rng("apart"))
            if values is None:
                raise ConstraintError(
                    "rows of one parent cannot be told apart", where=f"{name}: unique {', '.join(key)}",
                    fix="drop the key, or widen the column's values",
                )  # fmt: skip
            table.columns[free[-1]] = values
    for i, rows in never.items() if by_links else ():
        if rows:
            table.above[i] = apart(table.above[i], np.arange(table.rows), table.groups[i], rng("unlike"), rows)
