"""Which codes do the rows of a fitted model get, given some of them or none?

Cliques are drawn from the roots down. Without known columns the rows of a clique share one table each, and cells are
dealt out in proportion (systematic sampling in random order), so that counts differ from what is expected by less
than one. With known columns the tree is asked first, by one pass up, what they make likely.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from veridical.engines.tabular.dp.inference import Fitted, Floats, potentials, propagated, spread, summed
from veridical.engines.tabular.dp.junction import Clique

Ints = NDArray[np.int64]
_AT_ONCE = 4_000_000  # cells of a batch of tables


@dataclass(frozen=True)
class Drawer:
    """A fitted model, and how much of each code is allowed (by column; none means all)."""

    fitted: Fitted
    shares: Mapping[int, Floats]

    @cached_property
    def conditionals(self) -> list[Floats]:
        """Each clique's table given what it shares with its parent; sums to 1 over the rest."""
        tree = self.fitted.junction
        tables = potentials(self.fitted)
        for column, share in self.shares.items():
            place = tree.holder((column,))
            if place is not None:
                tables[place] = tables[place] * spread(share, (column,), tree.cliques[place])
        tables = propagated(tree, tables, self.fitted.total)
        return [self._given_parent(place, table) for place, table in enumerate(tables)]

    def draw(self, rows: int, rng: np.random.Generator, known: Mapping[int, Ints]) -> Ints:
        """Return codes, shape (columns, rows); columns in `known` keep the codes given."""
        codes = np.full((len(self.fitted.sizes), rows), -1, dtype=np.int64)
        for column, values in known.items():
            codes[column] = values
        hints, pattern = self._hints(codes, sorted(known))
        for place, clique in enumerate(self.fitted.junction.cliques):
            done = tuple(c for c in clique if rows and codes[c, 0] >= 0)
            rest = tuple(c for c in clique if c not in done)
            if not rest or not rows:
                continue
            below = {child: hints[child] for child in self._children[place] if child in hints}
            if below:
                cells = self._drawn_each(place, done, rest, codes, below, pattern, rng)
            else:
                cells = self._dealt(place, done, rest, codes, rng)
            for column, values in zip(rest, np.unravel_index(cells, [self.fitted.sizes[c] for c in rest])):
                codes[column] = values
        return codes

    @cached_property
    def _children(self) -> list[list[int]]:
        children: list[list[int]] = [[] for _ in self.fitted.junction.cliques]
        for place, parent in enumerate(self.fitted.junction.parents):
            if parent >= 0:
                children[parent].append(place)
        return children

    def _given_parent(self, place: int, table: Floats) -> Floats:
        clique, shared = self.fitted.junction.cliques[place], self.fitted.junction.separators[place]
        base = spread(summed(table, clique, shared), shared, clique)
        return np.divide(table, base, out=np.zeros_like(table), where=base > 0)

    def _dealt(self, place: int, done: Clique, rest: Clique, codes: Ints, rng: np.random.Generator) -> Ints:
        table = self._rows_of(place, done, rest)
        group = self._index(done, codes)
        ends = np.cumsum(table, axis=1)
        empty = ends[:, -1] <= 0
        ends[empty] = np.arange(1, ends.shape[1] + 1)  # nothing is known of what never occurs: any will do
        ends /= ends[:, -1:]
        order = np.lexsort((rng.random(len(group)), group))
        count = np.bincount(group, minlength=len(table))
        rank = np.arange(len(group)) - np.repeat(np.cumsum(count) - count, count)
        offset = rng.random(len(table))
        sorted_group = group[order]
        point = (rank + offset[sorted_group]) / count[sorted_group]
        flat = (ends + np.arange(len(table))[:, None]).ravel()
        found = np.searchsorted(flat, np.minimum(point, 1 - 1e-12) + sorted_group, side="right")
        cells = np.empty(len(group), dtype=np.int64)
        cells[order] = np.clip(found - sorted_group * table.shape[1], 0, table.shape[1] - 1)
        return cells

    def _drawn_each(
        self,
        place: int,
        done: Clique,
        rest: Clique,
        codes: Ints,
        below: Mapping[int, Floats],
        pattern: Ints,
        rng: np.random.Generator,
    ) -> Ints:
        tree, sizes = self.fitted.junction, self.fitted.sizes
        clique = tree.cliques[place]
        table, group = self._rows_of(place, done, rest), self._index(done, codes)
        cells = np.empty(codes.shape[1], dtype=np.int64)
        step = max(1, _AT_ONCE // table.shape[1])
        for start in range(0, len(cells), step):
            rows = slice(start, start + step)
            weight = table[group[rows]].reshape(-1, *(sizes[c] for c in rest))
            plain = weight
            for child, hint in below.items():
                shared = tree.separators[child]
                fixed = tuple(c for c in shared if c in done)
                free = tuple(c for c in shared if c in rest)
                axes = [1 + shared.index(c) for c in (*fixed, *free)]
                moved = hint.transpose(0, *axes)
                likely = moved[(pattern[rows], *(codes[c, rows] for c in fixed))]
                shape = (len(likely), *(sizes[c] if c in free else 1 for c in rest))
                weight = weight * likely.reshape(shape)
            cells[rows] = _one_each(weight.reshape(len(weight), -1), plain.reshape(len(weight), -1), rng)
        assert clique
        return cells

    def _rows_of(self, place: int, done: Clique, rest: Clique) -> Floats:
        """Return a clique's table with what is done as rows and the rest as columns."""
        clique, sizes = self.fitted.junction.cliques[place], self.fitted.sizes
        axes = [clique.index(c) for c in (*done, *rest)]
        width = int(np.prod([sizes[c] for c in rest]))
        return self.conditionals[place].transpose(axes).reshape(-1, width)

    def _index(self, done: Clique, codes: Ints) -> Ints:
        if not done:
            return np.zeros(codes.shape[1], dtype=np.int64)
        return np.ravel_multi_index([codes[c] for c in done], [self.fitted.sizes[c] for c in done])

    def _hints(self, codes: Ints, known: Sequence[int]) -> tuple[dict[int, Floats], Ints]:
        """Return, for each clique with known columns below its parent, how likely they make what the two share."""
        if not known or not codes.shape[1]:
            return {}, np.zeros(codes.shape[1], dtype=np.int64)
        patterns, inverse = np.unique(codes[list(known)], axis=1, return_inverse=True)
        evidence = dict(zip(known, patterns))
        tree = self.fitted.junction
        hints: dict[int, Floats] = {}
        for place in range(len(tree.cliques) - 1, -1, -1):
            own = [c for c in tree.cliques[place] if c in evidence]
            below = [child for child in self._children[place] if child in hints]
            if tree.parents[place] >= 0 and (own or below):
                hints[place] = self._hint(place, own, below, evidence, hints)
        return hints, np.asarray(inverse).ravel()

    def _hint(
        self,
        place: int,
        own: Sequence[int],
        below: Sequence[int],
        evidence: Mapping[int, Ints],
        hints: Mapping[int, Floats],
    ) -> Floats:
        tree, sizes = self.fitted.junction, self.fitted.sizes
        clique, shared = tree.cliques[place], tree.separators[place]
        table = self.conditionals[place]
        count = len(next(iter(evidence.values())))
        step = max(1, _AT_ONCE // table.size)
        parts = []
        for start in range(0, count, step):
            rows = slice(start, start + step)
            weight = table[None]
            for column in own:
                hit = np.arange(sizes[column])[None] == evidence[column][rows][:, None]
                weight = weight * hit.reshape(-1, *(sizes[c] if c == column else 1 for c in clique))
            for child in below:
                shape = tuple(sizes[c] if c in tree.separators[child] else 1 for c in clique)
                weight = weight * hints[child][rows].reshape(-1, *shape)
            gone = tuple(1 + axis for axis, c in enumerate(clique) if c not in shared)
            message = weight.sum(axis=gone)
            peak = message.reshape(len(message), -1).max(axis=1)
            parts.append(message / np.maximum(peak, 1e-300).reshape(-1, *([1] * len(shared))))
        return np.concatenate(parts)


def _one_each(weight: Floats, plain: Floats, rng: np.random.Generator) -> Ints:
    """Return a column for each row, drawn by weight; by `plain` where the weights are all zero, else any."""
    for other in (plain, np.ones_like(plain)):
        empty = weight.sum(axis=1) <= 0
        if not empty.any():
            break
        weight = np.where(empty[:, None], other, weight)
    ends = np.cumsum(weight, axis=1)
    point = rng.random(len(weight)) * ends[:, -1]
    return np.asarray(np.minimum((ends <= point[:, None]).sum(axis=1), weight.shape[1] - 1), dtype=np.int64)
