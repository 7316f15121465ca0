"""Do synthetic rows lie nearer to the training rows than to real rows that were not learned from?

These figures are a smoke test: they see memorising, they do not prove its absence (Yao et al. 2025, "The DCR
delusion"). Every training row and every holdout row is searched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.attacks.evidence import TableEvidence, chosen_rows, tables_of, unmeasured, why_not
from veridical.attacks.nearness import Balance, balance, relative, smaller_than
from veridical.attacks.proportion import Rate, more_than, wilson
from veridical.core.contracts import Evidence, RunContext
from veridical.core.finding import Direction, Finding, Interval
from veridical.encode.neighbours import Encoded, Space, build

SHARE, RATIO, SAME = "privacy.dcr_share", "privacy.nndr", "privacy.ims"


@dataclass(frozen=True, slots=True, kw_only=True)
class Distance:
    """Distance to the closest record (DCR), nearest-neighbour distance ratio (NNDR), identical matches (IMS).

    When there are more synthetic or holdout rows than `most_queries`, that many, drawn at random, are looked up;
    what they are looked up in is never thinned.

    Example:
        >>> Distance(most_queries=50_000).most_queries
        50000
    """

    most_queries: int = 100_000

    def run(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return `privacy.dcr_share`, `privacy.nndr` and `privacy.ims` of each table."""
        found: list[Finding] = []
        for table in tables_of(evidence):
            reason = why_not(table)
            found += unmeasured((SHARE, RATIO, SAME), reason, table.scope) if reason else self._table(table, ctx)
        return found or unmeasured((SHARE, RATIO, SAME), why_not(None))

    def _table(self, table: TableEvidence, ctx: RunContext) -> list[Finding]:
        space = Space.learn([table.train, table.holdout], table.schema)
        rng = ctx.rng("attacks", "distance", *table.scope)
        train, holdout = space.encode(table.train), space.encode(table.holdout)
        synthetic = space.encode(table.synthetic.take(chosen_rows(table.synthetic.num_rows, self.most_queries, rng)))
        asked = Encoded(
            values=np.ascontiguousarray(holdout.values[chosen_rows(len(holdout), self.most_queries, rng)]),
            names=holdout.names,
        )
        index = build(train)
        ours = index.nearest(synthetic, 2, workers=ctx.workers).distances
        theirs = index.nearest(asked, 2, workers=ctx.workers).distances
        share = _balance(train, holdout, synthetic, rng, ctx.workers)
        return [_share(table, share, ours, theirs), _ratio(table, ours, theirs), _same(table, ours, theirs)]


def _balance(train: Encoded, holdout: Encoded, synthetic: Encoded, rng: np.random.Generator, workers: int) -> Balance:
    # Equal distances go to the lower row number; dealing the numbers at random makes that fair to both sides.
    dealt = rng.permutation(len(train) + len(holdout))
    pooled = np.concatenate([train.values, holdout.values])[dealt]
    nearest = build(Encoded(values=pooled, names=train.names)).nearest(synthetic, 1, workers=workers).rows[:, 0]
    return balance(nearest, dealt < len(train))


def _share(table: TableEvidence, share: Balance, ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> Finding:
    return Finding(
        check=SHARE,
        scope=table.scope,
        value=share.share,
        n=len(ours),
        direction=Direction.LOWER,
        interval=share.interval,
        ceiling=0.5,
        baseline=0.5,
        p_value=share.p_value,
        sentence=(
            f"At equal sizes, {share.share:.1%} of the synthetic rows lie nearer to a training row than to a "
            "held-out one; without memorising it would be 50 %."
        ),
        detail={
            "control": 0.5,
            "train_rows": table.train.num_rows,
            "holdout_rows": table.holdout.num_rows,
            "distance_to_train": _quantiles(ours[:, 0]),
            "distance_of_holdout_to_train": _quantiles(theirs[:, 0]),
        },
    )


def _ratio(table: TableEvidence, ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> Finding:
    values, control = relative(ours), relative(theirs)
    nearer, p_value = smaller_than(values, control)
    median, held = float(np.median(values)), float(np.median(control))
    return Finding(
        check=RATIO,
        scope=table.scope,
        value=median,
        n=len(values),
        direction=Direction.HIGHER,
        interval=_median_interval(values),
        ceiling=held,
        baseline=1.0,
        p_value=p_value,
        sentence=(
            f"The nearest training row is typically {median:.2f} times as far as the second nearest; "
            f"for held-out real rows it is {held:.2f}."
        ),
        detail={"control": held, "share_below_control": nearer, "quantiles": _quantiles(values)},
    )


def _same(table: TableEvidence, ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> Finding:
    rate = Rate(int((ours[:, 0] == 0).sum()), len(ours))
    control = Rate(int((theirs[:, 0] == 0).sum()), len(theirs))
    return Finding(
        check=SAME,
        scope=table.scope,
        value=rate.share,
        n=rate.n,
        direction=Direction.LOWER,
        interval=wilson(rate.hits, rate.n),
        ceiling=control.share,
        baseline=0.0,
        p_value=more_than(rate, control),
        sentence=(
            f"{rate.share:.2%} of the synthetic rows are at distance zero from a training row; "
            f"of held-out real rows {control.share:.2%} are."
        ),
        detail={"control": control.share},
    )


def _quantiles(values: NDArray[np.float32]) -> dict[str, float]:
    shares = (0.01, 0.05, 0.25, 0.5, 0.75)
    return {str(share): round(float(value), 6) for share, value in zip(shares, np.quantile(values, shares))}


def _median_interval(values: NDArray[np.float32]) -> Interval:
    # Order statistics: the interval of the count below the median, turned into ranks.
    ordered, n = np.sort(values), values.size
    around = wilson(n / 2, n)
    return Interval(float(ordered[int(around.low * (n - 1))]), float(ordered[int(np.ceil(around.high * (n - 1)))]))
