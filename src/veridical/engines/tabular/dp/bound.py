"""How many rows of each unit are worth their noise, told without telling how many anybody has?

Every row more that a unit may bring makes all noise larger; every row fewer leaves rows out. A noisy histogram of
units by their number of rows (each unit stands in it once) says what is left out; the rest is arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.privacy.mechanisms import Lens
from veridical.privacy.plan import forecast
from veridical.privacy.words import rows_used

if TYPE_CHECKING:
    from veridical.engines.tabular.dp.private import Terms

Ints = NDArray[np.int64]
AUTO = "auto"
SHARE = 0.02  # of the budget, for choosing the bound
_STEPS = np.array([1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64, 96, 128, 256, 512, 1024])
# Which rows of a unit are left out is chance: what shifts is only how much units with many rows count, and these differ
# from others by so much of a total variation distance about.
_UNLIKE = 0.2
_SURE = 5.5  # a number of rows that this many sigma of units have is no noise: once in two million runs it is
_LEAST_ROWS = 1


def with_bound(terms: Terms, lens: Lens, table: pa.Table, *, columns: int) -> tuple[Terms, Lens]:
    """Return terms and lens with the number of rows per unit, which is looked for only where the terms leave it open.

    Raises:
        BudgetError: the ledger has not got the rho left.
        DataError: the unit column has gaps.
        SchemaError: there is no such column.
    """
    if terms.rows_per_unit is not None:
        return terms, lens
    if terms.unit is None:
        return replace(terms, rows_per_unit=1), lens
    from veridical.engines.tabular.dp.unit import owners

    owner = owners(table, terms.unit)
    most = chosen(lens, terms, lambda: np.bincount(owner), terms.unit, columns=columns)
    return replace(terms, rows_per_unit=most), replace(lens, rows_per_unit=most)


def chosen(lens: Lens, terms: Terms, numbers: Callable[[], Ints], unit: str, *, columns: int) -> int:
    """Return the number of rows of each unit that makes the expected error least; charged to the ledger.

    `numbers` gives the number of rows of each unit when it is called.
    """
    once = replace(lens, rows_per_unit=1)

    def look() -> Ints:
        held = numbers()
        return np.bincount(np.searchsorted(_STEPS, held[held > 0]).clip(max=len(_STEPS) - 1), minlength=len(_STEPS))

    noisy = once.histogram(f"how many units have 1, 2, 3 ... rows of one {unit}", look, rho=SHARE * terms.budget.rho)
    counts = np.where(noisy.counts > _SURE * noisy.sigma, noisy.counts, 0).astype(float)
    best = int(_STEPS[int(np.argmin([_error(int(step), counts, terms, columns) for step in _STEPS]))])
    lens.ledger.note(f"{rows_used(best, unit)} (chosen from the noisy histogram of rows per unit)")
    return best


def _error(most: int, counts: NDArray[np.float64], terms: Terms, columns: int) -> float:
    """Return what leaving rows out and noise together cost, as a total variation distance."""
    every = float((counts * _STEPS).sum())
    kept = float((counts * np.minimum(_STEPS, most)).sum())
    if kept < _LEAST_ROWS:
        return float(most)  # nothing stands out of the noise: the smallest bound
    noise = forecast(terms.budget, columns=max(2, columns), rows=max(1, round(kept)), rows_per_unit=most)[2].error
    return _UNLIKE * (1 - kept / every) + noise
