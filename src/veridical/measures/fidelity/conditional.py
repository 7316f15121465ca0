"""Given any other column, is the target what it is in the real data?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.core.contracts import Evidence, RunContext
from veridical.core.finding import Finding, not_measured
from veridical.measures import view as views
from veridical.measures.estimate import Estimate, mean_of
from veridical.measures.fidelity.pair import count
from veridical.measures.figure import beside, figure
from veridical.measures.view import Side, View

HEADLINE, ONE = "fidelity.conditionals", "fidelity.conditional"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditionals:
    """Distance of the target's distribution given each bin of each other column, averaged as common as the bin is.

    `target` defaults to the schema's. Bins are those of pairs. A bin that synthetic rows never reach counts as 1.

    Example:
        >>> Conditionals(target="income").target
        'income'
    """

    target: str | None = None
    groups: int = 10

    def measure(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return `fidelity.conditional` given each column and `fidelity.conditionals` of each table."""
        return [finding for view in views.of(evidence, ctx) for finding in self._table(view)]

    def _table(self, view: View) -> list[Finding]:
        target = self.target if self.target is not None else view.schema.target
        if target is None or target not in view.names or len(view.names) < 2:
            reason = "no target is named" if target is None else "the target cannot be compared, or stands alone"
            return [not_measured(HEADLINE, reason, scope=view.scope())]
        given = [name for name in view.names if name != target]
        sides = {"ours": view.fake, "baseline": view.independent} | ({} if view.peer is None else {"peer": view.peer})
        found = {name: [self._distance(view, side, other, target) for other in given] for name, side in sides.items()}
        peers: Sequence[Estimate | None] = found.get("peer") or [None] * len(given)
        each = [
            figure(
                ONE, ours, f"Given {other}, {target} differs by {ours.value:.3f}{beside(peer)}.",
                scope=view.scope(target, other), ceiling=peer, baseline=baseline,
            )
            for other, ours, peer, baseline in zip(given, found["ours"], peers, found["baseline"], strict=True)
        ]  # fmt: skip
        ours, ceiling = mean_of(found["ours"]), mean_of(found["peer"]) if "peer" in found else None
        head = figure(
            HEADLINE, ours,
            f"Given one other column, {target} differs by {ours.value:.3f} on average{beside(ceiling)}.",
            scope=view.scope(), ceiling=ceiling, baseline=mean_of(found["baseline"]),
            interval_by="delta method, 95 %, errors of columns added", detail={"target": target, "columns": len(given)},
        )  # fmt: skip
        return [head, *each]

    def _distance(self, view: View, side: Side, other: str, target: str) -> Estimate:
        places, widths = (view.at(other), view.at(target)), view.coarse_widths(self.groups)
        shape = widths[places[0]], widths[places[1]]
        tables = [count(view.coarse(one, self.groups), places, widths).reshape(shape) for one in (side, view.reference)]
        return conditional_distance(*tables)


def conditional_distance(one: NDArray[np.int64], real: NDArray[np.int64]) -> Estimate:
    """Return the mean over rows of `real` (weights: their share) of the total variation to that row of `one`."""
    ours, theirs = one.sum(axis=1), real.sum(axis=1)
    used = theirs > 0
    weights = theirs[used] / theirs.sum()
    a = one[used] / np.maximum(ours[used], 1)[:, None]
    b = real[used] / theirs[used][:, None]
    gaps = np.where(ours[used] > 0, 0.5 * np.abs(a - b).sum(axis=1), 1.0)
    # Within a bin the distance of n rows has a standard error of at most half the root of 1/n + 1/m.
    errors = 0.5 * np.sqrt(1 / np.maximum(ours[used], 1) + 1 / theirs[used]) * (ours[used] > 0)
    error = math.sqrt(float(((weights * errors) ** 2).sum()))
    return Estimate(float(weights @ gaps), error, int(min(ours.sum(), theirs.sum())))
