"""What does a fitted model expect of every pair of columns, at the price of a few small matrix products?

From each column a walk goes over the junction tree and carries the joint table of that column and the separator it
stands on; a separator is left by a matrix of conditionals that all walks share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from veridical.engines.tabular.dp.inference import Fitted, Floats, summed
from veridical.engines.tabular.dp.junction import Clique


def all_pairs(fitted: Fitted) -> dict[Clique, Floats]:
    """Return expected counts of every pair of columns, one < two, shape (size of one, size of two)."""
    walker = _Walker(fitted, fitted.tables())
    found: dict[Clique, Floats] = {}
    for column in range(len(fitted.sizes)):
        found |= walker.from_column(column)
    return found


@dataclass(frozen=True)
class _Walker:
    fitted: Fitted
    tables: Sequence[Floats]
    _matrices: dict[tuple[int, Clique, Clique], Floats] = field(default_factory=dict)

    def from_column(self, column: int) -> dict[Clique, Floats]:
        """Return the pairs of `column` with every later one."""
        tree, sizes = self.fitted.junction, self.fitted.sizes
        start = tree.holder((column,))
        assert start is not None
        base = summed(self.tables[start], tree.cliques[start], (column,))
        found: dict[Clique, Floats] = {}
        queue: list[tuple[int, int, Clique, Floats]] = [(start, -1, (column,), np.diag(base))]
        for place, came, stand, joint in queue:
            for other in tree.cliques[place]:
                if other > column and (column, other) not in found:
                    found[(column, other)] = joint @ self._onward(place, stand, (other,))
            for near in tree.near[place]:
                if near != came:
                    shared = tree.separators[near] if tree.parents[near] == place else tree.separators[place]
                    queue.append((near, place, shared, joint @ self._onward(place, stand, shared)))
        for other in range(column + 1, len(sizes)):
            if (column, other) not in found:  # on another island of the forest
                home = tree.holder((other,))
                assert home is not None
                alone = summed(self.tables[home], tree.cliques[home], (other,))
                found[(column, other)] = np.outer(base, alone) / max(self.fitted.total, 1e-300)
        return found

    def _onward(self, place: int, stand: Clique, goal: Clique) -> Floats:
        """Return P(goal | stand) within one clique, shape (cells of stand, cells of goal)."""
        key = (place, stand, goal)
        if key not in self._matrices:
            self._matrices[key] = self._conditional(place, stand, goal)
        return self._matrices[key]

    def _conditional(self, place: int, stand: Clique, goal: Clique) -> Floats:
        sizes, clique = self.fitted.sizes, self.fitted.junction.cliques[place]
        both = tuple(c for c in clique if c in stand or c in goal)
        table = summed(self.tables[place], clique, both)
        cells = np.indices(table.shape).reshape(len(both), -1)
        row, column = (
            np.ravel_multi_index([cells[both.index(c)] for c in part], [sizes[c] for c in part])
            for part in (stand, goal)
        )
        shape = (int(np.prod([sizes[c] for c in stand])), int(np.prod([sizes[c] for c in goal])))
        matrix = np.zeros(shape)
        matrix[row, column] = table.ravel()
        whole = matrix.sum(axis=1, keepdims=True)
        return np.divide(matrix, whole, out=np.zeros(shape), where=whole > 0)
