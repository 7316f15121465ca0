"""What does an attacker compare: which tables, which columns, which rows?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.core.contracts import Evidence
from veridical.core.finding import Finding, not_measured
from veridical.core.schema import Column, TableSchema
from veridical.encode import neighbours
from veridical.kernel import library

NO_HOLDOUT = "no holdout was kept back, so there is nothing to hold this figure against"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableEvidence:
    """One table of the evidence; `scope` is its name where there are several, else empty."""

    train: pa.Table
    synthetic: pa.Table
    holdout: pa.Table
    schema: TableSchema
    scope: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns in which rows are compared."""
        return neighbours.compared_columns(self.schema)


@dataclass(frozen=True, slots=True, kw_only=True)
class Codes:
    """Rows of train, synthetic and holdout as whole numbers; equal cells have equal numbers, missing is -1.

    `cells` is int32, columns x rows, the three tables one after the other.
    """

    cells: NDArray[np.int32]
    names: tuple[str, ...]
    train_rows: int
    synthetic_rows: int
    holdout_rows: int

    @property
    def train(self) -> slice:
        """Where the train rows stand."""
        return slice(0, self.train_rows)

    @property
    def synthetic(self) -> slice:
        """Where the synthetic rows stand."""
        return slice(self.train_rows, self.train_rows + self.synthetic_rows)

    @property
    def holdout(self) -> slice:
        """Where the holdout rows stand."""
        return slice(self.train_rows + self.synthetic_rows, self.rows)

    @property
    def rows(self) -> int:
        """Rows of the three tables together."""
        return self.train_rows + self.synthetic_rows + self.holdout_rows

    def hashes(self) -> NDArray[np.uint64]:
        """Return one 64-bit hash a row: equal rows have equal hashes."""
        hashes = np.zeros(self.rows, np.uint64)
        library.call("neighbour_row_hash", self.cells, self.cells.shape[0], self.rows, hashes)
        return hashes

    def agreement(
        self, hashes: NDArray[np.uint64], left_out: tuple[int, ...] = (), *, most_doubled: int | None = None
    ) -> NDArray[np.int32] | None:
        """Return, for each row, how many train rows equal it in every column but those left out (itself counted).

        None when more than `most_doubled` train rows equal an earlier one.
        """
        matches = np.zeros(self.rows, np.int32)
        columns = np.asarray(left_out, np.int64)
        most = self.train_rows if most_doubled is None else most_doubled
        done = library.call(
            "neighbour_agreement", self.cells, hashes, self.rows, self.train_rows, columns, len(columns), most, matches
        )
        if done < 0:
            raise MemoryError("the hash table of the training rows does not fit into memory")
        return None if done else matches

    def equal(self, hashes: NDArray[np.uint64]) -> NDArray[np.int32]:
        """Return, for each row, how many train rows equal it in every column (itself counted)."""
        matches = self.agreement(hashes)
        assert matches is not None  # no limit was set
        return matches


def tables_of(evidence: Evidence, *, empty_holdout: bool = False) -> Iterator[TableEvidence]:
    """Yield each table that is in all data sets; without a holdout none, or with an empty one where that will do."""
    if evidence.holdout is None and not empty_holdout:
        return
    several = len(evidence.schema.tables) > 1
    for schema in evidence.schema.tables:
        sides = [evidence.train, evidence.synthetic] + ([] if evidence.holdout is None else [evidence.holdout])
        if all(schema.name in data.tables for data in sides):
            train = evidence.train.tables[schema.name]
            yield TableEvidence(
                train=train,
                synthetic=evidence.synthetic.tables[schema.name],
                holdout=train.slice(0, 0) if evidence.holdout is None else evidence.holdout.tables[schema.name],
                schema=schema,
                scope=(schema.name,) if several else (),
            )


def why_not(table: TableEvidence | None, *, least_rows: int = 20) -> str:
    """Return why a table cannot be attacked, or an empty text when it can."""
    if table is None:
        return NO_HOLDOUT
    if not table.columns:
        return "no column is modelled, so there is nothing to compare"
    sides = {"train": table.train, "synthetic": table.synthetic, "holdout": table.holdout}
    for side, rows in sides.items():
        if rows.num_rows < least_rows:
            return f"{side} has {rows.num_rows} rows; at least {least_rows} are needed"
    return ""


def unmeasured(checks: tuple[str, ...], reason: str, scope: tuple[str, ...] = ()) -> list[Finding]:
    """Return one unmeasured finding a check."""
    return [not_measured(check, reason, scope=scope) for check in checks]


def chosen_rows(rows: int, most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return all row numbers, or `most` of them drawn at random, in order."""
    if rows <= most:
        return np.arange(rows, dtype=np.int64)
    return np.sort(rng.choice(rows, most, replace=False)).astype(np.int64)


def encode(table: TableEvidence) -> Codes:
    """Return the compared columns of the three tables as shared codes.

    Raises:
        DataError: a column is missing in one of the tables.
    """
    columns = table.columns
    parts = (table.train, table.synthetic, table.holdout)
    cells = np.empty((len(columns), sum(part.num_rows for part in parts)), np.int32)
    for at, column in enumerate(columns):
        cells[at] = _codes(column, [neighbours.cells_of(part, column) for part in parts])
    return Codes(
        cells=cells,
        names=tuple(column.name for column in columns),
        train_rows=table.train.num_rows,
        synthetic_rows=table.synthetic.num_rows,
        holdout_rows=table.holdout.num_rows,
    )


def _codes(column: Column, parts: list[pa.ChunkedArray]) -> NDArray[np.int32]:
    if neighbours.is_number(column, parts[0].type):
        numbers = np.concatenate([neighbours.as_numbers(part, column) for part in parts])
        # 0.0 and -0.0 are one value; NaN is missing.
        pooled = pa.array(numbers + 0.0, from_pandas=True)
    else:
        chunks = [chunk for part in parts for chunk in neighbours.as_texts(part).chunks]
        pooled = pa.chunked_array(chunks, pa.large_string()).combine_chunks()
    if isinstance(pooled, pa.ChunkedArray):
        pooled = pa.concat_arrays(pooled.chunks)
    return np.asarray(pooled.dictionary_encode().indices.fill_null(-1).to_numpy(zero_copy_only=False), np.int32)
