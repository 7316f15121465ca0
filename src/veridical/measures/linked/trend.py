"""Do columns of children go with columns of their parents, and of those above, as in the real data?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from veridical.core.chunks import numbers_of
from veridical.core.contracts import Evidence, RunContext
from veridical.core.dataset import Dataset
from veridical.core.finding import Direction, Finding, Interval, not_measured
from veridical.core.schema import Schema
from veridical.measures.linked.side import common_of, joined, real_of, with_parents
from veridical.prepare.codec import whole

BINS = 8
MOST_ROWS = 100_000
MOST_LEVELS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Trends:
    """How far the joint distribution of a child's and an ancestor's column is from the real one, by hop.

    Each pair is compared on eight levels a column by total variation; a hop's figure is the mean over its pairs. The
    ceiling is the same figure of held-out entities.

    Example:
        >>> Trends().most_pairs
        200
    """

    most_pairs: int = 200
    least_rows: int = 50

    def measure(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return `linked.trends` of each table and hop."""
        real, found = real_of(evidence), list[Finding]()
        for table in with_parents(evidence.schema):
            rows = min(real.tables[table].num_rows, evidence.synthetic.tables[table].num_rows)
            if rows < self.least_rows:
                found.append(not_measured("linked.trends", "too few rows", n=rows, scope=(table,)))
                continue
            found += self._table(real, evidence.synthetic, evidence.holdout, evidence.schema, table, ctx)
        return found

    def _table(
        self, real: Dataset, made: Dataset, holdout: Dataset | None, schema: Schema, table: str, ctx: RunContext
    ) -> list[Finding]:
        common = common_of(real, schema)
        held = (
            None
            if holdout is None or not holdout.tables[table].num_rows
            else _some(joined(holdout, schema, table, common).rows, ctx.rng("linked", table))
        )
        theirs, ours = joined(real, schema, table, common).rows, joined(made, schema, table, common).rows
        rng = ctx.rng("linked", "trends", table)
        theirs, ours = _some(theirs, rng), _some(ours, rng)
        own = [name for name in theirs.column_names if "." not in name]
        by_hop: dict[int, list[float]] = defaultdict(list)
        ceilings: dict[int, list[float]] = defaultdict(list)
        codes = {name: _levels(theirs[name], ours[name]) for name in theirs.column_names if name in ours.column_names}
        pairs = [
            (name, above) for name in own for above in theirs.column_names
            if "." in above and codes.get(name) is not None and codes.get(above) is not None
        ]  # fmt: skip
        for name, above in pairs if len(pairs) <= self.most_pairs else [
            pairs[i] for i in rng.choice(len(pairs), self.most_pairs, replace=False)
        ]:  # fmt: skip
            by_hop[above.count(".")].append(_apart(codes[name], codes[above]))
            if held is not None:
                sides = (_levels(theirs[name], held[name]), _levels(theirs[above], held[above]))
                ceilings[above.count(".")].append(_apart(*sides))
        found = []
        for hop, values in sorted(by_hop.items()):
            mean, error = float(np.mean(values)), float(np.std(values) / np.sqrt(len(values)))
            found.append(
                Finding(
                    check="linked.trends",
                    value=mean,
                    n=ours.num_rows,
                    direction=Direction.LOWER,
                    scope=(table, f"hop {hop}"),
                    interval=Interval(max(0.0, mean - 1.96 * error), mean + 1.96 * error),
                    unit="total variation",
                    ceiling=float(np.mean(ceilings[hop])) if ceilings[hop] else None,
                    sentence=f"Columns of {table} go with those {hop} link{'s' if hop > 1 else ''} above; the joint "
                    f"distributions are {mean:.3f} apart on average over {len(values)} pairs.",
                    detail={"interval": "over pairs, 95 %", "pairs": len(values)},
                )
            )
        return found


def _some(table: pa.Table, rng: np.random.Generator) -> pa.Table:
    if table.num_rows <= MOST_ROWS:
        return table
    return table.take(pa.array(np.sort(rng.choice(table.num_rows, MOST_ROWS, replace=False))))


Levels = tuple[np.ndarray, np.ndarray]


def _levels(theirs: pa.ChunkedArray, ours: pa.ChunkedArray) -> Levels | None:
    """Return both sides on the same few levels, made of the real side; None for columns of one value."""
    one, two = whole(theirs), whole(ours)
    if pa.types.is_string(one.type) or pa.types.is_large_string(one.type) or pa.types.is_boolean(one.type):
        one, two = one.cast(pa.string()), two.cast(pa.string())
        counted = one.drop_null().value_counts()
        order = np.argsort(-counted.field("counts").to_numpy(zero_copy_only=False), kind="stable")[: MOST_LEVELS - 2]
        kept = counted.field("values").take(pa.array(order))
        return tuple(_index(side, kept) for side in (one, two)) if len(kept) > 1 else None  # type: ignore[return-value]
    first, second = numbers_of(one), numbers_of(two)
    known = first[~np.isnan(first)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1])) if len(known) else np.zeros(0)
    if not len(edges) or (known.min() == known.max()):
        return None
    return _binned(first, edges), _binned(second, edges)


def _index(values: pa.Array, kept: pa.Array) -> np.ndarray:
    import pyarrow.compute as pc

    found = pc.fill_null(pc.index_in(values, kept), len(kept)).to_numpy(zero_copy_only=False).astype(np.int64)
    return np.where(values.is_null().to_numpy(zero_copy_only=False), len(kept) + 1, found)


def _binned(numbers: np.ndarray, edges: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(numbers), len(edges) + 1, np.searchsorted(edges, numbers, side="right"))


def _apart(one: Levels | None, two: Levels | None) -> float:
    assert one is not None
    assert two is not None
    width = int(max(two[0].max(), two[1].max())) + 1
    real, made = one[0] * width + two[0], one[1] * width + two[1]
    size = int(max(real.max(), made.max())) + 1
    shares = [np.bincount(side, minlength=size) / len(side) for side in (real, made)]
    return float(np.abs(shares[0] - shares[1]).sum() / 2)
