"""Which parents are alike in the children they have, so that rows can be paired with the right kind of parent?

A group is told by what siblings share (the airline of a plane's flights) and by the parent's own columns that tell
most of the children. Where few parents have many children each, every parent is a group of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from veridical.prepare.codec import whole
from veridical.prepare.link import Pointing, Rows

MOST_LEVELS = 256
BINS = 8
LEAST_KAPPA = 0.02
MOST_FEATURES = 8
PAIR_ROWS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """How parents are put into groups; `alone` is how many children each used parent must have to be one by itself."""

    most: int = 160
    least_parents: int = 12
    alone: int = 20
    most_alone: int = 256


@dataclass(frozen=True, slots=True)
class Groups:
    """The group of each parent (those without a row last; -1: no children and nothing to tell), and their kind."""

    labels: Rows
    count: int
    alone: bool  # each group is one parent, but for the last, which holds those of few children


def group(
    parent: pa.Table, child: pa.Table, columns: Sequence[str], pointing: Pointing, how: Grouping, rare_below: int,
    own: Sequence[str], above: Sequence[Rows] = (),
) -> Groups:  # fmt: skip
    """Return the parents' groups; `columns` are the child's that may be shared by siblings, `own` the parent's.

    `above` holds, as codes by row, what else children are told of: columns of the other parent that they grow from.
    """
    counts = pointing.counts
    used = np.flatnonzero(counts)
    if not len(used):
        return Groups(np.full(pointing.parents, -1, dtype=np.int64), 0, alone=False)
    if len(used) <= how.most_alone and counts.sum() >= how.alone * len(used):
        return _each(counts, used, rare_below)
    features = _features(parent, child, columns, pointing, own, above)
    labels = np.full(pointing.parents, -1, dtype=np.int64)
    labels[used] = partition([feature[used] for feature in features], len(used), how.least_parents, how.most)
    return Groups(labels, int(labels.max()) + 1, alone=False)


def _each(counts: Rows, used: Rows, rare_below: int) -> Groups:
    labels = np.full(len(counts), -1, dtype=np.int64)
    many = used[counts[used] >= rare_below]
    labels[many] = np.arange(len(many))
    few = used[counts[used] < rare_below]
    labels[few] = len(many)
    return Groups(labels, len(many) + bool(len(few)), alone=True)


def partition(features: Sequence[Rows], size: int, least: int, most: int) -> Rows:
    """Return a label for each parent: features split in turn, no part smaller than `least`, at most `most` parts.

    Labels that are near to each other share the first features.

    Example:
        >>> partition([np.array([0, 0, 0, 1, 1, 1])], 6, least=2, most=10).tolist()
        [0, 0, 0, 1, 1, 1]
    """
    labels = np.zeros(size, dtype=np.int64)
    for feature in features:
        levels = int(feature.max(initial=0)) + 1
        sizes = np.bincount(labels * levels + feature)
        fine = labels * levels + feature
        # What is too small to stand alone goes to its cell's largest part.
        cells = int(labels.max()) + 1
        table = np.zeros(cells * levels, dtype=np.int64)
        table[: len(sizes)] = sizes
        largest = np.arange(cells) * levels + table.reshape(cells, levels).argmax(axis=1)
        fine = np.where(table[fine] < least, largest[labels], fine)
        _, found = np.unique(fine, return_inverse=True)
        if int(found.max()) + 1 > most:
            break
        labels = found.ravel()
    return labels


def _features(
    parent: pa.Table, child: pa.Table, columns: Sequence[str], pointing: Pointing, own: Sequence[str],
    above: Sequence[Rows],
) -> list[Rows]:  # fmt: skip
    """Return features by parent, the most telling first: shared values of children, then the parent's columns."""
    there = np.flatnonzero(pointing.rows >= 0)
    rows = pointing.rows[there]
    scored: list[tuple[float, Rows]] = []
    child_codes = []
    for name in columns:
        codes = codes_of(child[name])
        if codes is None:
            continue
        codes = codes[there]
        child_codes.append(codes)
        kappa = agreement(rows, codes)
        if kappa > LEAST_KAPPA:
            scored.append((kappa + 1.0, _mode(rows, codes, pointing.parents)))
    child_codes += [codes[there] for codes in above]
    for name in own:
        codes = codes_of(parent[name])
        if codes is None or not child_codes:
            continue
        full = np.concatenate([codes + 1, np.zeros(pointing.missing, dtype=np.int64)])
        kappa = max(agreement(full[rows], mine) for mine in child_codes)
        scored.append((kappa, full))
    scored.sort(key=lambda pair: -pair[0])
    return [feature for _, feature in scored[:MOST_FEATURES]]


def codes_of(column: pa.ChunkedArray) -> Rows | None:
    """Return a column on few levels: categories as they are, numbers in eight bins of equal mass; None for others."""
    values = whole(column)
    if pa.types.is_temporal(values.type):
        values = values.cast(pa.int64()) if not pa.types.is_date(values.type) else values.cast(pa.int32())
    if pa.types.is_decimal(values.type):
        values = values.cast(pa.float64())
    distinct = int(pc.count_distinct(values).as_py())
    if distinct <= 1:
        return None
    number = pa.types.is_integer(values.type) or pa.types.is_floating(values.type)
    if distinct > (4 * BINS if number else MOST_LEVELS):
        return _binned(values) if number else None
    return np.asarray(values.dictionary_encode("encode").indices.to_numpy(zero_copy_only=False)).astype(np.int64)


def _binned(values: pa.Array) -> Rows:
    numbers = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    edges = np.unique(np.nanquantile(numbers, np.linspace(0, 1, BINS + 1)[1:-1]))
    return np.where(np.isnan(numbers), 0, 1 + np.searchsorted(edges, numbers, side="right")).astype(np.int64)


def agreement(groups: Rows, codes: Rows) -> float:
    """Return how much more often two rows of one group agree than any two rows do: 0 as by chance, 1 always.

    Example:
        >>> agreement(np.array([0, 0, 1, 1]), np.array([5, 5, 7, 7]))
        1.0
    """
    if len(groups) > PAIR_ROWS:
        keep = np.isin(groups, np.unique(groups)[:: max(1, len(groups) // PAIR_ROWS)])
        groups, codes = groups[keep], codes[keep]
    _, pairs = np.unique(groups * (int(codes.max(initial=0)) + 1) + codes, return_counts=True)
    _, sizes = np.unique(groups, return_counts=True)
    within = float((sizes * (sizes - 1.0)).sum())
    shares = np.bincount(codes) / max(1, len(codes))
    chance = float(np.square(shares).sum())
    if within <= 0 or chance >= 1:
        return 0.0
    return float(max(0.0, ((pairs * (pairs - 1.0)).sum() / within - chance) / (1 - chance)))


def _mode(rows: Rows, codes: Rows, parents: int) -> Rows:
    """Return for each parent the code that most of its children have."""
    levels = int(codes.max(initial=0)) + 1
    pair, count = np.unique(rows * levels + codes, return_counts=True)
    order = np.argsort(count, kind="stable")
    found = np.zeros(parents, dtype=np.int64)
    found[pair[order] // levels] = pair[order] % levels
    return found
