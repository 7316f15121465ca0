"""What is found in a text, and which of two that overlap is kept?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

KINDS = (
    "name", "email", "phone", "national_id", "card", "iban", "ip", "url", "id", "plate", "date", "address", "place",
    "period",
)  # fmt: skip
USUAL = tuple(kind for kind in KINDS if kind != "period")  # a year or "last month" names nobody


@dataclass(frozen=True, slots=True, order=True)
class Entity:
    """Characters `start` to `end` of a text, and what they are (one of `KINDS`); `sure` is 0 to 1."""

    start: int
    end: int
    kind: str
    sure: float = 0.9

    def of(self, text: str) -> str:
        """Return the characters themselves."""
        return text[self.start : self.end]


class Finder(Protocol):
    """Anything that finds entities in a text."""

    def find(self, text: str) -> Iterable[Entity]: ...


def without_overlap(found: Iterable[Entity]) -> list[Entity]:
    """Return entities first to last, none within another: of two that overlap the surer stays, then the longer.

    Example:
        >>> without_overlap([Entity(0, 4, "name", 0.6), Entity(2, 9, "email", 1.0), Entity(9, 12, "date")])
        [Entity(start=2, end=9, kind='email', sure=1.0), Entity(start=9, end=12, kind='date', sure=0.9)]
    """
    kept: list[Entity] = []
    for entity in sorted(found, key=lambda e: (-e.sure, e.start - e.end, e.start)):
        if all(entity.end <= other.start or entity.start >= other.end for other in kept):
            kept.append(entity)
    return sorted(kept)


def covered(entities: Iterable[Entity]) -> Iterator[int]:
    """Yield every place that an entity covers."""
    for entity in entities:
        yield from range(entity.start, entity.end)
