"""Which combinations of categories cannot be?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from veridical.core.schema import CATEGORY_KINDS, Constraint
from veridical.profile.facts import Floats, codes_of
from veridical.profile.sample import Sample

EXPECTED = 25.0  # rows there would be if the columns were independent: none by chance has p < 1e-10
EXPECTED_SHARE = 0.002  # of all rows; below it a gap may just be rare
MOST_COLUMNS = 40
MOST_VALUES = 40
KEPT = 10
MOST_CELLS = 1_000_000
SLICE = 1 << 18  # rows counted at once
PER_PAIR = 3


@dataclass(frozen=True, slots=True)
class _Gap:
    one: str
    other: str
    value: str | None
    excluded: tuple[str | None, ...]
    expected: float


def find(table: pa.Table, sample: Sample, *, known: frozenset[frozenset[str]], rare_below: int) -> list[Constraint]:
    """Return combinations of two categories that many rows should hold by chance and none does.

    Few are kept: those with the most rows expected. Pairs in `known` are already tied by a dependency.
    Only values that k rows carry are named.

    Example:
        >>> from veridical.profile.table import learn_table
        >>> rng = np.random.default_rng(0)
        >>> sex = rng.choice(["F", "M"], 900)
        >>> pregnant = np.where((sex == "F") & (rng.random(900) < 0.3), "yes", "no")
        >>> learn_table(pa.table({"sex": sex, "pregnant": pregnant}), name="t")[0].constraints[-1].when
        'sex == "M" and pregnant == "yes"'
    """
    columns = [c for c in sample.columns if c.kind in CATEGORY_KINDS and c.categories is not None]
    names = [c.name for c in columns if 1 < len(c.categories or ()) <= MOST_VALUES][:MOST_COLUMNS]
    found: list[_Gap] = []
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            if frozenset((one, other)) not in known and _has_gap(sample, one, other):
                found += sorted(_gaps(table, one, other, rare_below), key=lambda gap: -gap.expected)[:PER_PAIR]
    found.sort(key=lambda gap: -gap.expected)
    return [_rule(gap, table.num_rows, table) for gap in found[:KEPT]]


def _counts(one: pa.ChunkedArray, other: pa.ChunkedArray) -> Floats:
    a, b = codes_of(one) + 1, codes_of(other) + 1
    height, width = int(a.max(initial=0)) + 1, int(b.max(initial=0)) + 1
    if height * width > MOST_CELLS:
        return np.ones((1, 1))  # thousands of rare values beside the common ones: no gap is looked for
    counts = np.zeros(height * width)
    for start in range(0, len(a), SLICE):
        cells = a[start : start + SLICE] * width + b[start : start + SLICE]
        counts += np.bincount(cells, minlength=height * width)
    return counts.reshape(height, width)


def _least(rows: int) -> float:
    return max(EXPECTED, EXPECTED_SHARE * rows)


def _expected(counts: Floats) -> Floats:
    return np.outer(counts.sum(axis=1), counts.sum(axis=0)) / max(counts.sum(), 1.0)


def _has_gap(sample: Sample, one: str, other: str) -> bool:
    a, b = sample.codes(one) + 1, sample.codes(other) + 1
    height, width = int(a.max(initial=0)) + 1, int(b.max(initial=0)) + 1
    if height * width > MOST_CELLS:
        return False
    counts = np.bincount(a * width + b, minlength=height * width).reshape(height, width)
    expected = _expected(counts.astype(np.float64))
    return bool(np.any((counts == 0) & (expected > _least(sample.rows) / 2)))


def _gaps(table: pa.Table, one: str, other: str, rare_below: int) -> Iterator[_Gap]:
    counts = _counts(table.column(one), table.column(other))
    left, right = _texts(table, one), _texts(table, other)
    expected = _expected(counts)
    empty = (counts == 0) & (expected >= EXPECTED)
    # Nulls (row and column 0) have their own rules.
    empty[0] = False
    empty[:, 0] = False
    empty[counts.sum(axis=1) < rare_below] = False
    empty[:, counts.sum(axis=0) < rare_below] = False
    while (empty * expected).max(initial=0.0) >= _least(table.num_rows):
        by_left, by_right = (empty * expected).sum(axis=1), (empty * expected).sum(axis=0)
        if by_left.max() > by_right.max():
            row = int(by_left.argmax())
            hit = np.flatnonzero(empty[row])
            yield _Gap(one, other, left[row], tuple(right[k] for k in hit), float(by_left[row]))
            empty[row] = False
        else:
            column = int(by_right.argmax())
            hit = np.flatnonzero(empty[:, column])
            yield _Gap(other, one, right[column], tuple(left[k] for k in hit), float(by_right[column]))
            empty[:, column] = False


def _texts(table: pa.Table, name: str) -> list[str | None]:
    values = table.column(name).dictionary_encode().combine_chunks()
    values = values.chunk(0) if isinstance(values, pa.ChunkedArray) else values
    return [None, *values.dictionary.cast(pa.string()).to_pylist()]


def _rule(gap: _Gap, rows: int, table: pa.Table) -> Constraint:
    one = f"{_q(gap.one)} == {_literal(gap.value, table, gap.one)}"
    values = [_literal(value, table, gap.other) for value in sorted(gap.excluded, key=str)]
    other = f"{_q(gap.other)} == {values[0]}" if len(values) == 1 else f"{_q(gap.other)} in ({', '.join(values)})"
    first, second = (
        (one, other) if table.column_names.index(gap.one) < table.column_names.index(gap.other) else (other, one)
    )
    reason = f"none of {rows:,} rows; {gap.expected:,.0f} would be there by chance"
    return Constraint(
        type="forbidden", columns=(gap.one, gap.other), when=f"{first} and {second}", source="learned", reason=reason,
        confidence=0.9,
    )  # fmt: skip


def _literal(value: str | None, table: pa.Table, name: str) -> str:
    kind = table.schema.field(name).type
    if pa.types.is_boolean(kind):
        return "True" if value == "true" else "False"
    return (
        str(value) if pa.types.is_integer(kind) or pa.types.is_floating(kind) else json.dumps(value, ensure_ascii=False)
    )


def _q(name: str) -> str:
    from veridical.profile.rules import quoted

    return quoted(name)
