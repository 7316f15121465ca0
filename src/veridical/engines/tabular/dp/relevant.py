"""Which few columns of a parent say most of its children? Chosen by the exponential mechanism, each choice charged.

Values fall into buckets by a rule that reads no other value (a hash of a text, the power of two of a number), so that
nothing needs to be known of a column before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.prepare.codec import whole
from veridical.privacy.mechanisms import Lens

Ints = NDArray[np.int64]
BUCKETS = 16
# One row more moves a pair's table by 1 and the table of its margins by 3 at most (in total).
_SENSITIVITY = 4.0


def relevant(lens: Lens, given: Mapping[str, Ints], child: pa.Table, *, rho: float, most: int) -> tuple[str, ...]:
    """Return the names of `most` columns out of `given` (their codes for each child row) that child columns follow.

    Raises:
        BudgetError: the ledger has not got `rho` left.
    """
    names = list(given)
    if len(names) <= most or not child.num_columns:
        return tuple(names)
    chosen: list[str] = []
    scores: list[NDArray[np.float64]] = []

    def look() -> NDArray[np.float64]:
        if not scores:
            own = [buckets(whole(child[name])) for name in child.column_names]
            scores.append(np.array([_told(given[name], own) for name in names]))
        return scores[0][[names.index(name) for name in names if name not in chosen]]

    for _ in range(most):
        left = [name for name in names if name not in chosen]
        what = f"which of {len(left)} columns of the parent rows are told by"
        place = lens.choose(what, look, rho=rho / most, sensitivity=_SENSITIVITY, options=len(left))
        chosen.append(left[place])
    return tuple(name for name in names if name in chosen)


def buckets(array: pa.Array) -> Ints:
    """Return a bucket for each value, by the value alone.

    Example:
        >>> buckets(pa.array([1.0, 5.0, None])).tolist()
        [1, 3, 0]
    """
    null = np.asarray(array.is_null().to_numpy(zero_copy_only=False), dtype=bool)
    kind = array.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        values = np.abs(array.cast(pa.float64(), safe=False).fill_null(0.0).to_numpy(zero_copy_only=False))
        found = np.log2(np.maximum(values, 0.5)).astype(np.int64) + 1
    else:
        texts = array.cast(pa.string()).fill_null("").dictionary_encode()
        hashed = [hashlib.blake2b(t.encode(), digest_size=2).digest()[0] for t in texts.dictionary.to_pylist()]
        found = np.asarray(hashed, dtype=np.int64)[texts.indices.to_numpy(zero_copy_only=False)] % (BUCKETS - 1) + 1
    return np.where(null, 0, np.clip(found, 0, BUCKETS - 1))


def _told(codes: Ints, columns: Sequence[Ints]) -> float:
    """Return the largest distance between a pair's table and its margins', over the child's columns."""
    size = int(codes.max(initial=0)) + 1
    best = 0.0
    for own in columns:
        table = np.bincount(codes * BUCKETS + own, minlength=size * BUCKETS).reshape(size, BUCKETS).astype(float)
        margins = np.outer(table.sum(axis=1), table.sum(axis=0)) / max(1.0, float(table.sum()))
        best = max(best, float(np.abs(table - margins).sum()))
    return best
