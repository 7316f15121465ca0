"""Which dates and times fall in a range, on which weekdays, in which hours?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.core.errors import SpecError
from veridical.spec.rules_type import WEEKDAYS

_START, _END = "2020-01-01", "2024-12-31"
_DAY_S = 86_400

Days = NDArray[np.int64]


def dates(options: Mapping[str, Any], rows: int, rng: np.random.Generator) -> pa.Array:
    """Return dates from `start` to `end`, both included, on the weekdays asked for."""
    return as_dates(_days(options, rows, rng))


def datetimes(options: Mapping[str, Any], rows: int, rng: np.random.Generator) -> pa.Array:
    """Return times to the second from `start` to `end`, on the weekdays and in the hours asked for."""
    if "business_hours" not in options and "weekdays" not in options:
        first, last = _second(options.get("start", _START)), _second(options.get("end", _END), end=True)
        return as_datetimes(rng.integers(first, last, size=rows, endpoint=True))
    days = _days(options, rows, rng)
    low, high = _hours(options.get("business_hours", False))
    return as_datetimes(days * _DAY_S + rng.integers(low, high, size=rows))


def later(base: pa.Array, days: NDArray[np.float64], *, whole_days: bool) -> pa.Array:
    """Return dates (or times) that many days after others; null stays null."""
    null = base.is_null().to_numpy(zero_copy_only=False)
    seconds = base.cast(pa.timestamp("s")).cast(pa.int64()).fill_null(0).to_numpy()
    moved = seconds + np.rint(days * _DAY_S).astype(np.int64)
    if whole_days:
        return pa.array((seconds // _DAY_S + np.rint(days).astype(np.int64)).astype(np.int32), mask=null).cast(
            pa.date32()
        )
    return pa.array(moved, mask=null).cast(pa.timestamp("s"))


def as_dates(days: Days) -> pa.Array:
    """Return days since 1970-01-01 as dates."""
    return pa.array(days.astype(np.int32)).cast(pa.date32())


def as_datetimes(seconds: Days) -> pa.Array:
    """Return seconds since 1970-01-01 as times."""
    return pa.array(seconds).cast(pa.timestamp("s"))


def _days(options: Mapping[str, Any], rows: int, rng: np.random.Generator) -> Days:
    first, last = (_second(options.get(key, default)) // _DAY_S for key, default in (("start", _START), ("end", _END)))
    wanted = _weekdays(options)
    if len(wanted) == 7:
        return rng.integers(first, last, size=rows, endpoint=True)
    span = np.arange(first, last + 1)
    fitting = span[np.isin((span + 3) % 7, wanted)]  # 1970-01-01 was a Thursday
    if len(fitting) == 0:
        raise SpecError("no day of the range falls on the weekdays", fix="widen start and end")
    return fitting[rng.integers(len(fitting), size=rows)]


def _weekdays(options: Mapping[str, Any]) -> list[int]:
    asked = options.get("weekdays", options.get("business_hours") is not None)
    if asked is True:
        return [0, 1, 2, 3, 4]
    if not asked:
        return list(range(7))
    unknown = [day for day in asked if str(day).lower()[:3] not in WEEKDAYS]
    if unknown:
        raise SpecError(f"no weekday {unknown[0]!r}", fix="use mon tue wed thu fri sat sun")
    return sorted({WEEKDAYS.index(str(day).lower()[:3]) for day in asked})


def _hours(asked: Any) -> tuple[int, int]:
    if asked is True:
        return 9 * 3600, 17 * 3600
    if isinstance(asked, Mapping):
        return int(float(asked.get("open", 9)) * 3600), int(float(asked.get("close", 17)) * 3600)
    return 0, _DAY_S


def _second(text: Any, *, end: bool = False) -> int:
    moment = int(np.datetime64(str(text).replace(" ", "T"), "s").astype(np.int64))
    return moment + _DAY_S - 1 if end and len(str(text)) == 10 else moment
