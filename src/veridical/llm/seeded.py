"""What is common to recipes each of whose tasks starts from one seed record?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from veridical.llm.draw import dimensions_of, started
from veridical.llm.trail import identity_of


@dataclass(frozen=True, kw_only=True)
class Seeded:
    """A recipe over seed records, called `recipe` in journals; a subclass says what is asked of the seed.

    Example:
        >>> recipe = Seeded(seeds=({"topic": "rain"}, {"topic": "tea"}))
        >>> recipe.plan(3, {"topic": "tea"})["source"], recipe.dimensions
        ('seed:1', ('topic',))
    """

    recipe: ClassVar[str] = ""
    seeds: tuple[Mapping[str, Any], ...] = ()
    seed: int = 0

    @property
    def identity(self) -> Mapping[str, Any]:
        """Everything that decides what is asked."""
        return identity_of(self, self.recipe)

    @property
    def dimensions(self) -> tuple[str, ...]:
        """What quotas may count: the seeds' own fields."""
        return dimensions_of(self.seeds)

    def plan(self, number: int, wanted: Mapping[str, str]) -> Mapping[str, Any]:
        """Return the seed of a task."""
        return started(self.seeds, number, wanted, seed=self.seed)
