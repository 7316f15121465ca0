"""Which groups do the protected columns define, and which rows belong to each?"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from veridical.measures.target import Target
from veridical.measures.view import Side, View

NO_COLUMNS = "the schema names no protected column that can be compared"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """Groups of one protected column, or of several together: their names, and the group of each coarse bin."""

    columns: tuple[str, ...]
    names: tuple[tuple[str, ...], ...]
    widths: tuple[int, ...]
    places: tuple[int, ...]

    def of(self, view: View, side: Side) -> NDArray[np.int64]:
        """Return each row's group, as a place in `names`."""
        bins = view.coarse(side)
        joint = np.zeros(side.rows, np.int64)
        for place, width in zip(self.places, self.widths, strict=True):
            joint = joint * width + bins[place]
        return joint

    def counts(self, view: View, side: Side) -> NDArray[np.int64]:
        """Return how many rows each group has."""
        return np.bincount(self.of(view, side), minlength=len(self.names))


def groupings_of(view: View, columns: tuple[str, ...] | None = None) -> list[Grouping]:
    """Return a grouping for each protected column, and one for each two of them together."""
    wanted = view.schema.protected if columns is None else columns
    named = [name for name in wanted if name in view.names]
    sets = [(name,) for name in named] + list(combinations(named, 2))
    return [_grouping(view, tuple(columns)) for columns in sets]


def _grouping(view: View, columns: tuple[str, ...]) -> Grouping:
    places = tuple(view.at(name) for name in columns)
    widths = tuple(view.coarse_widths()[place] for place in places)
    names: list[tuple[str, ...]] = [()]
    for place, width in zip(places, widths, strict=True):
        labels = _labels(view, place, width)
        names = [(*name, label) for name in names for label in labels]
    return Grouping(columns=columns, names=tuple(names), widths=widths, places=places)


def _labels(view: View, place: int, width: int) -> list[str]:
    coding = view.codings[place]
    if coding.is_number:
        # No bound is named: it would be a real person's value.
        return [*(f"{coding.name} band {band + 1}" for band in range(width - 1)), "missing"]
    own = [coding.labels[level] for level in range(min(width - 2, coding.levels))]
    return [*own, *["other"] * (width - 1 - len(own)), "missing"]


def positive_of(view: View, target: Target, side: Side) -> NDArray[np.float64]:
    """Return 1 where a row has the favourable or rarest answer (a number: above train's median), NaN without one."""
    answers = target.answers(view, side)
    if target.is_class:
        return np.where(answers < 0, np.nan, answers == target.rare)
    middle = float(np.median(view.train.ordered[target.name]))
    return np.where(np.isnan(answers), np.nan, answers > middle)
