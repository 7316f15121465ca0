"""What are the coefficients of a regression, and how sure are they?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
_MOST_ROUNDS = 50


@dataclass(frozen=True, slots=True)
class Coefficients:
    """Estimates and standard errors, one for each column of the design; not a number where there is none."""

    values: Matrix
    errors: Matrix


def independent_columns(x: Matrix, tolerance: float = 1e-9) -> NDArray[np.int64]:
    """Return columns that are not sums of earlier ones (pivots of a Cholesky factor of the correlations)."""
    scale = np.sqrt((x * x).mean(axis=0))
    unit = np.where(scale > 0, scale, 1.0)
    gram = (x.T @ x) / len(x) / np.outer(unit, unit)
    kept: list[int] = []
    factor = np.zeros((0, x.shape[1]))
    for column in range(x.shape[1]):
        left = gram[column, column] - float(factor[:, column] @ factor[:, column])
        if scale[column] <= 0 or left < tolerance:
            continue
        row = (gram[column] - factor[:, column] @ factor) / np.sqrt(left)
        factor = np.vstack([factor, row])
        kept.append(column)
    return np.array(kept, np.int64)


def least_squares(x: Matrix, y: Matrix) -> Coefficients:
    """Return ordinary least squares with classical standard errors (n - p degrees of freedom).

    Example:
        >>> x = np.column_stack([np.ones(4), [0.0, 1.0, 2.0, 3.0]])
        >>> least_squares(x, np.array([1.0, 3.0, 5.0, 7.0])).values.round(6).tolist()
        [1.0, 2.0]
    """
    inverse = _inverse(x.T @ x)
    values = inverse @ (x.T @ y)
    left = y - x @ values
    variance = float(left @ left) / max(len(y) - x.shape[1], 1)
    return Coefficients(values, np.sqrt(np.maximum(np.diag(inverse) * variance, 0.0)))


def logistic(x: Matrix, y: Matrix) -> Coefficients | None:
    """Return logistic regression by iteratively reweighted least squares; None when it does not settle.

    It does not settle when a column parts the classes perfectly: the likelihood then has no maximum.
    """
    values = np.zeros(x.shape[1])
    for _ in range(_MOST_ROUNDS):
        chance = 1 / (1 + np.exp(-np.clip(x @ values, -35, 35)))
        weight = np.maximum(chance * (1 - chance), 1e-12)
        inverse = _inverse((x * weight[:, None]).T @ x)
        step = inverse @ (x.T @ (y - chance))
        values = values + step
        if float(np.abs(step).max()) < 1e-10:
            return Coefficients(values, np.sqrt(np.maximum(np.diag(inverse), 0.0)))
        if float(np.abs(values).max()) > 1e4:
            return None
    return None


def _inverse(gram: Matrix) -> Matrix:
    scale = np.sqrt(np.maximum(np.diag(gram), 1e-300))
    scaled = gram / np.outer(scale, scale)
    return np.asarray(np.linalg.pinv(scaled, rcond=1e-12, hermitian=True)) / np.outer(scale, scale)
