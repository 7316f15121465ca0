"""What do engines that learn on codes share: columns, given cells, limits, and the way back to values?"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.core.contracts import Allowed
from veridical.core.errors import DataError
from veridical.core.schema import Column
from veridical.engines.tabular.dp.coding import Coding


@dataclass(frozen=True)
class CodedSampler(ABC):
    """A `Sampler` of codes; who extends it draws codes (columns x rows) with some known and others limited."""

    codings: tuple[Coding, ...]

    @property
    def columns(self) -> Sequence[Column]:
        """The columns drawn."""
        return tuple(coding.column for coding in self.codings)

    def draw(
        self,
        rows: int,
        rng: np.random.Generator,
        *,
        given: pa.Table | None = None,
        allowed: Mapping[str, Allowed] | None = None,
    ) -> pa.Table:
        """Return `rows` rows; columns given are kept, every other column satisfies its `allowed`.

        Raises:
            DataError: nothing satisfies a condition.
        """
        places = {coding.column.name: place for place, coding in enumerate(self.codings)}
        fixed = {} if given is None else {name: given[name] for name in given.column_names if name in places}
        limits = {n: a for n, a in ({} if allowed is None else allowed).items() if n in places and n not in fixed}
        known = {places[name]: self._codes(places[name], values) for name, values in fixed.items()}
        codes = self._drawn(rows, rng, known, self._shares(places, limits))
        columns = {
            name: fixed[name] if name in fixed else self.codings[place].decode(codes[place], rng, limits.get(name))
            for name, place in places.items()
        }
        return pa.table(columns) if columns else pa.table({"": pa.nulls(rows)}).select([])

    @abstractmethod
    def _drawn(
        self,
        rows: int,
        rng: np.random.Generator,
        known: Mapping[int, NDArray[np.int64]],
        shares: Mapping[int, NDArray[np.float64]],
    ) -> Any:
        """Return each column's codes: those `known` kept, those with `shares` drawn inside them."""

    def _shares(self, places: Mapping[str, int], limits: Mapping[str, Allowed]) -> dict[int, NDArray[np.float64]]:
        shares = {places[name]: self.codings[places[name]].shares(asked) for name, asked in limits.items()}
        for name in places:
            if name in limits and not shares[places[name]].any():
                raise DataError("nothing the model knows satisfies the condition", where=name, fix="widen it")
        return shares

    def _codes(self, place: int, values: pa.ChunkedArray | pa.Array) -> NDArray[np.int64]:
        coding = self.codings[place]
        array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
        array = array.chunk(0) if isinstance(array, pa.ChunkedArray) and array.num_chunks == 1 else array
        return coding.encode(coding.cells_of(array))
