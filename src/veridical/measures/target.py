"""What would a model of this data predict, and which rows can it learn from?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veridical.measures.column import Coding, Floats
from veridical.measures.view import Side, View

MOST_CLASSES = 12
_AS_CLASSES = 10  # a number with up to this many values is predicted as a class


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The predicted column: classes (the commonest of train, then one for all others) or a number.

    `named` says whether the schema names it; otherwise it was chosen here.
    """

    name: str
    classes: int  # 0 for a number
    named: bool
    table: NDArray[np.int64]  # the class of each bin; -1 where it is missing
    rare: int  # the class that fewest train rows have

    @property
    def is_class(self) -> bool:
        """Whether classes are predicted."""
        return self.classes > 0

    def answers(self, view: View, side: Side) -> NDArray[Any]:
        """Return each row's class (-1 missing) or number (NaN missing)."""
        if self.is_class:
            return self.table[side.bins[view.at(self.name)]]
        return side.numbers[self.name]

    def known(self, view: View, side: Side) -> NDArray[np.int64]:
        """Return the rows that have an answer."""
        answers = self.answers(view, side)
        return np.flatnonzero(answers >= 0 if self.is_class else ~np.isnan(answers))


def target_of(view: View, name: str | None = None) -> Target | None:
    """Return the target named here or in the schema; else the last column fit to be one; None when there is none."""
    wanted = name if name is not None else view.schema.target
    if wanted is not None:
        return _target(view, wanted, named=True) if wanted in view.names else None
    for coding in reversed(view.codings):
        found = _target(view, coding.name, named=False)
        if found is not None and found.is_class:
            return found
    numbers = [coding.name for coding in view.numeric if coding.width > 2 * _AS_CLASSES]
    return _target(view, numbers[-1], named=False) if numbers else None


def _target(view: View, name: str, *, named: bool) -> Target | None:
    """Return the target; None when train has one answer only, or (where nobody named it) too many to be classes."""
    coding = view.coding(name)
    counts = np.bincount(view.train.bins[view.at(name)], minlength=coding.width)
    table = _classes(coding, view.train.ordered.get(name, np.zeros(0)))
    if table is None:
        if np.count_nonzero(counts[:-1]) < 2:
            return None
        return Target(name=name, classes=0, named=named, table=np.zeros(0, np.int64), rare=0)
    sizes = np.bincount(table[table >= 0], weights=counts[table >= 0])
    if sizes.size < 2 or np.count_nonzero(sizes) < 2:
        return None
    if not named and (coding.known > MOST_CLASSES or sizes.min() < 0.02 * view.train.rows):
        return None
    return Target(name=name, classes=sizes.size, named=named, table=table, rare=int(sizes.argmin()))


def _classes(coding: Coding, ordered: Floats) -> NDArray[np.int64] | None:
    """Return the class of each bin; None when the column is predicted as a number."""
    table = np.full(coding.width, -1, np.int64)
    if not coding.is_number:
        kept = min(coding.levels, MOST_CLASSES)
        table[:-1] = np.minimum(np.arange(coding.width - 1), kept if coding.levels > kept else kept - 1)
        return table
    values = np.unique(ordered)
    if not 2 <= values.size <= _AS_CLASSES:
        return None
    table[:-1] = np.clip((np.arange(coding.width - 1) - 1) // 2, 0, values.size - 1)
    return table
