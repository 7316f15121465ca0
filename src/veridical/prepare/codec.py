"""How do columns as the user knows them become columns an engine can learn, and back?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.core.chunks import whole as whole
from veridical.core.contracts import Allowed
from veridical.core.schema import Column

Arrays = Mapping[str, pa.Array]
Plain = dict[str, Any]  # JSON-like


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which rows of the whole output are being made, and with which random stream."""

    rows: int
    rng: np.random.Generator
    start_row: int = 0
    total_rows: int = 0
    key: int = 0  # the request's seed: fresh values differ from one request to the next
    made: Mapping[str, pa.Array] = field(default_factory=dict)  # the final columns made so far
    people: int = 0  # the seed of made-up people: all personal columns of one batch tell of the same ones


class Codec(Protocol):
    """Turns one or more columns of the schema into modelled columns (none, when nothing is learned), and back."""

    @property
    def names(self) -> Sequence[str]:
        """The schema's columns that `decode` makes."""
        ...

    @property
    def modelled(self) -> Sequence[Column]:
        """The columns an engine learns: numbers and categories only."""
        ...

    def encode(self, table: pa.Table) -> Arrays:
        """Return the modelled columns of a table."""
        ...

    def decode(self, drawn: Arrays, place: Place) -> Arrays:
        """Return the schema's columns, in their storage types."""
        ...

    def limit(self, name: str, allowed: Allowed) -> Mapping[str, Allowed] | None:
        """Return limits on modelled columns that rows must keep for `name` to be `allowed`; None when unknown.

        The limits may let through too much, never too little: every row is checked in the end.
        """
        ...

    def to_plain(self) -> Plain:
        """Return the codec as JSON-like data."""
        ...


Support = tuple[float, float]


def support_of(values: NDArray[Any], rare_below: int) -> Support | None:
    """Return between which numbers requests make sense: a tenth beyond the `rare_below`-th from either end.

    Example:
        >>> support_of(np.arange(101), 1)
        (-10.0, 110.0)
    """
    if len(values) < max(1, rare_below):
        return None
    place = min(max(1, rare_below), (len(values) + 1) // 2) - 1
    ordered = np.partition(values, (place, len(values) - 1 - place))
    low, high = float(ordered[place]), float(ordered[len(values) - 1 - place])
    margin = 0.1 * max(high - low, abs(high), 1.0)
    return low - margin, high + margin


def beyond(allowed: Allowed, support: Support | None) -> bool:
    """Say whether a range lies wholly outside of what was ever near to being seen."""
    if support is None or allowed.nulls:
        return False
    too_high = allowed.low is not None and allowed.low > support[1]
    return bool(too_high or (allowed.high is not None and allowed.high < support[0]))


def from_numpy(values: NDArray[Any], null: NDArray[np.bool_] | None = None) -> pa.Array:
    """Return an Arrow array with nulls where `null` says so."""
    return pa.array(values, mask=null if null is not None and null.any() else None)


def to_numpy(array: pa.Array) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return numbers and which of them are null (nulls hold 0).

    Example:
        >>> to_numpy(pa.array([1, None]))
        (array([1, 0]), array([False,  True]))
    """
    null = np.asarray(array.is_null().to_numpy(zero_copy_only=False), dtype=bool)
    filled = array.fill_null(pa.scalar(0, array.type)) if array.null_count else array
    return np.asarray(filled.to_numpy(zero_copy_only=False)), null
