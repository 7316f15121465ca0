"""How annoyed is the customer, in figures, and when have they had enough?"""

from __future__ import annotations

from dataclasses import dataclass

COSTS = {"asked_again": 1.0, "failed": 1.0, "no_progress": 0.5, "refused": 2.0, "apology": -0.5, "progress": -0.5}


@dataclass
class Mood:
    """Frustration begins at 0; beyond `patience` the customer wants a person, or leaves.

    Example:
        >>> mood = Mood(patience=1.0)
        >>> mood.feels("asked_again"), mood.feels("failed"), mood.exhausted
        (1.0, 2.0, True)
    """

    patience: float
    frustration: float = 0.0

    def feels(self, event: str) -> float:
        """Take an event in and return the frustration that is left; it never falls below 0."""
        self.frustration = max(0.0, self.frustration + COSTS[event])
        return self.frustration

    @property
    def exhausted(self) -> bool:
        """Whether patience has run out."""
        return self.frustration > self.patience
