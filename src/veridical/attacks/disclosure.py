"""Knowing a few facts of a person, what does the synthetic data tell of one more?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from veridical.attacks.evidence import Codes, TableEvidence, encode, tables_of, unmeasured, why_not
from veridical.attacks.level import Levels, guessed_keys, levels_of, positions
from veridical.attacks.nearness import balance
from veridical.attacks.proportion import Rate, more_than, wilson
from veridical.core.contracts import Evidence, RunContext
from veridical.core.finding import Direction, Finding, Interval, not_measured

CAP, DISCO, REP_U = "privacy.cap", "privacy.disco", "privacy.rep_u"


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosure:
    """CAP, DiSCO and repU for the keys an outsider knows and a secret.

    `keys` empty: guessed from the schema; `secret` empty: the schema's target, else the last column not a key.
    Generalised CAP answers for people whose keys no synthetic row has by the rows that agree in most keys.
    Sources: Taub et al. 2018 (CAP, TCAP); Raab, Nowok & Dibben 2024 (DiSCO, repU).

    Example:
        >>> Disclosure(keys=("age", "sex"), secret="income").secret
        'income'
    """

    keys: tuple[str, ...] = ()
    secret: str = ""

    def run(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return `privacy.cap`, `privacy.disco` and `privacy.rep_u` of each table; scope names keys and secret.

        Raises:
            SchemaError: a named column is not among those compared.
        """
        checks = (CAP, DISCO, REP_U)
        found: list[Finding] = []
        for table in tables_of(evidence):
            reason = why_not(table)
            found += unmeasured(checks, reason, table.scope) if reason else self._table(table, ctx)
        return found or unmeasured(checks, why_not(None))

    def _table(self, table: TableEvidence, ctx: RunContext) -> list[Finding]:
        codes = encode(table)
        levels = levels_of(table, codes)
        keys = self.keys if self.keys else guessed_keys(table.schema, codes.names, levels)
        rest = [name for name in codes.names if name not in keys]
        target = table.schema.target
        secret = self.secret if self.secret else (target if target in rest else (rest[-1] if rest else ""))
        if not keys or not secret:
            return unmeasured((CAP, DISCO, REP_U), "there are no keys, or no secret beside them", table.scope)
        known = positions(codes.names, keys, CAP)
        told = levels.cells[positions(codes.names, (secret,), CAP)[0]]
        scope = (*table.scope, *keys, secret)
        combined = levels.combined(known)
        return [
            _cap(scope, codes, levels, known, told),
            _disco(scope, codes, combined, told, ctx.rng("attacks", "disclosure", *table.scope)),
            _rep_u((*table.scope, *keys), codes, combined),
        ]


def _cap(
    scope: tuple[str, ...], codes: Codes, levels: Levels, known: tuple[int, ...], told: NDArray[np.int64]
) -> Finding:
    right = _generalised(codes, levels, known, told)
    train, holdout = right[codes.train], right[codes.holdout]
    value, control = float(train.mean()), float(holdout.mean())
    shares, keys = np.bincount(told[codes.synthetic]) / codes.synthetic_rows, levels.combined(known)
    spread = float(np.hypot(train.std() / np.sqrt(train.size), holdout.std() / np.sqrt(holdout.size)))
    from scipy.special import ndtr

    half = 1.96 * float(train.std()) / float(np.sqrt(train.size))
    baseline = float((shares**2).sum())
    return Finding(
        check=CAP,
        scope=scope,
        value=value,
        n=train.size,
        direction=Direction.LOWER,
        interval=Interval(max(0.0, value - half), min(1.0, value + half)),
        ceiling=control,
        baseline=baseline,
        p_value=float(ndtr(-(value - control) / spread)) if spread > 0 else 0.5,
        sentence=(
            f"From the keys, the secret is told right with probability {value:.1%} for people learned from, "
            f"{control:.1%} for others, {baseline:.1%} by guessing from its shares."
        ),
        detail={
            "control": control,
            "commonest_value": float(shares.max()),
            "matched_share": float(np.isin(keys[codes.train], keys[codes.synthetic]).mean()),
        },
    )


def _generalised(codes: Codes, levels: Levels, known: tuple[int, ...], told: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return, for every row, the share of synthetic rows with its keys that also have its secret.

    Rows without a match try all keys but one, and so on down to none; of several such sets the mean counts.
    """
    right = np.full(codes.rows, np.nan)
    for size in range(len(known), -1, -1):
        open_rows = np.isnan(right)
        if not open_rows.any():
            break
        total, sets = np.zeros(codes.rows), np.zeros(codes.rows)
        for columns in combinations(known, size):
            share = _share_right(codes, levels.combined(columns) if columns else np.zeros_like(told), told)
            matched = ~np.isnan(share)
            total[matched] += share[matched]
            sets[matched] += 1
        reached = open_rows & (sets > 0)
        right[reached] = total[reached] / sets[reached]
    return np.nan_to_num(right)


def _share_right(codes: Codes, combined: NDArray[np.int64], told: NDArray[np.int64]) -> NDArray[np.float64]:
    cell = Levels(
        cells=np.stack([combined, told]), counts=np.array([combined.max(initial=0) + 1, told.max(initial=0) + 1])
    ).combined((0, 1))
    in_group = np.bincount(combined[codes.synthetic], minlength=int(combined.max(initial=0)) + 1)[combined]
    in_cell = np.bincount(cell[codes.synthetic], minlength=int(cell.max(initial=0)) + 1)[cell]
    return np.where(in_group > 0, in_cell / np.maximum(in_group, 1), np.nan)


def _disco(
    scope: tuple[str, ...], codes: Codes, combined: NDArray[np.int64], told: NDArray[np.int64], rng: np.random.Generator
) -> Finding:
    sure = _share_right(codes, combined, told) == 1.0
    rate, control = (Rate(int(sure[side].sum()), int(sure[side].size)) for side in (codes.train, codes.holdout))
    shuffled = np.array(told)
    shuffled[codes.synthetic] = rng.permutation(told[codes.synthetic])
    baseline = float((_share_right(codes, combined, shuffled) == 1.0)[codes.train].mean())
    return Finding(
        check=DISCO,
        scope=scope,
        value=rate.share,
        n=rate.n,
        direction=Direction.LOWER,
        interval=rate.interval,
        ceiling=control.share,
        baseline=baseline,
        p_value=more_than(rate, control),
        sentence=(
            f"For {rate.share:.1%} of the people learned from, all synthetic rows with their keys agree on the secret "
            f"and are right; for other people it is {control.share:.1%}, with the secret shuffled {baseline:.1%}."
        ),
        detail={"control": control.share},
    )


def _rep_u(scope: tuple[str, ...], codes: Codes, combined: NDArray[np.int64]) -> Finding:
    real = np.concatenate([combined[codes.train], combined[codes.holdout]])
    size = int(combined.max()) + 1
    once = (np.bincount(real, minlength=size) == 1) & (np.bincount(combined[codes.synthetic], minlength=size) == 1)
    hit = np.flatnonzero(once[real])
    train, holdout = codes.train_rows, codes.holdout_rows
    rate, control = Rate(int((hit < train).sum()), train), Rate(int((hit >= train).sum()), holdout)
    if not hit.size and size <= 1:
        return not_measured(REP_U, "the keys take a single value", scope=scope)
    p_value = balance(hit, np.arange(train + holdout) < train).p_value if hit.size else 0.5
    return Finding(
        check=REP_U,
        scope=scope,
        value=rate.share,
        n=train,
        direction=Direction.LOWER,
        interval=wilson(rate.hits, rate.n),
        ceiling=control.share,
        baseline=0.0,
        p_value=p_value,
        sentence=(
            f"{rate.share:.2%} of the people learned from are unique by their keys among all real people and in the "
            f"synthetic data; of other people {control.share:.2%} are."
        ),
        detail={"control": control.share},
    )
