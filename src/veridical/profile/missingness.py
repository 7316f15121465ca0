"""Which columns are missing together?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from veridical.core.schema import Constraint
from veridical.profile.facts import Facts
from veridical.profile.sample import Mask

MOST_COLUMNS = 400
ENOUGH = 20.0  # rows that would break the rule if the columns were missing independently
SHOWN = 10


@dataclass(frozen=True, slots=True)
class Missing:
    """Groups that are missing together, and in words what implies what."""

    constraints: tuple[Constraint, ...]
    findings: tuple[str, ...]


def find(table: pa.Table, facts: Sequence[Facts]) -> Missing:
    """Return groups of columns that are null in exactly the same rows, and implications between the groups.

    Example:
        >>> from veridical.profile.facts import facts_of
        >>> cells = [1, None] * 100
        >>> table = pa.table({"a": cells, "b": cells})
        >>> find(table, list(facts_of(table))).constraints[0].columns
        ('a', 'b')
    """
    groups: dict[bytes, list[str]] = defaultdict(list)
    for column in facts:
        if 0 < column.nulls < column.rows:
            groups[np.packbits(null_mask(table, column.name)).tobytes()].append(column.name)
        if len(groups) > MOST_COLUMNS:
            break
    constraints = []
    rows = table.num_rows
    counts = {column.name: column.nulls for column in facts}
    for names in groups.values():
        share = counts[names[0]] / rows
        if len(names) > 1 and rows * share * (1 - share) >= ENOUGH / 2:
            reason = f"missing in the same {counts[names[0]]:,} rows, and in no other"
            constraints.append(_mutual(tuple(names), reason))
    findings = _implications([(names, packed) for packed, names in groups.items()], counts, rows)
    return Missing(tuple(constraints), tuple(findings))


def null_mask(table: pa.Table, name: str) -> Mask:
    """Return where a column is null."""
    return np.asarray(table.column(name).is_null().to_numpy())


def _mutual(names: tuple[str, ...], reason: str) -> Constraint:
    return Constraint(type="mutual_missing", columns=names, source="learned", reason=reason, confidence=0.95)


def _implications(groups: list[tuple[list[str], bytes]], counts: dict[str, int], rows: int) -> list[str]:
    found = []
    masks = [np.frombuffer(packed, dtype=np.uint8) for _, packed in groups]
    for i, (one, _) in enumerate(groups[:60]):
        for j, (other, _) in enumerate(groups[:60]):
            nulls, more = counts[one[0]], counts[other[0]]
            if i == j or nulls >= more or nulls * (1 - more / rows) < ENOUGH:
                continue
            if not np.any(masks[i] & ~masks[j]):
                found.append(f"where {one[0]} is missing, {other[0]} is missing too")
    return found[:SHOWN]
