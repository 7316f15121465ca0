"""Which parent does each finished row get, by kind of parent, with every parent getting its number of rows?

Rows of one owner keep to few parents where they do so in the source: a patient's visits to the patient's doctors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.engines.relational.cell import Cells
from veridical.prepare.link import NONE, Rows

SWAPS = 60
NEAR = 8  # rows off, in the order of groups, that a row swaps its parent with first
HALVINGS = 6  # of the share of rows that keep to their owner's parents, until as many pairs come out as in the source
TOLERANCE = 0.05
LEAST_MEETINGS = 10.0  # rows that chance would give the same parent twice, from which having none is a rule
Keys = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Siblings:
    """The owner of each row (-1: none), and how many different pairs of owner and parent there are to be, per row."""

    owners: Rows
    pairs: float

    def keys(self, share: float, seed: int) -> Keys:
        """Return a number for each row; this share of an owner's rows has the same one."""
        rng = np.random.default_rng(seed)
        own, faithful = rng.random(len(self.owners)), rng.random(len(self.owners)) < share
        theirs = rng.random(int(self.owners.max(initial=0)) + 1)[np.maximum(self.owners, 0)]
        return np.where(faithful & (self.owners >= 0), theirs, own)

    def alike(self, wanted: Rows, share: float, seed: int) -> Rows:
        """Return the groups that rows ask for, this share of an owner's rows asking for what one of them does."""
        rng = np.random.default_rng([seed, 1])
        open_rows = np.flatnonzero((self.owners >= 0) & (wanted >= 0))
        speaker = np.full(int(self.owners.max(initial=0)) + 1, -1, dtype=np.int64)
        mixed = rng.permutation(open_rows)
        speaker[self.owners[mixed]] = mixed
        following = open_rows[rng.random(len(open_rows)) < share]
        found = wanted.copy()
        found[following] = wanted[speaker[self.owners[following]]]
        return found


def never_alike(one: Rows, two: Rows, size: int) -> bool:
    """Say whether no row has the same parent by two links, where chance would have made ten such rows at least.

    Example:
        >>> payers = np.arange(400) % 20
        >>> never_alike(payers, (payers + 1) % 20, 20), never_alike(payers, payers, 20)
        (True, False)
    """
    both = (one >= 0) & (two >= 0) & (one < size) & (two < size)
    if not both.any() or (one[both] == two[both]).any():
        return False
    shares = [np.bincount(side[both], minlength=size) / both.sum() for side in (one, two)]
    return bool(both.sum() * (shares[0] * shares[1]).sum() >= LEAST_MEETINGS)


def pairs_per_row(owners: Rows, parents: Rows) -> float:
    """Return how many different pairs of owner and parent there are for each row that has both; 1 where none has.

    Example:
        >>> pairs_per_row(np.array([0, 0, 1, 1]), np.array([5, 5, 5, 6]))
        0.75
    """
    both = (owners >= 0) & (parents >= 0)
    if not both.any():
        return 1.0
    width = int(parents.max()) + 1
    return len(np.unique(owners[both] * width + parents[both])) / int(both.sum())


def paired(wanted: Rows, labels: Rows, quotas: Rows, empty: int, rng: np.random.Generator, siblings: Siblings) -> Rows:
    """Return what `pair` does, with rows of one owner meeting the same parents as often as in the source.

    Example:
        >>> three = np.repeat(np.arange(3), 4)
        >>> alike, rng = np.zeros(12, dtype=np.int64), np.random.default_rng(0)
        >>> found = paired(alike, np.zeros(3, dtype=np.int64), np.array([4, 4, 4]), 0, rng, Siblings(three, 0.25))
        >>> pairs_per_row(three, found)
        0.25
    """
    seed = int(rng.integers(2**62))

    def at(share: float) -> Rows:
        # What rows ask for is left alone as long as which of the parents of a group they get is enough.
        asked = siblings.alike(wanted, share - 1, seed) if share > 1 else wanted
        return pair(asked, labels, quotas, empty, np.random.default_rng(seed), siblings.keys(share, seed))

    def many(found: Rows) -> bool:
        return pairs_per_row(siblings.owners, found) > (1 + TOLERANCE) * siblings.pairs

    found = at(0.0)
    if not many(found):
        return found
    low, high = (0.0, 1.0) if not many(at(1.0)) else (1.0, 2.0)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if many(at(middle)) else (low, middle)
    return at(high)


def pair(
    wanted: Rows, labels: Rows, quotas: Rows, empty: int, rng: np.random.Generator, keys: Keys | None = None
) -> Rows:
    """Return for each row its parent, or -1.

    `wanted` is the group that each row asks for (-1: no parent); `labels` and `quotas` are the parents' groups and
    numbers of rows; `empty` rows get none. Quotas and `empty` add up to the rows. Where more rows ask for a group than
    it has places, some take the nearest group with places left (near labels are alike). Rows of near `keys` get the
    same parent; without keys, chance decides.

    Example:
        >>> pair(np.array([0, 1, 1]), np.array([0, 1]), np.array([1, 2]), 0, np.random.default_rng(0)).tolist()
        [0, 1, 1]
    """
    keys = rng.random(len(wanted)) if keys is None else keys
    parents = rng.permutation(len(quotas))
    slots = np.repeat(parents, quotas[parents])
    slots = slots[np.argsort(labels[slots], kind="stable")]
    groups = int(max(labels.max(initial=-1), wanted.max(initial=-1))) + 2  # group 0 stands for no parent
    room = np.bincount(labels[slots] + 1, minlength=groups)
    if labels.min(initial=0) < 0:
        # Parents that no group tells of take whoever is left, at the end.
        room = np.concatenate([room, [room[0]]])
        slots = np.concatenate([slots[labels[slots] >= 0], slots[labels[slots] < 0]])
    room[0] = empty
    found = np.empty(len(wanted), dtype=np.int64)
    order = np.lexsort((keys, _settled(wanted + 1, room, keys)))
    found[order] = np.concatenate([np.full(empty, NONE, dtype=np.int64), slots])
    return found


def _settled(asked: Rows, room: Rows, keys: Keys) -> Rows:
    """Return what rows get of what they asked for, so that every group has just its number of rows."""
    settled = asked.copy()
    order = np.lexsort((keys, asked))
    counts = np.bincount(asked, minlength=len(room))
    starts = np.concatenate([[0], np.cumsum(counts)])
    over = np.maximum(counts - room, 0)
    places = np.arange(len(asked)) - np.repeat(starts[:-1], counts)
    leaving = order[places < np.repeat(over, counts)]
    settled[leaving] = np.repeat(np.arange(len(room)), np.maximum(room - counts, 0))
    return settled


def apart(
    parents: Rows, others: Rows, labels: Rows, rng: np.random.Generator, never: Sequence[Rows] = (),
    cells: Cells | None = None,
) -> tuple[Rows, Rows]:  # fmt: skip
    """Return the parents with rows swapped until no two rows of one `others` value share a parent, and who still do.

    Nor has any row the parent that `never` gives it. Rows swap within their group first, then with near groups of
    their cell, then with anyone there; what cannot be swapped takes a parent that is free there.
    """
    if cells is None:
        cells = Cells(np.zeros(len(parents), dtype=np.int64), np.zeros(len(labels), dtype=np.int64))
    found = _Apart(parents.copy(), others, labels, never, cells)
    for within in (True, False):
        for again in range(SWAPS):
            wrong = found.wrong()
            if not len(wrong):
                return found.parents, wrong
            found.swap(wrong, rng, within=within, reach=NEAR * 2 ** min(again // 4, 40))
    found.move(rng)
    return found.parents, found.wrong()


@dataclass(slots=True)
class _Apart:
    """Parents of rows, of which some must change."""

    parents: Rows
    others: Rows
    labels: Rows
    never: Sequence[Rows]
    cells: Cells

    def wrong(self) -> Rows:
        """Return the rows that repeat an earlier row's pair, or have what they never have; those without none do."""
        known = np.flatnonzero((self.parents >= 0) & (self.others >= 0))
        _, first = np.unique(self._pairs(self.parents[known], self.others[known]), return_index=True)
        found = np.zeros(len(self.parents), dtype=bool)
        found[known] = True
        found[known[first]] = False
        return np.flatnonzero(found | ((self.parents >= 0) & self._barred(np.arange(len(found)), self.parents)))

    def _barred(self, rows: Rows, parents: Rows) -> NDArray[np.bool_]:
        found = np.zeros(len(rows), dtype=bool)
        for other in self.never:
            found |= other[rows] == parents
        return found

    def _pairs(self, parents: Rows, others: Rows) -> Rows:
        return parents * (int(self.others.max(initial=0)) + 1) + others

    def _partners(
        self, wrong: Rows, rng: np.random.Generator, *, within: bool, reach: int
    ) -> tuple[Rows, NDArray[np.bool_]]:
        """Return a row to swap with for each: of the same group, or of one that is near, further off each time."""
        size = len(self.parents)
        keys = np.stack([np.append(self.labels, -1)[self.parents], self.cells.rows])
        order = rng.permutation(size)
        order = order[np.lexsort(keys[:, order])]
        place = np.empty(size, dtype=np.int64)
        place[order] = np.arange(size)
        reach = min(NEAR if within else reach, size)
        step = rng.integers(1, reach + 1, size=len(wrong)) * rng.choice([-1, 1], size=len(wrong))
        partner = order[(place[wrong] + step) % size]
        keys = keys if within else keys[1:]
        return partner, np.asarray((keys[:, partner] == keys[:, wrong]).all(axis=0))

    def swap(self, wrong: Rows, rng: np.random.Generator, *, within: bool, reach: int) -> None:
        """Let wrong rows exchange parents with others, where both are right then."""
        partner, fits = self._partners(wrong, rng, within=within, reach=reach)
        _, once = np.unique(partner, return_index=True)
        first = np.zeros(len(wrong), dtype=bool)
        first[once] = True
        good = fits & first & ~np.isin(partner, wrong) & (self.parents[partner] >= 0)
        one, two = wrong[good], partner[good]
        mine, theirs = self.parents[one], self.parents[two]
        known = (self.parents >= 0) & (self.others >= 0)
        taken = np.unique(self._pairs(self.parents[known], self.others[known]))
        free = ~np.isin(self._pairs(theirs, self.others[one]), taken) & ~self._barred(one, theirs)
        free &= ~np.isin(self._pairs(mine, self.others[two]), taken) & ~self._barred(two, mine)
        # Two swaps at once may meet in one pair; the next round sees to them.
        self.parents[one[free]], self.parents[two[free]] = theirs[free], mine[free]

    def move(self, rng: np.random.Generator) -> None:
        """Give what is still wrong a parent that is free there, of the same group if there is one."""
        everyone = rng.permutation(np.flatnonzero(self.labels >= -1))
        for row in self.wrong():
            used = {int(other[row]) for other in self.never} | set(
                self.parents[self.others == self.others[row]].tolist() if self.others[row] >= 0 else ()
            )
            mine = everyone[self.cells.parents[everyone] == self.cells.rows[row]] if self.cells.several else everyone
            near = [p for p in mine[: 4 * len(used) + 64] if p not in used] or [p for p in mine if p not in used]
            if near:
                same = [p for p in near if self.labels[p] == self.labels[self.parents[row]]]
                self.parents[row] = (same or near)[0]


def upward(parents: Rows, rng: np.random.Generator) -> Rows:
    """Return a self-reference without circles: where a row would be above itself, it becomes a row without parent.

    Example:
        >>> upward(np.array([1, 0, 0]), np.random.default_rng(0)).tolist().count(-1)
        1
    """
    parents = parents.copy()
    state = np.zeros(len(parents), dtype=np.int8)  # 1: on the way, 2: done
    for start in rng.permutation(len(parents)):
        path = []
        row = int(start)
        while row >= 0 and row < len(parents) and state[row] == 0:
            state[row] = 1
            path.append(row)
            row = int(parents[row])
        if 0 <= row < len(parents) and state[row] == 1:
            parents[path[-1]] = NONE
        for seen in path:
            state[seen] = 2
    return parents


def descending(quotas: Rows, roots: int, rng: np.random.Generator) -> Rows:
    """Return for each row its parent, so that each gets its number of children and none is above itself.

    Rows stand in an order: roots, then those with children, then the others; each finds its parent before it.

    Example:
        >>> descending(np.array([0, 2, 0]), 1, np.random.default_rng(0)).tolist()
        [1, -1, 1]
    """
    size = len(quotas)
    order = rng.permutation(size)
    has = quotas[order] > 0
    with_children, without = order[has], order[~has]
    if size and roots < 1:
        roots = 1
    own_roots = min(len(with_children), max(1, roots // 2)) if len(with_children) else 0
    own_roots = min(roots, max(own_roots, roots - len(without)))
    rest = np.concatenate([with_children[own_roots:], without[roots - own_roots :]])
    slots = np.repeat(with_children, quotas[with_children])
    found = np.full(size, -1, dtype=np.int64)
    count = min(len(rest), len(slots))
    found[rest[:count]] = slots[:count]
    return found
