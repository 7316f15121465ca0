"""Does every key have its row, and have parents as many children as real ones?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from veridical.core.contracts import Evidence, RunContext
from veridical.core.finding import Direction, Finding, Interval, not_measured
from veridical.core.schema import ForeignKey
from veridical.measures.linked.side import real_of
from veridical.prepare.link import Pointing, point
from veridical.prepare.violation import repeated

LEAST_PARENTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Referential integrity, unique keys, and the distribution of children per parent, of every link.

    The real side is train and holdout together: a link whose parents stand on both sides has all its rows only then.

    Example:
        >>> Keys().least_parents
        5
    """

    least_parents: int = LEAST_PARENTS

    def measure(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:  # noqa: ARG002
        """Return `linked.integrity`, `linked.null_keys`, `linked.cardinality` by link and `linked.unique` by table."""
        real, found = real_of(evidence), list[Finding]()
        if not evidence.schema.foreign_keys:
            found.append(_no_link(evidence.synthetic.rows))
        for link in evidence.schema.foreign_keys:
            theirs, ours = point(real.tables, link), point(evidence.synthetic.tables, link)
            found += [_integrity(link, theirs, ours), _nulls(link, theirs, ours), self._numbers(link, theirs, ours)]
        for table in evidence.schema.tables:
            if table.primary_key:
                rows = evidence.synthetic.tables[table.name]
                twice = repeated(rows, table.primary_key)
                found.append(
                    Finding(
                        check="linked.unique",
                        value=float(twice),
                        n=rows.num_rows,
                        direction=Direction.LOWER,
                        scope=(table.name,),
                        unit="rows",
                        baseline=float(repeated(real.tables[table.name], table.primary_key)),
                        sentence=f"{twice:,} rows of {table.name} repeat a primary key.",
                    )
                )
        return found

    def _numbers(self, link: ForeignKey, theirs: Pointing, ours: Pointing) -> Finding:
        check, scope = "linked.cardinality", _scope(link)
        if min(theirs.present, ours.present) < self.least_parents:
            return not_measured(check, "too few parents", n=min(theirs.present, ours.present), scope=scope)
        one, two = theirs.counts[: theirs.present], ours.counts[: ours.present]
        value, p_value = _kolmogorov(one, two)
        half = 1.36 * np.sqrt(1 / len(one) + 1 / len(two))
        return Finding(
            check=check, value=value, n=len(two), direction=Direction.LOWER, scope=scope, p_value=p_value,
            interval=Interval(max(0.0, value - half), min(1.0, value + half)), unit="Kolmogorov-Smirnov distance",
            sentence=f"Children per {link.parent} by {_words(link)}: on average {two.mean():.2f}, in the real data "
            f"{one.mean():.2f}; the distributions differ by {value:.3f} at most.",
            detail={"interval": "Kolmogorov, 95 %", "childless": [float((one == 0).mean()), float((two == 0).mean())]},
        )  # fmt: skip


def _kolmogorov(one: np.ndarray, two: np.ndarray) -> tuple[float, float]:
    levels = np.unique(np.concatenate([one, two]))
    first = np.searchsorted(np.sort(one), levels, side="right") / len(one)
    second = np.searchsorted(np.sort(two), levels, side="right") / len(two)
    value = float(np.abs(first - second).max())
    size = len(one) * len(two) / (len(one) + len(two))
    return value, float(stats.kstwobign.sf(np.sqrt(size) * value))


def _no_link(rows: int) -> Finding:
    return Finding(
        check="linked.integrity", value=0.0, n=rows, direction=Direction.LOWER, ceiling=0.0, p_value=1.0,
        unit="share of keys without a row", sentence="No table points to another: there is no key to break.",
    )  # fmt: skip


def _integrity(link: ForeignKey, theirs: Pointing, ours: Pointing) -> Finding:
    broken = int((ours.rows >= ours.present).sum())
    named = int((ours.rows >= 0).sum())
    real = theirs.broken_share
    # A source without a broken link allows none; one with some allows as many, within what chance makes of them.
    p_value = float(stats.binom.sf(broken - 1, named, real)) if 0 < real < 1 else float(broken == 0)
    return Finding(
        check="linked.integrity", value=ours.broken_share, n=named, direction=Direction.LOWER, scope=_scope(link),
        ceiling=real, p_value=p_value, unit="share of keys without a row",
        sentence=f"{ours.broken_share:.2%} of {_words(link)} point to no row of {link.parent}; in the real data "
        f"{real:.2%}.",
    )  # fmt: skip


def _nulls(link: ForeignKey, theirs: Pointing, ours: Pointing) -> Finding:
    mine = float((ours.rows < 0).mean()) if len(ours.rows) else 0.0
    real = float((theirs.rows < 0).mean()) if len(theirs.rows) else 0.0
    return Finding(
        check="linked.null_keys", value=abs(mine - real), n=len(ours.rows), direction=Direction.LOWER,
        scope=_scope(link), unit="difference of shares",
        sentence=f"{mine:.2%} of {_words(link)} are empty; in the real data {real:.2%}.",
    )  # fmt: skip


def _scope(link: ForeignKey) -> tuple[str, ...]:
    return (link.table, *link.columns)


def _words(link: ForeignKey) -> str:
    return f"{link.table} ({', '.join(link.columns)})"
