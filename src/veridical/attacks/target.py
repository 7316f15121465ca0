"""Whom does an attacker aim at, and how is what they gain on training rows told from what they gain on anyone?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.attacks.evidence import TableEvidence, chosen_rows
from veridical.attacks.proportion import Rate, more_than, risk_over
from veridical.core.finding import Direction, Finding
from veridical.encode.neighbours import Encoded, Space


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """As many training rows as holdout rows to attack, and the synthetic rows in random order, all encoded."""

    space: Space
    synthetic: Encoded
    train: Encoded
    holdout: Encoded
    synthetic_rows: NDArray[np.int64]
    train_rows: NDArray[np.int64]
    holdout_rows: NDArray[np.int64]


def aim(table: TableEvidence, attacks: int, rng: np.random.Generator) -> Aim:
    """Return targets of both sides, equally many; all synthetic rows are searched."""
    space = Space.learn([table.synthetic], table.schema)
    count = min(attacks, table.train.num_rows, table.holdout.num_rows)
    train, holdout = (chosen_rows(side.num_rows, count, rng) for side in (table.train, table.holdout))
    order = rng.permutation(table.synthetic.num_rows)
    return Aim(
        space=space,
        synthetic=_taken(space.encode(table.synthetic), order),
        train=space.encode(table.train.take(pa.array(train))),
        holdout=space.encode(table.holdout.take(pa.array(holdout))),
        synthetic_rows=order,
        train_rows=train,
        holdout_rows=holdout,
    )


def compare(check: str, scope: tuple[str, ...], attack: Rate, control: Rate, baseline: float, what: str) -> Finding:
    """Return the finding of an attack that aimed at equally many training and holdout rows.

    Source: Giomi et al. 2023, section 3, for risk, control and baseline.
    """
    risk = risk_over(attack, control)
    return Finding(
        check=check,
        scope=scope,
        value=attack.share,
        n=attack.n,
        direction=Direction.LOWER,
        interval=attack.interval,
        ceiling=control.share,
        baseline=baseline,
        p_value=more_than(attack, control),
        sentence=(
            f"{what} {attack.share:.1%} of the people learned from, {control.share:.1%} of people never learned "
            f"from, and {baseline:.1%} by guessing."
        ),
        detail={
            "control": control.share,
            "control_interval": [control.interval.low, control.interval.high],
            "risk": risk.value,
            "risk_interval": [risk.interval.low, risk.interval.high],
        },
    )


def _taken(rows: Encoded, order: NDArray[np.int64]) -> Encoded:
    return Encoded(values=np.ascontiguousarray(rows.values[order]), names=rows.names)
