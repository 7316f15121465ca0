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
GROWING = 0.95  # correlation of knots with time
FEW_KNOTS, LEAST_ROWS = 6, 20  # of a short series, which mostly grows or falls: its knots are means of fewer rows
_YEAR_S = 365.2425 * 86_400


@dataclass(frozen=True)
class Trend:
    """The slow level of each column of each of a few series: `levels[name]` is entities x knots, at `ticks` of time.

    Beyond its ends time goes on as a year before where a year was seen, else back the way it came: no level comes up
    that was never there. What grows `stays` at its last level. Of short series numbers are `told` by how far they lie
    over the slow level: what grows would else begin in its middle.
    """

    ticks: Numbers
    levels: Mapping[str, Numbers]
    year: float | None  # in ticks
    told: tuple[str, ...] = ()
    stays: bool = False

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
        if self.stays:
            return np.clip(when, first, last)
        span = max(last - first, 1.0)
        if self.year is not None and span >= self.year:
            when = when - np.ceil(np.maximum(when - last, 0.0) / self.year) * self.year
        turned = np.mod(np.abs(when - first), 2 * span)
        back = first + np.where(turned > span, 2 * span - turned, turned)
        return np.where(when < first, first, np.where(when > last, back, when))

    def to_plain(self) -> dict[str, Any]:
        """Return it as JSON-like data."""
        levels = {name: held.tolist() for name, held in self.levels.items()}
        return {
            "ticks": self.ticks.tolist(),
            "levels": levels,
            "year": self.year,
            "told": list(self.told),
            "stays": self.stays,
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Trend:
        """Return what `to_plain` wrote."""
        levels = {name: np.array(held, dtype=np.float64) for name, held in plain["levels"].items()}
        told = tuple(plain.get("told", ()))
        stays = bool(plain.get("stays", False))
        return cls(np.array(plain["ticks"], dtype=np.float64), levels, plain["year"], told, stays)


def learn_trend(levels: Mapping[str, Numbers], layout: Layout, ticks: Places, tick_s: float | None) -> Trend | None:
    """Return the slow levels of a few series, or None where these are too short for one.

    Example:
        >>> ticks = np.arange(4000)
        >>> trend = learn_trend({"x": ticks / 1000}, Layout.of_lengths(np.array([4000])), ticks, None)
        >>> trend.at("x", np.array([1, 2000, 3999, 6000]), np.zeros(4, int)).round(1).tolist()
        [0.0, 2.0, 4.0, 4.0]
    """
    rows = int(layout.lengths.min())
    long, short = min(rows // ROWS_A_KNOT, MOST_KNOTS), min(rows // LEAST_ROWS, FEW_KNOTS)
    knots, least = (short, LEAST_ROWS // 2) if long < short else (long, ROWS_A_KNOT // 2)
    if knots < 2 or not levels:
        return None
    middles, found = _knots(levels, layout, ticks, knots, least)
    ends = np.array([float(ticks.min()), *middles, float(ticks.max())])
    growing = [bool(_grows(held, middles)) for held in found.values()]
    told = tuple(levels) if long < short else ()
    levels_at = {name: _to_ends(held, ends, on=long < short or grows)
                 for (name, held), grows in zip(found.items(), growing, strict=True)}  # fmt: skip
    year = None if tick_s is None else _YEAR_S / tick_s
    return Trend(ends, levels_at, year, told, stays=long < short or any(growing))


def _grows(held: Numbers, when: Numbers) -> bool:
    """Say whether all series go one way from their first knot to their last."""
    if len(when) < 3 or np.any(np.ptp(held, axis=1) <= 0):
        return False
    return bool(min(abs(np.corrcoef(one, when)[0, 1]) for one in held) >= GROWING)


def _to_ends(held: Numbers, ends: Numbers, *, on: bool) -> Numbers:
    """Return knots with one at either end of the time: on the line of the two nearest, or as high as the nearest."""
    slopes = np.diff(held, axis=1) / np.diff(ends[1:-1]) * on
    before = held[:, 0] - slopes[:, 0] * (ends[1] - ends[0])
    after = held[:, -1] + slopes[:, -1] * (ends[-1] - ends[-2])
    return np.column_stack([before, held, after])


def _knots(
    levels: Mapping[str, Numbers], layout: Layout, ticks: Places, knots: int, least: int
) -> tuple[Numbers, dict[str, Numbers]]:
    """Return the times of knots and by column the means around them, entities x knots."""
    seen = np.sort(ticks)
    edges = seen[np.linspace(0, len(seen) - 1, knots + 1).astype(np.int64)]
    part = np.clip(np.searchsorted(edges, ticks, side="right") - 1, 0, knots - 1)
    cell = layout.owner * knots + part
    size = np.bincount(cell, minlength=layout.entities * knots)
    middles = np.bincount(part, ticks, knots) / np.maximum(np.bincount(part, minlength=knots), 1)
    found = {
        name: _bridged(np.bincount(cell, held, len(size)) / np.maximum(size, 1), size, (layout.entities, knots), least)
        for name, held in levels.items()
    }
    return middles, found


def _bridged(means: Numbers, size: Places, shape: Sequence[int], least: int) -> Numbers:
    """Return means as entities x knots; one of too few rows lies between its neighbours."""
    held, count = means.reshape(shape), size.reshape(shape)
    at = np.arange(shape[1])
    rows = []
    for one, seen in zip(held, count, strict=True):
        known = seen >= least
        rows.append(np.interp(at, at[known], one[known]) if known.any() else np.full(len(at), one.mean()))
    return np.stack(rows)
