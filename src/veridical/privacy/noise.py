"""Where does the noise come from that hides a person?

From OpenDP: discrete Gaussian samples and noisy-maximum selection, exact on integers, with the operating system's
entropy. numpy never makes noise here. `SeededNoise` exists so that tests can repeat a run; whatever it made is marked
as not private (see `Noise.private`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cache
from types import SimpleNamespace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from veridical.core.errors import MissingExtraError

Counts = NDArray[np.int64]
_GRAIN = 1024  # scores are compared in steps of 1/1024


class Noise(Protocol):
    """A source of noise, and whether what it hides is hidden."""

    @property
    def private(self) -> bool: ...

    def gaussian(self, counts: Counts, sigma: float) -> Counts:
        """Return whole counts with discrete Gaussian noise of scale `sigma` on each (Canonne et al. 2020)."""
        ...

    def choose(self, scores: NDArray[np.float64], epsilon: float, sensitivity: float) -> int:
        """Return the index of a high score by the exponential mechanism, which is `epsilon`-DP."""
        ...


@dataclass(frozen=True, slots=True)
class SecureNoise:
    """Noise from OpenDP and the operating system's entropy: the only kind that protects anybody.

    Example:
        >>> noisy = SecureNoise().gaussian(np.full(400, 1000), 5.0)
        >>> bool(990 < noisy.mean() < 1010), noisy.dtype
        (True, dtype('int64'))
    """

    @property
    def private(self) -> bool:
        """Whether this noise protects."""
        return True

    def gaussian(self, counts: Counts, sigma: float) -> Counts:
        """Return whole counts with discrete Gaussian noise (OpenDP `make_gaussian` on 64-bit integers)."""
        if not len(counts):
            return counts.astype(np.int64)
        noisy = _gaussian(float(sigma))(counts.astype(np.int64).tolist())
        return np.asarray(noisy, dtype=np.int64)

    def choose(self, scores: NDArray[np.float64], epsilon: float, sensitivity: float) -> int:
        """Return the index of a high score (OpenDP report-noisy-max with Gumbel noise: the exponential mechanism)."""
        whole = np.rint(np.asarray(scores) * _GRAIN).astype(np.int64)
        # Rounding moves two scores by up to one grain more than they differ.
        scale = 2.0 * (sensitivity * _GRAIN + 1.0) / epsilon
        return int(_noisy_max(scale)(whole.tolist()))


@dataclass(frozen=True, slots=True)
class SeededNoise:
    """Repeatable noise, for tests alone: an attacker who knows the seed takes it off again, so nothing is protected."""

    seed: int
    rng: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rng", np.random.default_rng(self.seed))

    @property
    def private(self) -> bool:
        """Whether this noise protects: never."""
        return False

    def gaussian(self, counts: Counts, sigma: float) -> Counts:
        """Return counts with rounded Gaussian noise."""
        return counts.astype(np.int64) + np.rint(self.rng.normal(0.0, sigma, len(counts))).astype(np.int64)

    def choose(self, scores: NDArray[np.float64], epsilon: float, sensitivity: float) -> int:
        """Return the index of a high score."""
        return int(np.argmax(epsilon * np.asarray(scores) / (2 * sensitivity) + self.rng.gumbel(size=len(scores))))


def gaussian_tail(sigma: float, above: float) -> float:
    """Return a bound on P(discrete Gaussian >= above), for whole numbers (Canonne et al. 2020, Prop. 25).

    Example:
        >>> gaussian_tail(10.0, 41.0) < 4e-5
        True
    """
    return 0.5 * math.erfc((above - 1.0) / (sigma * math.sqrt(2.0)))


@cache
def _opendp() -> SimpleNamespace:
    """Return the parts of OpenDP that are used; its prelude would import scikit-learn, for seconds."""
    try:
        from opendp.domains import atom_domain, vector_domain
        from opendp.measurements import make_gaussian, make_noisy_max
        from opendp.measures import zero_concentrated_divergence
        from opendp.metrics import l2_distance, linf_distance
        from opendp.mod import enable_features
    except ImportError as missing:
        raise MissingExtraError(
            "noise is drawn by OpenDP, which is not installed", where="dp", fix="pip install 'veridical[dp]'"
        ) from missing
    enable_features("contrib")
    return SimpleNamespace(
        integers=vector_domain(atom_domain(T="i64")),
        by_l2=l2_distance(T="f64"),
        by_most=linf_distance(T="i64"),
        zcdp=zero_concentrated_divergence(),
        make_gaussian=make_gaussian,
        make_noisy_max=make_noisy_max,
    )


def _gaussian(sigma: float) -> Any:
    opendp = _opendp()
    return opendp.make_gaussian(opendp.integers, opendp.by_l2, sigma)


def _noisy_max(scale: float) -> Any:
    opendp = _opendp()
    return opendp.make_noisy_max(opendp.integers, opendp.by_most, opendp.zcdp, scale=scale)
