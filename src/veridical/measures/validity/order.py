"""Does a row's place in the file tell what is in it?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from veridical.core.contracts import Evidence, RunContext
from veridical.core.finding import Direction, Finding, not_measured
from veridical.measures import view as views
from veridical.measures.view import Side, View

CHECK = "validity.row_order"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowOrder:
    """How strongly columns depend on the row's position: Cramer's V between value and stretch of the file.

    Data that comes out sorted, or in the order of the training rows, tells more than its rows do. The worst
    column is told, with a p-value for all together (Bonferroni); the ceiling is train's own order. Sequences
    (a schema with `order_by`) are in order by right, and not measured.

    Source: Cramer 1946; bias-corrected by Bergsma 2013, "A bias-correction for Cramer's V".

    Example:
        >>> RowOrder().stretches
        20
    """

    stretches: int = 20
    levels: int = 12

    def measure(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return `validity.row_order` of each table."""
        return [self._table(evidence, view) for view in views.of(evidence, ctx)]

    def _table(self, evidence: Evidence, view: View) -> Finding:
        if any(table.order_by is not None for table in evidence.schema.tables):
            return not_measured(CHECK, "rows of a sequence are in order by right", scope=view.scope())
        if min(view.synthetic.rows, view.train.rows) < 20 * self.stretches:
            return not_measured(
                CHECK, f"fewer than {20 * self.stretches} rows", n=view.synthetic.rows, scope=view.scope()
            )
        names = [coding.name for coding in (*view.categorical, *view.numeric)]
        found = {name: self._strength(view.synthetic, name) for name in names}
        known = {name: value for name, value in found.items() if value is not None}
        if not known:
            return not_measured(CHECK, "no column varies", n=view.synthetic.rows, scope=view.scope())
        worst = max(known, key=lambda name: known[name][0])
        own = self._strength(view.train, worst)
        value, _ = known[worst]
        p_value = min(1.0, min(p for _, p in known.values()) * len(known))
        return Finding(
            check=CHECK,
            scope=view.scope(),
            value=value,
            n=view.synthetic.rows,
            direction=Direction.LOWER,
            ceiling=0.0 if own is None else own[0],
            baseline=0.0,
            p_value=p_value,
            sentence=f"A row's place in the file tells its {worst} by {value:.2f} (0: not at all, 1: surely).",
            detail={"column": worst, "strength": {name: round(v, 4) for name, (v, _) in known.items()}},
        )

    def _strength(self, side: Side, name: str) -> tuple[float, float] | None:
        values = self._levels(side, name)
        if values is None:
            return None
        place = np.arange(values.size) * self.stretches // values.size
        width = int(values.max()) + 1
        table = np.bincount(place * width + values, minlength=self.stretches * width).reshape(self.stretches, width)
        table = table[:, table.sum(axis=0) > 0]
        if table.shape[1] < 2:
            return None
        test = stats.chi2_contingency(table, correction=False)
        rows, columns = table.shape
        squared = max(0.0, test.statistic / table.sum() - (rows - 1) * (columns - 1) / (table.sum() - 1))
        smaller = min(rows - (rows - 1) ** 2 / (table.sum() - 1), columns - (columns - 1) ** 2 / (table.sum() - 1))
        return float(np.sqrt(squared / (smaller - 1))), float(test.pvalue)

    def _levels(self, side: Side, name: str) -> NDArray[np.int64] | None:
        if name in side.codes:
            codes = side.codes[name]
            common = np.argsort(-np.bincount(codes - codes.min()))[: self.levels] + codes.min()
            place = {int(code): index for index, code in enumerate(common)}
            return np.array([place.get(int(code), self.levels) for code in codes], dtype=np.int64)
        numbers = side.numbers[name]
        known = numbers[~np.isnan(numbers)]
        if not known.size:
            return None
        cuts = np.unique(np.quantile(known, [0.25, 0.5, 0.75]))
        return np.where(np.isnan(numbers), 4, np.searchsorted(cuts, numbers, side="left")).astype(np.int64)
