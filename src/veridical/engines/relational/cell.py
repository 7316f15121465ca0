"""Which parents may a row have whose keys share columns, as an order's customer is of the order's own tenant?

A foreign key (tenant, customer) beside another one (tenant, order) leaves each row the customers of its tenant. Rows
and parents with the same shared values are one cell: rows are paired with parents within their cell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from veridical.core.schema import ForeignKey
from veridical.engines.relational.quota import dealt, scaled
from veridical.engines.relational.spreading import key_codes
from veridical.prepare.codec import whole
from veridical.prepare.link import NONE, Rows

if TYPE_CHECKING:
    from veridical.engines.relational.made import Made

# Rows, parents, the parents' numbers, how many rows get none -> places of parents.
Pairer = Callable[[Rows, Rows, Rows, int], Rows]


@dataclass(frozen=True, slots=True)
class Cells:
    """The cell of each row and of each parent of a link; -1 for rows whose shared columns are empty."""

    rows: Rows
    parents: Rows

    @property
    def several(self) -> bool:
        """Whether there is more than one cell."""
        return bool(len(self.parents)) and bool((self.parents != self.parents[0]).any())

    @property
    def barren(self) -> Rows:
        """The rows in whose cell there is no parent."""
        known = np.isin(self.rows, np.unique(self.parents))
        return np.flatnonzero(~known & (self.rows >= 0))


def shared(i: int, links: Sequence[ForeignKey], decided: Sequence[int]) -> dict[str, int]:
    """Return the columns of link `i` that other decided links of its table set too, and the first of these links.

    Example:
        >>> ends = [("order_id", "orders"), ("item_id", "items")]
        >>> links = [ForeignKey(table="t", columns=("shop", k), parent=p, parent_columns=("shop", k)) for k, p in ends]
        >>> shared(1, links, [0])
        {'shop': 0}
    """
    found: dict[str, int] = {}
    for j in decided:
        if j != i and links[j].table == links[i].table:
            for name in set(links[i].columns) & set(links[j].columns):
                found.setdefault(name, j)
    return found


def cells(i: int, links: Sequence[ForeignKey], child: Made, made: Mapping[str, Made]) -> Cells | None:
    """Return the cells of link `i`, or None where it shares no column with a link whose parents are known."""
    link = links[i]
    setting = shared(i, links, list(child.above))
    if not setting:
        return None
    size = made[link.parent].rows
    said: list[pa.Array] = []  # what parents, then rows, say of each shared column
    empty = np.zeros(child.rows, dtype=bool)
    for name, j in sorted(setting.items()):
        over = links[j].parent_columns[links[j].columns.index(name)]
        theirs = made[link.parent].columns[link.parent_columns[link.columns.index(name)]]
        held = whole(made[links[j].parent].columns[over])
        above = np.where(child.above[j] < len(held), child.above[j], NONE)
        mine = held.take(pa.array(above, mask=above < 0)).cast(theirs.type)
        said.append(pa.concat_arrays([whole(theirs), mine]))
        empty |= above < 0
    codes = key_codes([], said)
    return Cells(np.where(empty, NONE, codes[size:]), codes[:size])


def paired_within(held: Cells, numbers: Rows, nulls: float, pairer: Pairer, rng: np.random.Generator) -> Rows:
    """Return each row's parent, of its own cell.

    Args:
        held: The cells.
        numbers: Each parent's number of rows, as it was drawn; within a cell they are brought to the rows that it has.
        nulls: The share of the rows that have no parent.
        pairer: How the rows of one cell are paired.
        rng: The randomness of what has no parent, and of rounding.
    """
    found = np.full(len(held.rows), NONE, dtype=np.int64)
    size = int(max(held.rows.max(initial=0), held.parents.max(initial=0))) + 1
    counts = np.bincount(held.rows[held.rows >= 0], minlength=size)
    empty = np.minimum(np.floor(counts * nulls + rng.random(size)).astype(np.int64), counts)
    sums = np.bincount(held.parents, weights=numbers, minlength=size)
    due = numbers * ((counts - empty) / np.maximum(sums, 1))[held.parents]
    quotas = dealt(np.rint(1000 * due).astype(np.int64), np.sort(numbers), rng)
    by_row, by_parent = (_grouped(cell, size) for cell in (held.rows, held.parents))
    for cell in np.flatnonzero(counts):
        rows, parents = by_row[cell], by_parent[cell]
        if len(parents):
            own = scaled(quotas[parents], len(rows) - int(empty[cell]), rng)
            places = pairer(rows, parents, own, int(empty[cell]))
            found[rows] = np.append(parents, NONE)[places]
    return found


def _grouped(cell: Rows, size: int) -> list[Rows]:
    known = np.flatnonzero(cell >= 0)
    order = known[np.argsort(cell[known], kind="stable")]
    return np.split(order, np.cumsum(np.bincount(cell[known], minlength=size))[:-1])
