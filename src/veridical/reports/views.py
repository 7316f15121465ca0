"""What do columns and pairs of columns look like on both sides, as far as the reader may see?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from veridical.core.contracts import Evidence
from veridical.core.schema import Column
from veridical.reports.audience import Audience
from veridical.reports.axes import Axis, axis_of

Shares = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

FINE_BINS = 24
COARSE_BINS = 8
MAX_PAIRED = 40  # columns in the matrix: those that differ most
MAX_PAIRS = 400  # pairs that can be opened


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnView:
    """One column's shares by bin; `real` is None where the real side is withheld.

    `distance` is the total variation between the sides on these bins and `floor` what two samples of one
    population of these sizes would show by chance.
    """

    name: str
    kind: str
    labels: tuple[str, ...] = ()
    real: tuple[float, ...] | None = None
    synthetic: tuple[float, ...] = ()
    numeric: bool = False
    distance: float | None = None
    floor: float | None = None
    why_not: str = ""

    @property
    def excess(self) -> float:
        """How much farther apart the sides are than chance explains; sorts the worst first."""
        return -1.0 if self.distance is None else self.distance - (self.floor or 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairView:
    """Two columns' joint shares on coarse bins, row by row of the first column."""

    columns: tuple[str, str]
    rows: tuple[str, ...]
    cols: tuple[str, ...]
    real: tuple[float, ...] | None
    synthetic: tuple[float, ...]
    distance: float
    floor: float


def column_views(evidence: Evidence, audience: Audience) -> list[ColumnView]:
    """Return every column's view, the worst first; columns that cannot be drawn come last, with the reason."""
    views = [_column_view(evidence, column, audience) for column in evidence.schema.only.columns]
    return sorted(views, key=lambda view: -view.excess)


def pair_views(evidence: Evidence, audience: Audience, order: Sequence[str]) -> list[PairView]:
    """Return the views of pairs among the first columns of `order`, the worst first; none under privacy."""
    if audience.private:
        return []
    schema, real, synthetic = evidence.schema.only, evidence.train.only, evidence.synthetic.only
    axes: dict[str, Axis] = {}
    for name in order[:MAX_PAIRED]:
        axis = axis_of(schema.column(name), real[name], synthetic[name], bins=COARSE_BINS, k=audience.k)
        if axis is not None and len(axis.labels) > 1:
            axes[name] = axis
    codes = {name: (axis.codes(real[name]), axis.codes(synthetic[name])) for name, axis in axes.items()}
    names = [name for name in schema.names if name in axes]
    views = [
        _pair_view((one, two), axes, codes, audience) for index, one in enumerate(names) for two in names[index + 1 :]
    ]
    return sorted(views, key=lambda view: view.floor - view.distance)


def _column_view(evidence: Evidence, column: Column, audience: Audience) -> ColumnView:
    real, synthetic = evidence.train.only[column.name], evidence.synthetic.only[column.name]
    axis = None if audience.private else axis_of(column, real, synthetic, bins=FINE_BINS, k=audience.k)
    if audience.private:
        # The axis itself must not be learned from real rows: the synthetic side is all there is.
        axis = axis_of(column, synthetic, synthetic, bins=FINE_BINS, k=5)
    if axis is None:
        drawable = column.kind in ("identifier", "personal", "text")
        why = f"values of {column.kind} columns are never drawn" if drawable else "no value is carried by enough rows"
        return ColumnView(name=column.name, kind=column.kind.value, why_not=why)
    size = len(axis.labels)
    ours = np.bincount(axis.codes(synthetic), minlength=size)
    if audience.private:
        return _view(column, axis, None, _shares(ours), None, None)
    counts = np.bincount(axis.codes(real), minlength=size)
    distance, floor = total_variation(counts, ours), chance_floor(counts, ours)
    beside = audience.shown_beside(ours, len(real))
    shown = (audience.shown(counts) > 0) | (beside > 0)
    axis_labels = tuple(label for label, keep in zip(axis.labels, shown, strict=True) if keep)
    kept = Axis(labels=axis_labels, numeric=axis.numeric)
    return _view(column, kept, _shares(audience.shown(counts))[shown], _shares(beside)[shown], distance, floor)


def _view(
    column: Column, axis: Axis, real: Shares | None, synthetic: Shares, distance: float | None, floor: float | None
) -> ColumnView:
    return ColumnView(
        name=column.name,
        kind=column.kind.value,
        labels=axis.labels,
        real=None if real is None else rounded(real),
        synthetic=rounded(synthetic),
        numeric=axis.numeric,
        distance=None if distance is None else round(distance, 4),
        floor=None if floor is None else round(floor, 4),
    )


def _pair_view(
    columns: tuple[str, str],
    axes: Mapping[str, Axis],
    codes: Mapping[str, tuple[Codes, Codes]],
    audience: Audience,
) -> PairView:
    one, two = columns
    wide = len(axes[two].labels)
    size = len(axes[one].labels) * wide
    real, synthetic = (np.bincount(codes[one][s] * wide + codes[two][s], minlength=size) for s in (0, 1))
    return PairView(
        columns=columns,
        rows=axes[one].labels,
        cols=axes[two].labels,
        real=rounded(_shares(audience.shown(real))),
        synthetic=rounded(_shares(audience.shown_beside(synthetic, int(real.sum())))),
        distance=round(total_variation(real, synthetic), 4),
        floor=round(chance_floor(real, synthetic), 4),
    )


def total_variation(one: Codes, two: Codes) -> float:
    """Return half the sum of the differences between two histograms' shares, in 0 to 1.

    Example:
        >>> total_variation(np.array([2, 2]), np.array([4, 0]))
        0.5
    """
    return float(np.abs(_shares(one) - _shares(two)).sum() / 2)


def chance_floor(one: Codes, two: Codes) -> float:
    """Return the total variation that two samples of one population would show on average.

    By the normal approximation each bin's difference has mean size sqrt(2 p (1 - p) (1/n + 1/m) / pi).
    """
    n, m = max(int(one.sum()), 1), max(int(two.sum()), 1)
    p = (one + two) / (n + m)
    return float(np.sqrt(2 * p * (1 - p) * (1 / n + 1 / m) / np.pi).sum() / 2)


def rounded(shares: Shares) -> tuple[float, ...]:
    """Return shares to four decimals: what a page can show, and a quarter of the bytes."""
    return tuple(round(float(share), 4) for share in shares)


def _shares(counts: Codes) -> Shares:
    return np.asarray(counts / max(int(counts.sum()), 1), dtype=np.float64)
