"""Do columns go together as they do in the real data: two by two, three by three, and by their correlations?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veridical.core.contracts import Evidence, RunContext
from veridical.core.finding import Direction, Finding, not_measured, nothing_there
from veridical.measures import view as views
from veridical.measures.column import Bins
from veridical.measures.estimate import Estimate, mean_of, total_variation
from veridical.measures.figure import beside, figure
from veridical.measures.view import View

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Total variation distance of every pair of columns, and of a sample of triples, on bins common to all tables.

    Numbers fall into about `groups` bins of equal mass in train, a heavy value alone; categories keep the
    commonest 2 x `groups`; missing has its own bin. `most_pairs` and `triples` limit what is counted: beyond it a
    random sample is taken and its size stated. The k-marginal score is NIST's: 1000 (1 - distance) at k = 3
    (NIST 2018 Differential Privacy Synthetic Data Challenge), on these bins.

    Example:
        >>> Pairs(triples=50).groups
        10
    """

    groups: int = 10
    most_pairs: int = 2000
    triples: int = 100
    triple_groups: int = 6

    def measure(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return `fidelity.pair_tvd` of each pair and `fidelity.pairs`, `.triples`, `.k_marginal` of each table."""
        return [finding for view in views.of(evidence, ctx) for finding in self._table(view)]

    def _table(self, view: View) -> list[Finding]:
        checks = ("fidelity.pairs", "fidelity.triples", "fidelity.k_marginal")
        if len(view.names) < 2:
            return [
                nothing_there(check, "There is one column: no pair can differ.", scope=view.scope()) for check in checks
            ]
        pairs = chosen_sets(len(view.names), 2, self.most_pairs, view.rng("pairs"))
        found = self._distances(view, pairs, self.groups)
        return [self._headline(view, found, pairs), *self._each(view, pairs, found), *self._triples(view)]

    def _distances(self, view: View, sets: list[tuple[int, ...]], groups: int) -> dict[str, list[Estimate]]:
        sides = {"ours": view.fake, "baseline": view.independent}
        if view.peer is not None:
            sides["ceiling"] = view.peer
        found: dict[str, list[Estimate]] = {name: [] for name in sides}
        widths, bins = view.coarse_widths(groups), {name: view.coarse(side, groups) for name, side in sides.items()}
        reference = view.coarse(view.reference, groups)
        for columns in sets:
            real = count(reference, columns, widths)
            for name in sides:
                found[name].append(total_variation(count(bins[name], columns, widths), real))
        return found

    def _headline(self, view: View, found: dict[str, list[Estimate]], pairs: list[tuple[int, ...]]) -> Finding:
        ours, ceiling, baseline = _means(found)
        return figure(
            "fidelity.pairs", ours,
            f"Over pairs of columns, {ours.value:.1%} of the rows would have to move to match the real data"
            f"{beside(ceiling, '.1%')}; if columns were independent it would be {baseline.value:.1%}.",
            scope=view.scope(), ceiling=ceiling, baseline=baseline,
            interval_by="delta method, 95 %, errors of pairs added", detail=_counted(view, pairs, 2),
        )  # fmt: skip

    def _each(self, view: View, pairs: list[tuple[int, ...]], found: dict[str, list[Estimate]]) -> list[Finding]:
        ceilings: Sequence[Estimate | None] = found.get("ceiling") or [None] * len(pairs)
        out = []
        for pair, ours, ceiling, baseline in zip(pairs, found["ours"], ceilings, found["baseline"], strict=True):
            one, two = (view.names[place] for place in pair)
            out.append(
                figure(
                    "fidelity.pair_tvd", ours,
                    f"{one} and {two} together: {ours.value:.1%} of the rows would have to move"
                    f"{beside(ceiling, '.1%')}.",
                    scope=view.scope(one, two), ceiling=ceiling, baseline=baseline,
                )
            )  # fmt: skip
        return out

    def _triples(self, view: View) -> list[Finding]:
        if len(view.names) < 3:
            reason = "there are fewer than three columns"
            return [not_measured(c, reason, scope=view.scope()) for c in ("fidelity.triples", "fidelity.k_marginal")]
        triples = chosen_sets(len(view.names), 3, self.triples, view.rng("triples"))
        found = self._distances(view, triples, self.triple_groups)
        ours, ceiling, baseline = _means(found)
        worst = int(np.argmax([item.value for item in found["ours"]]))
        detail = _counted(view, triples, 3) | {"worst": [view.names[place] for place in triples[worst]]}
        return [
            figure(
                "fidelity.triples", ours,
                f"Over {len(triples)} sets of three columns, {ours.value:.1%} of the rows would have to move"
                f"{beside(ceiling, '.1%')}.",
                scope=view.scope(), ceiling=ceiling, baseline=baseline, detail=detail,
                interval_by="delta method, 95 %, errors of triples added",
            ),
            figure(
                "fidelity.k_marginal", _scored(ours),
                f"The k-marginal score at k = 3 is {1000 * (1 - ours.value):.0f} of 1000.",
                direction=Direction.HIGHER, scope=view.scope(), limits=(0.0, 1000.0), unit="of 1000", detail=detail,
                ceiling=None if ceiling is None else _scored(ceiling), baseline=_scored(baseline),
                interval_by="delta method, 95 %, errors of triples added",
            ),
        ]  # fmt: skip


def count(bins: Bins, columns: tuple[int, ...], widths: tuple[int, ...]) -> Counts:
    """Return the contingency table of some columns: how many rows fall in each joint bin, raveled."""
    joint: NDArray[Any] = bins[columns[0]].astype(np.intp)
    size = widths[columns[0]]
    for place in columns[1:]:
        joint *= widths[place]
        joint += bins[place]
        size *= widths[place]
    return np.bincount(joint, minlength=size)


def chosen_sets(columns: int, k: int, most: int, rng: np.random.Generator) -> list[tuple[int, ...]]:
    """Return all sets of k columns, or `most` of them drawn at random, in order."""
    total = comb(columns, k)
    if total <= most:
        return list(combinations(range(columns), k))
    chosen: set[tuple[int, ...]] = set()
    while len(chosen) < most:
        chosen.add(tuple(sorted(rng.choice(columns, k, replace=False).tolist())))
    return sorted(chosen)


def _means(found: dict[str, list[Estimate]]) -> tuple[Estimate, Estimate | None, Estimate]:
    ceiling = mean_of(found["ceiling"]) if "ceiling" in found else None
    return mean_of(found["ours"]), ceiling, mean_of(found["baseline"])


def _scored(distance: Estimate) -> Estimate:
    return Estimate(1000 * (1 - distance.value), 1000 * distance.error, distance.n)


def _counted(view: View, sets: list[tuple[int, ...]], k: int) -> dict[str, Any]:
    return {"sets": len(sets), "of": comb(len(view.names), k), "against": view.reference_name}
