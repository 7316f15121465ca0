"""In which tree of small tables can every measured marginal be found whole?

A junction tree: cliques of columns such that every measured set lies in one of them and, for each column, the
cliques that hold it hang together (Lauritzen & Spiegelhalter 1988). Adding a pair widens the cliques on the path
between its ends, which keeps the tree a junction tree and costs no search.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

Clique = tuple[int, ...]


@dataclass(frozen=True)
class Junction:
    """Cliques (sorted column numbers) and, for each, its parent's place (-1 for a root); parents come first."""

    cliques: tuple[Clique, ...]
    parents: tuple[int, ...]

    @cached_property
    def separators(self) -> tuple[Clique, ...]:
        """What each clique shares with its parent."""
        pairs = zip(self.cliques, self.parents)
        return tuple(tuple(c for c in clique if p >= 0 and c in self.cliques[p]) for clique, p in pairs)

    @cached_property
    def near(self) -> tuple[tuple[int, ...], ...]:
        """The neighbours of each clique."""
        found: list[list[int]] = [[] for _ in self.cliques]
        for place, parent in enumerate(self.parents):
            if parent >= 0:
                found[place].append(parent)
                found[parent].append(place)
        return tuple(map(tuple, found))

    def holder(self, columns: Iterable[int]) -> int | None:
        """Return the place of the first clique that holds all columns."""
        wanted = frozenset(columns)
        if wanted not in self._homes:
            places = range(len(self.cliques))
            self._homes[wanted] = next((place for place in places if wanted <= self._sets[place]), None)
        return self._homes[wanted]

    @cached_property
    def _sets(self) -> tuple[frozenset[int], ...]:
        return tuple(map(frozenset, self.cliques))

    @cached_property
    def _homes(self) -> dict[frozenset[int], int | None]:
        return {}

    def cells(self, sizes: Sequence[int]) -> int:
        """Return how many cells all tables have together."""
        return sum(_cells(clique, sizes) for clique in self.cliques)


def junction_of(sets: Iterable[Sequence[int]], sizes: Sequence[int]) -> Junction:
    """Return a junction tree whose cliques hold every set and every column, found by greedy elimination.

    Example:
        >>> junction_of([(0, 1), (1, 2)], [2, 2, 2]).cliques
        ((1, 2), (0, 1))
    """
    near: dict[int, set[int]] = {column: set() for column in range(len(sizes))}
    for columns in sets:
        for one, two in combinations(columns, 2):
            near[one].add(two)
            near[two].add(one)
    cliques: list[set[int]] = []
    while near:
        column = min(near, key=lambda c: (_fill(near, c), _cells((c, *near[c]), sizes), c))
        clique = {column, *near[column]}
        for one, two in combinations(near[column], 2):
            near[one].add(two)
            near[two].add(one)
        for other in near.pop(column):
            near[other].discard(column)
        if not any(clique <= known for known in cliques):
            cliques.append(clique)
    return _linked(list(reversed(cliques)))


def _fill(near: dict[int, set[int]], column: int) -> int:
    return sum(two not in near[one] for one, two in combinations(near[column], 2))


def _linked(cliques: list[set[int]]) -> Junction:
    """Join cliques to a tree of the widest separators (Prim); without shared columns a clique is a root."""
    left = list(range(len(cliques)))
    order: list[Clique] = []
    parents: list[int] = []
    place: dict[int, int] = {}
    while left:
        best = max(
            ((len(cliques[new] & cliques[old]), -new, old) for new in left for old in place),
            default=(0, -left[0], -1),
        )
        shared, new, old = best[0], -best[1], best[2]
        if not shared:
            new, old = left[0], -1
        place[new] = len(order)
        parents.append(place[old] if old >= 0 else -1)
        order.append(tuple(sorted(cliques[new])))
        left.remove(new)
    return Junction(tuple(order), tuple(parents))


def _cells(columns: Sequence[int], sizes: Sequence[int]) -> int:
    product = 1
    for column in columns:
        product *= sizes[column]
    return product


def cells_with(junction: Junction, pair: tuple[int, int], sizes: Sequence[int]) -> int:
    """Return a bound on the tables' cells when a pair of columns is to be held too (no search, so it is quick)."""
    if junction.holder(pair) is not None:
        return junction.cells(sizes)
    path = _path(junction, *pair)
    if path is None:
        return junction.cells(sizes) + sizes[pair[0]] * sizes[pair[1]]
    grown = []
    for column in pair:
        more = sum(
            _cells(junction.cliques[p], sizes) * (sizes[column] - 1) for p in path if column not in junction.cliques[p]
        )
        grown.append(more)
    return junction.cells(sizes) + min(grown)


def _path(junction: Junction, one: int, two: int) -> list[int] | None:
    """Return the shortest way of cliques from one that holds `one` to one that holds `two`."""
    came: dict[int, int] = {p: -1 for p, clique in enumerate(junction.cliques) if one in clique}
    queue = list(came)
    for place in queue:
        if two in junction.cliques[place]:
            path = [place]
            while came[path[-1]] >= 0:
                path.append(came[path[-1]])
            return path
        for other in junction.near[place]:
            if other not in came:
                came[other] = place
                queue.append(other)
    return None
