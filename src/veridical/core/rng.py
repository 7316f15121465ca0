"""Which random stream belongs to this run, stage and shard?"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def stream(seed: int, *path: str | int) -> np.random.Generator:
    """Return the random generator of one place in a run.

    Streams are derived from the place (`path`: stage, table, shard ...), never from the worker, so the
    number of workers cannot change a byte of the output. Never used for privacy noise.

    Example:
        >>> bool(stream(7, "synthesize", 0).random() == stream(7, "synthesize", 0).random())
        True
    """
    import numpy as np  # here, because `derive` must cost nothing at start-up

    return np.random.Generator(np.random.PCG64(_entropy(seed, path)))


def derive(seed: int, *path: str | int) -> int:
    """Return a 63-bit seed for a library that wants an integer.

    Example:
        >>> derive(7, "model") != derive(7, "synthesize")
        True
    """
    return _entropy(seed, path) & (2**63 - 1)


def _entropy(seed: int, path: tuple[str | int, ...]) -> int:
    # Type tags keep ("a", 1) and ("a", "1") apart.
    text = "\x1f".join([str(seed), *(f"{type(part).__name__[0]}{part}" for part in path)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "little")
