"""Which links follow from another one: where a row's other parent leads, as a visit leads to its patient?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from veridical.core.schema import ForeignKey
from veridical.engines.relational.quota import dealt, grown, learned, scaled
from veridical.prepare.link import Pointing, Rows

BY_CHANCE = 0.01  # how likely rows may be to agree by chance, for a link to be taken as one that follows
Way = tuple[int, int, int]  # a link, the one of the same table that leads, and the one that it is led by


def find(open_links: Sequence[int], links: Sequence[ForeignKey], pointing: Sequence[Pointing]) -> tuple[Way, ...]:
    """Return the links that lead where another parent's link leads, in every row that has both.

    A link comes after the one that leads it.
    """
    found: dict[int, list[Way]] = {}
    for j in open_links:
        mine = [i for i in open_links if links[i].table == links[j].table and i != j]
        mine = [i for i in mine if not set(links[i].columns) & set(links[j].columns)]
        ways = [(j, i, k) for i in mine for k in open_links if links[k].table == links[i].parent]
        ways = [way for way in ways if _leads(way, links, pointing)]
        if ways:
            found[j] = ways
    best = [
        min(ways, key=lambda way: (not everywhere(way, pointing), way[1] in found, way[1:])) for ways in found.values()
    ]
    ordered: list[Way] = []
    while best:
        waiting = {way[0] for way in best}
        ready = [way for way in best if way[1] not in waiting]
        ordered += ready
        best = [way for way in best if way not in ready]
    return tuple(ordered)


def everywhere(way: Way, pointing: Sequence[Pointing]) -> bool:
    """Whether the link follows in every row, so that nothing of it is left to draw."""
    return bool((_led(way, pointing) == pointing[way[0]].rows).all())


def _led(way: Way, pointing: Sequence[Pointing]) -> Rows:
    _, i, k = way
    return lead(pointing[k].rows, pointing[i].rows)


def lead(above: Rows, rows: Rows) -> Rows:
    """Return the parents (`above`) of parents (`rows`); -1 where there is none.

    Example:
        >>> lead(np.array([7, 8]), np.array([1, -1, 0])).tolist()
        [8, -1, 7]
    """
    return np.append(above, -1)[np.where((rows < 0) | (rows >= len(above)), len(above), rows)]


def _leads(way: Way, links: Sequence[ForeignKey], pointing: Sequence[Pointing]) -> bool:
    j, i, k = way
    if links[k].parent != links[j].parent or links[k].parent_columns != links[j].parent_columns:
        return False
    if pointing[j].missing or pointing[k].missing:
        return False
    led, mine = _led(way, pointing), pointing[j].rows
    both = (led >= 0) & (mine >= 0)
    if not both.any() or (led[both] != mine[both]).any():
        return False
    # A few rows, or a few parents, agree by chance; rows of one and the same parent agree once.
    _, first = np.unique(pointing[i].rows[both], return_index=True)
    share = pointing[k].counts / max(1, int(pointing[k].counts.sum()))
    return bool(np.log(share[led[both][first]]).sum() < np.log(BY_CHANCE))


def led_numbers(
    ways: Sequence[Way], pointing: Sequence[Pointing], rare: int, rng: np.random.Generator
) -> dict[int, Rows]:
    """Return by link the sorted numbers of rows that are led to each parent."""
    found = {}
    for way in ways:
        led = _led(way, pointing)
        counts = np.bincount(led[led >= 0], minlength=pointing[way[2]].present).astype(np.int64)
        found[way[0]] = learned(counts, rare, rng)
    return found


def path(j: int, ways: Sequence[Way]) -> tuple[int, tuple[int, ...]]:
    """Return the drawn link that leads to link `j` in the end, and the links to climb from its parent.

    Example:
        >>> path(3, [(2, 1, 10), (3, 2, 11)])
        (1, (10, 11))
    """
    by: Mapping[int, Way] = {way[0]: way for way in ways}
    _, i, k = by[j]
    if i not in by:
        return i, (k,)
    root, climbed = path(i, ways)
    return root, (*climbed, k)


def settled(
    leads: Rows, unasked: Rows, numbers: Rows, size: int, rng: np.random.Generator, *, nullable: bool
) -> tuple[Rows, Rows]:
    """Return each row's parent by where it is led, and how many rows each parent takes of those that nothing leads.

    `numbers` are the learned numbers of rows by parent, sorted, dealt out by the rank of how many are led there. Where
    too many are, some have no parent (if `nullable`), those first that ask for none (`unasked` is 1).

    Example:
        >>> leads, none = np.array([0, 0, 1, -1]), np.zeros(4, dtype=np.int64)
        >>> above, open_to = settled(leads, none, np.array([2, 2]), 2, np.random.default_rng(0), nullable=False)
        >>> above.tolist(), open_to.tolist()
        ([0, 0, 1, -1], [0, 1])
    """
    known = np.flatnonzero(leads >= 0)
    now = np.bincount(leads[known], minlength=size).astype(np.int64)
    goal = dealt(now, numbers, rng)
    above = leads.copy()
    if nullable:
        order = known[np.lexsort((rng.random(len(known)), 1 - unasked[known], leads[known]))]
        place = np.arange(len(order)) - np.repeat(np.cumsum(now) - now, now)
        above[order[place < np.maximum(now - goal, 0)[leads[order]]]] = -1
    left, open_to = len(leads) - len(known), np.maximum(goal - now, 0)
    if not nullable:
        return above, grown(open_to, left, rng)
    return above, open_to if int(open_to.sum()) <= left else scaled(open_to, left, rng)
