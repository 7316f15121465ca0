"""How are codes and digits turned into text, a million rows at a time?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from veridical.fabricate.draw import Codes

Letters = NDArray[np.uint8]


def of_letters(letters: Letters) -> pa.StringArray:
    """Return text of a fixed width from ASCII codes, shape (rows, width).

    Example:
        >>> of_letters(np.array([[65, 49]], dtype=np.uint8)).to_pylist()
        ['A1']
    """
    rows, width = letters.shape
    kind, offset_type = (pa.string(), np.int32) if rows * width < 2**31 else (pa.large_string(), np.int64)
    offsets = np.arange(rows + 1, dtype=offset_type) * offset_type(width)
    data = np.ascontiguousarray(letters)
    return pa.Array.from_buffers(kind, rows, [None, pa.py_buffer(offsets), pa.py_buffer(data)])


def digits(numbers: Codes, width: int) -> Letters:
    """Return the last `width` decimal digits as ASCII codes, shape (rows, width).

    Example:
        >>> digits(np.array([42]), 4).tobytes()
        b'0042'
    """
    letters = np.empty((len(numbers), width), dtype=np.uint8)
    # 32-bit division is about three times faster, and nine digits fit.
    rest = numbers.astype(np.uint32) if width <= 9 else numbers.astype(np.uint64)
    ten = rest.dtype.type(10)
    for place in range(width - 1, -1, -1):
        quotient = rest // ten
        letters[:, place] = rest - quotient * ten + rest.dtype.type(48)
        rest = quotient
    return letters


def hexadecimal(numbers: Codes, width: int) -> Letters:
    """Return the last `width` hexadecimal digits as ASCII codes, shape (rows, width)."""
    alphabet = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
    shifts = np.arange(4 * (width - 1), -1, -4, dtype=np.int64)
    return alphabet[(numbers[:, None] >> shifts) & 15]


def constant(text: str, rows: int) -> Letters:
    """Return one ASCII text for every row, shape (rows, len(text))."""
    return np.broadcast_to(np.frombuffer(text.encode("ascii"), dtype=np.uint8), (rows, len(text)))


def beside(*blocks: Letters | str) -> pa.StringArray:
    """Return the text of blocks set side by side; plain strings stand in every row."""
    rows = next(len(block) for block in blocks if not isinstance(block, str))
    return of_letters(np.hstack([constant(b, rows) if isinstance(b, str) else b for b in blocks]))


def join(*parts: pa.Array | str) -> pa.StringArray:
    """Return the parts of each row joined without anything between them."""
    return pc.binary_join_element_wise(*parts, "")


def pick(pool: pa.Array, codes: Codes) -> pa.StringArray:
    """Return the pool's entry of each code."""
    return pool.take(pa.array(codes))


def plain_number(numbers: Codes) -> pa.StringArray:
    """Return whole numbers as text without leading zeros."""
    return pa.array(numbers).cast(pa.string())


def product(first: Sequence[str], second: Sequence[str], between: str = "") -> list[str]:
    """Return every combination of two pools; entry i * len(second) + j joins first[i] and second[j]."""
    return [f"{a}{between}{b}" for a in first for b in second]
