"""Do combinations of values that a single person has turn up in the synthetic data more often when they were learned?

Held-out people have such combinations too, and chance brings some of them about. So a combination counts when exactly
one of all real rows has it, and the share of those of training rows that the synthetic data shows is held against the
share of those of held-out rows, and against what single values bring about by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from veridical.attacks.evidence import Codes, TableEvidence, encode, tables_of, unmeasured, why_not
from veridical.attacks.level import Levels, levels_of
from veridical.attacks.nearness import balance
from veridical.attacks.proportion import wilson
from veridical.core.contracts import Evidence, RunContext
from veridical.core.finding import Direction, Finding, not_measured

CHECK = "privacy.rare_combinations"


@dataclass(frozen=True, slots=True, kw_only=True)
class RareCombinations:
    """The share of combinations of two or three values, each of one training row alone, that the synthetic data shows.

    Columns with many numbers are taken in 20 bins. Of more than `most_sets` sets of columns, that many are drawn at
    random; all rows count.

    Example:
        >>> RareCombinations(sizes=(2,)).sizes
        (2,)
    """

    sizes: tuple[int, ...] = (2, 3)
    most_sets: int = 150

    def run(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return `privacy.rare_combinations` for each size (scope) and table."""
        found: list[Finding] = []
        for table in tables_of(evidence):
            if reason := why_not(table):
                found += unmeasured((CHECK,), reason, table.scope)
                continue
            codes = encode(table)
            levels = levels_of(table, codes)
            for size in self.sizes:
                rng = ctx.rng("attacks", "combinations", *table.scope, size)
                found.append(self._size(table, codes, levels, size, rng))
        return found or unmeasured((CHECK,), why_not(None))

    def _size(self, table: TableEvidence, codes: Codes, levels: Levels, size: int, rng: np.random.Generator) -> Finding:
        scope = (*table.scope, str(size))
        sets = list(combinations(range(len(codes.names)), size))
        if len(sets) > self.most_sets:
            sets = [sets[at] for at in np.sort(rng.choice(len(sets), self.most_sets, replace=False))]
        owned, shown = _owned(levels, codes, sets)
        train = np.arange(owned.size) < codes.train_rows
        if not owned[train].any() or not owned[~train].any():
            return not_measured(CHECK, "no combination belongs to a single real row", scope=scope)
        value, control = (float(shown[side].sum() / owned[side].sum()) for side in (train, ~train))
        naive_owned, naive_shown = _owned(_shuffled(levels, codes, rng), codes, sets[:: max(1, len(sets) // 30)])
        baseline, of_others = (
            float(naive_shown[side].sum() / max(1, naive_owned[side].sum())) for side in (train, ~train)
        )
        # Columns drawn one by one know no combination: what they show more of train comes of single values.
        ceiling = control + max(0.0, baseline - of_others)
        # A row's combinations stand or fall together: rows, not combinations, are what the interval counts.
        rows = int((owned[train] > 0).sum())
        crowd = np.repeat(np.arange(shown.size), shown)
        return Finding(
            check=CHECK,
            scope=scope,
            value=value,
            n=rows,
            direction=Direction.LOWER,
            interval=wilson(value * rows, rows),
            ceiling=ceiling,
            baseline=baseline,
            p_value=balance(crowd, train).p_value if crowd.size else 0.5,
            sentence=(
                f"Of the combinations of {size} values that only one person has, the synthetic data shows {value:.1%} "
                f"where the person was learned from and {control:.1%} where not; columns drawn one by one, which know "
                f"no combination, {baseline:.1%} and {of_others:.1%}."
            ),
            detail={"control": control, "column_sets": len(sets)},
        )


def _owned(
    levels: Levels, codes: Codes, sets: Iterable[tuple[int, ...]]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return, for each real row (train, then holdout), how many combinations it alone has, and how many are shown."""
    owned = np.zeros(codes.train_rows + codes.holdout_rows, np.int64)
    shown = np.zeros_like(owned)
    for columns in sets:
        combined = levels.combined(columns)
        size = int(combined.max(initial=0)) + 1
        real = np.concatenate([combined[codes.train], combined[codes.holdout]])
        alone = (np.bincount(real, minlength=size) == 1)[real]
        owned += alone
        shown += alone & (np.bincount(combined[codes.synthetic], minlength=size) > 0)[real]
    return owned, shown


def _shuffled(levels: Levels, codes: Codes, rng: np.random.Generator) -> Levels:
    """Return the levels with a naive generator's rows for synthetic ones: each column drawn on its own from train."""
    cells = np.array(levels.cells)
    for column in cells:
        column[codes.synthetic] = rng.choice(column[codes.train], codes.synthetic_rows)
    return Levels(cells=cells, counts=levels.counts)
