"""Do values lie where real values lie, on the grid that real values keep?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from veridical.core.contracts import Evidence, RunContext
from veridical.core.finding import Finding, not_measured
from veridical.core.schema import TEMPORAL_KINDS
from veridical.measures import view as views
from veridical.measures.column import GRID_VALUES, Coding, Floats
from veridical.measures.estimate import Estimate, share
from veridical.measures.figure import beside, figure
from veridical.measures.view import Side, View

RANGE, GRID = "validity.out_of_range", "validity.off_grid"
_MOST_DECIMALS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranges:
    """Numbers and times beyond train's smallest and largest, and numbers finer than train's are.

    The ceiling is the same share of held-out rows. Where train holds at most 120 different numbers, a value that
    train never has counts as off the grid; otherwise one with more decimals than any of train's.

    Example:
        >>> from veridical.core.finding import Direction
        >>> Ranges()
        Ranges()
    """

    def measure(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return `validity.out_of_range` and `validity.off_grid` of each number, and of the whole rows."""
        return [finding for view in views.of(evidence, ctx) for finding in self._table(view)]

    def _table(self, view: View) -> list[Finding]:
        if not view.numeric:
            reason = "there is no number and no time"
            return [not_measured(check, reason, scope=view.scope()) for check in (RANGE, GRID)]
        found = [_outside_finding(view, coding) for coding in view.numeric]
        found += [_grid_finding(view, coding) for coding in view.numeric]
        return [_any_outside(view), *found]


def _outside(view: View, side: Side, coding: Coding) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    bins = side.bins[view.at(coding.name)]
    # The first bin and the last before missing lie beyond train's own values.
    return (bins == 0) | (bins == coding.width - 2)


def _outside_finding(view: View, coding: Coding) -> Finding:
    def beyond(side: Side) -> Estimate:
        return share(int(_outside(view, side, coding).sum()), side.rows)

    ours, ceiling = beyond(view.synthetic), None if view.holdout is None else beyond(view.holdout)
    return figure(
        RANGE, ours,
        f"{ours.value:.2%} of the rows have a {coding.name} beyond all real values{beside(ceiling, '.2%')}.",
        scope=view.scope(coding.name), ceiling=ceiling,
    )  # fmt: skip


def _any_outside(view: View) -> Finding:
    def beyond(side: Side) -> Estimate:
        hits = np.zeros(side.rows, bool)
        for coding in view.numeric:
            hits |= _outside(view, side, coding)
        return share(int(hits.sum()), side.rows)

    ours, ceiling = beyond(view.synthetic), None if view.holdout is None else beyond(view.holdout)
    return figure(
        RANGE, ours, f"{ours.value:.2%} of the rows have a value beyond all real values{beside(ceiling, '.2%')}.",
        scope=view.scope(), ceiling=ceiling, detail={"columns": len(view.numeric)},
    )  # fmt: skip


def _grid_finding(view: View, coding: Coding) -> Finding:
    train = view.train.ordered[coding.name]
    values = np.unique(train)
    if values.size <= GRID_VALUES:
        kind = "values that train has"
        odd = [_outside_values(side, coding.name, values) for side in _sides(view)]
    else:
        decimals = None if coding.kind in TEMPORAL_KINDS else decimals_of(train)
        if decimals is None:
            return not_measured(GRID, "train keeps no grid in this column", n=train.size, scope=view.scope(coding.name))
        kind = f"numbers of at most {decimals} decimals"
        odd = [~_on_grid(side.numbers[coding.name], decimals) for side in _sides(view)]
    found = [share(int(hits.sum()), int(hits.size)) for hits in odd]
    ceiling = found[1] if len(found) > 1 else None
    return figure(
        GRID, found[0], f"{found[0].value:.2%} of the rows have a {coding.name} that is not one of the {kind}"
        f"{beside(ceiling, '.2%')}.", scope=view.scope(coding.name), ceiling=ceiling, detail={"grid": kind},
    )  # fmt: skip


def _sides(view: View) -> list[Side]:
    return [view.synthetic, *([] if view.holdout is None else [view.holdout])]


def _outside_values(side: Side, name: str, values: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    numbers = side.numbers[name]
    place = np.minimum(np.searchsorted(values, numbers), values.size - 1)
    return ~np.isnan(numbers) & (values[place] != numbers)


def decimals_of(values: Floats) -> int | None:
    """Return how many decimals numbers have at most; None when more than six.

    Example:
        >>> decimals_of(np.array([1.5, 2.25])), decimals_of(np.array([1 / 3]))
        (2, None)
    """
    for decimals in range(_MOST_DECIMALS + 1):
        if bool(_on_grid(values, decimals).all()):
            return decimals
    return None


def _on_grid(values: Floats, decimals: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    scaled = values * math.pow(10, decimals)
    slack = 1e-6 + np.abs(scaled) * 4e-16
    return np.isnan(values) | (np.abs(scaled - np.round(scaled)) <= slack)
