"""How do made items come to resemble private ones that no model ever sees?

S0 comes from RANDOM; each round the private records vote, the voted items have VARIATIONs, and so on. Anything that can
make an item at random and vary one will do: texts of a language model, images of a diffusion model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, Protocol, TypeVar

import numpy as np

from veridical.core.errors import SpecError
from veridical.core.rng import stream
from veridical.engines.evolution.voting import Ballot, Floats, Voting, chosen, noisy_votes
from veridical.privacy.ledger import Ledger
from veridical.privacy.noise import Noise

T = TypeVar("T")


class Maker(Protocol[T]):
    """The two public doors of a model, and a public embedder. None of them is handed anything private."""

    async def random(self, count: int, label: str) -> Sequence[T]:
        """Return new items (RANDOM_API); `label` is "" where there are no classes."""
        ...

    async def vary(self, items: Sequence[T], label: str, turn: int) -> Sequence[T]:
        """Return one variation of each item (VARIATION_API)."""
        ...

    def points(self, items: Sequence[T]) -> Floats:
        """Return the items' unit vectors, shape (items, width)."""
        ...


class Memory(Protocol):
    """What earlier attempts at this run were told: a vote is never taken twice, for a second noise would tell more."""

    def recall(self, turn: int) -> list[float] | None: ...

    async def keep(self, turn: int, votes: list[float]) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How many items, rounds and votes. `labels` are the classes wanted, with how many of each: public.

    Every parent has `variations` offspring, so with 2 or more the last vote chooses among as many times the items
    wanted, and none comes out twice.
    """

    items: int
    rounds: int = 4
    variations: int = 1
    nearest: int = 1
    by: Literal["rank", "share"] = "share"
    threshold: float = 0.0
    labels: dict[str, int] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.items, self.rounds, self.variations) < 1:
            raise SpecError(
                "at least one item, round and variation are needed", where="evolution", fix="give 1 or more"
            )
        if self.labels and sum(self.labels.values()) != self.items:
            raise SpecError("the labels' counts do not add up to the items", where="labels", fix="let them")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evolved(Generic[T]):
    """The last generation, its labels, and per round the noisy votes in favour: all of it may be told."""

    items: tuple[T, ...]
    labels: tuple[str, ...]
    sigma: float
    history: tuple[dict[str, Any], ...]


def sigma_for(ledger: Ledger, rounds: int, sensitivity: int) -> float:
    """Return the noise per vote that spends what is left of the budget over all rounds.

    Example:
        >>> from veridical.privacy.ledger import Budget
        >>> 9 < sigma_for(Ledger(Budget(epsilon=1.0)), 4, 1) < 9.2
        True
    """
    return sensitivity / math.sqrt(2 * ledger.rho_left / rounds)


async def evolve(
    ballot: Ballot, maker: Maker[T], plan: Plan, *, ledger: Ledger, noise: Noise, memory: Memory | None = None
) -> Evolved[T]:
    """Return the generation that private votes led to; every vote is charged before it is taken.

    With `memory` a run that died goes on from the votes it was told; the last parents are what is returned.

    Raises:
        BudgetError: the ledger has nothing left.
    """
    sigma = sigma_for(ledger, plan.rounds, ballot.sensitivity)
    wanted = plan.labels or {"": plan.items}
    items: list[T] = []
    labels: list[str] = []
    for label, count in wanted.items():
        items += await maker.random(count, label)
        labels += [label] * count
    history: list[dict[str, Any]] = []
    for turn in range(plan.rounds):
        voting = Voting(sigma=sigma, nearest=plan.nearest, what=f"votes of round {turn + 1}")
        own_labels = labels if plan.labels else None
        known = None if memory is None else memory.recall(turn)
        if known is None:
            votes = noisy_votes(ballot, maker.points(items), own_labels, voting, ledger=ledger, noise=noise)
            if memory is not None:
                await memory.keep(turn, votes.tolist())
        else:
            ledger.charge(voting.event(ballot))  # it was spent, whether or not the process lived
            votes = np.array(known)
        history.append(_told(turn, votes))
        items, labels = await _bred(maker, plan, items, labels, votes, turn)
    return Evolved(items=tuple(items), labels=tuple(labels), sigma=sigma, history=tuple(history))


async def _bred(
    maker: Maker[T], plan: Plan, items: Sequence[T], labels: Sequence[str], votes: Any, turn: int
) -> tuple[list[T], list[str]]:
    """Return the next generation and its labels; the last one is what was voted for: nobody would judge its kin."""
    rng = stream(plan.seed, "evolution", turn)
    last = turn == plan.rounds - 1
    offspring: list[T] = []
    born: list[str] = []
    for label, count in (plan.labels or {"": plan.items}).items():
        own = [place for place, name in enumerate(labels) if name == label]
        one_each = last and len(own) > count
        drawn = chosen(votes[own], count, threshold=plan.threshold, by=plan.by, rng=rng, distinct=one_each)
        kin = [items[own[place]] for place in drawn]
        made = kin if last else await maker.vary(kin * plan.variations, label, turn)
        offspring += made
        born += [label] * len(made)
    return offspring, born


def _told(turn: int, votes: Any) -> dict[str, Any]:
    share = np.sort(np.maximum(votes, 0.0))[::-1]
    top = max(1, len(share) // 10)
    total = max(float(share.sum()), 1e-9)
    return {
        "round": turn + 1,
        "votes": round(float(votes.sum()), 1),
        "top_tenth": round(float(share[:top].sum()) / total, 3),
    }
