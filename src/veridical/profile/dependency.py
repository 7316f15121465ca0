"""Which columns fix the value of another?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from veridical.core.schema import CATEGORY_KINDS, Constraint, Kind
from veridical.profile.facts import Codes, Facts, codes_of
from veridical.profile.sample import Sample

MOST_PAIRS = 6000
MOST_VALUES = 2000  # distinct values of the column that decides
HEAD = 2000
SURPRISE = 30.0  # pairs of rows that would disagree if the columns were unrelated
SHOWN = 12


@dataclass(frozen=True, slots=True)
class Dependencies:
    """Fixed combinations, every pair (decider, decided) behind them, and the rest in words."""

    constraints: tuple[Constraint, ...]
    pairs: frozenset[frozenset[str]]
    findings: tuple[str, ...]


def find(table: pa.Table, sample: Sample, facts: Sequence[Facts], *, rare_below: int) -> Dependencies:
    """Return functional dependencies that hold in every row and are no accident of nearly unique columns.

    Columns that fix one another become one group; a dependency that follows from two others is left out.

    Example:
        >>> from veridical.profile.table import learn_table
        >>> n = np.random.default_rng(0).integers(0, 6, 500)
        >>> table = pa.table({"grade": [f"g{i}" for i in n], "rank": n * 10})
        >>> learn_table(table, name="t")[0].constraints[0].columns
        ('grade', 'rank')
    """
    held = {pair for pair in _in_sample(sample, facts) if _in_all(table, *pair)}
    if not held:
        return Dependencies((), frozenset(), ())
    order = {name: i for i, name in enumerate(table.column_names)}
    groups, seen = [], set[str]()
    for name in table.column_names:
        twins = [other for other in table.column_names if (name, other) in held and (other, name) in held]
        if twins and name not in seen:
            groups.append((name, *twins))
            seen.update((name, *twins))
    leader = {name: group[0] for group in groups for name in group}
    one_way = {(leader.get(a, a), leader.get(b, b)) for a, b in held if leader.get(a, a) != leader.get(b, b)}
    direct = sorted(
        (pair for pair in one_way if not _follows(pair, one_way)), key=lambda pair: (order[pair[0]], order[pair[1]])
    )
    kinds = {column.name: column.kind for column in sample.columns}
    constraints = [_rule(g, "each value of one goes with one value of the others") for g in _lasting(groups, kinds)]
    findings = []
    for a, b in direct:
        kept = kinds[a] in CATEGORY_KINDS | {Kind.INTEGER} and kinds[b] is not Kind.IDENTIFIER
        if kept and _mostly_common(sample, a, b, rare_below):
            constraints.append(_rule((a, b), f"{a} decides {b} in all {table.num_rows:,} rows"))
        elif kinds[b] is not Kind.IDENTIFIER:
            findings.append(f"{a} decides {b}")
    pairs = frozenset(frozenset(pair) for pair in held)
    return Dependencies(tuple(constraints), pairs, tuple(findings[:SHOWN]))


def _lasting(groups: Sequence[tuple[str, ...]], kinds: Mapping[str, Kind]) -> Iterator[tuple[str, ...]]:
    """Yield groups without keys, which are made afresh: no combination that was seen with one can come again."""
    for group in groups:
        left = tuple(name for name in group if kinds[name] is not Kind.IDENTIFIER)
        if len(left) > 1:
            yield left


def _rule(columns: tuple[str, ...], reason: str) -> Constraint:
    return Constraint(type="fixed_combinations", columns=columns, source="learned", reason=reason, confidence=0.97)


def _in_sample(sample: Sample, facts: Sequence[Facts]) -> Iterator[tuple[str, str]]:
    kinds = {column.name: column.kind for column in sample.columns}
    usable = [
        f for f in facts
        if 2 <= f.distinct <= max(MOST_VALUES, 0) and f.distinct <= 0.2 * f.rows
        and (kinds[f.name] in CATEGORY_KINDS or f.distinct <= 400)
        and kinds[f.name] not in (Kind.TEXT, Kind.PERSONAL)
    ]  # fmt: skip
    tried = 0
    for distance in range(1, len(usable)):
        for one, other in zip(usable, usable[distance:], strict=False):
            tried += 1
            if tried > MOST_PAIRS:
                return
            for a, b in ((one, other), (other, one)):
                # A decider has at least as many values; a number decides nothing that is a number itself.
                if a.distinct >= b.distinct and _is_kept(sample.codes(a.name), sample.codes(b.name)):
                    yield a.name, b.name


def _is_kept(a: Codes, b: Codes) -> bool:
    if not _decides(a[:HEAD], b[:HEAD]) or not _decides(a, b):
        return False
    shares = np.bincount(b + 1) / len(b)
    repeats = len(a) - len(np.unique(a))
    return repeats * (1.0 - float(np.sum(shares**2))) >= SURPRISE


def _decides(a: Codes, b: Codes) -> bool:
    first = np.empty(int(a.max(initial=-1)) + 2, dtype=np.int32)
    first[a + 1] = b
    return bool(np.array_equal(first[a + 1], b))


def _in_all(table: pa.Table, a: str, b: str) -> bool:
    return _decides(codes_of(table.column(a)), codes_of(table.column(b)))


def _follows(pair: tuple[str, str], every: set[tuple[str, str]]) -> bool:
    return any((pair[0], middle) in every and (middle, pair[1]) in every for _, middle in every if middle not in pair)


def _mostly_common(sample: Sample, a: str, b: str, rare_below: int) -> bool:
    """Whether few rows would lose their value if only combinations of k rows may be emitted."""
    del b  # a decides b: the combinations are as common as a's values
    counts = np.bincount(sample.codes(a) + 1)
    return float(counts[counts >= rare_below].sum()) >= 0.95 * sample.rows
