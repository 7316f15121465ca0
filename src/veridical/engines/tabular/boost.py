"""How are edge cases drawn more often than in the real data, at a stated multiple, and labelled?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.core.contracts import SampleRequest
from veridical.core.errors import SpecError
from veridical.engines.tabular.balance import Group
from veridical.engines.tabular.condition import Condition
from veridical.prepare import Restore
from veridical.prepare.tails import Tails

LABEL = "veridical_boosted"
PLAIN = ""
MOST = 0.9  # of all rows; the rest must stay as it is


@dataclass(frozen=True, slots=True)
class Boost:
    """Which share of rows each boosted part gets ("tails", "rare", and "" for rows that are neither)."""

    parts: Mapping[str, float] = field(default_factory=dict)
    tests: Mapping[str, Callable[[pa.Table], NDArray[np.bool_]]] = field(default_factory=dict)

    def narrowed(self, condition: Condition, part: str) -> Condition:
        """Return the condition for rows of one part."""
        if not self.tests:
            return condition
        if part != PLAIN:
            test = self.tests[part]
            return replace(condition, extra=lambda table: ~test(table))
        return replace(condition, extra=lambda table: np.any([test(table) for test in self.tests.values()], axis=0))

    def labels(self, groups: Sequence[Group], rows: int) -> pa.Array:
        """Return the label column: which rows were drawn as edge cases ("" for none)."""
        found = np.full(rows, PLAIN, dtype=object)
        for group in groups:
            found[group.rows] = group.part
        return pa.array(found, pa.string())


def boost_of(request: SampleRequest, restore: Restore, tails: Tails) -> Boost:
    """Return what a request boosts; a multiple m gives m times the share seen in the real data.

    Raises:
        SpecError: there is no such part, no such cell, or a multiple cannot be reached.
    """
    if not request.boost:
        return Boost()
    tests: dict[str, Callable[[pa.Table], NDArray[np.bool_]]] = {}
    known: dict[str, Callable[[pa.Table], NDArray[np.bool_]]] = {
        "tails": tails.tail_rows,
        "rare": lambda table: tails.rare_rows(table, restore.schema),
    }
    parts: dict[str, float] = {}
    for name, multiple in request.boost.items():
        if name not in known:
            raise SpecError(f"nothing is called {name!r}", where="boost", fix="boost tails, rare, or both")
        share = tails.shares.get(name, 0.0)
        if share <= 0 or multiple < 0:
            fix = "leave it out" if share <= 0 else "give a multiple of 0 or more"
            raise SpecError(
                "the data has no such rows" if share <= 0 else "the multiple is below 0", where=f"boost {name}", fix=fix
            )
        parts[name], tests[name] = share * multiple, known[name]
    total = sum(parts.values())
    if total > MOST:
        raise SpecError(
            f"{total:.0%} of the rows would be edge cases",
            where="boost",
            fix=f"divide the multiples by {total / MOST:.2g}",
        )
    return Boost({**parts, PLAIN: 1 - total}, tests)
