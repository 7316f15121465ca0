"""For which made items do private records vote, and how much of that may be told?

Lin et al. 2024, "Differentially Private Synthetic Data via Foundation Model APIs 1: Images"; Xie et al. 2024, "Aug-PE",
for text. A record votes for the items nearest to it; noise goes onto every item's count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.core.contracts import PrivacyEvent
from veridical.core.errors import SpecError
from veridical.privacy.ledger import Ledger
from veridical.privacy.noise import Noise

Floats = NDArray[np.float32]
Counts = NDArray[np.int64]
GRAIN = 1024  # one whole vote; shares of votes are whole numbers of it, rounded down
_PART = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ballot:
    """The private side: points, shape (records, width), and whose each is; `labels` where classes are wanted.

    A person votes with the first `per_unit` of their records; nothing else of them is ever looked at.
    """

    points: Floats
    units: Sequence[str] | None = None
    labels: Sequence[str] | None = None
    per_unit: int = 1

    def voters(self) -> NDArray[np.int64]:
        """Return the places of the records that vote."""
        if self.units is None:
            return np.arange(len(self.points))
        seen: dict[str, int] = {}
        kept = []
        for place, unit in enumerate(self.units):
            seen[unit] = seen.get(unit, 0) + 1
            if seen[unit] <= self.per_unit:
                kept.append(place)
        return np.array(kept, np.int64)

    @property
    def sensitivity(self) -> int:
        """How far one person can move the counts, in votes (L2)."""
        return 1 if self.units is None else self.per_unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Voting:
    """One round: the noise on a whole vote, how many items a record votes for, and what the ledger calls it."""

    sigma: float
    nearest: int
    what: str

    def event(self, ballot: Ballot) -> PrivacyEvent:
        """Return what is charged."""
        parameters = {"sensitivity": float(ballot.sensitivity), "sigma": self.sigma}
        return PrivacyEvent(what=self.what, mechanism="discrete_gaussian", parameters=parameters)


def noisy_votes(
    ballot: Ballot, items: Floats, item_labels: Sequence[str] | None, voting: Voting, *, ledger: Ledger, noise: Noise
) -> NDArray[np.float64]:
    """Return each item's noisy number of votes, shape (items,); charged to the ledger before anybody votes.

    A record with a label votes among items of that label.

    Raises:
        BudgetError: the vote would overspend; then nobody votes.
    """
    if voting.nearest < 1 or voting.nearest > len(items):
        raise SpecError("a record votes for one item or more", where="nearest", fix=f"give 1 to {len(items)}")
    ledger.charge(voting.event(ballot))
    if not noise.private:
        ledger.declare(f"{voting.what}: noise from a seed, which protects nobody")
    counts = _votes(ballot, items, item_labels, voting.nearest)
    return noise.gaussian(counts, voting.sigma * GRAIN) / GRAIN


def _votes(ballot: Ballot, items: Floats, item_labels: Sequence[str] | None, nearest: int) -> Counts:
    counts = np.zeros(len(items), np.int64)
    voters = ballot.voters()
    # All votes of a record together have L2 norm 1: each of k is 1/sqrt(k), rounded down so that it stays below.
    weight = int(GRAIN / np.sqrt(nearest))
    labels = None if item_labels is None or ballot.labels is None else np.array(item_labels)
    for start in range(0, len(voters), _PART):
        part = voters[start : start + _PART]
        near = ballot.points[part] @ items.T
        if labels is not None and ballot.labels is not None:
            own = np.array([ballot.labels[place] for place in part])
            near = np.where(own[:, None] == labels[None, :], near, -2.0)
        chosen = np.argsort(-near, axis=1, kind="stable")[:, :nearest]
        rows = np.take_along_axis(near, chosen, axis=1) > -2.0
        np.add.at(counts, chosen[rows], weight)
    return counts


def chosen(
    votes: NDArray[np.float64],
    count: int,
    *,
    threshold: float,
    by: str,
    rng: np.random.Generator,
    distinct: bool = False,
) -> list[int]:
    """Return which items have offspring: "rank" takes the most voted, "share" draws in proportion to votes.

    Counts at or under the threshold H are noise for all that is known: max(c, H) - H. With `distinct` no item is drawn
    twice while there are others.

    Example:
        >>> chosen(np.array([5.0, 1.0, 9.0]), 2, threshold=2.0, by="rank", rng=np.random.default_rng(0))
        [2, 0]
    """
    kept = np.maximum(votes, threshold) - threshold
    if by == "rank":
        return [int(place) for place in np.argsort(-votes, kind="stable")[:count]]
    if distinct and count <= len(votes):
        # Efraimidis and Spirakis 2006: the smallest of exponential times over weights are a draw without replacement.
        times = rng.exponential(size=len(votes)) / np.maximum(kept, 1e-9)
        return [int(place) for place in np.argsort(times, kind="stable")[:count]]
    if kept.sum() <= 0:
        return [int(place) for place in rng.integers(0, len(votes), count)]
    return [int(place) for place in rng.choice(len(votes), size=count, p=kept / kept.sum())]
