"""Which score would SDMetrics give, so that people can compare with what they know?

The definitions are SDMetrics' own (0.32, `QualityReport`), with its thresholds and its binning, and agree to 1e-9.
Two differences, both meant: SDMetrics draws 50,000 rows without a seed for contingency tables of larger data, here
all rows count; and the score of held-out real rows stands beside it, because copying train raises this score.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from veridical.core.contracts import Evidence, RunContext
from veridical.core.finding import Direction, Finding, not_measured
from veridical.measures import view as views
from veridical.measures.column import Coding, Floats
from veridical.measures.estimate import Estimate, cramers_v, kolmogorov, pearson
from veridical.measures.figure import beside, figure
from veridical.measures.view import Side, View

_DECIMALS = 14
_UNSEEN = 1e-6  # what SDMetrics counts for a category that real lacks


@dataclass(frozen=True, slots=True, kw_only=True)
class SdmetricsScore:
    """SDMetrics' quality score: the mean of column shapes and column pair trends, synthetic against train.

    Example:
        >>> SdmetricsScore().correlation_threshold
        0.5
    """

    correlation_threshold: float = 0.5
    association_threshold: float = 0.3

    def measure(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return `fidelity.sdmetrics` and its two parts for each table."""
        return [finding for view in views.of(evidence, ctx) for finding in self._table(view)]

    def _table(self, view: View) -> list[Finding]:
        real = _Prepared(view, view.train)
        ours = self.score(view, real, _Prepared(view, view.synthetic))
        ceiling = None if view.holdout is None else self.score(view, real, _Prepared(view, view.holdout))
        parts = (("", "overall"), (".shapes", "shapes"), (".trends", "trends"))
        return [_finding(view, f"fidelity.sdmetrics{end}", part, ours, ceiling) for end, part in parts]

    def score(self, view: View, real: _Prepared, other: _Prepared) -> dict[str, float]:
        """Return the overall score, column shapes and column pair trends of `other` against `real`."""
        shapes = [_shape(coding, real, other) for coding in view.codings]
        trends = [self._trend(*pair, real, other) for pair in combinations(view.codings, 2)]
        found = {"shapes": _mean(shapes), "trends": _mean(trends)}
        found["overall"] = _mean(list(found.values()))
        return found

    def _trend(self, one: Coding, two: Coding, real: _Prepared, other: _Prepared) -> float:
        if one.is_number and two.is_number:
            return self._correlation(one.name, two.name, real, other)
        size = real.widths[one.name], real.widths[two.name]
        a = np.bincount(real.joint(one.name, two.name), minlength=size[0] * size[1])
        if not cramers_v(a.reshape(size)) > self.association_threshold:
            return math.nan
        b = np.bincount(other.joint(one.name, two.name), minlength=size[0] * size[1])
        return 1 - float(np.abs(a / max(a.sum(), 1) - b / max(b.sum(), 1)).sum() / 2)

    def _correlation(self, one: str, two: str, real: _Prepared, other: _Prepared) -> float:
        if any(side.constant(name) for side in (real, other) for name in (one, two)):
            return math.nan
        r = real.correlation(one, two)
        if math.isnan(r) or abs(r) <= self.correlation_threshold:
            return math.nan
        return 1 - abs(r - other.correlation(one, two)) / 2


class _Prepared:
    """One side as SDMetrics sees it: numbers binned by ten equal steps of its own range, categories by code."""

    def __init__(self, view: View, side: Side) -> None:
        self.side = side
        self.codes: dict[str, NDArray[np.intp]] = {}
        self.widths: dict[str, int] = {}
        self._centred: dict[str, Floats] = {}
        for coding in view.codings:
            if coding.is_number:
                self.codes[coding.name], self.widths[coding.name] = _stepped(side.numbers[coding.name]), 12
            else:
                self.codes[coding.name] = side.codes[coding.name].astype(np.intp) + 1
                self.widths[coding.name] = len(coding.labels) + 1

    def joint(self, one: str, two: str) -> NDArray[np.intp]:
        return self.codes[one] * self.widths[two] + self.codes[two]

    def constant(self, name: str) -> bool:
        ordered = self.side.ordered[name]
        return bool(ordered.size and ordered[0] == ordered[-1])

    def correlation(self, one: str, two: str) -> float:
        a, b = self.side.numbers[one], self.side.numbers[two]
        both = ~(np.isnan(a) | np.isnan(b))
        return pearson(a[both], b[both])


def _stepped(values: Floats) -> NDArray[np.intp]:
    present = values[~np.isnan(values)]
    try:
        edges = np.histogram_bin_edges(present)
    except ValueError:  # the range is too wide, or too narrow, for ten steps of floats
        place = np.linspace(0.0, 1.0, 11)
        edges = np.maximum.accumulate(present.min() * (1 - place) + present.max() * place)
    return np.digitize(values, edges)  # missing falls beyond the last edge, where the largest value falls too


def _shape(coding: Coding, real: _Prepared, other: _Prepared) -> float:
    if coding.is_number:
        sides = [np.round(prepared.side.ordered[coding.name], _DECIMALS) for prepared in (real, other)]
        return 1 - kolmogorov(*sides).value
    counts = [
        np.bincount(prepared.codes[coding.name], minlength=prepared.widths[coding.name])[1:].astype(np.float64)
        for prepared in (real, other)
    ]
    if not (counts[0].sum() and counts[1].sum()):
        return math.nan
    counts[0][(counts[0] == 0) & (counts[1] > 0)] = _UNSEEN
    return 1 - 0.5 * float(np.abs(counts[0] / counts[0].sum() - counts[1] / counts[1].sum()).sum())


def _mean(values: Sequence[float]) -> float:
    present = [value for value in values if not math.isnan(value)]
    return sum(present) / len(present) if present else math.nan


def _finding(view: View, check: str, part: str, ours: dict[str, float], ceiling: dict[str, float] | None) -> Finding:
    n = view.synthetic.rows
    if math.isnan(ours[part]):
        return not_measured(check, "no columns go together enough for SDMetrics to count", n=n, scope=view.scope())
    held = None if ceiling is None else Estimate(ceiling[part])
    words = {"overall": "quality score", "shapes": "column shapes score", "trends": "column pair trends score"}[part]
    said = f"SDMetrics' {words} is {ours[part]:.4f}{beside(held, '.4f')}."
    if held is not None and ours[part] > held.value:
        said += " More than unseen real rows get: it is measured against train, and copying train raises it."
    error = 0.5 * math.sqrt(1 / max(view.train.rows, 1) + 1 / max(n, 1))  # no distance of shares varies by more
    return figure(
        check, Estimate(ours[part], error, n), said, direction=Direction.CEILING, scope=view.scope(), ceiling=held,
        interval_by="upper bound, 95 %", detail={"against": "train", "rewards_copying": True},
    )  # fmt: skip
