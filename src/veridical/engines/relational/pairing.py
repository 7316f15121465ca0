"""Which parent does each finished row get, by kind of parent, with every parent getting its number of rows?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from veridical.prepare.link import NONE, Rows

SWAPS = 60
Mask = NDArray[np.bool_]


def pair(wanted: Rows, labels: Rows, quotas: Rows, empty: int, rng: np.random.Generator) -> Rows:
    """Return for each row its parent, or -1.

    `wanted` is the group that each row asks for (-1: no parent); `labels` and `quotas` are the parents' groups and
    numbers of rows; `empty` rows get none. Quotas and `empty` add up to the rows. Where more rows ask for a group than
    it has places, some take the nearest group with places left (near labels are alike).

    Example:
        >>> pair(np.array([0, 1, 1]), np.array([0, 1]), np.array([1, 2]), 0, np.random.default_rng(0)).tolist()
        [0, 1, 1]
    """
    slots = np.repeat(np.arange(len(quotas)), quotas)
    slots = slots[rng.permutation(len(slots))]
    slots = slots[np.argsort(labels[slots], kind="stable")]
    groups = int(max(labels.max(initial=-1), wanted.max(initial=-1))) + 2  # group 0 stands for no parent
    room = np.bincount(labels[slots] + 1, minlength=groups)
    if labels.min(initial=0) < 0:
        # Parents that no group tells of take whoever is left, at the end.
        room = np.concatenate([room, [room[0]]])
        slots = np.concatenate([slots[labels[slots] >= 0], slots[labels[slots] < 0]])
    room[0] = empty
    asked = _settled(wanted + 1, room, rng)
    order = rng.permutation(len(wanted))
    order = order[np.argsort(asked[order], kind="stable")]
    parents = np.empty(len(wanted), dtype=np.int64)
    parents[order] = np.concatenate([np.full(empty, NONE, dtype=np.int64), slots])
    return parents


def _settled(asked: Rows, room: Rows, rng: np.random.Generator) -> Rows:
    """Return what rows get of what they asked for, so that every group has just its number of rows."""
    settled = asked.copy()
    order = rng.permutation(len(asked))
    order = order[np.argsort(asked[order], kind="stable")]
    counts = np.bincount(asked, minlength=len(room))
    starts = np.concatenate([[0], np.cumsum(counts)])
    over = np.maximum(counts - room, 0)
    places = np.arange(len(asked)) - np.repeat(starts[:-1], counts)
    leaving = order[places < np.repeat(over, counts)]
    settled[leaving] = np.repeat(np.arange(len(room)), np.maximum(room - counts, 0))
    return settled


def apart(parents: Rows, others: Rows, labels: Rows, rng: np.random.Generator) -> Rows:
    """Return the parents with rows swapped until no two rows of one `others` value share a parent.

    Rows swap within their group first, then with anyone; what cannot be swapped takes a parent that is free there.
    """
    parents = parents.copy()
    for within in (True, False):
        for _ in range(SWAPS):
            twice = _repeats(parents, others)
            if not len(twice):
                return parents
            parents = _swapped(parents, others, labels, twice, rng, within=within)
    return _moved(parents, others, labels, rng)


def _repeats(parents: Rows, others: Rows) -> Rows:
    """Return the rows that repeat an earlier row's pair; those without a parent never do."""
    known = np.flatnonzero((parents >= 0) & (others >= 0))
    code = parents[known] * (int(others.max(initial=0)) + 1) + others[known]
    _, first = np.unique(code, return_index=True)
    repeat = np.ones(len(known), dtype=bool)
    repeat[first] = False
    return known[repeat]


def _swapped(parents: Rows, others: Rows, labels: Rows, twice: Rows, rng: np.random.Generator, *, within: bool) -> Rows:
    size = len(parents)
    if within:
        key = labels[parents]
        order = rng.permutation(size)
        order = order[np.argsort(key[order], kind="stable")]
        place = np.empty(size, dtype=np.int64)
        place[order] = np.arange(size)
        partner = order[(place[twice] + 1 + rng.integers(0, 8, size=len(twice))) % size]
        fits = key[partner] == key[twice]
    else:
        partner = rng.integers(size, size=len(twice))
        fits = np.ones(len(twice), dtype=bool)
    _, once = np.unique(partner, return_index=True)
    first = np.zeros(len(twice), dtype=bool)
    first[once] = True
    good = fits & first & ~np.isin(partner, twice) & (parents[partner] >= 0)
    one, two = twice[good], partner[good]
    if not len(one):
        return parents
    taken = np.unique(_pairs(parents, others))
    width = int(others.max(initial=0)) + 1
    free = ~np.isin(parents[two] * width + others[one], taken) & ~np.isin(parents[one] * width + others[two], taken)
    one, two = one[free], two[free]
    # Two swaps at once may meet in one pair; the next round sees to them.
    trial = parents.copy()
    trial[one], trial[two] = parents[two], parents[one]
    return trial


def _pairs(parents: Rows, others: Rows) -> Rows:
    known = (parents >= 0) & (others >= 0)
    return parents[known] * (int(others.max(initial=0)) + 1) + others[known]


def _moved(parents: Rows, others: Rows, labels: Rows, rng: np.random.Generator) -> Rows:
    everyone = rng.permutation(np.flatnonzero(labels >= -1))
    for row in _repeats(parents, others):
        used = set(parents[others == others[row]].tolist())
        near = [p for p in everyone[: 4 * len(used) + 64] if p not in used] or [p for p in everyone if p not in used]
        if near:
            same = [p for p in near if labels[p] == labels[parents[row]]]
            parents[row] = (same or near)[0]
    return parents


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
