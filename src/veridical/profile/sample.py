"""Which rows, as which codes and numbers, are enough to look for what ties columns together?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from veridical.core.chunks import numbers_of
from veridical.core.schema import TEMPORAL_KINDS, Column, Kind
from veridical.profile import temporal
from veridical.profile.facts import Codes, Floats, codes_of

ROWS = 20_000


@dataclass
class Sample:
    """Rows of a table, looked at by column: as codes (null is -1) or as numbers (null is NaN). Cached."""

    table: pa.Table
    columns: Sequence[Column]
    _codes: dict[str, Codes] = field(default_factory=dict)
    _numbers: dict[str, Floats | None] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Rows looked at."""
        return self.table.num_rows

    def codes(self, name: str) -> Codes:
        """Return one integer a row, equal for equal values."""
        if name not in self._codes:
            self._codes[name] = codes_of(self.table.column(name))
        return self._codes[name]

    def numbers(self, name: str) -> Floats | None:
        """Return one float a row (microseconds for times), or None for what is no number or time."""
        if name not in self._numbers:
            column = next(column for column in self.columns if column.name == name)
            self._numbers[name] = numbers_for(self.table.column(name), column)
        return self._numbers[name]

    def only(self, columns: Sequence[Column]) -> Sample:
        """Return the same rows with fewer columns; what was cached is shared."""
        return Sample(self.table.select([c.name for c in columns]), columns, self._codes, self._numbers)


def draw(table: pa.Table, columns: Sequence[Column], rng: np.random.Generator, rows: int = ROWS) -> Sample:
    """Return a sample of the rows, in their order, without replacement."""
    if table.num_rows > rows:
        chosen = np.sort(rng.choice(table.num_rows, rows, replace=False))
        table = table.take(pa.array(chosen))
    return Sample(table, columns)


def numbers_for(cells: pa.ChunkedArray, column: Column) -> Floats | None:
    """Return a column's cells as float64, times in microseconds since 1970, nulls as NaN."""
    kind = cells.type
    if column.kind in TEMPORAL_KINDS:
        return _instants(cells, column)
    if (
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_decimal(kind)
    ):
        return numbers_of(cells)
    return None


def _instants(cells: pa.ChunkedArray, column: Column) -> Floats | None:
    if pa.types.is_date(cells.type) or pa.types.is_timestamp(cells.type):
        return numbers_of(cells.cast(pa.timestamp("us"), safe=False))
    if not (pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type)) or column.datetime_format is None:
        return numbers_of(cells) if pa.types.is_temporal(cells.type) else None
    encoded = cells.dictionary_encode().combine_chunks()
    encoded = encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded
    micros = temporal.parse(encoded.dictionary, column.datetime_format)
    if micros is None:
        return None
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    if len(micros) == 0:
        return np.full(len(codes), np.nan)
    return np.where(codes >= 0, micros[codes].astype(np.float64), np.nan)


Mask = npt.NDArray[np.bool_]
NUMBER_LIKE = frozenset({Kind.INTEGER, Kind.DECIMAL})
