"""Which rows of one table lie nearest to a row of another, over columns of mixed type?

The distance is Gower's (1971), made robust: a column adds 0 to 1. A number or a time adds its difference over the
span between the reference's 1 % and 99 % quantiles, at most 1; a category adds 0 when equal, else 1; missing is 0
from missing and 1 from all else. The search is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from veridical.core.errors import DataError
from veridical.core.schema import CATEGORY_KINDS, NUMERIC_KINDS, TEMPORAL_KINDS, Column, Kind, Role, TableSchema
from veridical.core.timetext import as_moments
from veridical.kernel import library

_MISSING = np.float32(-4e6)
_FARTHEST = 1e6  # scaled values are held within this, so that the mark of missing stays far from all
_UNSEEN = np.float32(-2.0)
_MISSING_CODE = np.float32(-4.0)
_QUERIES_PER_TASK = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """Rows as the distance sees them: `values` is float32, rows x columns."""

    values: NDArray[np.float32]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return int(self.values.shape[0])


@dataclass(frozen=True, slots=True)
class _Scale:
    """A number's origin and span, in the column's own unit."""

    origin: float
    span: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """How each column becomes a coordinate; learned from reference tables, the same for all that is compared.

    Example:
        >>> from veridical.core.schema import Column, Kind, TableSchema
        >>> columns = Column(name="a", kind=Kind.INTEGER), Column(name="b", kind=Kind.CATEGORY)
        >>> schema = TableSchema(name="t", columns=columns)
        >>> table = pa.table({"a": [0, 5, 10], "b": ["x", "y", "y"]})
        >>> space = Space.learn([table], schema)
        >>> build(space.encode(table)).nearest(space.encode(table.slice(0, 1)), k=2).rows.tolist()
        [[0, 1]]
    """

    columns: tuple[Column, ...]
    scales: dict[str, _Scale]
    categories: dict[str, pa.Array]

    @classmethod
    def learn(cls, tables: Sequence[pa.Table], schema: TableSchema, names: Sequence[str] | None = None) -> Space:
        """Return the space of the modelled columns (or of those named), scaled by all `tables` together."""
        chosen = compared_columns(schema) if names is None else tuple(schema.column(name) for name in names)
        scales: dict[str, _Scale] = {}
        categories: dict[str, pa.Array] = {}
        for column in chosen:
            parts = [cells_of(table, column) for table in tables]
            if is_number(column, parts[0].type):
                scales[column.name] = _scale(np.concatenate([as_numbers(part, column) for part in parts]))
            else:
                texts = pa.chunked_array([c for part in parts for c in as_texts(part).chunks], pa.large_string())
                categories[column.name] = texts.drop_null().unique()
        return cls(columns=chosen, scales=scales, categories=categories)

    def encode(self, table: pa.Table) -> Encoded:
        """Return the table's rows as coordinates; a category the reference never had equals no reference row.

        Raises:
            DataError: a column is missing, or a number is text that cannot be read.
        """
        values = np.empty((table.num_rows, len(self.columns)), np.float32)
        for at, column in enumerate(self.columns):
            cells = cells_of(table, column)
            scale = self.scales.get(column.name)
            if scale is None:
                values[:, at] = _codes(as_texts(cells), self.categories[column.name])
            else:
                numbers = (as_numbers(cells, column) - scale.origin) / scale.span
                values[:, at] = np.where(np.isnan(numbers), _MISSING, np.clip(numbers, -_FARTHEST, _FARTHEST))
        return Encoded(values=values, names=tuple(column.name for column in self.columns))


@dataclass(frozen=True, slots=True)
class Neighbours:
    """For each query its k nearest reference rows: float32 distances and row numbers, queries x k, nearest first.

    Equal distances are ordered by row number; where the reference has fewer than k rows, infinity and -1.
    """

    distances: NDArray[np.float32]
    rows: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """A search tree over reference rows; immutable."""

    size: int
    width: int
    weight: NDArray[np.float32]
    order: NDArray[np.int64]
    blocks: NDArray[np.float32]
    low: NDArray[np.float32]
    high: NDArray[np.float32]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    left: NDArray[np.int64]

    def nearest(
        self, queries: Encoded, k: int = 1, *, skip: NDArray[np.int64] | None = None, workers: int = 1
    ) -> Neighbours:
        """Return the k nearest reference rows of each query, exactly.

        `skip` holds, for each query, one reference row that does not count (a row is its own neighbour otherwise).

        Raises:
            ValueError: the queries have other columns, or k is under 1.
        """
        if queries.values.shape[1] != self.width or k < 1:
            raise ValueError(f"{queries.values.shape[1]} columns against {self.width}, k = {k}")
        count = len(queries)
        found = Neighbours(np.full((count, k), np.inf, np.float32), np.full((count, k), -1, np.int64))
        if count == 0 or self.size == 0:
            return found
        starts = range(0, count, _QUERIES_PER_TASK)

        def search(start: int) -> None:
            stop = min(start + _QUERIES_PER_TASK, count)
            part = None if skip is None else np.ascontiguousarray(skip[start:stop], np.int64)
            library.call(
                "neighbour_nearest", self.blocks, self.order, self.low, self.high, self.first, self.last, self.left,
                self.weight, self.width, queries.values[start:stop], stop - start, part, k,
                found.distances[start:stop], found.rows[start:stop],
            )  # fmt: skip

        if workers <= 1 or len(starts) == 1:
            for start in starts:
                search(start)
        else:
            with ThreadPoolExecutor(workers) as pool:
                list(pool.map(search, starts))
        return found


def build(reference: Encoded, *, weight: NDArray[np.float32] | None = None) -> Index:
    """Return an index over all reference rows; `weight` (one a column, at least 0) defaults to 1 each.

    Source: k-d tree with bounding boxes (Friedman, Bentley, Finkel 1977).
    """
    size, width = reference.values.shape
    scale = np.ones(width, np.float32) if weight is None else np.ascontiguousarray(weight, np.float32)
    capacity = size // 4 + 64
    order = np.arange(size, dtype=np.int64)
    blocks = np.empty(max(size * width, 1), np.float32)
    low, high = np.zeros((capacity, width), np.float32), np.zeros((capacity, width), np.float32)
    first, last, left = (np.zeros(capacity, np.int64) for _ in range(3))
    nodes = 0
    if size:
        rows = np.ascontiguousarray(reference.values, np.float32)
        nodes = library.call(
            "neighbour_build", rows, size, width, scale, order, blocks, low, high, first, last, left, capacity
        )
    return Index(
        size=size, width=width, weight=scale, order=order, blocks=blocks, low=low[:nodes].copy(),
        high=high[:nodes].copy(), first=first[:nodes].copy(), last=last[:nodes].copy(), left=left[:nodes].copy(),
    )  # fmt: skip


def compared_columns(schema: TableSchema) -> tuple[Column, ...]:
    """Return the columns in which two rows can be alike: those modelled, without keys and personal data."""
    keys = {Kind.IDENTIFIER, Kind.PERSONAL}
    return tuple(c for c in schema.columns if c.role is Role.MODEL and c.kind not in keys)


def cells_of(table: pa.Table, column: Column) -> pa.ChunkedArray:
    """Return a column's cells.

    Raises:
        DataError: the table has no such column.
    """
    if column.name not in table.column_names:
        raise DataError("the column is missing", where=column.name, fix="compare tables of one schema")
    return table.column(column.name)


def is_number(column: Column, storage: pa.DataType) -> bool:
    """Return whether the distance takes a column as a number, from its kind and how it is stored."""
    if column.kind in CATEGORY_KINDS or column.kind is Kind.TEXT:
        return False
    text = pa.types.is_string(storage) or pa.types.is_large_string(storage) or pa.types.is_dictionary(storage)
    if text:
        return column.kind in NUMERIC_KINDS or (column.kind in TEMPORAL_KINDS and column.datetime_format is not None)
    return not pa.types.is_null(storage)


def as_numbers(cells: pa.ChunkedArray, column: Column) -> NDArray[np.float64]:
    """Return cells as float64 (temporal ones in their stored unit), NaN for missing.

    Raises:
        DataError: text that is not a number.
    """
    kind = cells.type
    if pa.types.is_dictionary(kind):
        cells, kind = cells.cast(kind.value_type), kind.value_type
    try:
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            if column.kind in TEMPORAL_KINDS and column.datetime_format is not None:
                cells = as_moments(cells, column.datetime_format)
                kind = cells.type
            else:
                cells = cells.cast(pa.float64())
        if pa.types.is_temporal(kind):
            cells = cells.cast(pa.int32() if kind.bit_width == 32 else pa.int64())
        return np.asarray(cells.cast(pa.float64(), safe=False).to_numpy(), np.float64)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as wrong:
        raise DataError("cells are not numbers", where=column.name, fix="make it a category in the schema") from wrong


def as_texts(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return cells as text, whatever their storage; missing stays missing."""
    if pa.types.is_dictionary(cells.type):
        cells = cells.cast(cells.type.value_type)
    if pa.types.is_floating(cells.type):
        # 1.0 and 1 are the same category when one side is stored as integer (missing values made it float).
        whole = pc.all(pc.or_kleene(pc.equal(cells, pc.floor(cells)), pc.is_null(cells))).as_py()
        if whole:
            cells = cells.cast(pa.int64(), safe=False)
    if pa.types.is_null(cells.type):
        return pa.chunked_array([pa.nulls(len(cells), pa.large_string())], pa.large_string())
    return cells.cast(pa.large_string())


def _scale(numbers: NDArray[np.float64]) -> _Scale:
    present = numbers[np.isfinite(numbers)]
    if present.size == 0:
        return _Scale(0.0, 1.0)
    low, middle, high = (float(v) for v in np.quantile(present, (0.01, 0.5, 0.99)))
    span = high - low
    if span <= 0:
        span = float(present.max() - present.min())
    # A constant column: any other value at all is as far as can be.
    return _Scale(middle, span if span > 0 else max(abs(middle) * 1e-9, 1e-12))


def _codes(texts: pa.ChunkedArray, known: pa.Array) -> NDArray[np.float32]:
    found = pc.index_in(texts, value_set=known)
    codes = np.asarray(found.cast(pa.float32()).to_numpy(), np.float32)
    missing = np.asarray(texts.is_null().to_numpy(), bool)
    return np.where(missing, _MISSING_CODE, np.where(np.isnan(codes), _UNSEEN, codes)).astype(np.float32)
