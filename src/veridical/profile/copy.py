"""Which columns hold the same values as an earlier one?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from veridical.core.schema import Column, Constraint, Kind
from veridical.profile.sample import Sample

HEAD = 50
_OWN = frozenset({Kind.IDENTIFIER, Kind.PERSONAL})


@dataclass(frozen=True, slots=True)
class Copies:
    """Formulas that say so, and each copy's original."""

    constraints: tuple[Constraint, ...]
    original: Mapping[str, str]


def find(table: pa.Table, sample: Sample) -> Copies:
    """Return columns that equal an earlier column of the same type in every row, constants apart.

    Example:
        >>> from veridical.profile.table import learn_table
        >>> table = pa.table({"a": list(range(50)) * 2, "b": list(range(50)) * 2})
        >>> learn_table(table, name="t")[0].constraints[0].expression
        'a'
    """
    heads: dict[tuple[str, str], list[Column]] = {}
    found: list[Constraint] = []
    original: dict[str, str] = {}
    for column in sample.columns:
        cells = table.column(column.name)
        head = str(cells.slice(0, HEAD).to_pylist())
        if column.kind in _OWN or cells.null_count == len(cells) or sample.codes(column.name).max(initial=0) < 1:
            continue
        for earlier in heads.setdefault((str(cells.type), head), []):
            if table.column(earlier.name).equals(cells):
                original[column.name] = earlier.name
                found.append(_rule(column.name, earlier.name, table.num_rows))
                break
        else:
            heads[(str(cells.type), head)].append(column)
    return Copies(tuple(found), original)


def _rule(copy: str, original: str, rows: int) -> Constraint:
    from veridical.profile.rules import quoted

    return Constraint(
        type="formula", columns=(copy,), expression=quoted(original), source="learned",
        reason=f"the same value in all {rows:,} rows", confidence=0.98,
    )  # fmt: skip
