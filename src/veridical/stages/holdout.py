"""Which real rows are kept back, so that the generator can be judged on rows it never saw?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from veridical.core.chunks import one_array
from veridical.core.contracts import RunContext
from veridical.core.dataset import Dataset
from veridical.core.errors import DataError, SpecError
from veridical.kernel.memory import sparing

MIN_ROWS = 10
LEAST_KEPT = 100  # rows kept back: with fewer the attacks of membership cannot be measured


@dataclass(frozen=True, slots=True)
class Split:
    """What is learned from, and what is kept back."""

    train: Dataset
    holdout: Dataset | None


@sparing()
def split(data: Dataset, share: float, ctx: RunContext, *, unit: str | None = None) -> Split:
    """Return the data with a random share of rows kept back, in their order; 0 keeps none back.

    Of 300 rows or more at least 100 are kept back, so that all can be measured. With `unit`, the rows of one person
    (one value of that column) stay together on one side.

    Raises:
        DataError: there are too few rows to learn from.
        SpecError: the share is not between 0 and 0.9.

    Example:
        >>> parts = split(Dataset.of(pa.table({"a": range(100)})), 0.2, RunContext())
        >>> parts.train.rows, parts.holdout.rows
        (80, 20)
    """
    if not 0 <= share <= 0.9:
        raise SpecError(
            f"a holdout of {share} of the rows", where="holdout", fix="give a share from 0 to 0.9, or a file"
        )
    table = data.only
    if table.num_rows < MIN_ROWS:
        raise DataError(
            f"{table.num_rows} {'row is' if table.num_rows == 1 else 'rows are'} too few to learn from",
            where=data.name,
            fix=f"give {MIN_ROWS} rows or more; fewer would only describe the people in them",
        )
    if share == 0:
        return Split(data, None)
    aside = _rows_aside(table, share, ctx, unit)
    left = np.ones(table.num_rows, dtype=bool)
    left[aside] = False
    kept = np.flatnonzero(left).astype(aside.dtype)
    if not len(kept):
        raise DataError(f"all rows belong to one {unit}", where=data.name, fix="name another unit, or none")
    return Split(_take(data, kept), _take(data, aside))


def _rows_aside(table: pa.Table, share: float, ctx: RunContext, unit: str | None) -> np.ndarray:
    rng = ctx.rng("holdout")
    if unit is None:
        asked = max(1, round(table.num_rows * share))
        kept = max(asked, LEAST_KEPT) if table.num_rows >= 3 * LEAST_KEPT else asked
        rows = np.arange(table.num_rows, dtype=np.int32 if table.num_rows < 2**31 else np.int64)
        rng.shuffle(rows)
        return np.sort(rows[:kept])
    coded = table[unit].combine_chunks().dictionary_encode()
    owner = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    owners = np.unique(owner)
    chosen = rng.permutation(owners)[: max(1, round(len(owners) * share))]
    return np.flatnonzero(np.isin(owner, chosen))


def _take(data: Dataset, rows: np.ndarray) -> Dataset:
    table, some = data.only, pa.array(rows)
    columns = [one_array(column.take(some)) for column in table.columns]
    return Dataset.of(pa.Table.from_arrays(columns, schema=table.schema), data.name)
