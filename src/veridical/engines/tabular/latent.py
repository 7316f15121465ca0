"""How do columns move together on the normal scale, and how is a row drawn when parts of it are bound?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.encode.normal import ndtr, ndtri
from veridical.engines.tabular.marginal import Floats, Indexes, Pieces

_SWEEPS = 12
_EDGE = 1e-12  # keeps normal scores finite
_MOST = 0.995  # no two columns are taken to move as one
_CELLS = 4_000_000  # rows x pieces weighed at once


@dataclass(frozen=True, slots=True)
class Bound:
    """What one latent column is held to: one piece for every row (`which`, -1 free), or any of the pieces."""

    pieces: Pieces
    which: Indexes | None = None
    place: Floats | None = None  # where in its piece a given number lies: the score is then exact


def correlate(scores: Floats, weights: Floats) -> Floats:
    """Return the correlations of latent normals from the mean scores of the pieces that rows fall in.

    `scores` (rows, latents) holds E[z | piece], NaN where unknown; `weights` (latents,) is their variance. For a
    bivariate normal E[z_b | piece of a] = rho E[z_a | piece of a], so the covariance of the mean scores divided by
    both variances is exact when one of the two columns is continuous. Source: Olsson, Drasgow and Dorans, "The
    polyserial correlation coefficient", Psychometrika 1982.
    """
    known = np.isfinite(scores)
    filled = np.where(known, scores, 0.0)
    pairs = np.maximum(known.T.astype(np.float64) @ known.astype(np.float64), 1.0)
    # Means over the rows that both columns have, since a column may be null where the other is unusual.
    total = filled.T @ known
    moments = filled.T @ filled / pairs - (total / pairs) * (total.T / pairs)
    scale = np.outer(weights, weights)
    rho = np.divide(moments, scale, out=np.zeros_like(moments), where=scale > 1e-12)
    rho = np.clip(rho, -_MOST, _MOST)
    np.fill_diagonal(rho, 1.0)
    return nearest_correlation(rho)


def nearest_correlation(matrix: Floats) -> Floats:
    """Return a positive definite correlation matrix near a symmetric one with ones on its diagonal.

    Source: Rebonato and Jaeckel, 1999 (spectral decomposition), which is enough where little must be mended.
    """
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2.0)
    if len(values) == 0 or values[0] > 1e-6:
        return matrix
    mended = (vectors * np.maximum(values, 1e-4)) @ vectors.T
    scale = np.sqrt(np.diag(mended))
    return mended / np.outer(scale, scale)


def mean_scores(pieces: Pieces) -> Floats:
    """Return E[z | piece] of each piece, shape (pieces,), for a standard normal z."""
    density = _density(pieces.start) - _density(pieces.end)
    middle = ndtri(np.clip((pieces.start + pieces.end) / 2.0, _EDGE, 1.0 - _EDGE))
    return np.divide(density, pieces.mass, out=middle, where=pieces.mass > 1e-12)


def score_variance(pieces: Pieces) -> float:
    """Return the variance of the mean scores of pieces that cover the whole scale; near 1 for fine ones."""
    return float(np.sum(pieces.mass * mean_scores(pieces) ** 2))


def draw_free(rho: Floats, rows: int, rng: np.random.Generator) -> Floats:
    """Return normal scores, shape (rows, latents)."""
    return rng.standard_normal((rows, len(rho))) @ np.linalg.cholesky(rho).T


def draw_bound(
    rho: Floats, rows: int, bounds: dict[int, Bound], rng: np.random.Generator
) -> tuple[Floats, dict[int, Indexes]]:
    """Return normal scores, shape (rows, latents), with some latents held to pieces, and the piece each fell in.

    Bound latents are drawn in turn given the others (Gibbs sampling of a truncated normal, a fixed number of
    sweeps, every draw inside its pieces), then all free ones at once given the bound. Nothing is rejected.
    Source: Geweke, "Efficient simulation from the multivariate normal subject to linear constraints", 1991.
    """
    held = sorted(bounds)
    if not held:
        return draw_free(rho, rows, rng), {}
    inner = rho[np.ix_(held, held)]
    scores = np.zeros((rows, len(held)))
    chosen: dict[int, Indexes] = {}
    moving = [i for i, latent in enumerate(held) if not _is_exact(bounds[latent])]
    for i, latent in enumerate(held):
        scores[:, i], chosen[latent] = _draw_within(bounds[latent], np.zeros(rows), 1.0, rng)
    for _ in range(_SWEEPS if len(held) > 1 else 0):
        for i in moving:
            others = [j for j in range(len(held)) if j != i]
            weights = np.linalg.solve(inner[np.ix_(others, others)], inner[others, i])
            spread = float(np.sqrt(max(float(1.0 - weights @ inner[others, i]), 1e-9)))
            mean = scores[:, others] @ weights
            scores[:, i], chosen[held[i]] = _draw_within(bounds[held[i]], mean, spread, rng)
    return _with_free(rho, held, inner, scores, rng), chosen


def _with_free(rho: Floats, held: list[int], inner: Floats, scores: Floats, rng: np.random.Generator) -> Floats:
    free = [i for i in range(len(rho)) if i not in set(held)]
    whole = np.empty((len(scores), len(rho)))
    whole[:, held] = scores
    if free:
        across = rho[np.ix_(held, free)]
        weights = np.linalg.solve(inner, across)
        left = rho[np.ix_(free, free)] - across.T @ weights
        root = np.linalg.cholesky(nearest_covariance(left))
        whole[:, free] = scores @ weights + rng.standard_normal((len(scores), len(free))) @ root.T
    return whole


def nearest_covariance(matrix: Floats) -> Floats:
    """Return a positive definite matrix near a symmetric one that rounding may have spoiled."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2.0)
    return (vectors * np.maximum(values, 1e-9)) @ vectors.T if len(values) and values[0] < 1e-9 else matrix


def _is_exact(bound: Bound) -> bool:
    if bound.which is None or bound.place is None or bool((bound.which < 0).any()):
        return False
    return bool((bound.pieces.low != bound.pieces.high)[bound.which].all())


def _draw_within(bound: Bound, mean: Floats, spread: float, rng: np.random.Generator) -> tuple[Floats, Indexes]:
    if bound.which is not None:
        return _draw_given(bound, bound.which, mean, spread, rng), bound.which
    pieces, rows = bound.pieces, len(mean)
    scores, which = np.empty(rows), np.empty(rows, dtype=np.int64)
    step = max(_CELLS // max(len(pieces), 1), 1)
    for start in range(0, rows, step):
        part = slice(start, min(start + step, rows))
        which[part] = _choose(pieces, mean[part], spread, rng)
        scores[part] = _truncated(pieces.start[which[part]], pieces.end[which[part]], mean[part], spread, rng)
    return scores, which


def _draw_given(bound: Bound, which: Indexes, mean: Floats, spread: float, rng: np.random.Generator) -> Floats:
    known = which >= 0
    slot = np.where(known, which, 0)
    start = np.where(known, bound.pieces.start[slot], 0.0)
    end = np.where(known, bound.pieces.end[slot], 1.0)
    scores = _truncated(start, end, mean, spread, rng)
    if bound.place is None:
        return scores
    wide = known & (bound.pieces.low != bound.pieces.high)[slot]
    exact = ndtri(np.clip(start + (end - start) * bound.place, _EDGE, 1.0 - _EDGE))
    return np.where(wide, exact, scores)


def _choose(pieces: Pieces, mean: Floats, spread: float, rng: np.random.Generator) -> Indexes:
    if len(pieces) == 1:
        return np.zeros(len(mean), dtype=np.int64)
    low = ndtr((_score(pieces.start) - mean[:, None]) / spread)
    high = ndtr((_score(pieces.end) - mean[:, None]) / spread)
    weight = np.maximum(high - low, 0.0)
    # Far in the tail all weights vanish: fall back to the pieces' own shares, then to all alike.
    lost = weight.sum(axis=1) <= 0.0
    if lost.any():
        weight[lost] = pieces.mass if pieces.mass.sum() > 0.0 else 1.0
    ends = np.cumsum(weight, axis=1)
    point = rng.random(len(mean)) * ends[:, -1]
    which = (ends <= point[:, None]).sum(axis=1)
    return np.minimum(which, len(pieces) - 1).astype(np.int64)


def _truncated(start: Floats, end: Floats, mean: Floats, spread: float, rng: np.random.Generator) -> Floats:
    low, high = ndtr((_score(start) - mean) / spread), ndtr((_score(end) - mean) / spread)
    share = low + rng.random(len(mean)) * (high - low)
    drawn = mean + spread * ndtri(np.clip(share, _EDGE, 1.0 - _EDGE))
    return np.clip(drawn, _score(start), _score(end))


def _score(place: Floats) -> Floats:
    return ndtri(np.clip(place, _EDGE, 1.0 - _EDGE))


def _density(place: Floats) -> NDArray[np.float64]:
    inside = (place > 0.0) & (place < 1.0)
    scores = ndtri(np.where(inside, place, 0.5))
    return np.where(inside, np.exp(-0.5 * scores**2) / np.sqrt(2.0 * np.pi), 0.0)
