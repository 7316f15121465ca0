"""Which columns are never above another?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from veridical.core.schema import Column, Constraint, Kind
from veridical.profile.facts import Floats
from veridical.profile.header import is_related
from veridical.profile.sample import Sample, numbers_for

MOST_COLUMNS = 60
LEAST_ROWS = 50
CONTRAST = 0.05  # share of rows that break the rule when one column is shuffled
STRONG = 0.2
NEARLY = 0.002  # share of rows that may break what is told as a finding, not as a rule
KEPT, SHOWN = 20, 6
LINKED = 0.3  # rank correlation that unrelated names must have


@dataclass(frozen=True, slots=True)
class Inequalities:
    """Rules that hold in all rows, and in words those that hold in nearly all."""

    constraints: tuple[Constraint, ...]
    findings: tuple[str, ...]


def find(table: pa.Table, sample: Sample, formulas: Sequence[Constraint] = ()) -> Inequalities:
    """Return pairs low <= high that hold in every row and would not if the columns were unrelated.

    Pairs that follow from two others (a <= b <= c), or from a sum, are left out.

    Example:
        >>> from veridical.profile.table import learn_table
        >>> rng = np.random.default_rng(0)
        >>> start = rng.integers(0, 1000, 300)
        >>> table = pa.table({"start": start, "end": start + rng.integers(0, 90, 300)})
        >>> [rule.columns for rule in learn_table(table, name="t")[0].constraints if rule.type == "inequality"]
        [('start', 'end')]
    """
    columns = [column for column in sample.columns if _family(column) is not None][:MOST_COLUMNS]
    tied = {(f.columns[0], word) for f in formulas for word in (f.expression or "").replace("`", "").split()}
    found: dict[tuple[str, str], float] = {}
    findings: list[str] = []
    for i, one in enumerate(columns):
        for other in columns[i + 1 :]:
            if _family(one) != _family(other) or {(one.name, other.name), (other.name, one.name)} & tied:
                continue
            for low, high in ((one, other), (other, one)):
                contrast = _contrast(sample, low, high)
                if contrast is None:
                    continue
                broken = _broken(table, low, high)
                if broken == 0:
                    found[(low.name, high.name)] = contrast
                elif is_related(low.name, high.name) or _family(low) == "time":
                    findings.append(f"{low.name} <= {high.name} in all but {broken:,} rows: errors in the source?")
                break
    kept = sorted((pair for pair in found if not _follows(pair, found)), key=lambda pair: -found[pair])[:KEPT]
    rules = tuple(_rule(pair, found[pair], table.num_rows) for pair in kept)
    return Inequalities(rules, tuple(findings[:SHOWN]))


def _rule(pair: tuple[str, str], contrast: float, rows: int) -> Constraint:
    reason = f"holds in all {rows:,} rows; shuffled, {contrast:.0%} of them would break it"
    confidence = 0.95 if contrast > STRONG else 0.8
    return Constraint(type="inequality", columns=pair, source="learned", reason=reason, confidence=confidence)


def _family(column: Column) -> str | None:
    if column.kind in (Kind.DATE, Kind.DATETIME):
        return "time"
    return "number" if column.kind in (Kind.INTEGER, Kind.DECIMAL) else None


def _contrast(sample: Sample, low: Column, high: Column) -> float | None:
    """The share that would break low <= high by chance, when the sample keeps it and it tells something."""
    a, b = sample.numbers(low.name), sample.numbers(high.name)
    if a is None or b is None:
        return None
    known = ~(np.isnan(a) | np.isnan(b))
    a, b = a[known], b[known]
    if len(a) < LEAST_ROWS or np.mean(a[:200] > b[:200]) > NEARLY * 5 or np.mean(a > b) > NEARLY or np.all(a == b):
        return None
    broken = float(np.mean(np.sort(a)[:, None][:: max(1, len(a) // 400)] > b[:: max(1, len(b) // 400)]))
    if broken * len(a) < 20 or broken < CONTRAST:
        return None
    if is_related(low.name, high.name) or _family(low) == "time":
        return broken
    return broken if broken >= CONTRAST and _rank_correlation(a, b) >= LINKED and _alike(a, b) else None


def _alike(a: Floats, b: Floats) -> bool:
    """Whether two columns plausibly share a unit: their spreads are within a factor of twenty."""
    one, other = np.subtract(*np.percentile(a, [95, 5])), np.subtract(*np.percentile(b, [95, 5]))
    return bool(one > 0 and other > 0 and 0.05 <= one / other <= 20)


def _rank_correlation(a: Floats, b: Floats) -> float:
    step = max(1, len(a) // 4000)
    return float(np.corrcoef(_mid_ranks(a[::step]), _mid_ranks(b[::step]))[0, 1])


def _mid_ranks(values: Floats) -> Floats:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[inverse])


def _follows(pair: tuple[str, str], found: dict[tuple[str, str], float]) -> bool:
    low, high = pair
    return any((low, middle) in found and (middle, high) in found for (_, middle) in found if middle not in pair)


def _broken(table: pa.Table, low: Column, high: Column) -> int:
    a, b = numbers_for(table.column(low.name), low), numbers_for(table.column(high.name), high)
    return 0 if a is None or b is None else int(np.sum(a > b))
