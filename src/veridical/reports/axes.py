"""Into which bins does a column fall, so that both sides can be drawn on one axis and no value is given away?"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from veridical.core.schema import CATEGORY_KINDS, NUMERIC_KINDS, TEMPORAL_KINDS, Column

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

SPIKE_SHARE = 0.2
OTHER = "other"
NULL = "null"

_SECONDS = (1, 2, 5, 10, 30, 60, 300, 600, 1800, 3600, 7200, 21600, 43200)
_DAYS = (1, 2, 7, 14, 30, 61, 91, 182, 365, 730, 1826, 3652, 18262, 36524)


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """The bins of one column: labels, and either cut points or categories.

    Bin i of a numeric axis holds cuts[i-1] < value <= cuts[i]; the outer bins are open. The last label is
    `null` when either side has nulls.
    """

    labels: tuple[str, ...]
    cuts: Floats | None = None
    categories: tuple[str, ...] = ()
    nulls: bool = False
    numeric: bool = False

    def codes(self, values: pa.ChunkedArray) -> Codes:
        """Return each value's bin."""
        last = len(self.labels) - 1
        if self.cuts is not None:
            numbers = as_numbers(values)
            found = np.searchsorted(self.cuts, numbers, side="left")
            return np.where(np.isnan(numbers), last, found).astype(np.int64)
        known = pa.array(self.categories, pa.string())
        text = as_text(values)
        place = pc.index_in(text, value_set=known).combine_chunks()
        other = len(self.categories)
        codes = np.asarray(place.fill_null(other).to_numpy(zero_copy_only=False)).astype(np.int64)
        absent = np.asarray(text.combine_chunks().is_null().to_numpy(zero_copy_only=False))
        return np.where(absent, last, codes) if self.nulls else codes


def axis_of(column: Column, real: pa.ChunkedArray, synthetic: pa.ChunkedArray, *, bins: int, k: int) -> Axis | None:
    """Return the axis of a column, or None when its values must not or cannot be drawn.

    Only values that at least k real rows carry are named; the rest are "other". Cut points are round
    numbers, and the outermost lie at or inside the k-th smallest and largest real values.
    """
    nulls = bool(real.null_count or synthetic.null_count)
    if column.kind in CATEGORY_KINDS:
        return _category_axis(column, real, bins=bins, k=k, nulls=nulls)
    if column.kind not in NUMERIC_KINDS | TEMPORAL_KINDS:
        return None
    try:
        numbers, other = as_numbers(real), as_numbers(synthetic)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None  # text that is not a number in any row-independent way
    nulls = bool(np.isnan(numbers).any() or np.isnan(other).any())
    numbers = numbers[~np.isnan(numbers)]
    values, counts = np.unique(numbers, return_counts=True)
    if not len(values):
        return None
    temporal = real.type if column.kind in TEMPORAL_KINDS and not is_textual(real.type) else None
    if len(values) <= bins and temporal is None:
        return _discrete_axis(values[counts >= k], nulls=nulls)
    cuts = _cuts(numbers, values, counts, bins=bins, k=k, temporal=temporal)
    whole = temporal is None and bool(np.all(values == np.round(values)))
    labels = _whole_labels(cuts) if whole else _labels(cuts, temporal)
    return Axis(labels=(*labels, *([NULL] if nulls else [])), cuts=cuts, nulls=nulls, numeric=True)


def as_numbers(values: pa.ChunkedArray) -> Floats:
    """Return a numeric or temporal column as floats, temporal ones in their own unit; null is NaN."""
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    kind = values.type
    if pa.types.is_date32(kind) or pa.types.is_time32(kind):
        values = values.cast(pa.int32())
    elif pa.types.is_temporal(kind):
        values = values.cast(pa.int64())
    elif pa.types.is_boolean(kind):
        values = values.cast(pa.int8())
    numbers = values.cast(pa.float64(), safe=False).combine_chunks()
    found = np.array(numbers.fill_null(np.nan).to_numpy(zero_copy_only=False), dtype=np.float64)
    found[np.isinf(found)] = np.nan
    return found


def as_text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column's values as text, nulls kept."""
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    return values.cast(pa.string())


def is_textual(kind: pa.DataType) -> bool:
    """Return whether values are stored as text."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _category_axis(column: Column, real: pa.ChunkedArray, *, bins: int, k: int, nulls: bool) -> Axis:
    found = {row["values"]: row["counts"] for row in as_text(real).value_counts().to_pylist()}
    common = sorted((name for name, n in found.items() if name is not None and n >= k), key=lambda n: -found[n])
    kept = common[: bins - 1] if len(common) > bins else common
    if column.categories is not None and set(kept) <= set(column.categories) and column.kind == "ordinal":
        kept = sorted(kept, key=column.categories.index)
    return Axis(labels=(*kept, OTHER, *([NULL] if nulls else [])), categories=tuple(kept), nulls=nulls)


def _discrete_axis(values: Floats, *, nulls: bool) -> Axis | None:
    """A bin for each kept value: thin bins about it, and one `other` between is not needed by drawing."""
    if not len(values):
        return None
    cuts = (values[:-1] + values[1:]) / 2
    labels = tuple(_plain(value) for value in values)
    return Axis(labels=(*labels, *([NULL] if nulls else [])), cuts=cuts, nulls=nulls, numeric=True)


def _cuts(numbers: Floats, values: Floats, counts: Codes, *, bins: int, k: int, temporal: pa.DataType | None) -> Floats:
    ordered = np.sort(numbers)
    edge = min(max(k - 1, round(0.01 * len(ordered))), (len(ordered) - 1) // 2)
    low, high = float(ordered[edge]), float(ordered[-1 - edge])
    spikes = [] if temporal is not None else values[counts >= max(SPIKE_SHARE * len(numbers), k)].tolist()[: bins // 4]
    if high <= low:
        rest = numbers[~np.isin(numbers, spikes)]
        low, high = (float(np.quantile(rest, 0.1)), float(np.quantile(rest, 0.9))) if len(rest) > 10 * k else (low, low)
    whole = bool(np.all(numbers == np.round(numbers)))
    step = _step((high - low) / max(bins - 2, 1), temporal, whole=whole)
    first = np.ceil(low / step) * step
    grid = [] if high <= low else np.arange(first, high + step * 1e-9, step).tolist()
    # A spike gets a bin of its own: a cut just under it and one on it.
    around = [cut for s in spikes for cut in (s - 1.0 if whole else np.nextafter(s, -np.inf), s)]
    return np.unique(np.array([*grid, *around], dtype=np.float64))


def _step(wanted: float, temporal: pa.DataType | None, *, whole: bool) -> float:
    if temporal is not None:
        unit = units_per_second(temporal)
        steps = [s * unit for s in _SECONDS] + [d * 86_400 * unit for d in _DAYS]
        return float(next((step for step in steps if step >= wanted), steps[-1]))
    if wanted <= 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(wanted))
    multiples = (1, 2, 3, 4, 5, 6, 8, 10) if whole else (1, 2, 2.5, 4, 5, 8, 10)
    step = float(next(power * m for m in multiples if power * m >= wanted * 0.999))
    return max(np.ceil(step), 1.0) if whole else step


def units_per_second(kind: pa.DataType) -> float:
    """Return how many of a temporal type's units make a second."""
    if pa.types.is_date32(kind):
        return 1 / 86_400
    return {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}[getattr(kind, "unit", "ms")]


def _labels(cuts: Floats, temporal: pa.DataType | None) -> list[str]:
    names = [_plain(cut) if temporal is None else _moment(cut, temporal) for cut in cuts]
    if not names:
        return ["all"]
    middle = []
    for index in range(1, len(cuts)):
        own = temporal is None and cuts[index - 1] == np.nextafter(cuts[index], -np.inf)
        middle.append(f"= {names[index]}" if own else f"{names[index - 1]} – {names[index]}")
    first = f"≤ {names[0]}"
    if temporal is None and len(cuts) > 1 and cuts[0] == np.nextafter(cuts[1], -np.inf):
        first = f"< {names[1]}"
    return [first, *middle, f"> {names[-1]}"]


def _whole_labels(cuts: Floats) -> list[str]:
    if not len(cuts):
        return ["all"]
    middle = []
    for low, high in pairwise(cuts):
        middle.append(f"= {_plain(high)}" if high == low + 1 else f"{_plain(low + 1)} – {_plain(high)}")
    return [f"≤ {_plain(cuts[0])}", *middle, f"> {_plain(cuts[-1])}"]


def _plain(value: float) -> str:
    # A cut just under a spike must read as the spike itself.
    text = f"{value:.6g}"
    return f"{float(text):,.0f}" if abs(float(text)) >= 10_000 and float(text).is_integer() else text


def _moment(value: float, kind: pa.DataType) -> str:
    seconds = value / units_per_second(kind)
    if pa.types.is_time(kind):
        return f"{int(seconds // 3600):02d}:{int(seconds % 3600 // 60):02d}"
    if pa.types.is_duration(kind):
        return f"{seconds / 86_400:.4g} d" if seconds >= 86_400 else f"{seconds:.4g} s"
    moment = np.datetime64(0, "s") + np.timedelta64(int(seconds), "s")
    return str(moment.astype("datetime64[m]")).replace("T", " ") if seconds % 86_400 else str(moment)[:10]
