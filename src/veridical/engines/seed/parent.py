"""Which parent does each row belong to?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.core.errors import ConstraintError
from veridical.core.schema import ForeignKey

CHILDLESS = 0.15  # share of parents that own no row
NONE = -1
Rows = NDArray[np.int64]


def choose(
    rows: int, parents: int, rng: np.random.Generator, *, unique: bool, optional: bool, everyone: bool = False,
    where: str = "",
) -> Rows:  # fmt: skip
    """Return the parent's row of each child, shape (rows,); -1 where an optional link is empty.

    A few parents own many rows, most own some, and some own none (where rows suffice not one, with `everyone`).
    `unique` parents own one row at most.

    Raises:
        ConstraintError: there are not enough parents.

    Example:
        >>> sorted(choose(3, 3, np.random.default_rng(0), unique=True, optional=False).tolist())
        [0, 1, 2]
    """
    if parents == 0 or (unique and parents < rows and not optional):
        if optional or rows == 0:
            return np.full(rows, NONE)
        fix = "ask for fewer of them, or for more of the parents: --rows-of"
        raise ConstraintError(f"{rows:,} rows need a parent each, and there are {parents:,}", where=where, fix=fix)
    if unique:
        shuffled = rng.permutation(parents)[:rows]
        return np.concatenate([shuffled, np.full(rows - len(shuffled), NONE)])
    weights = rng.gamma(0.8, size=parents) * (rng.random(parents) >= CHILDLESS)
    weights = weights if weights.sum() > 0 else np.ones(parents)
    chosen: Rows = rng.choice(parents, rows, p=weights / weights.sum())
    chosen = np.where(rng.random(rows) < 0.1, NONE, chosen) if optional else chosen
    if everyone and rows >= parents:
        chosen[rng.permutation(rows)[:parents]] = np.arange(parents)
    return chosen


def choose_matching(
    given: Mapping[str, pa.Array], link: ForeignKey, parents: Mapping[str, pa.Array], rng: np.random.Generator
) -> Rows:
    """Return parents that agree with the columns of the link that are filled already; -1 where there is none."""
    pairs = [(child, parent) for child, parent in zip(link.columns, link.parent_columns, strict=True) if child in given]
    by_key: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for row, key in enumerate(zip(*(parents[parent].to_pylist() for _, parent in pairs), strict=True)):
        by_key[key].append(row)
    wanted = zip(*(given[child].to_pylist() for child, _ in pairs), strict=True)
    found = [by_key.get(key) for key in wanted]
    return np.array([NONE if rows is None else rows[int(rng.integers(len(rows)))] for rows in found], dtype=np.int64)


def earlier(rows: int, rng: np.random.Generator, *, optional: bool, unique: bool) -> Rows:
    """Return an earlier row for each row, so that a table that refers to itself makes trees.

    Rows on top refer to nothing where they may, else to themselves.
    """
    own = np.arange(rows)
    if unique:
        return own - 1 if optional else own
    tops = max(1, rows // 10)
    chosen: Rows = (rng.random(rows) * np.maximum(own, 1)).astype(np.int64)
    top = np.full(rows, NONE) if optional else own
    return np.where(own < tops, top, chosen)


def taken(parents: Mapping[str, pa.Array], columns: Sequence[str], chosen: Rows) -> list[pa.Array]:
    """Return the parents' key columns for each row; null where there is no parent."""
    places = pa.array(chosen, mask=chosen == NONE)
    return [parents[name].take(places) for name in columns]
