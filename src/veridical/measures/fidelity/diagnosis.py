"""Which columns and pairs give the synthetic data away?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from veridical.core.contracts import Evidence, RunContext
from veridical.core.finding import Direction, Finding, not_measured
from veridical.measures import view as views
from veridical.measures.estimate import Estimate, area_under_curve, total_variation
from veridical.measures.fidelity.c2st import TwoSample
from veridical.measures.fidelity.pair import chosen_sets, count
from veridical.measures.figure import LEAST_ROWS, figure
from veridical.measures.learner import limited
from veridical.measures.view import Side, View

COLUMNS, PAIRS, ALONE = "fidelity.diagnosis", "fidelity.diagnosis_pairs", "fidelity.column_c2st"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What the two-sample classifier looks at, and what one column or one pair alone gives away.

    A column's importance is by how much the classifier's held-out area falls when the column is shuffled (Breiman
    2001). A column alone: the area of the best score one column allows, counts learned on one half and asked on the
    other. A pair's excess is its total variation distance less its ceiling's and less that of its two columns.

    Example:
        >>> Diagnosis().most_named
        5
    """

    two_sample: TwoSample = field(default_factory=TwoSample)
    most_named: int = 5
    most_pairs: int = 2000

    def measure(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return `fidelity.diagnosis`, `fidelity.diagnosis_pairs` and `fidelity.column_c2st` of each table."""
        with limited(ctx.workers):
            return [finding for view in views.of(evidence, ctx) for finding in self._table(view)]

    def _table(self, view: View) -> list[Finding]:
        least = min(view.fake.rows, view.reference.rows)
        if least < LEAST_ROWS * self.two_sample.folds:
            reason = f"{least} rows on one side are too few"
            return [not_measured(check, reason, n=least, scope=view.scope()) for check in (COLUMNS, PAIRS)]
        return [self._columns(view), self._pairs(view), *(_alone(view, place) for place in range(len(view.names)))]

    def _columns(self, view: View) -> Finding:
        losses = self._losses(view)
        area = self.two_sample.tell(view, view.fake, view.reference, "ours")
        ceiling = None
        if view.peer is not None:
            ceiling = self.two_sample.tell(view, view.peer, view.reference, "ceiling")
        order = np.argsort(-losses)
        drivers = [view.names[place] for place in order[: self.most_named] if losses[place] > 2 * area.error]
        held = 0.5 if ceiling is None else ceiling.value
        if area.value - 2 * area.error <= held or not drivers:
            words = "No column gives the synthetic rows away: a model tells them no better than real ones."
        else:
            words = f"What gives synthetic rows away most: {', '.join(drivers)}."
        return figure(
            COLUMNS, area, words, direction=Direction.NONE, scope=view.scope(), ceiling=ceiling,
            interval_by="DeLong, 95 %",
            detail={"importance": {view.names[p]: round(max(float(losses[p]), 0.0), 4) for p in order},
                    "drivers": drivers},
        )  # fmt: skip

    def _losses(self, view: View) -> NDArray[np.float64]:
        """Return by how much the area of the first fold falls when each column is shuffled."""
        fold = self.two_sample.folds_of(view, view.fake, view.reference, "ours")[0]
        before = fold.area(fold.rows).value
        order = view.rng("diagnosis").permutation(len(fold.rows))
        losses = np.zeros(len(view.names))
        for place in range(len(view.names)):
            rows = fold.rows.copy()
            rows[:, place] = rows[order, place]
            losses[place] = before - fold.area(rows).value
        return losses

    def _pairs(self, view: View) -> Finding:
        if len(view.names) < 2:
            return not_measured(PAIRS, "there is only one column", scope=view.scope())
        widths = view.coarse_widths()
        pairs = chosen_sets(len(view.names), 2, self.most_pairs, view.rng("pairs"))
        real, fake = view.coarse(view.reference), view.coarse(view.fake)
        peer = None if view.peer is None else view.coarse(view.peer)
        tables = [(count(fake, (p,), widths), count(real, (p,), widths)) for p in range(len(widths))]
        single = [total_variation(*pair).value for pair in tables]
        found = {}
        for pair in pairs:
            table = count(real, pair, widths)
            ours = total_variation(count(fake, pair, widths), table)
            held = 0.0 if peer is None else total_variation(count(peer, pair, widths), table).value
            own = max(single[pair[0]], single[pair[1]])
            found[pair] = Estimate(ours.value - max(held, own), ours.error, ours.n)
        order = sorted(found, key=lambda pair: -found[pair].value)
        worst = found[order[0]]
        named = [pair for pair in order[: self.most_named] if found[pair].value > 2 * found[pair].error]
        words = [f"{view.names[pair[0]]} with {view.names[pair[1]]}" for pair in named]
        excess = {" x ".join(view.names[place] for place in pair): round(found[pair].value, 4) for pair in order[:20]}
        said = f"Pairs that do not go together as in the real data: {'; '.join(words)}." if words else ""
        return figure(
            PAIRS, worst, said if said else "No pair of columns goes together differently from the real data.",
            direction=Direction.LOWER, scope=view.scope(), limits=(-1.0, 1.0), baseline=Estimate(0.0),
            detail={"excess": excess},
        )  # fmt: skip


def _alone(view: View, place: int) -> Finding:
    name = view.names[place]
    ours = column_area(view, view.fake, place)
    ceiling = None if view.peer is None else column_area(view, view.peer, place)
    return figure(
        ALONE, ours, f"By {name} alone, synthetic rows can be told from real ones with an area of {ours.value:.3f}.",
        direction=Direction.CEILING, scope=view.scope(name), ceiling=ceiling, interval_by="DeLong, 95 %",
    )  # fmt: skip


def column_area(view: View, side: Side, place: int) -> Estimate:
    """Return the area under the curve of the likelihood ratio of one column's bins, learned on the other half."""
    width = view.codings[place].width
    bins = [one.bins[place] for one in (side, view.reference)]
    halves = [(values[0::2], values[1::2]) for values in bins]
    areas = []
    for learned, asked in ((0, 1), (1, 0)):
        fake, real = (np.bincount(half[learned], minlength=width) for half in halves)
        ratio = np.log((fake + 0.5) / (fake.sum() + 0.5 * width)) - np.log((real + 0.5) / (real.sum() + 0.5 * width))
        areas.append(area_under_curve(ratio[halves[1][asked]], ratio[halves[0][asked]]))
    error = float(np.hypot(areas[0].error, areas[1].error)) / 2
    return Estimate((areas[0].value + areas[1].value) / 2, error, min(side.rows, view.reference.rows))
