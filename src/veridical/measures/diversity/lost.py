"""Which categories that real rows surely have never come out?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from veridical.core.contracts import Evidence, RunContext
from veridical.core.finding import Direction, Finding, not_measured
from veridical.measures import view as views
from veridical.measures.column import Coding
from veridical.measures.view import View

CHECK = "diversity.lost_categories"


@dataclass(frozen=True, slots=True, kw_only=True)
class LostCategories:
    """The share of real rows whose category of a column no synthetic row has, with a p-value.

    A category with share s of train's rows stays away from m rows drawn alike with probability (1 - s)^m; the
    p-value is the smallest of these, times the number of categories (Bonferroni). Categories that fewer
    than k training rows hold are meant to be absent and do not count.

    Example:
        >>> LostCategories()
        LostCategories()
    """

    def measure(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return `diversity.lost_categories` of each column of categories."""
        found = [_lost(view, coding) for view in views.of(evidence, ctx) for coding in view.categorical]
        return found or [not_measured(CHECK, "there is no column of categories")]


def _lost(view: View, coding: Coding) -> Finding:
    width, rows = max(len(coding.labels), 1), view.train.rows
    ours = np.bincount(view.synthetic.codes[coding.name] + 1, minlength=width + 1)[1 : width + 1]
    train = np.bincount(view.train.codes[coding.name] + 1, minlength=width + 1)[1 : width + 1]
    lost = (ours == 0) & (train >= view.rare_below)
    share = float(train[lost].sum() / max(rows, 1))
    p_value = 1.0
    if lost.any():
        commonest = float(train[lost].max()) / rows
        p_value = min(1.0, float((1 - commonest) ** view.synthetic.rows) * int((train >= view.rare_below).sum()))
    words = f"{int(lost.sum())} categories of {coding.name} never come out; {share:.2%} of real rows have them."
    return Finding(
        check=CHECK,
        scope=view.scope(coding.name),
        value=share,
        n=view.synthetic.rows,
        direction=Direction.LOWER,
        p_value=p_value,
        unit="share of real rows",
        sentence=words if lost.any() else f"Every common category of {coding.name} comes out.",
        detail={"lost": int(lost.sum())},
    )
