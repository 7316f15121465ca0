"""How are queries turned so that they come to lie beside the passages that answer them?

A low-rank turn of the query's point, learned with the passages left where they are, so that an index stays as it is:
q' = q + (q A) B. The loss is the softmax over the right passage, hard negatives and the other queries' passages
(van den Oord et al. 2018), by Adam, in numpy alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
RANK, HEAT, RATE, DECAY, ROUNDS, BATCH = 32, 0.05, 2e-3, 1e-3, 30, 64
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True)
class Adapter:
    """The turn: `down` has shape (512, rank), `up` (rank, 512)."""

    down: Floats
    up: Floats

    @classmethod
    def none(cls, width: int = 512, rank: int = RANK) -> Adapter:
        """Return the turn that leaves every query where it is."""
        return cls(np.zeros((width, rank), np.float32), np.zeros((rank, width), np.float32))

    def turned(self, points: Floats) -> Floats:
        """Return queries' points, turned and of unit length, shape (queries, 512)."""
        return _unit((points + (points @ self.down) @ self.up).astype(np.float32))

    def weaker(self, strength: float) -> Adapter:
        """Return the same turn at a share of its strength."""
        return Adapter(self.down, (self.up * strength).astype(np.float32))


def learn_adapter(
    queries: Floats,
    passages: Floats,
    right: Sequence[int],
    wrong: Sequence[Sequence[int]],
    rng: np.random.Generator,
    *,
    rounds: int = ROUNDS,
) -> Adapter:
    """Return the turn that brings each query (row of `queries`) nearest its right passage (row of `passages`)."""
    width = queries.shape[1]
    down = (rng.standard_normal((width, RANK)) / np.sqrt(width)).astype(np.float32)
    up = np.zeros((RANK, width), np.float32)
    memory = [_Adam(down), _Adam(up)]
    for _ in range(rounds):
        order = rng.permutation(len(queries))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            columns = sorted({right[r] for r in rows} | {p for r in rows for p in wrong[r]})
            at = {place: column for column, place in enumerate(columns)}
            target = np.array([at[right[r]] for r in rows])
            grads = _gradients(queries[rows], passages[columns], target, down, up)
            for step, value, grad in zip(memory, (down, up), grads, strict=True):
                step.move(value, grad)
    return Adapter(down, up)


def _gradients(q: Floats, p: Floats, target: NDArray[np.int64], down: Floats, up: Floats) -> tuple[Floats, Floats]:
    inner = q @ down
    moved = q + inner @ up
    length = np.linalg.norm(moved, axis=1, keepdims=True) + 1e-9
    unit = moved / length
    scores = unit @ p.T / HEAT
    share = np.exp(scores - scores.max(axis=1, keepdims=True))
    share /= share.sum(axis=1, keepdims=True)
    share[np.arange(len(q)), target] -= 1.0
    to_unit = share @ p / (HEAT * len(q))
    # Through the division by the length: only what is at right angles to the point counts.
    to_moved = (to_unit - unit * (to_unit * unit).sum(axis=1, keepdims=True)) / length
    return q.T @ (to_moved @ up.T), inner.T @ to_moved


class _Adam:
    """Kingma & Ba 2015, with decoupled weight decay (Loshchilov & Hutter 2019)."""

    def __init__(self, value: Floats) -> None:
        self._mean, self._square, self._steps = np.zeros_like(value), np.zeros_like(value), 0

    def move(self, value: Floats, grad: Floats) -> None:
        self._steps += 1
        self._mean += 0.1 * (grad - self._mean)
        self._square += 0.001 * (grad**2 - self._square)
        mean = self._mean / (1 - 0.9**self._steps)
        square = self._square / (1 - 0.999**self._steps)
        value -= RATE * (mean / (np.sqrt(square) + 1e-8) + DECAY * value)


def _unit(points: Floats) -> Floats:
    made: Floats = (points / (np.linalg.norm(points, axis=1, keepdims=True) + 1e-9)).astype(np.float32)
    return made
