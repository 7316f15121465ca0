"""Which rows does a condition ask for, in the schema's columns and in the modelled ones?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from veridical.core.contracts import Allowed
from veridical.core.errors import SpecError
from veridical.core.expression import Expression, parse
from veridical.core.restriction import intersect, is_empty, split
from veridical.core.schema import Role
from veridical.prepare import Restore


@dataclass(frozen=True, slots=True)
class Condition:
    """What every row of a batch must satisfy.

    `modelled` limits what the sampler draws, as far as it can; `chosen` are values for columns that are made up, not
    drawn; `whole` is checked on every finished row, so what the limits let through too much is drawn again.
    """

    text: str = ""
    modelled: Mapping[str, Allowed] = field(default_factory=dict)
    chosen: Mapping[str, Allowed] = field(default_factory=dict)
    whole: Expression | None = None
    extra: Callable[[pa.Table], NDArray[np.bool_]] | None = None  # one more test: which rows are not asked for

    def broken(self, table: pa.Table) -> NDArray[np.bool_]:
        """Say for each row whether it is one not asked for."""
        found = np.zeros(table.num_rows, dtype=bool) if self.extra is None else self.extra(table)
        if self.whole is None:
            return found
        kept = pc.fill_null(self.whole.evaluate(table), False)
        return found | ~np.asarray(kept.to_numpy(zero_copy_only=False), dtype=bool)

    def also(self, limits: Mapping[str, Allowed]) -> Condition:
        """Return this condition with more limits on modelled columns."""
        merged = dict(self.modelled)
        for name, allowed in limits.items():
            merged[name] = intersect(merged[name], allowed) if name in merged else allowed
        return replace(self, modelled=merged)


def condition_of(where: str | None, restore: Restore) -> Condition:
    """Return the condition that an expression spells.

    Raises:
        SpecError: the expression is wrong, or no row can ever satisfy it.
    """
    if where is None or not where.strip():
        return Condition()
    present = [column for column in restore.schema.columns if column.role is not Role.DROP]
    whole = parse(where, present)
    limits, _ = split(whole)
    for name, allowed in limits.items():
        if is_empty(allowed):
            raise impossible(where, f"nothing satisfies what it asks of `{name}`")
    modelled = restore.limit(limits)
    generated = {column.name: column for column in restore.modelled}
    for name, allowed in modelled.items():
        column = generated.get(name)
        if column is None:
            continue
        bounds = Allowed(low=_number(column.low), high=_number(column.high), nulls=True)
        if is_empty(intersect(allowed, bounds)):
            raise impossible(where, f"the model knows no such value of `{name}`")
    chosen = {name: allowed for name, allowed in limits.items() if name in restore.made_up}
    kept = {name: allowed for name, allowed in modelled.items() if name in generated}
    return Condition(where, kept, chosen, whole)


def impossible(where: str, why: str) -> SpecError:
    """Return the error for a condition that no row meets."""
    return SpecError(f"no row can satisfy this condition: {why}", where=repr(where), fix="widen the condition")


def _number(bound: float | str | None) -> float | None:
    return float(bound) if isinstance(bound, int | float) else None
