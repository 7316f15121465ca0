"""What does an entity remember of its own past, in the same words while learning and while drawing?

Every feature of the past is the mean of one series over a window that ends some steps ago; running sums give it in
one subtraction, for a whole table at once or for one step of many entities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.encode.panel import Layout, Numbers, Places

EVER = 1_000_000  # a window as long as the past


@dataclass(frozen=True, slots=True)
class Past:
    """The mean of a series over `width` steps, the last of them `lag` steps ago."""

    series: str
    lag: int = 1
    width: int = 1

    @property
    def name(self) -> str:
        """The feature's name."""
        span = "ever" if self.width >= EVER else str(self.width)
        return f"{self.series} @{self.lag}/{span}"

    def to_plain(self) -> list[object]:
        """Return it as JSON-like data."""
        return [self.series, self.lag, self.width]

    @classmethod
    def from_plain(cls, plain: Sequence[object]) -> Past:
        """Return what `to_plain` wrote."""
        series, lag, width = plain
        return cls(str(series), int(str(lag)), int(str(width)))


@dataclass(frozen=True, slots=True)
class Reading:
    """Features as columns of numbers: which series, how long ago, over how many steps."""

    series: NDArray[np.int64]
    lags: NDArray[np.int64]
    widths: NDArray[np.int64]


class Memory:
    """Running sums of several series by entity; grows by one step of many entities at a time.

    Example:
        >>> memory = Memory(["x"], Layout.of_lengths(np.array([3])))
        >>> for row, value in enumerate([4.0, 6.0]):
        ...     memory.push(np.array([row]), {"x": np.array([value])})
        >>> memory.recall([Past("x"), Past("x", 1, 2)], np.array([2])).tolist()
        [[6.0], [5.0]]
    """

    def __init__(self, series: Sequence[str], layout: Layout) -> None:
        self.place = {name: at for at, name in enumerate(series)}
        self.layout = layout
        # One slot more than rows for each entity: the sum before its first row is zero.
        self._sums = np.zeros((len(series), layout.rows + layout.entities))
        self._base = layout.firsts + np.arange(layout.entities)

    def with_more(self, series: Sequence[str]) -> Memory:
        """Return a memory of these series that knows what this one knows of them."""
        found = Memory(series, self.layout)
        for name in set(series) & set(self.place):
            found._sums[found.place[name]] = self._sums[self.place[name]]
        return found

    def fill(self, values: Mapping[str, Numbers]) -> None:
        """Learn whole series at once, a value a row."""
        layout = self.layout
        slot = np.arange(layout.rows) + layout.owner + 1
        for name, held in values.items():
            total = np.cumsum(held)
            before = np.concatenate([[0.0], total])[layout.firsts]
            self._sums[self.place[name], slot] = total - before[layout.owner]

    def push(self, rows: Places, values: Mapping[str, Numbers]) -> None:
        """Learn one step: the values of these rows (their predecessors are known)."""
        slot = rows + self.layout.owner[rows] + 1
        for name, held in values.items():
            at = self.place[name]
            self._sums[at, slot] = self._sums[at, slot - 1] + held

    def recall(self, wanted: Sequence[Past], rows: Places) -> NDArray[np.float64]:
        """Return features x rows of the past of each row; nan where there is none yet."""
        return self.read(self.reading(wanted), rows)

    def reading(self, wanted: Sequence[Past]) -> Reading:
        """Return where features are found, worked out once for many steps."""
        series, lags, widths = (
            ([] for _ in range(3))
            if not wanted
            else zip(*((self.place[past.series], past.lag, past.width) for past in wanted), strict=True)
        )
        return Reading(*(np.array(part, dtype=np.int64)[:, None] for part in (series, lags, widths)))

    def read(self, reading: Reading, rows: Places) -> NDArray[np.float64]:
        """Return features x rows, as `recall` does."""
        if not len(reading.series):
            return np.empty((0, len(rows)))
        owner = self.layout.owner[rows]
        position = rows - self.layout.starts[owner]
        series = reading.series
        end = position - reading.lags + 1
        start = np.maximum(end - reading.widths, 0)
        there = end > 0
        last = self._base[owner] + np.maximum(end, 0)
        first = self._base[owner] + start
        total = self._sums[series, last] - self._sums[series, np.minimum(first, last)]
        return np.where(there, total / np.maximum(end - start, 1), np.nan)

    def column(self, past: Past) -> Numbers:
        """Return one feature of every row."""
        rows = np.arange(self.layout.rows)
        return self.recall([past], rows)[0]
