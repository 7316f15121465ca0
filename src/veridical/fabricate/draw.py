"""Which combination of parts does each row get, at random or unique by row number?"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Codes = NDArray[np.int64]

# Codes of unique rows are decoded from one 62-bit number; parts beyond that are drawn at random.
_SPACE_LIMIT = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a value is put together from parts: part i is one of `radices[i]`, and `build` turns codes into values.

    `shares[i]` weighs the choices of part i (None: all alike). For unique rows `distinct` stands in where it is
    given (a pool without doubles), the row's number decides the first `numbered` parts only (None: as many as
    62 bits hold), and `again` marks the second and later rounds when more rows are asked than there are
    combinations: the round's number replaces "{}".
    """

    radices: tuple[int, ...]
    build: Callable[[Sequence[Codes]], pa.Array]
    shares: tuple[NDArray[np.float64] | None, ...] | None = None
    again: str = " {}"
    distinct: Recipe | None = None
    numbered: int | None = None

    @property
    def size(self) -> int:
        """How many combinations there are."""
        return prod(self.radices)

    def draw(self, rows: int, rng: np.random.Generator) -> pa.Array:
        """Return values of independent random combinations."""
        return self.build([self._part(i, rows, rng) for i in range(len(self.radices))])

    def draw_unique(self, rows: int, start_row: int, key: int, rng: np.random.Generator) -> pa.Array:
        """Return the values that belong to rows `start_row` onward: no two rows of any shard share one."""
        if self.distinct is not None:
            return self.distinct.draw_unique(rows, start_row, key, rng)
        numbered = self._numbered()
        space = prod(self.radices[:numbered])
        number = np.arange(start_row, start_row + rows, dtype=np.int64)
        rest = permute(number % space, space, key)
        codes: list[Codes] = []
        for radix in self.radices[:numbered]:
            codes.append(rest % radix)
            rest = rest // radix
        codes += [self._part(i, rows, rng) for i in range(numbered, len(self.radices))]
        values = self.build(codes)
        return values if start_row + rows <= space else self._marked(values, number // space)

    def _part(self, i: int, rows: int, rng: np.random.Generator) -> Codes:
        share = None if self.shares is None else self.shares[i]
        if share is None:
            return rng.integers(self.radices[i], size=rows, dtype=np.int64)
        return choose(share, rows, rng)

    def _numbered(self) -> int:
        if self.numbered is not None:
            return self.numbered
        space = 1
        for count, radix in enumerate(self.radices):
            space *= radix
            if space > _SPACE_LIMIT:
                return count
        return len(self.radices)

    def _marked(self, values: pa.Array, turn: Codes) -> pa.Array:
        if not pa.types.is_string(values.type):
            return values
        before, _, after = self.again.partition("{}")
        mark = pc.binary_join_element_wise(before, pa.array(turn + 1).cast(pa.string()), after, "")
        return pc.binary_join_element_wise(values, pc.if_else(pa.array(turn == 0), "", mark), "")


def choose(shares: NDArray[np.float64], rows: int, rng: np.random.Generator) -> Codes:
    """Return `rows` codes drawn with the given weights (any positive scale).

    Example:
        >>> choose(np.array([0.0, 2.0]), 3, np.random.default_rng(0)).tolist()
        [1, 1, 1]
    """
    edges = np.cumsum(shares, dtype=np.float64)
    codes = np.searchsorted(edges, rng.random(rows) * edges[-1], side="right")
    return np.minimum(codes, len(shares) - 1).astype(np.int64)


def permute(index: Codes, size: int, key: int) -> Codes:
    """Return a keyed one-to-one image of numbers in 0 to size - 1 within the same range.

    Rounds of xor, odd multiplication and xor-shift on the fewest bits that hold `size` are each invertible;
    values that land outside are sent round again (cycle walking), which ends since a cycle returns to its start.
    Source: Black and Rogaway, "Ciphers with arbitrary finite domains", 2002 (cycle walking).

    Example:
        >>> sorted(permute(np.arange(10), 10, key=4).tolist()) == list(range(10))
        True
    """
    if size < 2:
        return np.zeros_like(index)
    bits = max((size - 1).bit_length(), 1)
    rounds = _rounds(key, bits)
    image = _mix(index.astype(np.uint64), rounds, bits)
    outside = np.flatnonzero(image >= size)
    while len(outside):
        image[outside] = _mix(image[outside], rounds, bits)
        outside = outside[image[outside] >= size]
    return image.astype(np.int64)


def key_of(*parts: str | int) -> int:
    """Return a 63-bit key of a place (column, pattern, seed)."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


def _rounds(key: int, bits: int) -> list[tuple[np.uint64, np.uint64]]:
    digest = hashlib.sha512(key.to_bytes(16, "little", signed=True)).digest()
    words = np.frombuffer(digest, dtype=np.uint64) & np.uint64(2**bits - 1)
    return [(words[2 * i], words[2 * i + 1] | np.uint64(1)) for i in range(4)]


def _mix(value: NDArray[np.uint64], rounds: list[tuple[np.uint64, np.uint64]], bits: int) -> NDArray[np.uint64]:
    mask = np.uint64(2**bits - 1)
    shift = np.uint64(max(bits // 2, 1))
    for addend, factor in rounds:
        value = ((value ^ addend) * factor) & mask
        value = value ^ (value >> shift)
    return value
