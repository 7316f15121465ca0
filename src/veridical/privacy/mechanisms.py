"""In which few ways may a fit look at people's data?

Each way charges the ledger first, looks second and adds noise third; nothing else in a private fit reads the rows.
`Lens.rows_per_unit` bounds what one person (one unit) can change: every count by at most that, so that is the L1 and
L2 sensitivity of any histogram in which each row stands once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from veridical.core.contracts import PrivacyEvent
from veridical.core.errors import BudgetError
from veridical.privacy.ledger import Ledger
from veridical.privacy.noise import Counts, Noise, SecureNoise, gaussian_tail

FLOAT_SLACK = 2.0**-7  # single-precision gradients of other rows may move by less than this part of a clip together
_GRAINS = 2**20  # the longest gradient of a row, in grains of the grid that sums are rounded to


@dataclass(frozen=True, slots=True, kw_only=True)
class Lens:
    """A ledger, a source of noise, and how many rows one unit has at most.

    Example:
        >>> from veridical.privacy.ledger import Budget
        >>> lens = Lens(ledger=Ledger(Budget(epsilon=8.0)))
        >>> noisy = lens.histogram("ages", lambda: np.array([500, 300]), rho=0.5)
        >>> len(noisy.counts), noisy.sigma
        (2, 1.0)
    """

    ledger: Ledger
    noise: Noise = field(default_factory=SecureNoise)
    rows_per_unit: int = 1

    def histogram(self, what: str, look: Callable[[], Counts], *, rho: float, parts: int = 1) -> Noisy:
        """Return noisy counts of disjoint cells; with `parts`, of that many histograms side by side.

        Raises:
            BudgetError: the ledger has not got `rho` left; then `look` is not called.
        """
        sensitivity = self.rows_per_unit * math.sqrt(parts)
        sigma = sensitivity / math.sqrt(2 * rho)
        self.ledger.charge(_event(what, "discrete_gaussian", sigma=sigma, sensitivity=sensitivity))
        return Noisy(self.noise.gaussian(look(), sigma), sigma)

    def stable(
        self,
        what: str,
        look: Callable[[], tuple[Sequence[str], Counts]],
        *,
        rho: float,
        delta: float,
        known: Sequence[str] = (),
    ) -> tuple[list[str], Noisy]:
        """Return the values whose noisy count is high enough that no single unit can have brought them in.

        With probability 1 - delta no value that only one unit holds is shown (approximate zCDP, Bun & Steinke 2016).
        Values `known` already, from an earlier look, are counted whether or not any row still has them.

        Raises:
            BudgetError: the ledger has not got `rho` and `delta` left; then `look` is not called.
        """
        most = self.rows_per_unit
        sigma = most / math.sqrt(2 * rho)
        self.ledger.charge(_event(what, "stability", sigma=sigma, sensitivity=float(most), delta=delta))
        values, counts = _with_known(*look(), known)
        noisy = self.noise.gaussian(counts, sigma)
        before, enough = set(known), stable_threshold(sigma, delta, rows_per_unit=most)
        kept = np.flatnonzero((noisy > enough) | np.array([value in before for value in values], dtype=bool))
        # Equal counts stand in the order of their names: the order of rows would tell of rows.
        order = np.array(sorted(kept.tolist(), key=lambda place: (-noisy[place], values[place])), dtype=np.int64)
        return [values[place] for place in order], Noisy(noisy[order], sigma)

    def choose(
        self, what: str, look: Callable[[], NDArray[np.float64]], *, rho: float, sensitivity: float, options: int
    ) -> int:
        """Return the index of a high score out of `options` by the exponential mechanism.

        `sensitivity` is how much one *row* can change a score.

        Raises:
            BudgetError: the ledger has not got `rho` left; then `look` is not called.
        """
        epsilon = math.sqrt(8 * rho)
        self.ledger.charge(_event(what, "exponential", epsilon=epsilon, options=float(options)))
        return self.noise.choose(look(), epsilon, sensitivity * self.rows_per_unit)

    def descent(self, what: str, *, rho: float, steps: int, clip: float, size: int) -> NoisySteps:
        """Return how a model may look at sums of per-row gradients, `steps` times, all of them charged now.

        Each row's gradient must be no longer than `clip`; `size` is the number of coordinates. Sums are rounded to a
        grid, because exact noise is made for whole numbers; what rounding, on the grid and in single precision,
        adds to the sensitivity is paid for.

        Raises:
            BudgetError: the ledger has not got `rho` left; then nothing may be looked at.
        """
        multiplier = math.sqrt(steps / (2 * rho))  # a step costs 1 / (2 multiplier^2)
        event = _event(what, "dpsgd", sigma=multiplier, steps=float(steps), sampling_rate=1.0, clip=clip)
        self.ledger.charge(event)
        grains = self.rows_per_unit * _GRAINS * (1 + FLOAT_SLACK) + math.sqrt(size)
        return NoisySteps(self.noise, grain=clip / _GRAINS, sigma=multiplier * grains, left=steps)


@dataclass(slots=True)
class NoisySteps:
    """Steps that are paid for and not yet taken; `sigma` counts in grains."""

    noise: Noise
    grain: float
    sigma: float
    left: int

    def take(self, look: Callable[[], NDArray[np.float64]]) -> NDArray[np.float64]:
        """Return the noisy sum of gradients, shape (size,).

        Raises:
            BudgetError: every step was taken; then `look` is not called.
        """
        if self.left <= 0:
            raise BudgetError("no step is left", where="descent", fix="ask for more steps before the first")
        self.left -= 1
        whole = np.rint(look() / self.grain).astype(np.int64)
        noisy = self.noise.gaussian(whole, self.sigma).astype(np.float64)
        return noisy * self.grain


@dataclass(frozen=True, slots=True)
class Noisy:
    """Noisy whole counts and the scale of their noise."""

    counts: Counts
    sigma: float


def _with_known(values: Sequence[str], counts: Counts, known: Sequence[str]) -> tuple[list[str], Counts]:
    """Return values and counts with those that are known and that no row has, counted as none."""
    gone = sorted(set(known) - set(values))
    return [*values, *gone], np.concatenate([np.asarray(counts, dtype=np.int64), np.zeros(len(gone), dtype=np.int64)])


def _event(what: str, mechanism: str, **parameters: float) -> PrivacyEvent:
    return PrivacyEvent(what=what, mechanism=mechanism, parameters=parameters)


def stable_threshold(sigma: float, delta: float, *, rows_per_unit: int = 1) -> float:
    """Return the count above which a value may be shown: a unit alone gets there with chance `delta` at most.

    Example:
        >>> 40 < stable_threshold(10.0, 1e-6) < 60
        True
    """
    low, high = 0.0, 40.0 * sigma + 2.0
    for _ in range(100):
        middle = (low + high) / 2
        # A unit's rows may bring in that many values, each with as many rows: a generous union bound.
        enough = rows_per_unit * gaussian_tail(sigma, middle) <= delta
        low, high = (low, middle) if enough else (middle, high)
    return rows_per_unit + high
