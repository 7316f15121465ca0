"""In which groups of values does a disclosure figure count people?"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veridical.attacks.evidence import Codes, TableEvidence
from veridical.attacks.predicate import Cells, cells_of
from veridical.core.errors import SchemaError
from veridical.core.schema import TableSchema

_BINS = 20
_MOST_LEVELS = 100
_MOST_NUMBERS = 4  # times the rows; beyond this, numbers are dealt afresh: counting by them would cost more
_MOST_KEYS = 5
# What outsiders tend to know of a person, best known first (after El Emam & Dankar 2008).
_KNOWN = tuple(
    re.compile(rf"(^|[^a-z])({words})([^a-z]|$)")
    for words in (
        "age|birth\\w*|dob|born",
        "sex|gender",
        "zip\\w*|post\\w*|city|town|state|region|county|country|native\\w*|nation\\w*",
        "race|ethnic\\w*",
        "marital\\w*",
        "education\\w*",
        "occupation|job|profession",
        "language|religion",
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """Each column as few whole numbers: categories as they are, many-valued numbers in 20 bins of equal count.

    `cells` is int64, columns x rows (train, synthetic, holdout); `counts` says how many levels a column has.
    """

    cells: NDArray[np.int64]
    counts: NDArray[np.int64]

    def combined(self, columns: tuple[int, ...]) -> NDArray[np.int64]:
        """Return one number a row, small enough to count by: equal where the rows agree in these columns."""
        combined = np.zeros(self.cells.shape[1], np.int64)
        size = 1
        for at in columns:
            combined = combined * self.counts[at] + self.cells[at]
            size *= int(self.counts[at])
            if size > _MOST_NUMBERS * combined.size:
                combined = np.asarray(np.unique(combined, return_inverse=True)[1], np.int64)
                size = int(combined.max(initial=0)) + 1
        return combined


def levels_of(table: TableEvidence, codes: Codes) -> Levels:
    """Return the levels of every compared column; bins are cut at the real rows' quantiles."""
    cells = cells_of(table, codes)
    coded = np.empty(codes.cells.shape, np.int64)
    for at in range(len(codes.names)):
        coded[at] = _levels(cells, codes, at)
    return Levels(cells=coded, counts=coded.max(axis=1, initial=0) + 1)


def _levels(cells: Cells, codes: Codes, at: int) -> NDArray[np.int64]:
    distinct = int(codes.cells[at].max(initial=-1)) + 1
    if not cells.is_number[at] or distinct <= _MOST_LEVELS:
        return codes.cells[at].astype(np.int64) + 1  # missing becomes 0
    values = cells.values[at]
    # Cut by train and holdout alike: bins that suit one side better would favour it.
    known = np.concatenate([values[codes.train], values[codes.holdout]])
    known = known[~np.isnan(known)]
    edges: NDArray[Any] = np.unique(np.quantile(known, np.linspace(0, 1, _BINS + 1)[1:-1])) if known.size else known
    return np.where(np.isnan(values), 0, np.searchsorted(edges, values, side="right") + 1).astype(np.int64)


def guessed_keys(schema: TableSchema, names: tuple[str, ...], levels: Levels) -> tuple[str, ...]:
    """Return what an outsider is likely to know: columns named like personal facts, else those with few values.

    At most five, in table order; protected columns come first, the target never.
    """
    usable = [name for name in names if name != schema.target]
    ranked = sorted((_rank(name, schema), at) for at, name in enumerate(usable))
    told = [usable[at] for rank, at in ranked if rank < len(_KNOWN)]
    few = [n for n in usable if 2 <= levels.counts[names.index(n)] <= _MOST_LEVELS + 1]
    chosen: list[str] = []
    for name in told if told else few:
        if len(chosen) < _MOST_KEYS and not any(_same(levels, names.index(name), names.index(k)) for k in chosen):
            chosen.append(name)
    return tuple(name for name in usable if name in chosen)


def _rank(name: str, schema: TableSchema) -> int:
    if name in schema.protected:
        return -1
    return next((rank for rank, words in enumerate(_KNOWN) if words.search(name.lower())), len(_KNOWN))


def _same(levels: Levels, one: int, two: int) -> bool:
    """Return whether two columns say the same: each value of one goes with a single value of the other."""
    pairs = np.unique(levels.combined((one, two))).size
    return bool(pairs == np.unique(levels.cells[one]).size == np.unique(levels.cells[two]).size)


def positions(names: tuple[str, ...], wanted: tuple[str, ...], where: str) -> tuple[int, ...]:
    """Return where columns stand.

    Raises:
        SchemaError: a column is not among those compared.
    """
    for name in wanted:
        if name not in names:
            raise SchemaError(f"no compared column {name!r}", where=where, fix=f"use some of {', '.join(names)}")
    return tuple(names.index(name) for name in wanted)
