"""Which values does a number keep to, when it keeps to few: degrees told from another scale, steps of a gauge?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
MOST, MOST_EVEN = 512, 2048
LEAST_ROWS, LEAST_EVEN_ROWS = 20, 4  # rows a value has on average, from which a number keeps to few values
LEAST_SHARE, LEAST_EVEN_SHARE = 0.95, 0.9
FILLED = 0.6  # of an even grid, from which numbers are taken to lie on it


def levels(
    values: Numbers, rare_below: int, owners: NDArray[np.int64] | None = None, *, even_too: bool = False
) -> Numbers | None:
    """Return the values of a number that keeps to few, sorted: those that `rare_below` rows or more carry; else None.

    With `owners`, the entity of each row, it is entities that are counted. Numbers on an even grid need no levels where
    the grid is known; with `even_too` it is not (a gauge's steps of 0.067, stored in single precision).

    Example:
        >>> levels(np.repeat([0.0, 1.15, 2.3, 5.75], 50), 5).tolist()
        [0.0, 1.15, 2.3, 5.75]
        >>> levels(np.arange(200.0), 5) is None
        True
        >>> gauge = np.repeat(np.arange(100) * 0.067, 10)
        >>> levels(gauge, 5) is None, len(levels(gauge, 5, even_too=True))
        (True, 100)
    """
    known = values[~np.isnan(values)]
    held, tally = np.unique(known, return_counts=True)
    even = even_too and len(held) > 2 and _is_even(held, known)
    most = min(MOST_EVEN, len(known) // LEAST_EVEN_ROWS) if even else min(MOST, len(known) // LEAST_ROWS)
    if not 2 < len(held) <= most:
        return None
    carried = tally
    if owners is not None:
        place = np.searchsorted(held, known)
        pairs = np.unique(np.stack([place, owners[~np.isnan(values)]]), axis=1)
        carried = np.bincount(pairs[0], minlength=len(held))
    kept = held[carried >= rare_below]
    if even and len(kept):
        # Between two steps of a gauge that many rows carry, a step that few carry is nobody's own.
        kept = held[(held >= kept[0]) & (held <= kept[-1])]
    share = float(tally[np.isin(held, kept)].sum()) / len(known)
    return (
        None
        if len(kept) < 3 or share < (LEAST_EVEN_SHARE if even else LEAST_SHARE) or (not even and _is_even(kept, known))
        else kept
    )


def _is_even(kept: Numbers, known: Numbers) -> bool:
    """Say whether the values fill an even grid where most of the rows lie; its ends may have holes."""
    low, high = np.quantile(known, (0.05, 0.95))
    middle = kept[(kept >= low) & (kept <= high)]
    gaps = np.diff(middle if len(middle) > 2 else kept)
    return len(gaps) * float(gaps.min()) > FILLED * float(gaps.sum())


def snap(values: Numbers, kept: Numbers) -> Numbers:
    """Return each value's nearest level; nan stays, and so does what lies beyond the ends, where few values are.

    Example:
        >>> snap(np.array([0.2, 1.9, np.nan]), np.array([0.0, 1.15, 2.3])).tolist()
        [0.0, 2.3, nan]
    """
    after = np.clip(np.searchsorted(kept, values), 1, len(kept) - 1)
    below, above = kept[after - 1], kept[after]
    beyond = np.isnan(values) | (values < kept[0]) | (values > kept[-1])
    return np.where(beyond, values, np.where(values - below <= above - values, below, above))
