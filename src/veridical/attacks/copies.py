"""Are rows of the training data in the synthetic data, as they are or slightly changed?

Real people are sometimes alike, so a match alone proves nothing. Every rate is held against what real rows that
were *not* learned from do: the holdout's rows against the same training rows. Where chance matches are rare, the
training rows' own matches among each other sharpen that control.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from veridical.attacks.evidence import Codes, TableEvidence, chosen_rows, encode, tables_of, unmeasured, why_not
from veridical.attacks.nearness import relative
from veridical.attacks.proportion import Rate, more_than
from veridical.core.contracts import Evidence, RunContext
from veridical.core.finding import Direction, Finding
from veridical.encode.neighbours import Space, build

_NEIGHBOURS = 5  # distance relative to the fifth nearest tells noise on a copy from a dense neighbourhood best
EXACT, NEAR = "privacy.exact_copies", "privacy.near_copies"
_DIFFERENT = 0.01  # under this p-value holdout and train are not one population: train's own matches are left out


@dataclass(frozen=True, slots=True, kw_only=True)
class Copies:
    """Exact copies of training rows, and near ones, against what real held-out rows show by chance.

    A near copy either equals a training row in all but `cells_changed` cells, where such agreement is rare among
    the training rows themselves (at most `chance_rate` of them for each set of cells left out), or it lies nearer
    to its training row than all but `close_rate` of the training rows lie to each other, in distance or in
    distance relative to the fifth nearest. All training rows are searched; when there are more synthetic or
    holdout rows than `most_queries`, that many of them, drawn at random, are looked up for the second kind.

    Example:
        >>> Copies().chance_rate
        0.001
    """

    cells_changed: int = 2
    chance_rate: float = 0.001
    close_rate: float = 0.005
    most_subsets: int = 200
    most_queries: int = 100_000
    calibration_rows: int = 10_000

    def run(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return `privacy.exact_copies` and `privacy.near_copies` of each table."""
        found: list[Finding] = []
        for table in tables_of(evidence):
            reason = why_not(table)
            found += unmeasured((EXACT, NEAR), reason, table.scope) if reason else self._table(table, ctx)
        return found or unmeasured((EXACT, NEAR), why_not(None))

    def _table(self, table: TableEvidence, ctx: RunContext) -> list[Finding]:
        codes = encode(table)
        hashes = codes.hashes()
        matches = codes.equal(hashes)
        return [self._exact(table, codes, matches, ctx), self._near(table, codes, hashes, matches, ctx)]

    def _exact(self, table: TableEvidence, codes: Codes, matches: NDArray[np.int32], ctx: RunContext) -> Finding:
        rate = _rate(matches[codes.synthetic] > 0)
        holdout = _rate(matches[codes.holdout] > 0)
        control = _sharpened(holdout, _own_matches(matches[codes.train]))
        p_value = more_than(rate, control)
        return Finding(
            check=EXACT,
            scope=table.scope,
            value=rate.share,
            n=rate.n,
            direction=Direction.LOWER,
            interval=rate.interval,
            ceiling=holdout.share,
            baseline=_shuffled_share(codes, ctx),
            p_value=p_value,
            sentence=_sentence("equal a training row in every column", rate, holdout, p_value),
            detail={
                "control": holdout.share,
                "control_interval": [holdout.interval.low, holdout.interval.high],
                "control_rows": control.n,
                "columns": list(codes.names),
            },
        )

    def _near(
        self,
        table: TableEvidence,
        codes: Codes,
        hashes: NDArray[np.uint64],
        matches: NDArray[np.int32],
        ctx: RunContext,
    ) -> Finding:
        alike = (matches > 0) | self._few_cells_changed(codes, hashes)
        near = self._close(table, ctx)
        synthetic = alike[codes.synthetic][near.synthetic_rows] | near.synthetic
        holdout_hits = alike[codes.holdout][near.holdout_rows] | near.holdout
        rate, holdout = _rate(synthetic), _rate(holdout_hits)
        p_value = more_than(rate, holdout)
        return Finding(
            check=NEAR,
            scope=table.scope,
            value=rate.share,
            n=rate.n,
            direction=Direction.LOWER,
            interval=rate.interval,
            ceiling=holdout.share,
            p_value=p_value,
            sentence=_sentence("lie unusually near to a training row", rate, holdout, p_value),
            detail={
                "control": holdout.share,
                "control_interval": [holdout.interval.low, holdout.interval.high],
                "few_cells_changed": float(alike[codes.synthetic].mean()),
                "few_cells_changed_control": float(alike[codes.holdout].mean()),
                "close": float(near.synthetic.mean()),
                "close_control": float(near.holdout.mean()),
                "synthetic_rows_looked_up": rate.n,
                "training_rows_searched": codes.train_rows,
            },
        )

    def _few_cells_changed(self, codes: Codes, hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
        alike = np.zeros(codes.rows, bool)
        rare: list[set[int]] = []
        # Judged on train alone, so that the choice of sets cannot favour either side of the comparison.
        most = int(self.chance_rate * codes.train_rows)
        for left_out in self._sets(len(codes.names)):
            # Rows that agree in all but one cell agree in all but two.
            if any(set(left_out) < larger for larger in rare):
                continue
            matches = codes.agreement(hashes, left_out, most_doubled=most)
            if matches is not None:
                alike |= matches > 0
                rare.append(set(left_out))
        return alike

    def _sets(self, width: int) -> list[tuple[int, ...]]:
        """Return the sets of columns to leave out, largest first; of more than `most_subsets`, evenly spread ones."""
        found: list[tuple[int, ...]] = []
        for size in range(min(self.cells_changed, width - 1), 0, -1):
            every = list(combinations(range(width), size))
            keep = max(1, -(-len(every) // self.most_subsets))
            found += every[::keep]
        return found

    def _close(self, table: TableEvidence, ctx: RunContext) -> _Close:
        space = Space.learn([table.train], table.schema)
        train = space.encode(table.train)
        index = build(train)
        rng = ctx.rng("attacks", "copies", *table.scope)
        own = chosen_rows(table.train.num_rows, self.calibration_rows, rng)
        calm = index.nearest(space.encode(table.train.take(own)), _NEIGHBOURS, skip=own, workers=ctx.workers).distances
        limits = [float(np.quantile(v, self.close_rate)) for v in (calm[:, 0], relative(calm))]
        hits: list[NDArray[np.bool_]] = []
        rows: list[NDArray[np.int64]] = []
        for side in (table.synthetic, table.holdout):
            asked = chosen_rows(side.num_rows, self.most_queries, rng)
            distances = index.nearest(space.encode(side.take(asked)), _NEIGHBOURS, workers=ctx.workers).distances
            hits.append((distances[:, 0] <= limits[0]) | (relative(distances) <= limits[1]))
            rows.append(asked)
        return _Close(hits[0], hits[1], rows[0], rows[1])


@dataclass(frozen=True, slots=True)
class _Close:
    synthetic: NDArray[np.bool_]
    holdout: NDArray[np.bool_]
    synthetic_rows: NDArray[np.int64]
    holdout_rows: NDArray[np.int64]


def _rate(hits: NDArray[np.bool_]) -> Rate:
    return Rate(int(hits.sum()), int(hits.size))


def _own_matches(matches: NDArray[np.int32]) -> Rate:
    """Return how often a training row equals another one, in rows' worth of independent evidence.

    Matches come in groups (a pair counts twice), so hits and trials are divided by the mean group size.
    """
    doubled = matches > 1
    hits = int(doubled.sum())
    group = float(matches[doubled].mean()) if hits else 2.0
    return Rate(round(hits / group), int(matches.size / group))


def _sharpened(holdout: Rate, own: Rate) -> Rate:
    if min(more_than(holdout, own), more_than(own, holdout)) < _DIFFERENT:
        return holdout
    return Rate(holdout.hits + own.hits, holdout.n + own.n)


def _shuffled_share(codes: Codes, ctx: RunContext) -> float:
    """Return the copy rate of a naive generator: each column of train shuffled on its own."""
    rng = ctx.rng("attacks", "copies", "baseline")
    rows = min(codes.train_rows, codes.synthetic_rows)
    shuffled = np.concatenate([codes.cells[:, codes.train], np.empty((len(codes.names), rows), np.int32)], axis=1)
    for at, column in enumerate(codes.cells[:, codes.train]):
        shuffled[at, codes.train_rows :] = rng.permutation(column)[:rows]
    naive = Codes(
        cells=np.ascontiguousarray(shuffled), names=codes.names, train_rows=codes.train_rows, synthetic_rows=rows,
        holdout_rows=0,
    )  # fmt: skip
    return float((naive.equal(naive.hashes())[naive.synthetic] > 0).mean())


def _sentence(what: str, rate: Rate, control: Rate, p_value: float) -> str:
    said = f"{rate.share:.2%} of the synthetic rows {what}; of real rows never learned from, {control.share:.2%} do."
    if p_value < 0.001:
        return f"{said} Chance does not explain the difference."
    return f"{said} The difference is within what chance gives."
