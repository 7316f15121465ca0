"""Which parents do the rows of a finished table point to, by a link that they did not grow from?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from veridical.core.schema import ForeignKey
from veridical.engines.relational.cell import Cells, paired_within
from veridical.engines.relational.made import Made
from veridical.engines.relational.model import LinkModel
from veridical.engines.relational.pairing import Siblings, descending, paired, upward
from veridical.engines.relational.quota import grown
from veridical.prepare.link import NONE, Rows


@dataclass(frozen=True, slots=True)
class Match:
    """One link to be paired: what is known of it, the kind of parent each row wants, the parents' numbers and kinds."""

    link: ForeignKey
    known: LinkModel
    wanted: Rows
    owners: Rows
    numbers: Rows
    kinds: Rows

    def anywhere(self, rng: np.random.Generator) -> Rows:
        """Return each row's parent, of all there are."""
        known, wanted = self.known, self.wanted
        itself = wanted == -2
        open_rows = np.flatnonzero(~itself)
        nulls = round(known.nulls / max(1, known.rows - known.to_self) * len(open_rows))
        nulls = nulls if self.numbers.sum() else len(open_rows)
        above = np.full(len(wanted), NONE, dtype=np.int64)
        above[itself] = np.flatnonzero(itself)
        quotas = grown(self.numbers, len(open_rows) - nulls, rng)
        if self._descends and not len(known.missing_numbers):
            return descending(quotas, nulls, rng)
        if len(open_rows):
            siblings = Siblings(self.owners[open_rows], known.pairs)
            above[open_rows] = paired(wanted[open_rows], self.kinds, quotas, nulls, rng, siblings)
        return above

    def within(self, cells: Cells, rng: np.random.Generator) -> Rows:
        """Return each row's parent, of its own cell; keys without a row are mended."""

        def pairer(rows: Rows, parents: Rows, quotas: Rows, empty: int) -> Rows:
            if self._descends and np.array_equal(rows, parents):
                return descending(quotas, empty, rng)
            levels, codes = np.unique(np.concatenate([self.kinds[parents], self.wanted[rows]]), return_inverse=True)
            codes = codes.ravel() - int(np.searchsorted(levels, 0))
            labels, wanted = codes[: len(parents)], np.maximum(codes[len(parents) :], -1)
            _, owners = np.unique(self.owners[rows], return_inverse=True)
            owners = np.where(self.owners[rows] < 0, NONE, owners.ravel())
            return paired(wanted, np.maximum(labels, -1), quotas, empty, rng, Siblings(owners, self.known.pairs))

        size = len(cells.parents)
        nulls = self.known.nulls / max(1, self.known.rows)
        above = paired_within(cells, self.numbers[:size], nulls, pairer, rng)
        return upward(above, rng) if self._descends else above

    @property
    def _descends(self) -> bool:
        return self.link.table == self.link.parent and not self.known.circles


def settle_barren(child: Made, cells: Cells, rng: np.random.Generator) -> Cells:
    """Give rows in whose cell there is no parent the other parents of some row that has one, and return the cells.

    Nothing is changed where no row has one.
    """
    barren = cells.barren
    fertile = np.setdiff1d(np.flatnonzero(cells.rows >= 0), barren)
    if not len(barren) or not len(fertile):
        return cells
    like = rng.choice(fertile, size=len(barren))
    for above in child.above.values():
        above[barren] = above[like]
    rows = cells.rows.copy()
    rows[barren] = rows[like]
    return Cells(rows, cells.parents)
