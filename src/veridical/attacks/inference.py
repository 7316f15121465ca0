"""Does the synthetic data tell a secret about a person of whom everything else is known?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from veridical.attacks.evidence import TableEvidence, encode, tables_of, unmeasured, why_not
from veridical.attacks.predicate import cells_of
from veridical.attacks.proportion import Rate
from veridical.attacks.target import aim, compare
from veridical.core.contracts import Evidence, RunContext
from veridical.core.finding import Finding, not_measured
from veridical.encode.neighbours import build

CHECK = "privacy.inference"
_LEAST_ATTACKS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Inference:
    """The guess is the secret of the synthetic row nearest in all other columns; scope names the secret.

    A category is guessed right when equal, a number when within `tolerance` of the true one's size (a true 0 must be
    hit). `secrets` empty: every compared column in turn; the attacks are then dealt out so that all secrets together
    see `most_attacks`, but at least 500 each. Source: Giomi et al. 2023, section 4.3.

    Example:
        >>> Inference(secrets=("income",)).tolerance
        0.05
    """

    attacks: int = 2000
    most_attacks: int = 30_000
    tolerance: float = 0.05
    secrets: tuple[str, ...] = ()

    def run(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return `privacy.inference` for each secret of each table."""
        found: list[Finding] = []
        for table in tables_of(evidence):
            reason = why_not(table)
            found += unmeasured((CHECK,), reason, table.scope) if reason else self._table(table, ctx)
        return found or unmeasured((CHECK,), why_not(None))

    def _table(self, table: TableEvidence, ctx: RunContext) -> list[Finding]:
        names = [column.name for column in table.columns]
        if len(names) < 2:
            return [not_measured(CHECK, "nothing is known beside the secret", scope=table.scope)]
        codes = encode(table)
        cells = cells_of(table, codes)
        chosen = [name for name in names if not self.secrets or name in self.secrets]
        dealt = max(_LEAST_ATTACKS, self.most_attacks // max(1, len(chosen)))
        target = aim(table, min(self.attacks, dealt), ctx.rng("attacks", "inference", *table.scope))
        train = cells.values[:, codes.train][:, target.train_rows]
        holdout = cells.values[:, codes.holdout][:, target.holdout_rows]
        synthetic = cells.values[:, codes.synthetic][:, target.synthetic_rows]
        index = build(target.synthetic)
        found = []
        for name in chosen:
            at = names.index(name)
            sides = _Sides(train[at], holdout[at], synthetic[at], bool(cells.is_number[at]))
            # The tree serves any weights: the secret's is 0.
            known = np.asarray(np.arange(len(names)) != at, np.float32)
            rows = [
                replace(index, weight=known).nearest(queries, 1, workers=ctx.workers).rows[:, 0]
                for queries in (target.train, target.holdout)
            ]
            found.append(self._secret((*table.scope, name), sides, rows, ctx))
        return found

    def _secret(self, scope: tuple[str, ...], sides: _Sides, rows: list[NDArray[np.int64]], ctx: RunContext) -> Finding:
        hits = [
            int(self._right(sides.synthetic[nearest], truth, sides.is_number).sum())
            for nearest, truth in zip(rows, (sides.train, sides.holdout))
        ]
        n = sides.train.size
        baseline = self._baseline(sides, ctx.rng("attacks", "inference", "baseline", *scope))
        what = f"The secret {scope[-1]} is guessed right for"
        return compare(CHECK, scope, Rate(hits[0], n), Rate(hits[1], n), baseline, what)

    def _baseline(self, sides: _Sides, rng: np.random.Generator) -> float:
        """Return what the better of two blind guessers gets: a random synthetic value, or the commonest one."""
        blind = rng.choice(sides.synthetic, sides.train.size)
        values, counts = np.unique(sides.synthetic, return_counts=True)
        commonest = np.full(sides.train.size, values[counts.argmax()])
        return max(float(self._right(guess, sides.train, sides.is_number).mean()) for guess in (blind, commonest))

    def _right(self, guess: NDArray[np.float64], truth: NDArray[np.float64], is_number: bool) -> NDArray[np.bool_]:
        missing = np.isnan(guess) & np.isnan(truth)
        if not is_number:
            return (guess == truth) | missing
        # The size of the truth, never its sign: a signed one makes every negative guess a success.
        return (np.abs(guess - truth) <= self.tolerance * np.abs(truth)) | missing


@dataclass(frozen=True, slots=True)
class _Sides:
    train: NDArray[np.float64]
    holdout: NDArray[np.float64]
    synthetic: NDArray[np.float64]
    is_number: bool
