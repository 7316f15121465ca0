"""How are parameters learned when every look at the rows costs privacy?

Per-row gradients are clipped by whoever computes them, summed, and only the noisy sum is seen (Abadi et al. 2016). All
rows take part in every step: for a budget in zCDP a random part of them would only add noise. Everything after
the noisy sum (momentum, averaging) is free.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.privacy.mechanisms import NoisySteps

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Adam:
    """Adam (Kingma & Ba 2015) on noisy gradients; the last parameters are averaged over the second half of the steps.

    Example:
        >>> from veridical.privacy.ledger import Budget, Ledger
        >>> from veridical.privacy.mechanisms import Lens
        >>> steps = Lens(ledger=Ledger(Budget(epsilon=8.0))).descent("a slope", rho=0.5, steps=50, clip=1.0, size=1)
        >>> def pull(at):
        ...     return np.sum(np.clip(at - np.full(5000, 0.3), -1, 1)).reshape(1)
        >>> bool(abs(Adam(rate=0.1).descend(np.zeros(1), pull, steps, rows=5000)[0] - 0.3) < 0.2)
        True
    """

    rate: float = 0.03
    first: float = 0.9
    second: float = 0.99
    epsilon: float = 1e-8

    def descend(self, start: Floats, gradient: Callable[[Floats], Floats], steps: NoisySteps, *, rows: float) -> Floats:
        """Return parameters after every paid step; `gradient` returns the sum of clipped per-row gradients.

        `rows` is how many rows there are about: a noisy figure, never the exact one.

        Raises:
            BudgetError: a step more was taken than was paid for.
        """
        at, mean, square = start.copy(), np.zeros_like(start), np.zeros_like(start)
        kept, summed, count = np.zeros_like(start), 0, steps.left
        for step in range(1, count + 1):
            noisy = steps.take(lambda now=at: gradient(now)) / rows  # type: ignore[misc]
            mean = self.first * mean + (1 - self.first) * noisy
            square = self.second * square + (1 - self.second) * noisy**2
            pace = np.sqrt(square / (1 - self.second**step)) + self.epsilon
            at = at - self.rate * (mean / (1 - self.first**step)) / pace
            if 2 * step > count:
                kept, summed = kept + at, summed + 1
        return kept / max(summed, 1)
