"""The same algorithm over images: RANDOM and VARIATION draw and change small pictures, and no text is anywhere near."""

from __future__ import annotations

import numpy as np
import pytest

from veridical.engines.evolution.evolve import Plan, evolve
from veridical.engines.evolution.voting import Ballot
from veridical.privacy.ledger import Budget, Ledger
from veridical.privacy.noise import SeededNoise

SIDE = 12
GRID = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE), indexing="ij"), -1)


def disc(centre, radius):
    """Return a picture of shape (12, 12), 0 to 1, with one bright disc."""
    return np.clip(radius + 0.5 - np.linalg.norm(GRID - np.array(centre), axis=-1), 0.0, 1.0)


class Discs:
    """Stands for a public model of images: it draws discs anywhere, and moves one a little."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.asked: list[str] = []

    async def random(self, count, label):
        self.asked.append(label)
        return [disc(self.rng.uniform(0, SIDE - 1, 2), self.rng.uniform(1, 4)) for _ in range(count)]

    async def vary(self, items, label, turn):
        moved = [np.roll(item, self.rng.integers(-1, 2, 2), axis=(0, 1)) for item in items]
        return [np.clip(item + self.rng.normal(0, 0.03, item.shape), 0, 1) for item in moved]

    def points(self, items):
        flat = np.array(items, np.float32).reshape(len(items), -1)
        flat = flat - flat.mean(axis=1, keepdims=True)
        return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9)


def private(centre, count, seed):
    rng = np.random.default_rng(seed)
    return [disc(np.array(centre) + rng.normal(0, 0.6, 2), 2.5) for _ in range(count)]


def near(items, centre):
    """Return how like the picture of a disc at a place items are, -1 to 1."""
    maker = Discs(0)
    return float((maker.points(items) @ maker.points([disc(centre, 2.5)])[0]).mean())


async def test_images_move_to_where_the_private_ones_are():
    hidden = private((2, 9), 1_500, 1)
    maker, ledger = Discs(1), Ledger(Budget(epsilon=2.0))
    ballot = Ballot(points=maker.points(hidden))
    plan = Plan(items=40, rounds=5, variations=2)
    found = await evolve(ballot, maker, plan, ledger=ledger, noise=SeededNoise(1))
    start = await Discs(2).random(40, "")
    assert all(item.shape == (SIDE, SIDE) for item in found.items) and len(found.items) == 40
    assert near(found.items, (2, 9)) > near(start, (2, 9)) + 0.4
    charged = [event for event in ledger.events if event.mechanism == "discrete_gaussian"]
    assert ledger.epsilon <= 2.0 and len(charged) == 5


async def test_without_private_ones_to_vote_for_a_place_nothing_moves_there():
    # The control: the same run, whose private images lie elsewhere.
    maker, ledger = Discs(1), Ledger(Budget(epsilon=2.0))
    ballot = Ballot(points=maker.points(private((9, 2), 1_500, 1)))
    found = await evolve(ballot, maker, Plan(items=40, rounds=5, variations=2), ledger=ledger, noise=SeededNoise(1))
    assert near(found.items, (2, 9)) < 0.1 < near(found.items, (9, 2))


@pytest.mark.parametrize("label", ["left", "right"])
async def test_classes_of_images_follow_their_own_private_ones(label):
    places = {"left": (6, 1), "right": (6, 10)}
    hidden = {name: private(centre, 800, 3) for name, centre in places.items()}
    maker, ledger = Discs(4), Ledger(Budget(epsilon=4.0))
    ballot = Ballot(
        points=maker.points([*hidden["left"], *hidden["right"]]), labels=["left"] * 800 + ["right"] * 800
    )  # fmt: skip
    plan = Plan(items=40, rounds=4, variations=2, labels={"left": 25, "right": 15})
    found = await evolve(ballot, maker, plan, ledger=ledger, noise=SeededNoise(2))
    own = [item for item, name in zip(found.items, found.labels) if name == label]
    other = next(centre for name, centre in places.items() if name != label)
    assert maker.asked == ["left", "right"] and len(own) == plan.labels[label]
    assert near(own, places[label]) > near(own, other) + 0.4
