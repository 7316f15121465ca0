"""What is a column once it is binned, and what must a codec of values to codes be able to do?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.core.contracts import Allowed

Codes = NDArray[np.uint16]
NULL = 0  # the code of a missing value, in every codec
MOST_CODES = 60_000
BLOCK = 1 << 18  # codes counted at once: counting widens them


def tally(codes: Codes, size: int, rows: NDArray[np.int32] | None = None) -> NDArray[np.int64]:
    """Return how many rows hold each of `size` codes: all rows, or those named.

    Example:
        >>> tally(np.array([2, 0, 2], dtype=np.uint16), 4).tolist()
        [1, 0, 2, 0]
    """
    counts = np.zeros(size, dtype=np.int64)
    for start in range(0, len(codes) if rows is None else len(rows), BLOCK):
        block = slice(start, start + BLOCK)
        counts += np.bincount(codes[block] if rows is None else codes[rows[block]], minlength=size)
    return counts


@dataclass(frozen=True, slots=True)
class Limit:
    """What a request leaves of a column: a share from 0 to 1 per code, and whether nothing known is left."""

    share: NDArray[np.float64]
    asked: Allowed


@runtime_checkable
class Codec(Protocol):
    """Turns the values of one column into codes (0 is null) and codes into fresh values."""

    @property
    def size(self) -> int: ...

    @property
    def ordered(self) -> bool: ...

    def encode(self, values: pa.Array) -> Codes: ...

    def decode(self, codes: Codes, uniform: NDArray[np.float64], limit: Limit | None = None) -> pa.Array: ...

    def limit(self, asked: Allowed) -> Limit: ...

    def to_dict(self) -> dict[str, Any]: ...
