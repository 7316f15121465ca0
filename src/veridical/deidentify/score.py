"""How much of what people marked is found, and how much of what is found was marked?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from veridical.core.rng import stream
from veridical.deidentify.entity import Entity


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanScore:
    """Precision, recall and F1 with F1's 95 % bootstrap interval over texts; `marked` and `found` are counts."""

    precision: float
    recall: float
    f1: float
    low: float
    high: float
    marked: int
    found: int

    def __str__(self) -> str:
        return f"P {self.precision:.3f}  R {self.recall:.3f}  F1 {self.f1:.3f} [{self.low:.3f}, {self.high:.3f}]"


def span_score(
    found: Sequence[Iterable[Entity]], marked: Sequence[Iterable[Entity]], *, kind: str, exact: bool = True
) -> SpanScore:
    """Return how well the entities of one kind were found, text by text.

    A finding is right where it has the very borders of a marked one; with `exact` false, where it overlaps one.

    Example:
        >>> span_score([[Entity(0, 3, "name")]], [[Entity(0, 3, "name"), Entity(9, 12, "name")]], kind="name").recall
        0.5
    """
    rows = np.array([_counts(f, m, kind, exact) for f, m in zip(found, marked, strict=True)], float).reshape(-1, 4)
    rng = stream(0, "deidentify", "bootstrap")
    drawn = [_f1(rows[rng.integers(0, len(rows), len(rows))].sum(axis=0)) for _ in range(400)] if len(rows) else [0.0]
    right, told, hit, wanted = rows.sum(axis=0)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return SpanScore(
        precision=float(right / max(told, 1)),
        recall=float(hit / max(wanted, 1)),
        f1=_f1(rows.sum(axis=0)),
        low=float(low),
        high=float(high),
        marked=int(wanted),
        found=int(told),
    )


def _counts(found: Iterable[Entity], marked: Iterable[Entity], kind: str, exact: bool) -> tuple[int, int, int, int]:
    one = [(e.start, e.end) for e in found if e.kind == kind]
    two = [(e.start, e.end) for e in marked if e.kind == kind]

    def same(a: tuple[int, int], b: tuple[int, int]) -> bool:
        return a == b if exact else a[0] < b[1] and b[0] < a[1]

    right = sum(any(same(a, b) for b in two) for a in one)
    hit = sum(any(same(a, b) for a in one) for b in two)
    return right, len(one), hit, len(two)


def _f1(counts: np.ndarray) -> float:
    right, told, hit, wanted = counts
    precision, recall = right / max(told, 1), hit / max(wanted, 1)
    return float(2 * precision * recall / max(precision + recall, 1e-9))
