"""What is asked of linked tables, and what is there of each table while it is made?"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from veridical.engines.relational.cell import Cells
from veridical.engines.relational.plan import TablePlan
from veridical.prepare.link import Rows
from veridical.prepare.storage import parse_type


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked: the seed, how many times the source's size, and whether broken links are mended."""

    seed: int
    scale: float = 1.0
    mend: bool = False


@dataclass(slots=True)
class Made:
    """One table in the making: its columns so far, and by link its rows' groups and numbers of children.

    `above` holds for each link the row's parent: beyond the parent's rows are keys without a row. `groups` holds, for
    each link that rows were paired by, the groups of these parents; `cells` those that such rows keep to.
    """

    rows: int
    columns: dict[str, pa.Array] = field(default_factory=dict)
    drawn: pa.Table | None = None
    kinds: dict[int, Rows] = field(default_factory=dict)
    numbers: dict[int, Rows] = field(default_factory=dict)
    above: dict[int, Rows] = field(default_factory=dict)
    groups: dict[int, Rows] = field(default_factory=dict)
    cells: dict[int, Cells] = field(default_factory=dict)
    given: dict[str, pa.Array] = field(default_factory=dict)
    offer: pa.Table | None = None

    def leave_out(self, rows: Rows) -> None:
        """Take rows out that have no place, before they have children of their own."""
        kept = np.setdiff1d(np.arange(self.rows), rows)
        places = pa.array(kept)
        self.rows = len(kept)
        self.columns = {name: values.take(places) for name, values in self.columns.items()}
        self.given = {name: values.take(places) for name, values in self.given.items()}
        self.drawn = None if self.drawn is None else self.drawn.take(places)
        for held in (self.kinds, self.numbers, self.above):
            held.update({i: values[kept] for i, values in held.items()})
        self.cells = {i: Cells(held.rows[kept], held.parents) for i, held in self.cells.items()}


def dealt_out(planned: TablePlan, table: Made, owner: int, rng: np.random.Generator) -> dict[str, pa.Array]:
    """Fill in the places of a dense calendar within each parent, with all that spells them out, and return them."""
    if planned.grid is None:
        return {}
    kind = parse_type(planned.schema.column(planned.grid.column).storage)
    groups = table.above[owner]
    order = np.argsort(groups, kind="stable")
    back = np.empty(len(order), dtype=np.int64)
    back[order] = np.arange(len(order))
    found = {planned.grid.column: planned.grid.deal(groups[order], kind, rng).take(pa.array(back))}
    for one in planned.spelled:
        kinds = {part: parse_type(planned.schema.column(part).storage) for part in one.parts}
        found |= one.compute(found[planned.grid.column], kinds)
    table.columns.update(found)
    return found
