"""Where does a score lie in the normal distribution, and which score lies where? SciPy is loaded when first asked."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


def ndtr(scores: Any) -> Numbers:
    """Return the share of the normal distribution below each score.

    Example:
        >>> float(ndtr(0.0))
        0.5
    """
    from scipy.special import ndtr as share_below

    return np.asarray(share_below(scores), dtype=np.float64)


def ndtri(shares: Any) -> Numbers:
    """Return the score below which each share of the normal distribution lies.

    Example:
        >>> float(ndtri(0.5))
        0.0
    """
    from scipy.special import ndtri as score_at

    return np.asarray(score_at(shares), dtype=np.float64)
