"""What may be told of a source without showing a row?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnProfile:
    """What is told of one column; every value shown is carried by at least k records.

    `categories` holds (value as text, share of the non-null rows). `quantiles` holds the column's quantiles
    at evenly spaced probabilities from the first to the last, in the column's own unit (temporal kinds: in
    the column's resolution since 1970-01-01), with both ends pulled in so that no exact extreme is shown.
    `spikes` holds (value, share) of single numbers that carry far more rows than their neighbours.
    `findings` says in words what was noticed (heaping, caps, zero inflation ...).
    """

    name: str
    rows: int
    null_share: float
    distinct: int
    categories: tuple[tuple[str, float], ...] = ()
    quantiles: tuple[float, ...] = ()
    spikes: tuple[tuple[float, float], ...] = ()
    mean_length: float | None = None  # characters, for text
    findings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TableProfile:
    """What is told of one table: its columns, and how they move together.

    `correlations` maps "a|b" (names in column order) to the correlation of the two columns' normal scores
    (categories scored by mid-rank of their share order), in -1 to 1; pairs left out are near zero.
    """

    name: str
    rows: int
    columns: tuple[ColumnProfile, ...]
    correlations: Mapping[str, float] = field(default_factory=dict)
    findings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the profile as JSON-like data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TableProfile:
        """Return the profile that `to_dict` wrote."""
        values = dict(data)
        values["columns"] = tuple(_column(column) for column in values.get("columns", ()))
        values["findings"] = tuple(values.get("findings", ()))
        return cls(**values)


def _column(data: Mapping[str, Any]) -> ColumnProfile:
    values = dict(data)
    for name in ("categories", "spikes"):
        values[name] = tuple((value, share) for value, share in values.get(name, ()))
    for name in ("quantiles", "findings"):
        values[name] = tuple(values.get(name, ()))
    return ColumnProfile(**values)
