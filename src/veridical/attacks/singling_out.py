"""Can an attacker write a condition, read off the synthetic data, that fits exactly one real person?

Train and holdout are usually of different sizes, and in a smaller crowd more conditions fit one person. So every
condition is checked on all real rows together; when it fits exactly one, that row is of train or of the holdout, and
without memorising the odds are those of the sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.attacks.evidence import Codes, TableEvidence, encode, tables_of, unmeasured, why_not
from veridical.attacks.nearness import balance
from veridical.attacks.predicate import (
    Cells,
    Crowd,
    Predicates,
    cells_of,
    naive,
    part_of,
    several_columns,
    single_column,
)
from veridical.attacks.proportion import Rate, risk_over
from veridical.core.contracts import Evidence, RunContext
from veridical.core.finding import Direction, Finding, nothing_there

CHECK = "privacy.singling_out"
_ROUNDS = 120  # how often as many candidates as attacks are drawn before giving up


@dataclass(frozen=True, slots=True, kw_only=True)
class SinglingOut:
    """Conditions on one column and on several, as many as `attacks`; scope: how many (at most what the table has).

    Source: Giomi et al. 2023, "A unified framework for quantifying privacy risk in synthetic data".

    Example:
        >>> SinglingOut(columns=(1, 3)).columns
        (1, 3)
    """

    attacks: int = 2000
    columns: tuple[int, ...] = (1, 4)

    def run(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return `privacy.singling_out` for each number of columns and each table."""
        found: list[Finding] = []
        for table in tables_of(evidence):
            if reason := why_not(table):
                found += unmeasured((CHECK,), reason, table.scope)
                continue
            codes = encode(table)
            crowds = _crowds(table, codes)
            for size in self.columns:
                rng = ctx.rng("attacks", "singling_out", *table.scope, size)
                found.append(self._attack(table, codes, crowds, size, rng))
        return found or unmeasured((CHECK,), why_not(None))

    def _attack(
        self, table: TableEvidence, codes: Codes, crowds: _Crowds, size: int, rng: np.random.Generator
    ) -> Finding:
        scope = (*table.scope, str(size))
        taken = min(size, len(codes.names))  # of a narrow table: conditions on all its columns
        predicates = _isolating(crowds.synthetic, taken, self.attacks, rng)
        if not len(predicates):
            said = f"No condition on {_columns(taken)} fits exactly one synthetic row: nothing singles a person out."
            return nothing_there(CHECK, said, scope=scope)
        found = predicates.isolated(crowds.real)
        guessed = naive(crowds.synthetic.cells, taken, len(predicates), rng).isolated(crowds.real)
        return _finding(scope, taken, codes, found, guessed)


@dataclass(frozen=True, slots=True)
class _Crowds:
    synthetic: Crowd
    real: Crowd  # train, then holdout


def _crowds(table: TableEvidence, codes: Codes) -> _Crowds:
    cells = cells_of(table, codes)
    real = np.concatenate([cells.values[:, codes.train], cells.values[:, codes.holdout]], axis=1)
    return _Crowds(Crowd.of(part_of(cells, codes.synthetic)), Crowd.of(Cells(values=real, is_number=cells.is_number)))


def _isolating(synthetic: Crowd, size: int, count: int, rng: np.random.Generator) -> Predicates:
    if size == 1:
        every = single_column(synthetic.cells)
        return every.take(np.sort(rng.permutation(len(every))[:count]))
    kept: list[Predicates] = []
    for _ in range(_ROUNDS):
        drawn = several_columns(synthetic.cells, size, count, rng)
        kept.append(drawn.take(drawn.isolated(synthetic) >= 0))
        if sum(len(part) for part in kept) >= count:
            break
    return Predicates(
        columns=np.concatenate([part.columns for part in kept])[:count],
        operations=np.concatenate([part.operations for part in kept])[:count],
        values=np.concatenate([part.values for part in kept])[:count],
    )


def _columns(size: int) -> str:
    return "one column" if size == 1 else f"{size} columns"


def _finding(
    scope: tuple[str, ...], size: int, codes: Codes, found: NDArray[np.int64], guessed: NDArray[np.int64]
) -> Finding:
    train, holdout, n = codes.train_rows, codes.holdout_rows, found.size
    hit = found[found >= 0]
    attack = Rate(int((hit < train).sum()), n)
    # Each condition meets fewer holdout rows than training rows; its trials are counted accordingly.
    trials = max(1, round(n * holdout / train))
    control = Rate(min(int((hit >= train).sum()), trials), trials)
    risk = risk_over(attack, control)
    p_value = balance(hit, np.arange(train + holdout) < train).p_value if hit.size else 0.5
    baseline = float(((guessed >= 0) & (guessed < train)).sum()) / guessed.size
    return Finding(
        check=CHECK,
        scope=scope,
        value=attack.share,
        n=n,
        direction=Direction.LOWER,
        interval=attack.interval,
        ceiling=control.share,
        baseline=baseline,
        p_value=p_value,
        sentence=(
            f"{attack.share:.1%} of the conditions on {_columns(size)}, read off the synthetic data, fit exactly one "
            f"person learned from; by chance it would be {control.share:.1%}, by guessing {baseline:.1%}."
        ),
        detail={
            "control": control.share,
            "control_interval": [control.interval.low, control.interval.high],
            "risk": risk.value,
            "risk_interval": [risk.interval.low, risk.interval.high],
        },
    )
