"""How does memory go back to the system as soon as it is free?

Arrow's own allocators keep what was freed for whoever asks next, and so does the C library once it has freed a large
block: a table read and learned then weighs twice what is held of it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

import pyarrow as pa

# Of GNU's malloc.h. A block of LARGE bytes or more is mapped on its own, and unmapped when it is freed.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
LARGE = 1 << 20
_USUAL = 1 << 25  # what GNU's threshold grows to by itself

_lock = Lock()
_inside: list[pa.MemoryPool] = []  # the pool of whoever came first, once for each who is inside


@contextmanager
def sparing() -> Iterator[None]:
    """Give freed memory back at once while inside, in all threads: Arrow allocates from the system's pool.

    Example:
        >>> with sparing():
        ...     pa.default_memory_pool().backend_name
        'system'
    """
    with _lock:
        _inside.append(_inside[0] if _inside else pa.default_memory_pool())
        if len(_inside) == 1:
            pa.set_memory_pool(pa.system_memory_pool())
            _set_thresholds(LARGE, LARGE)
    try:
        yield
    finally:
        with _lock:
            before = _inside.pop()
            if not _inside:
                pa.set_memory_pool(before)
                _set_thresholds(_USUAL, 2 * _USUAL)
        give_back()


def give_back() -> None:
    """Return what was freed in small pieces to the system: at the end of a step, for it takes milliseconds."""
    pa.default_memory_pool().release_unused()
    trim = _of_libc("malloc_trim")
    if trim is not None:
        trim(0)


def _set_thresholds(mmap: int, trim: int) -> None:
    mallopt = _of_libc("mallopt")
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, mmap)
        mallopt(_TRIM_THRESHOLD, trim)


@cache
def _of_libc(name: str) -> Callable[..., Any] | None:
    """Return a function that only GNU's C library has, or None."""
    try:
        found: Callable[..., Any] = getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError, TypeError):
        return None
    return found
