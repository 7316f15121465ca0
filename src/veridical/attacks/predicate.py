"""Which conditions does an attacker write down, and whom do they fit?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.attacks.evidence import Codes, TableEvidence
from veridical.encode import neighbours
from veridical.kernel import library

EQUAL, AT_MOST, AT_LEAST, MISSING = range(4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """Columns as float64 (missing is NaN), columns x rows; `is_number` tells which may be compared by size."""

    values: NDArray[np.float64]
    is_number: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """Rows that conditions are checked on: their cells, and each column's rows in ascending order, missing last."""

    cells: Cells
    order: NDArray[np.int32]
    known: NDArray[np.int64]

    @classmethod
    def of(cls, cells: Cells) -> Crowd:
        """Return the crowd of these rows."""
        return cls(
            cells=cells,
            order=np.ascontiguousarray(np.argsort(cells.values, axis=1, kind="stable").astype(np.int32)),
            known=np.asarray((~np.isnan(cells.values)).sum(axis=1), np.int64),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicates:
    """Conjunctions of `size` comparisons each; all arrays are predicates x size."""

    columns: NDArray[np.int64]
    operations: NDArray[np.int64]
    values: NDArray[np.float64]

    def __len__(self) -> int:
        return int(self.columns.shape[0])

    def take(self, chosen: NDArray[np.int64] | NDArray[np.bool_]) -> Predicates:
        """Return some of the predicates."""
        return Predicates(columns=self.columns[chosen], operations=self.operations[chosen], values=self.values[chosen])

    def isolated(self, crowd: Crowd) -> NDArray[np.int64]:
        """Return, for each predicate, the only row that satisfies it, or -1 when none or several do."""
        counts, found = np.zeros(len(self), np.int64), np.full(len(self), -1, np.int64)
        if len(self):
            library.call(
                "neighbour_predicate", crowd.cells.values, crowd.order, crowd.known, crowd.order.shape[1],
                np.ascontiguousarray(self.columns), np.ascontiguousarray(self.operations),
                np.ascontiguousarray(self.values), len(self), self.columns.shape[1], 2, counts, found,
            )  # fmt: skip
        return np.where(counts == 1, found, -1)


def cells_of(table: TableEvidence, codes: Codes) -> Cells:
    """Return all rows (train, synthetic, holdout) in the form predicates are checked on."""
    values = np.where(codes.cells < 0, np.nan, codes.cells.astype(np.float64))
    numeric = np.zeros(len(codes.names), bool)
    for at, column in enumerate(table.columns):
        parts = [neighbours.cells_of(part, column) for part in (table.train, table.synthetic, table.holdout)]
        if neighbours.is_number(column, parts[0].type):
            numeric[at] = True
            values[at] = np.concatenate([neighbours.as_numbers(part, column) for part in parts])
    return Cells(values=values, is_number=numeric)


def part_of(cells: Cells, where: slice) -> Cells:
    """Return the cells of some rows."""
    return Cells(values=np.ascontiguousarray(cells.values[:, where]), is_number=cells.is_number)


def single_column(synthetic: Cells) -> Predicates:
    """Return every condition on one column that fits exactly one synthetic row.

    A value that occurs once; at most the smallest and at least the largest number; missing, where one row is.
    Source: Giomi et al. 2023, section 4.1, univariate predicates.
    """
    found: list[tuple[int, int, float]] = []
    for at, column in enumerate(synthetic.values):
        present = column[~np.isnan(column)]
        values, counts = np.unique(present, return_counts=True)
        found += [(at, EQUAL, float(value)) for value in values[counts == 1]]
        if synthetic.is_number[at] and values.size > 1:
            found += [(at, AT_MOST, float(values[0]))] if counts[0] == 1 else []
            found += [(at, AT_LEAST, float(values[-1]))] if counts[-1] == 1 else []
        if column.size - present.size == 1:
            found.append((at, MISSING, 0.0))
    columns, operations, limits = zip(*found) if found else ((), (), ())
    return Predicates(
        columns=np.asarray(columns, np.int64).reshape(-1, 1),
        operations=np.asarray(operations, np.int64).reshape(-1, 1),
        values=np.asarray(limits, np.float64).reshape(-1, 1),
    )


def several_columns(synthetic: Cells, size: int, count: int, rng: np.random.Generator) -> Predicates:
    """Return conditions on `size` random columns, each true to one random synthetic row.

    A category equals the row's; a number is at least the row's when that is above the column's median, else at
    most; missing where the row's cell is. Source: Giomi et al. 2023, section 4.1, multivariate predicates.
    """
    width, rows = synthetic.values.shape
    # Random columns without replacement, for all predicates at once: the order of random keys.
    columns = np.argsort(rng.random((count, width)), axis=1)[:, :size]
    chosen = rng.integers(0, rows, count)
    values = synthetic.values[columns, chosen[:, None]]
    # No number at all in a column: its median is never asked for.
    medians = np.array([np.median(c[~np.isnan(c)]) if (~np.isnan(c)).any() else 0.0 for c in synthetic.values])
    by_size = np.where(values > medians[columns], AT_LEAST, AT_MOST)
    operations = np.where(np.isnan(values), MISSING, np.where(synthetic.is_number[columns], by_size, EQUAL))
    return Predicates(columns=columns.astype(np.int64), operations=operations, values=np.nan_to_num(values))


def naive(synthetic: Cells, size: int, count: int, rng: np.random.Generator) -> Predicates:
    """Return conditions of a guesser who knows only each column's values: random columns, values and comparisons."""
    width, rows = synthetic.values.shape
    columns = np.argsort(rng.random((count, width)), axis=1)[:, :size]
    values = synthetic.values[columns, rng.integers(0, rows, (count, size))]
    by_size = rng.integers(0, 3, (count, size))
    operations = np.where(np.isnan(values), MISSING, np.where(synthetic.is_number[columns], by_size, EQUAL))
    return Predicates(columns=columns.astype(np.int64), operations=operations, values=np.nan_to_num(values))
