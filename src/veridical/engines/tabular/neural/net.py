"""Which codes follow from the codes of the columns before, and how does each row pull on the parameters?

A neural autoregressive distribution estimator (Larochelle & Murray 2011) over codes: what is known of the columns
before is summed up in one hidden vector, to which every column adds a row of its own table. So small a net that each
row's gradient has a closed form: its length is exact, without a gradient for each row ever being written down.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.int64]
_AT_ONCE = 8_192  # rows


@dataclass(frozen=True)
class Net:
    """`sizes` codes of each column, a hidden vector of `width`; parameters are one flat vector.

    Example:
        >>> net = Net((2, 3), 4)
        >>> net.size == (2 + 3) * (4 + 1 + 4) + 4
        True
    """

    sizes: tuple[int, ...]
    width: int

    @property
    def size(self) -> int:
        """How many parameters there are."""
        return self._ends[-1]

    @cached_property
    def _ends(self) -> list[int]:
        lengths = [self.width]
        for codes in self.sizes:
            lengths += [codes * self.width, codes * self.width, codes]
        return np.cumsum(lengths).tolist()

    def start(self, shares: Sequence[Floats], rng: np.random.Generator) -> Floats:
        """Return parameters under which columns are independent, with the shares given for each column's codes."""
        parts = [np.zeros(self.width)]
        for codes, share in zip(self.sizes, shares, strict=True):
            known = np.clip(share, 1e-4, None)
            parts += [rng.normal(0, 0.5, codes * self.width), np.zeros(codes * self.width), np.log(known / known.sum())]
        return np.concatenate(parts)

    def clipped_sum(self, parameters: Floats, codes: Ints, clip: float) -> Floats:
        """Return the sum over rows of the gradient of -log p(row), each row's cut to length `clip`.

        `codes` has shape (columns, rows). A row's share in the sum depends on that row and the parameters alone.
        """
        total = np.zeros(self.size)
        weights = self.unpacked(parameters)
        for start in range(0, codes.shape[1], _AT_ONCE):
            total += self._part(weights, codes[:, start : start + _AT_ONCE], clip)
        return total

    def unpacked(self, parameters: Floats) -> Weights:
        """Return the parameters by their places in the net."""
        parts = np.split(parameters.astype(np.float32), self._ends[:-1])
        tables = [part.reshape(size, self.width) for part, size in zip(parts[1::3], self.sizes)]
        heads = [part.reshape(size, self.width) for part, size in zip(parts[2::3], self.sizes)]
        return Weights(parts[0], tables, heads, parts[3::3])

    def _part(self, weights: Weights, codes: Ints, clip: float) -> Floats:
        rows = codes.shape[1]
        hidden, misses, pulls = [], [], []
        square = np.zeros(rows, np.float32)
        for column, (state, logits) in enumerate(weights.walk(codes)):
            miss = softmax(logits)
            miss[np.arange(rows), codes[column]] -= 1.0
            hidden.append(state)
            misses.append(miss)
            pulls.append((miss @ weights.heads[column]) * (1.0 - state**2))
            square += (miss**2).sum(axis=1) * (1.0 + (state**2).sum(axis=1))
        # A column's table feeds every later column: its gradient is the sum of their pulls.
        later = np.zeros((rows, self.width), np.float32)
        after = [later]
        for pull in reversed(pulls):
            later = later + pull
            after.append(later)
        after.reverse()
        square += sum(((part**2).sum(axis=1) for part in after[1:]), (after[0] ** 2).sum(axis=1))
        share = np.minimum(1.0, clip / np.maximum(np.sqrt(square), 1e-12)).astype(np.float32)[:, None]
        # Sums over rows are made in float64: in float32 they would move with the order of rows, and one row shifts all.
        grads = [(after[0] * share).sum(axis=0, dtype=np.float64)]
        for column, size in enumerate(self.sizes):
            weighted = misses[column] * share
            grads.append(_by_code(after[column + 1] * share, codes[column], size).ravel())
            grads.append((weighted.T.astype(np.float64) @ hidden[column].astype(np.float64)).ravel())
            grads.append(weighted.sum(axis=0, dtype=np.float64))
        return np.concatenate(grads)


@dataclass(frozen=True, slots=True)
class Weights:
    """A net's first state, what each code adds to it, and each code's head and bias."""

    first: Singles
    tables: list[Singles]
    heads: list[Singles]
    biases: list[Singles]

    def walk(self, codes: Ints) -> Iterator[tuple[Singles, Singles]]:
        """Yield for each column the hidden state and the logits; `codes` may be filled in while walking."""
        state = np.tile(self.first, (codes.shape[1], 1))
        for column, table in enumerate(self.tables):
            squashed = np.tanh(state)
            yield squashed, squashed @ self.heads[column].T + self.biases[column]
            state = state + table[codes[column]]


def softmax(logits: Singles) -> Singles:
    """Return the probabilities of each row of logits."""
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def _by_code(rows: Singles, codes: Ints, size: int) -> Floats:
    from scipy.sparse import csr_array

    chosen = csr_array((np.ones(len(codes)), (codes, np.arange(len(codes)))), shape=(size, len(codes)))
    return np.asarray(chosen @ rows.astype(np.float64))
