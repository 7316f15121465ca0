"""How many children does each new parent get, so that the numbers of children are spread as in the source?

The learned numbers are dealt out by rank: a parent whose attributes speak for many children gets one of the many. So
every link keeps its distribution of numbers exactly, and attributes keep their say.
"""

from __future__ import annotations

import numpy as np

from veridical.prepare.link import Rows

FEW_PARENTS = 34  # fewer make up a lookup table, whose numbers speak of many rows each
JITTER = 0.03


def learned(counts: Rows, rare_below: int, rng: np.random.Generator) -> Rows:
    """Return the sorted numbers of children that may be remembered: numbers only few parents have are blurred.

    Their sum stays. In tables of few rows numbers stay as they are.
    """
    ordered = np.sort(counts)
    if len(ordered) < FEW_PARENTS:
        return ordered
    values, place, shared = np.unique(ordered, return_inverse=True, return_counts=True)
    lone = (shared[place.ravel()] < rare_below) & (ordered > 1)
    # A number between others that are near is anybody's; the largest ones point at somebody.
    top = np.zeros(len(ordered), dtype=bool)
    top[-rare_below:] = True
    marked = np.flatnonzero(lone & top)
    if not len(marked) or len(values) < 2:
        return ordered
    real = ordered[marked]
    blurred = np.maximum(1, real + _cancelling(real, _room(ordered, marked), rng))
    found = ordered.copy()
    found[marked] = blurred
    # What the blur adds or takes is spread over the parents in the middle, one child each.
    apart = int(real.sum() - blurred.sum())
    middle = np.flatnonzero(~top & (ordered > 1))
    some = rng.choice(middle, size=min(abs(apart), len(middle)), replace=False) if len(middle) else middle
    found[some] += np.sign(apart)
    found[marked[-1]] += int(ordered.sum() - found.sum())
    return np.sort(found)


def _room(ordered: Rows, marked: Rows) -> Rows:
    """How far each marked number may go down and up before it meets another one half way: numbers keep their order.

    So no more than one parent changes sides at any number, and few parents' numbers stay spread as they are.
    """
    gaps = np.diff(ordered)
    down = np.append(ordered[0], gaps)[marked] // 2
    up = np.append(gaps // 2, np.rint(JITTER * ordered[-1]).astype(np.int64))[marked]
    return np.maximum(1, np.stack([down, up]))


def _cancelling(real: Rows, room: Rows, rng: np.random.Generator) -> Rows:
    """Return by how much each number is blurred, one or more: up and down by turns, and the largest by what is left."""
    sizes = np.maximum(1, np.rint(real * rng.uniform(0, JITTER, size=len(real)))).astype(np.int64)
    found, total, last = np.zeros(len(real), dtype=np.int64), 0, len(real) - 1
    for place in np.lexsort((rng.random(last), -sizes[:last])):
        sign = int(rng.choice([-1, 1])) if not total else (-1 if total > 0 else 1)
        found[place] = sign * min(int(sizes[place]), int(room[int(sign > 0), place]))
        total += int(found[place])
    rest = -total if total else int(rng.choice([-1, 1])) * int(sizes[last])
    found[last] = np.clip(rest, -room[0, last], room[1, last])
    return found


def dealt(wanted: Rows, numbers: Rows, rng: np.random.Generator) -> Rows:
    """Return for each parent one of the learned numbers (sorted), by the rank of what was drawn for it.

    Example:
        >>> dealt(np.array([9, 0, 4]), np.array([1, 2, 3]), np.random.default_rng(0)).tolist()
        [3, 1, 2]
    """
    size = len(wanted)
    if not size or not len(numbers):
        return np.zeros(size, dtype=np.int64)
    order = np.lexsort((rng.random(size), wanted))
    found = np.empty(size, dtype=np.int64)
    found[order] = resized(numbers, size)
    return found


def resized(numbers: Rows, size: int) -> Rows:
    """Return `size` of the sorted numbers, spread evenly over them; all of them when size is theirs."""
    if not len(numbers):
        return np.zeros(size, dtype=np.int64)
    place = np.floor((np.arange(size) + 0.5) / size * len(numbers)).astype(np.int64)
    return numbers[np.minimum(place, len(numbers) - 1)]


def scaled(quotas: Rows, total: int, rng: np.random.Generator) -> Rows:
    """Return quotas that add up to `total`, each near its share; rounding is by chance, so that none is favoured.

    Example:
        >>> int(scaled(np.array([5, 5, 10]), 10, np.random.default_rng(0)).sum())
        10
    """
    now = int(quotas.sum())
    if now == total or not len(quotas):
        return quotas.copy()
    if now == 0:
        return np.bincount(rng.integers(len(quotas), size=total), minlength=len(quotas)).astype(np.int64)
    exact = quotas * (total / now)
    found = np.floor(exact).astype(np.int64)
    left = total - int(found.sum())
    part = exact - found
    if left > 0:
        chance = part / part.sum() if part.sum() > 0 else np.full(len(part), 1 / len(part))
        open_places = int((chance > 0).sum())
        picked = rng.choice(len(quotas), size=min(left, open_places), replace=False, p=chance)
        found[picked] += 1
        rest = total - int(found.sum())
        if rest > 0:
            found += np.bincount(rng.integers(len(quotas), size=rest), minlength=len(quotas)).astype(np.int64)
    return found


def grown(quotas: Rows, total: int, rng: np.random.Generator) -> Rows:
    """Return quotas for more rows than were counted: new rows find parents as the counted ones did.

    As many of the new rows go to parents that had none as the counted parents with one row let expect (Good 1953).

    Example:
        >>> int(grown(np.array([0, 1, 3]), 6, np.random.default_rng(0)).sum())
        6
    """
    now, extra = int(quotas.sum()), total - int(quotas.sum())
    if extra <= 0 or now == 0:
        return scaled(quotas, total, rng)
    empty = np.flatnonzero(quotas == 0)
    unseen = min(round(extra * float((quotas == 1).sum()) / now), len(empty))
    found = quotas.copy()
    found[rng.choice(empty, size=unseen, replace=False)] += 1
    found += np.bincount(rng.choice(len(quotas), size=extra - unseen, p=quotas / now), minlength=len(quotas))
    return found


def blurred(numbers: Rows, kinds: Rows, rare: int, rng: np.random.Generator) -> Rows:
    """Numbers of parents without a row, shuffled within groups, in the order of the groups."""
    order = np.lexsort((rng.random(len(numbers)), kinds))
    found = numbers[order]
    top = np.argsort(found)[-rare:] if len(found) > rare else np.zeros(0, dtype=np.int64)
    found[top] = np.maximum(1, np.rint(found[top] * (1 + rng.uniform(-0.03, 0.03, size=len(top)))))
    if len(top):
        found[top[-1]] = max(1, int(found[top[-1]] + numbers.sum() - found.sum()))
    return found
