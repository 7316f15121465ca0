"""What does a budget buy, before any of it is spent?

Everything is told from the sizes that are declared (columns, cells a column may get) and a number of rows that the
user states; the data is not read. Errors are the expected total variation distance that noise alone makes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from veridical.core.errors import SpecError
from veridical.privacy.ledger import Budget
from veridical.privacy.mechanisms import stable_threshold

_HALF_NORMAL = math.sqrt(2 / math.pi)
VOTE_SHARE, DOMAIN_SHARE = 0.03, 0.22


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What one kind of look would cost and be wrong by."""

    workload: str
    looks: int
    sigma: float
    cells: int
    error: float  # expected total variation distance, 0 to 1

    @property
    def sentence(self) -> str:
        """The forecast in words."""
        looks = "1 look" if self.looks == 1 else f"{self.looks} looks"
        return (
            f"{self.workload}: {looks}, noise of about {self.sigma:,.0f} rows on each of {self.cells:,} "
            f"cells, expected error {self.error:.3f}"
        )


def least_shared(budget: Budget, *, columns: int, rows_per_unit: int = 1) -> int:
    """Return about how many rows must share a category for it to be named, where every column holds categories.

    Example:
        >>> least_shared(Budget(epsilon=1.0), columns=15) > least_shared(Budget(epsilon=8.0), columns=15)
        True
    """
    sigma = rows_per_unit / math.sqrt(2 * budget.rho * DOMAIN_SHARE / columns)
    return math.ceil(stable_threshold(sigma, budget.stability_delta / (2 * columns), rows_per_unit=rows_per_unit))


def forecast(
    budget: Budget, *, columns: int, rows: int, cells: int = 16, rows_per_unit: int = 1
) -> tuple[Forecast, ...]:
    """Return what to expect for single columns, a tree of pairs, and all pairs.

    `cells` is how many values (or bins) a column has, about; `rows` is public or a guess.

    Raises:
        SpecError: a number is below 1.

    Example:
        >>> small, large = (forecast(Budget(epsilon=e), columns=15, rows=40_000)[1].error for e in (0.1, 1.0))
        >>> small > large
        True
    """
    if min(columns, rows, cells, rows_per_unit) < 1:
        raise SpecError("columns, rows and cells are counted from 1", where="plan", fix="give larger numbers")
    rho = budget.rho
    learn = rho * (1 - VOTE_SHARE - DOMAIN_SHARE)
    looks = {
        "kinds and gaps of all columns": (1, rho * VOTE_SHARE / columns, 5),
        "single columns, found and counted": (columns, rho * DOMAIN_SHARE / columns, cells),
        "a tree of pairs (mst)": (max(1, columns - 1), 2 / 3 * learn / max(1, columns - 1), cells**2),
        "all pairs at once": (max(1, columns * (columns - 1) // 2), 0.0, cells**2),
    }
    found = []
    for workload, (count, each, size) in looks.items():
        each = each if each > 0 else learn / count
        sigma = rows_per_unit / math.sqrt(2 * each)
        error = min(1.0, 0.5 * _HALF_NORMAL * sigma * size / rows)
        found.append(Forecast(workload=workload, looks=count, sigma=sigma, cells=size, error=error))
    return tuple(found)
