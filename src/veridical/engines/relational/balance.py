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
from veridical.prepare.link import Rows

MOST_STEPS = 4_000
ROUNDS = 24
SHAKES = 12_000  # exchanges tried in a round
WARMTH = 1.0
PATIENCE = 150  # steps in a row that find nothing better
SAMPLE = 48  # rows looked at on each side of a step
MOST_SHIFTED = 0.015  # share of numbers that may change by one where no exchange helps


@dataclass(frozen=True, slots=True)
class Sum:
    """Parents in groups (-1: in none), and the sorted numbers that the sums over groups are to be spread as."""

    groups: Rows
    size: int
    learned: Rows


@dataclass(slots=True)
class _State:
    numbers: Rows
    sums: Sequence[Sum]
    gaps: list[NDArray[np.int64]]  # by group: how much the sum is above what it should be
    members: list[list[Rows]]


def balanced(numbers: Rows, sums: Sequence[Sum], rng: np.random.Generator) -> tuple[Rows, Rows]:
    """Return the numbers with places exchanged, and for each place the place whose number it took.

    What a group is to have goes by the rank of what it has, so as few numbers move as can be.

    Example:
        >>> pairs = Sum(np.array([0, 0, 1, 1]), 2, np.array([2, 6]))
        >>> found, _ = balanced(np.array([1, 3, 1, 3]), [pairs], np.random.default_rng(0))
        >>> sorted([int(found[:2].sum()), int(found[2:].sum())])
        [2, 6]
    """
    came_from = np.arange(len(numbers))
    sums = [one for one in sums if one.size and len(one.learned) and len(numbers)]
    sums.sort(key=lambda one: one.size)
    if not sums:
        return numbers, came_from
    state = _begun(numbers.astype(np.int64).copy(), sums, rng)
    _search(state, came_from, rng, steps=MOST_STEPS, shift=False)
    for left in reversed(range(ROUNDS)):
        if not any(gap.any() for gap in state.gaps):
            break
        # What a group is to have is told anew by what it has now.
        state = _begun(state.numbers, sums, rng)
        _shake(state, came_from, rng, warmth=WARMTH * left / ROUNDS)
    state = _begun(state.numbers, sums, rng)
    _search(state, came_from, rng, steps=MOST_STEPS, shift=False)
    _search(state, came_from, rng, steps=int(MOST_SHIFTED * len(numbers)) + 1, shift=True)
    return state.numbers, came_from


def _begun(numbers: Rows, sums: Sequence[Sum], rng: np.random.Generator) -> _State:
    gaps, members = [], []
    for one in sums:
        known = one.groups >= 0
        now = np.bincount(one.groups[known], weights=numbers[known], minlength=one.size).astype(np.int64)
        gaps.append(now - scaled(dealt(now, one.learned, rng), int(now.sum()), rng))
        order = np.argsort(one.groups, kind="stable")
        starts = np.searchsorted(one.groups[order], np.arange(one.size + 1))
        members.append([order[low:high] for low, high in pairwise(starts)])
    return _State(numbers, sums, gaps, members)


def _search(state: _State, came_from: Rows, rng: np.random.Generator, *, steps: int, shift: bool) -> None:
    failed = 0
    for _ in range(steps if not shift else 20 * steps):
        unmet = [place for place, gap in enumerate(state.gaps) if (gap > 0).any() and (gap < 0).any()]
        if not unmet or failed >= PATIENCE or steps <= 0:
            return
        # What is spread over few groups is seen first.
        place = unmet[0 if shift and not failed else int(rng.integers(len(unmet)))]
        gap, members = state.gaps[place], state.members[place]
        over, under = int(rng.choice(np.flatnonzero(gap > 0))), int(rng.choice(np.flatnonzero(gap < 0)))
        most = min(int(gap[over]), -int(gap[under])) if shift else 0
        one, two = _some(members[over], rng), _some(members[under], rng)
        step = _best(state, one, two, rng, most=most)
        failed = failed + 1 if step is None or step[3] >= 0 else 0
        if step is not None:
            _take(state, came_from, *step[:3], shift=shift)
            steps -= int(shift)


def _shake(state: _State, came_from: Rows, rng: np.random.Generator, *, warmth: float) -> None:
    """Let numbers of any two parents change places, those that bring sums nearer and a few others (annealing)."""
    size = len(state.numbers)
    numbers = state.numbers.tolist()
    sums = [
        ([*one.groups.tolist()], gap.tolist(), 1 / one.size) for one, gap in zip(state.sums, state.gaps, strict=True)
    ]
    # A step that makes one sum of the finest kind wrong by one is taken with a chance of exp(-1 / warmth).
    heat = max(warmth, 1e-6) / max(one.size for one in state.sums)
    pairs = rng.integers(size, size=(SHAKES, 2)).tolist()
    luck = (-heat * np.log(rng.random(SHAKES))).tolist()
    for (one, two), bound in zip(pairs, luck, strict=True):
        moved = numbers[one] - numbers[two]
        if not moved:
            continue
        cost = 0.0
        for groups, gap, weight in sums:
            mine, theirs = groups[one], groups[two]
            if mine != theirs:
                if mine >= 0:
                    cost += weight * (abs(gap[mine] - moved) - abs(gap[mine]))
                if theirs >= 0:
                    cost += weight * (abs(gap[theirs] + moved) - abs(gap[theirs]))
        if cost <= bound:
            numbers[one], numbers[two] = numbers[two], numbers[one]
            came_from[one], came_from[two] = came_from[two], came_from[one]
            for groups, gap, _ in sums:
                if groups[one] >= 0:
                    gap[groups[one]] -= moved
                if groups[two] >= 0:
                    gap[groups[two]] += moved
    state.numbers[:] = numbers


def _some(rows: Rows, rng: np.random.Generator) -> Rows:
    return rows if len(rows) <= SAMPLE else rng.choice(rows, size=SAMPLE, replace=False)


def _best(
    state: _State, one: Rows, two: Rows, rng: np.random.Generator, *, most: int
) -> tuple[int, int, int, float] | None:
    """The rows, how much goes from the first to the second, and the cost: what brings sums nearest, or costs nothing.

    A step that costs nothing leads out of a corner.
    """
    if not len(one) or not len(two):
        return None
    above, below = state.numbers[one][:, None], state.numbers[two][None, :]
    moved = np.clip(above - 1 + 0 * below, 0, most) if most else np.maximum(above - below, 0)
    change = np.zeros(moved.shape)
    for held, gap in zip(state.sums, state.gaps, strict=True):
        mine, theirs = held.groups[one][:, None], held.groups[two][None, :]
        padded = np.append(gap, 0)
        loss = np.abs(padded[mine] - moved) - np.abs(padded[mine])
        gain = np.abs(padded[theirs] + moved) - np.abs(padded[theirs])
        # One sum of few groups that is wrong is seen; one of thousands is not.
        cost = np.where(mine >= 0, loss, 0) + np.where(theirs >= 0, gain, 0)
        change += np.where(mine == theirs, 0, cost) / held.size
    change = np.where(moved > 0, np.round(change, 9), np.inf)
    best = float(change.min())
    if best > 0 or (most and best >= 0):
        return None
    at = int(rng.choice(np.flatnonzero(change == best)))
    row, column = divmod(at, moved.shape[1])
    return int(one[row]), int(two[column]), int(moved[row, column]), best


def _take(state: _State, came_from: Rows, one: int, two: int, moved: int, *, shift: bool) -> None:
    if not shift:
        came_from[one], came_from[two] = came_from[two], came_from[one]
    elif not state.numbers[two]:
        came_from[two] = came_from[one]
    state.numbers[one] -= moved
    state.numbers[two] += moved
    for held, gap in zip(state.sums, state.gaps, strict=True):
        if held.groups[one] >= 0:
            gap[held.groups[one]] -= moved
        if held.groups[two] >= 0:
            gap[held.groups[two]] += moved
