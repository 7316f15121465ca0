"""Which numbers does a declared distribution give?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veridical.encode.normal import ndtr, ndtri
from veridical.fabricate.draw import choose

Floats = NDArray[np.float64]
_MOST_OUTCOMES = 1_000_000  # of a zipf
WHOLE = frozenset({"poisson", "zipf"})


def draw(kind: str, options: Mapping[str, Any], rows: int, rng: np.random.Generator) -> Floats:
    """Return numbers, shape (rows,); `low` and `high` cut the distribution, they do not pile up at its ends.

    Example:
        >>> drawn = draw("normal", {"mean": 0, "sd": 1, "low": 1, "high": 2}, 1000, np.random.default_rng(0))
        >>> bool(drawn.min() >= 1 and drawn.max() <= 2 and drawn.mean() < 1.45)
        True
    """
    numbers = _DRAWS[kind](options, rows, rng)
    decimals = options.get("decimals")
    return numbers if decimals is None or kind in WHOLE else np.round(numbers, int(decimals))


def _limits(options: Mapping[str, Any]) -> tuple[float, float]:
    return float(options.get("low", -np.inf)), float(options.get("high", np.inf))


def _normal(options: Mapping[str, Any], rows: int, rng: np.random.Generator) -> Floats:
    mean, sd = float(options["mean"]), float(options["sd"])
    low, high = _limits(options)
    if low == -np.inf and high == np.inf:
        return mean + sd * rng.standard_normal(rows)
    start, end = float(ndtr((low - mean) / sd)), float(ndtr((high - mean) / sd))
    place = np.clip(start + rng.random(rows) * (end - start), 1e-300, 1.0 - 1e-16)
    return np.clip(mean + sd * ndtri(place), low, high)


def _lognormal(options: Mapping[str, Any], rows: int, rng: np.random.Generator) -> Floats:
    low, high = _limits(options)
    inner = {"mean": np.log(float(options["median"])), "sd": options["sigma"]}
    with np.errstate(divide="ignore"):
        inner |= {"low": np.log(max(low, 0.0)), "high": np.log(max(high, 0.0))}
    return np.clip(np.exp(_normal(inner, rows, rng)), max(low, 0.0), high)


def _uniform(options: Mapping[str, Any], rows: int, rng: np.random.Generator) -> Floats:
    low, high = float(options["low"]), float(options["high"])
    return low + rng.random(rows) * (high - low)


def _exponential(options: Mapping[str, Any], rows: int, rng: np.random.Generator) -> Floats:
    mean = float(options["mean"])
    low, high = _limits(options)
    start, end = np.exp(-max(low, 0.0) / mean), np.exp(-high / mean)
    return -mean * np.log(np.maximum(start - rng.random(rows) * (start - end), 1e-300))


def _beta(options: Mapping[str, Any], rows: int, rng: np.random.Generator) -> Floats:
    low, high = float(options.get("low", 0.0)), float(options.get("high", 1.0))
    return low + rng.beta(float(options["a"]), float(options["b"]), rows) * (high - low)


def _poisson(options: Mapping[str, Any], rows: int, rng: np.random.Generator) -> Floats:
    mean = float(options["mean"])
    if "low" not in options and "high" not in options:
        return rng.poisson(mean, rows).astype(np.float64)
    reach = int(mean + 12.0 * np.sqrt(mean) + 12.0)
    low = max(int(options.get("low", 0)), 0)
    counts = np.arange(low, max(int(min(options.get("high", reach), max(reach, low))), low) + 1, dtype=np.float64)
    # Probabilities as ratios to the most likely count keep clear of factorials.
    logs = counts * np.log(mean) - np.cumsum(np.log(np.maximum(np.arange(counts[-1] + 1), 1.0)))[low:]
    return counts[choose(np.exp(logs - logs.max()), rows, rng)]


def _zipf(options: Mapping[str, Any], rows: int, rng: np.random.Generator) -> Floats:
    outcomes = min(int(options["n"]), _MOST_OUTCOMES)
    ranks = np.arange(1, outcomes + 1, dtype=np.float64)
    return ranks[choose(ranks ** -float(options["a"]), rows, rng)]


def _empirical(options: Mapping[str, Any], rows: int, rng: np.random.Generator) -> Floats:
    quantiles = np.array(options["quantiles"], dtype=np.float64)
    return np.interp(rng.random(rows), np.linspace(0.0, 1.0, len(quantiles)), quantiles)


_DRAWS = {
    "normal": _normal,
    "lognormal": _lognormal,
    "uniform": _uniform,
    "exponential": _exponential,
    "beta": _beta,
    "poisson": _poisson,
    "zipf": _zipf,
    "empirical": _empirical,
}
