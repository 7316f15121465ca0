"""Which tree of pairs tells most of a table? (MST, McKenna, Miklau & Sheldon 2021)"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from veridical.engines.tabular.dp.coding import Coding
from veridical.engines.tabular.dp.inference import Fitted, Measurement, fit
from veridical.engines.tabular.dp.junction import Clique
from veridical.engines.tabular.dp.sampler import MarginalSampler
from veridical.engines.tabular.dp.selection import Rows, Scores, expected_of


@dataclass(frozen=True, slots=True)
class Learned:
    """A fitted model and the noisy counts behind it."""

    fitted: Fitted
    measurements: tuple[Measurement, ...]

    def sampler(self, codings: tuple[Coding, ...]) -> MarginalSampler:
        """Return what draws rows of it."""
        return MarginalSampler(codings, self.fitted, self.measurements)


@dataclass(frozen=True, slots=True, kw_only=True)
class MstModel:
    """Chooses a spanning tree of pairs with a third of what is left of the budget, measures it with the rest."""

    selection_share: float = 1 / 3

    def learn(self, rows: Rows, singles: Sequence[Measurement], *, rho: float, total: float) -> Learned:
        """Return the model of a tree of pairs; `singles` are the columns' own noisy counts.

        Raises:
            BudgetError: the ledger has not got `rho` left.
        """
        count = len(rows.sizes)
        alone = fit(singles, rows.sizes, total, iterations=200)
        if count < 2:
            return Learned(alone, tuple(singles))
        pairs = list(combinations(range(count), 2))
        scores = Scores(expected_of(alone, pairs), dict.fromkeys(pairs, 1.0), 0.0)
        chosen: list[Clique] = []
        for _ in range(count - 1):
            part = _parts(chosen, count)
            open_pairs = [pair for pair in pairs if part[pair[0]] != part[pair[1]]]
            chosen.append(rows.choose(open_pairs, scores, rho=self.selection_share * rho / (count - 1)))
        each = (1 - self.selection_share) * rho / len(chosen)
        measurements = [*singles, *(rows.measure(pair, rho=each) for pair in chosen)]
        return Learned(fit(measurements, rows.sizes, total, start=alone, iterations=300), tuple(measurements))


@dataclass(frozen=True, slots=True, kw_only=True)
class SinglesModel:
    """Every column on its own: all the budget goes to single columns."""

    def learn(self, rows: Rows, singles: Sequence[Measurement], *, rho: float, total: float) -> Learned:
        """Return the model of single columns, each counted once more with what is left of the budget.

        Raises:
            BudgetError: the ledger has not got `rho` left.
        """
        count = len(rows.sizes)
        again = [rows.measure((column,), rho=rho / count) for column in range(count)]
        measurements = [*singles, *again]
        return Learned(fit(measurements, rows.sizes, total, iterations=200), tuple(measurements))


def _parts(chosen: Sequence[Clique], count: int) -> list[int]:
    """Return for each column the part it belongs to, where chosen pairs join parts."""
    part = list(range(count))
    for one, two in chosen:
        old, new = part[one], part[two]
        part = [new if p == old else p for p in part]
    return part
