"""Around which slowly moving level does a long series go: its seasons and its growth, as means of hundreds of rows?

A step remembers a day or two; what lies a month back steers it nowhere. Told the slow level of its own time, a series
neither wanders off nor stays in one season. Each knot is the mean of so many rows that it tells of none of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from veridical.encode.panel import Layout, Numbers, Places

ROWS_A_KNOT = 200
MOST_KNOTS = 24
_YEAR_S = 365.2425 * 86_400


@dataclass(frozen=True)
class Trend:
    """The slow level of each column of each of a few series: `levels[name]` is entities x knots, at `ticks` of time.

    Beyond its ends time goes on as a year before where a year was seen, else back the way it came: no level comes up
    that was never there.
    """

    ticks: Numbers
    levels: Mapping[str, Numbers]
    year: float | None  # in ticks

    def at(self, name: str, ticks: Places, who: Places) -> Numbers:
        """Return the slow level of each row: of its tick, and of the series it belongs to."""
        when = self._inside(ticks.astype(np.float64))
        found = np.empty(len(ticks))
        for entity, knots in enumerate(self.levels[name]):
            rows = who == entity
            found[rows] = np.interp(when[rows], self.ticks, knots)
        return found

    def _inside(self, when: Numbers) -> Numbers:
        first, last = self.ticks[0], self.ticks[-1]
        span = max(last - first, 1.0)
        if self.year is not None and span >= self.year:
            when = when - np.ceil(np.maximum(when - last, 0.0) / self.year) * self.year
        turned = np.mod(np.abs(when - first), 2 * span)
        back = first + np.where(turned > span, 2 * span - turned, turned)
        return np.where(when < first, first, np.where(when > last, back, when))

    def to_plain(self) -> dict[str, Any]:
        """Return it as JSON-like data."""
        levels = {name: held.tolist() for name, held in self.levels.items()}
        return {"ticks": self.ticks.tolist(), "levels": levels, "year": self.year}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Trend:
        """Return what `to_plain` wrote."""
        levels = {name: np.array(held, dtype=np.float64) for name, held in plain["levels"].items()}
        return cls(np.array(plain["ticks"], dtype=np.float64), levels, plain["year"])


def learn_trend(levels: Mapping[str, Numbers], layout: Layout, ticks: Places, tick_s: float | None) -> Trend | None:
    """Return the slow levels of a few series, or None where these are too short for one.

    Example:
        >>> ticks = np.arange(4000)
        >>> trend = learn_trend({"x": ticks / 1000}, Layout.of_lengths(np.array([4000])), ticks, None)
        >>> trend.at("x", np.array([0, 2000, 3999, 6000]), np.zeros(4, int)).round(1).tolist()
        [0.1, 2.0, 3.8, 1.8]
    """
    knots = int(min(layout.lengths.min() // ROWS_A_KNOT, MOST_KNOTS))
    if knots < 2 or not levels:
        return None
    seen = np.sort(ticks)
    edges = seen[np.linspace(0, len(seen) - 1, knots + 1).astype(np.int64)]
    part = np.clip(np.searchsorted(edges, ticks, side="right") - 1, 0, knots - 1)
    cell = layout.owner * knots + part
    size = np.bincount(cell, minlength=layout.entities * knots)
    middles = np.bincount(part, ticks, knots) / np.maximum(np.bincount(part, minlength=knots), 1)
    found = {
        name: _bridged(np.bincount(cell, held, len(size)) / np.maximum(size, 1), size, (layout.entities, knots))
        for name, held in levels.items()
    }
    return Trend(middles, found, None if tick_s is None else _YEAR_S / tick_s)


def _bridged(means: Numbers, size: Places, shape: Sequence[int]) -> Numbers:
    """Return means as entities x knots; one of too few rows lies between its neighbours."""
    held, count = means.reshape(shape), size.reshape(shape)
    at = np.arange(shape[1])
    rows = []
    for one, seen in zip(held, count, strict=True):
        known = seen >= ROWS_A_KNOT // 2
        rows.append(np.interp(at, at[known], one[known]) if known.any() else np.full(len(at), one.mean()))
    return np.stack(rows)
