"""How do values that must differ within a group come apart, each moved as little as need be?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from veridical.engines.relational.key import _countable, _ticks, _typed
from veridical.prepare.link import Rows


def key_codes(rows: Sequence[Rows], columns: Sequence[pa.Array]) -> Rows:
    """Return one code for each combination of row numbers and values."""
    size = len(rows[0]) if rows else len(columns[0])
    codes = np.zeros(size, dtype=np.int64)
    own = [np.unique(each, return_inverse=True)[1].ravel() for each in rows]
    own += [
        np.asarray(each.dictionary_encode("encode").indices.to_numpy(zero_copy_only=False)).astype(np.int64)
        for each in columns
    ]
    for each in own:
        _, codes = np.unique(codes * (int(each.max(initial=0)) + 1) + each, return_inverse=True)
        codes = codes.ravel()
    return codes


def spread(values: pa.Array, groups: Rows, rng: np.random.Generator) -> pa.Array | None:
    """Return values of which no two are alike in a group; None when that cannot be done.

    Numbers and times move up to the next free place; texts take another value that the group lacks.

    Example:
        >>> spread(pa.array([3, 3, 4, 3]), np.array([0, 0, 0, 1]), np.random.default_rng(0)).to_pylist()
        [3, 4, 5, 3]
    """
    if _countable(values.type):
        known = values.fill_null(pa.scalar(0, pa.int64()).cast(values.type)) if values.null_count else values
        ticks = _ticks(known)
        return _typed(_apart(ticks, groups), values.type)
    encoded = values.dictionary_encode()
    if pa.types.is_dictionary(values.type):
        encoded = values
    codes = encoded.indices.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    moved = _others(codes, groups, len(encoded.dictionary), rng)
    return None if moved is None else encoded.dictionary.take(pa.array(moved)).cast(values.type)


def _apart(ticks: Rows, groups: Rows) -> Rows:
    levels = np.unique(ticks)
    step = int(np.gcd.reduce(np.diff(levels))) if len(levels) > 1 else 1
    order = np.lexsort((ticks, groups))
    base = int(levels[0]) if len(levels) else 0
    moved = (ticks[order] - base) // step
    starts = np.flatnonzero(np.r_[True, np.diff(groups[order]) != 0]) if len(order) else np.zeros(0, dtype=np.intp)
    sizes = np.diff(np.r_[starts, len(order)])
    which = np.repeat(np.arange(len(sizes)), sizes)
    place = np.arange(len(order)) - np.repeat(starts, sizes)
    # Rising by at least one a row is never falling, once a row's place in its group is taken off.
    flat = moved - place
    width = int(flat.max(initial=0)) - int(flat.min(initial=0)) + 1
    risen = np.maximum.accumulate(flat + which * width) - which * width
    found = np.empty(len(ticks), dtype=np.int64)
    found[order] = base + step * (risen + place)
    return found


def _others(codes: Rows, groups: Rows, levels: int, rng: np.random.Generator) -> Rows | None:
    shares = np.bincount(codes, minlength=levels) / max(1, len(codes))
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(groups[order]) != 0]) if len(order) else np.zeros(0, dtype=np.intp)
    moved = codes.copy()
    for rows in np.split(order, starts[1:]):
        held, first = np.unique(codes[rows], return_index=True)
        if len(held) == len(rows):
            continue
        if len(rows) > levels:
            return None
        twice = np.delete(rows, first)
        free = np.setdiff1d(np.arange(levels), held)
        chance = shares[free] + 1e-9
        moved[twice] = rng.choice(free, size=len(twice), replace=False, p=chance / chance.sum())
    return moved
