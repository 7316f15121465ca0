"""Does what always holds in train - one column set by another, sums, orders - hold in synthetic rows too?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np
from numpy.typing import NDArray

from veridical.core.contracts import Evidence, RunContext
from veridical.core.finding import Finding, not_measured
from veridical.measures import view as views
from veridical.measures.column import GRID_VALUES, Floats
from veridical.measures.estimate import Estimate, share
from veridical.measures.figure import LEAST_ROWS, beside, figure
from veridical.measures.view import Side, View

FUNCTIONAL, FORMULA = "validity.dependencies", "validity.formulas"
_TRIED_ROWS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """Relations found in train, and the share of synthetic rows that break them.

    A functional dependency: the value of one column sets that of another for `strength` of train's rows, and is
    not itself nearly the same everywhere. A formula: equality, sum, product or order of numbers in all rows.

    Example:
        >>> Dependencies().strength
        0.999
    """

    strength: float = 0.999
    most_numbers: int = 16

    def measure(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return `validity.dependencies` and `validity.formulas` of each table and of each relation found."""
        return [finding for view in views.of(evidence, ctx) for finding in self._table(view)]

    def _table(self, view: View) -> list[Finding]:
        functional = [
            _Checked(pair, [_broken(view, side, pair, law) for side in _sides(view)])
            for pair, law in self._dependencies(view)
        ]
        formulas = [
            _Checked(relation.columns, [relation.broken(side) for side in _sides(view)])
            for relation in self._formulas(view)
        ]
        return [*_findings(view, FUNCTIONAL, functional), *_findings(view, FORMULA, formulas)]

    def _dependencies(self, view: View) -> Iterator[tuple[tuple[str, str], NDArray[np.int64]]]:
        """Yield each pair (sets, is set), and which bin of the second each bin of the first has in train."""
        exact = [c for c in view.codings if (c.width - 2 <= 2 * GRID_VALUES if c.is_number else c.known <= c.levels)]
        rows = view.train.rows
        for one, two in permutations(exact, 2):
            a, b = view.at(one.name), view.at(two.name)
            table = np.bincount(
                view.train.bins[a].astype(np.intp) * two.width + view.train.bins[b], minlength=one.width * two.width
            ).reshape(one.width, two.width)
            used = int((table.sum(axis=1) > 0).sum())
            if used * 20 > rows or table.sum(axis=0).max() > 0.95 * rows:
                continue
            if table.max(axis=1).sum() >= self.strength * rows:
                law = np.where(table.sum(axis=1) > 0, table.argmax(axis=1), -1)
                yield (one.name, two.name), law

    def _formulas(self, view: View) -> Iterator[_Relation]:
        names = [coding.name for coding in view.numeric if view.train.ordered[coding.name].size][: self.most_numbers]
        for one, two in combinations(names, 2):
            tried = (_Relation("equality", (one, two)), _Relation("order", (one, two)), _Relation("order", (two, one)))
            yield from [relation for relation in tried if relation.holds(view.train)][:1]
        for total, one, two in permutations(names, 3):
            if one < two:
                tried_three = [_Relation(kind, (total, one, two)) for kind in ("sum", "product")]
                yield from [relation for relation in tried_three if relation.holds(view.train)]


@dataclass(frozen=True, slots=True)
class _Checked:
    """A relation's columns, and the share that breaks it: of synthetic, then of held-out rows."""

    columns: tuple[str, ...]
    broken: list[Estimate]


@dataclass(frozen=True, slots=True)
class _Relation:
    """A relation of numbers by its name, and the columns it speaks of."""

    kind: str
    columns: tuple[str, ...]

    def broken(self, side: Side) -> Estimate:
        values = _complete([side.numbers[name] for name in self.columns])
        return share(int((~_KEPT[self.kind](*values)).sum()), values[0].size)

    def holds(self, side: Side) -> bool:
        """Whether it holds in every row, and could have been broken: not every pairing of the values keeps it."""
        values, kept = [side.numbers[name] for name in self.columns], _KEPT[self.kind]
        few = _complete([column[:: max(side.rows // _TRIED_ROWS, 1)] for column in values])
        if few[0].size < LEAST_ROWS or not kept(*few).all():
            return False
        whole = _complete(values)
        shifted = [np.roll(column, place) for place, column in enumerate(whole)]
        return bool(kept(*whole).all()) and float(kept(*shifted).mean()) < 0.9


def _close(one: Floats, two: Floats) -> NDArray[np.bool_]:
    return np.abs(one - two) <= 1e-6 + 1e-6 * np.abs(two)


_KEPT: dict[str, Callable[..., NDArray[np.bool_]]] = {
    "equality": _close,
    "order": lambda one, two: one <= two,
    "sum": lambda total, one, two: _close(total, one + two),
    "product": lambda total, one, two: _close(total, one * two),
}


def _complete(values: list[Floats]) -> list[Floats]:
    known = ~np.isnan(np.stack(values)).any(axis=0)
    return [column[known] for column in values]


def _sides(view: View) -> list[Side]:
    return [view.synthetic, *([] if view.holdout is None else [view.holdout])]


def _broken(view: View, side: Side, pair: tuple[str, str], law: NDArray[np.int64]) -> Estimate:
    one, two = (side.bins[view.at(name)] for name in pair)
    wanted = law[one]
    known = wanted >= 0
    return share(int((known & (wanted != two)).sum()), int(known.sum()))


def _findings(view: View, check: str, found: list[_Checked]) -> list[Finding]:
    what = "one column setting another" if check == FUNCTIONAL else "formula of numbers"
    if not found:
        return [not_measured(check, f"train has no {what}", n=view.train.rows, scope=view.scope())]
    out: list[Finding] = []
    worst = max(found, key=lambda item: item.broken[0].value)
    for item in (worst, *found):
        ours, ceiling = item.broken[0], item.broken[1] if len(item.broken) > 1 else None
        names = item.columns
        rule = f"{names[0]} sets {names[1]}" if check == FUNCTIONAL else f"the relation of {', '.join(names)} holds"
        head = "" if out else f"Of {len(found)} relations that hold in train, the worst kept: "
        out.append(
            figure(
                check, ours, f"{head}{ours.value:.2%} of the rows break that {rule}{beside(ceiling, '.2%')}.",
                scope=view.scope(*names) if out else view.scope(), ceiling=ceiling,
                detail={"relations": len(found), "columns": list(names)},
            )
        )  # fmt: skip
    return out
