"""How are numbers of children moved between parents until groups of these parents add up to what was learned?

Encounters have diagnoses, and each diagnosis's patient is its encounter's. The encounters' numbers of diagnoses are
spread as learned; here they change places until the patients' numbers, sums over their encounters, are so as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from veridical.engines.relational.quota import dealt, scaled
from veridical.kernel import library
from veridical.prepare.link import Rows

ROUNDS = 24
STEPS, MOST_STEPS = 30, 400_000  # exchanges tried in a round, for each number and at most
WARMTH = 1.0
PULL = 0.2  # what a unit away from the number that attributes speak for costs, in units of the finest sum
BY_SIZE = (0.0, 0.9, 0.45) * 4  # how far a group's share goes by its size rather than by what it has, a try each
NEAR = 0.02  # distance of distributions that is near enough
DEARER = 1.5  # times that a sum which was not near costs more when it is tried again
PATIENCE = 150  # steps in a row that find nothing better
SAMPLE = 48  # rows looked at on each side of a step
MOST_SHIFTED = 0.015  # share of numbers that may change by one where no exchange helps


@dataclass(frozen=True, slots=True)
class Sum:
    """Parents in groups (-1: in none), and the sorted numbers that the sums over groups are to be spread as."""

    groups: Rows
    size: int
    learned: Rows

    def of(self, numbers: Rows) -> Rows:
        """Return the sum of each group."""
        known = self.groups >= 0
        sums = np.bincount(self.groups[known], weights=numbers[known], minlength=self.size)
        return np.rint(sums).astype(np.int64)

    def distance(self, numbers: Rows) -> float:
        """Return how far the sums are from how they are to be spread (Kolmogorov-Smirnov)."""
        now = np.sort(self.of(numbers))
        levels = np.unique(np.concatenate([now, self.learned]))
        one, two = (np.searchsorted(each, levels, side="right") / max(1, len(each)) for each in (now, self.learned))
        return float(np.abs(one - two).max(initial=0.0))


@dataclass(slots=True)
class _State:
    numbers: Rows
    sums: Sequence[Sum]
    gaps: list[NDArray[np.int64]]  # by group: how much the sum is above what it should be
    members: list[list[Rows]]


def balanced(numbers: Rows, sums: Sequence[Sum], rng: np.random.Generator) -> tuple[Rows, Rows]:
    """Return the numbers with places exchanged, and for each place the place whose number it took.

    What a group is to have goes by the rank of what it has, or of how large it is, so few numbers move far.

    Example:
        >>> pairs = Sum(np.array([0, 0, 1, 1]), 2, np.array([2, 6]))
        >>> found, _ = balanced(np.array([1, 3, 1, 3]), [pairs], np.random.default_rng(0))
        >>> sorted([int(found[:2].sum()), int(found[2:].sum())])
        [2, 6]
    """
    sums = [one for one in sums if one.size and len(one.learned) and len(numbers)]
    sums.sort(key=lambda one: one.size)
    best, origin, nearest = numbers, np.arange(len(numbers)), np.inf
    # One sum of few groups that is wrong is seen; one of thousands is not.
    weights = np.array([1 / one.size for one in sums])
    for by_size in BY_SIZE if sums else ():
        found, came_from = _tried(numbers.astype(np.int64), sums, weights, by_size, rng)
        apart = np.array([one.distance(found) for one in sums])
        if apart.max() < nearest:
            best, origin, nearest = found, came_from, float(apart.max())
        if nearest <= NEAR:
            break
        weights = np.where(apart > NEAR, DEARER * weights, weights)
    return best, origin


def _tried(
    numbers: Rows, sums: Sequence[Sum], weights: NDArray[np.float64], by_size: float, rng: np.random.Generator
) -> tuple[Rows, Rows]:
    found, came_from, size = numbers.copy(), np.arange(len(numbers)), len(numbers)
    groups = np.concatenate([one.groups for one in sums]).astype(np.int64)
    starts = np.concatenate([[0], np.cumsum([one.size for one in sums])[:-1]]).astype(np.int64)
    steps = min(MOST_STEPS, STEPS * size + 2_000)
    for left in reversed(range(ROUNDS)):
        # What a group is to have is told anew by what it has now.
        told = by_size * max(0.0, 2 * (left + 1) / ROUNDS - 1)
        gaps = np.concatenate([one.of(found) - _shares(found, one, told, rng) for one in sums])
        if not gaps.any():
            return found, came_from
        heat = float(WARMTH * weights.min() * left / ROUNDS)
        shape = (len(sums), groups, gaps, starts, weights, float(PULL * weights.min()))
        library.call("exchange", found, came_from, numbers, size, *shape, steps, heat, int(rng.integers(2**62)))
    state = _begun(found, sums, rng)
    _shift(state, came_from, rng, steps=int(MOST_SHIFTED * size) + 1)
    return state.numbers, came_from


def _shares(numbers: Rows, one: Sum, by_size: float, rng: np.random.Generator) -> Rows:
    """Return what each group is to have."""
    now = one.of(numbers)
    members = np.bincount(one.groups[one.groups >= 0], minlength=one.size)
    wanted = (1 - by_size) * now + by_size * float(numbers.mean()) * members
    return scaled(dealt(wanted, one.learned, rng), int(now.sum()), rng)


def _begun(numbers: Rows, sums: Sequence[Sum], rng: np.random.Generator) -> _State:
    members = []
    for one in sums:
        order = np.argsort(one.groups, kind="stable")
        starts = np.searchsorted(one.groups[order], np.arange(one.size + 1))
        members.append([order[low:high] for low, high in pairwise(starts)])
    return _State(numbers, sums, [one.of(numbers) - _shares(numbers, one, 0.0, rng) for one in sums], members)


def _shift(state: _State, came_from: Rows, rng: np.random.Generator, *, steps: int) -> None:
    """Let a few numbers change, where no exchange helps."""
    failed = 0
    for _ in range(20 * steps):
        unmet = [place for place, gap in enumerate(state.gaps) if (gap > 0).any() and (gap < 0).any()]
        if not unmet or failed >= PATIENCE or steps <= 0:
            return
        # What is spread over few groups is seen first.
        place = unmet[0 if not failed else int(rng.integers(len(unmet)))]
        gap, members = state.gaps[place], state.members[place]
        over, under = int(rng.choice(np.flatnonzero(gap > 0))), int(rng.choice(np.flatnonzero(gap < 0)))
        one, two = _some(members[over], rng), _some(members[under], rng)
        step = _best(state, one, two, rng, most=min(int(gap[over]), -int(gap[under])))
        failed = failed + 1 if step is None else 0
        if step is not None:
            _take(state, came_from, *step)
            steps -= 1


def _some(rows: Rows, rng: np.random.Generator) -> Rows:
    return rows if len(rows) <= SAMPLE else rng.choice(rows, size=SAMPLE, replace=False)


def _best(state: _State, one: Rows, two: Rows, rng: np.random.Generator, *, most: int) -> tuple[int, int, int] | None:
    """The rows, and how much goes from the first to the second: what brings sums nearest; None where nothing does."""
    if not len(one) or not len(two):
        return None
    above, below = state.numbers[one][:, None], state.numbers[two][None, :]
    moved = np.clip(above - 1 + 0 * below, 0, most)
    change = np.zeros(moved.shape)
    for held, gap in zip(state.sums, state.gaps, strict=True):
        mine, theirs = held.groups[one][:, None], held.groups[two][None, :]
        padded = np.append(gap, 0)
        loss = np.abs(padded[mine] - moved) - np.abs(padded[mine])
        gain = np.abs(padded[theirs] + moved) - np.abs(padded[theirs])
        cost = np.where(mine >= 0, loss, 0) + np.where(theirs >= 0, gain, 0)
        change += np.where(mine == theirs, 0, cost) / held.size
    change = np.where(moved > 0, np.round(change, 9), np.inf)
    best = float(change.min())
    if best >= 0:
        return None
    at = int(rng.choice(np.flatnonzero(change == best)))
    row, column = divmod(at, moved.shape[1])
    return int(one[row]), int(two[column]), int(moved[row, column])


def _take(state: _State, came_from: Rows, one: int, two: int, moved: int) -> None:
    if not state.numbers[two]:
        came_from[two] = came_from[one]
    state.numbers[one] -= moved
    state.numbers[two] += moved
    for held, gap in zip(state.sums, state.gaps, strict=True):
        if held.groups[one] >= 0:
            gap[held.groups[one]] -= moved
        if held.groups[two] >= 0:
            gap[held.groups[two]] += moved
