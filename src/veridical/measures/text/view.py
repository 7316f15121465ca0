"""Which texts are compared: the seeds, the synthetic ones, and held-out real ones for the ceilings?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from veridical.core.contracts import Evidence, RunContext
from veridical.core.dataset import Dataset
from veridical.core.schema import Kind
from veridical.curate.sentence import Points, embed
from veridical.curate.word import words_of

LEAST = 10


@dataclass(frozen=True)
class Side:
    """Texts of one origin, with their labels where there are any."""

    texts: tuple[str, ...]
    labels: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.texts)

    @cached_property
    def words(self) -> list[list[str]]:
        """The words of each text."""
        return [words_of(text) for text in self.texts]

    @cached_property
    def points(self) -> Points:
        """The embedding of each text."""
        return embed(self.texts)

    def take(self, places: Sequence[int]) -> Side:
        """Return the texts at these places."""
        labels = tuple(self.labels[place] for place in places) if self.labels else ()
        return Side(tuple(self.texts[place] for place in places), labels)


@dataclass(frozen=True)
class TextView:
    """What text measures look at.

    What is measured on real text that nothing was learned from is the ceiling: on `peer`, of the synthetic labels and
    number as far as there is enough, or on `stranger`, of the same number and its own labels, where the labels' shares
    are part of what is judged. Both are None where nothing was held out.
    """

    seeds: Side
    fake: Side
    test: Side | None
    peer: Side | None
    stranger: Side | None
    seed: int

    def rng(self, *path: str | int) -> np.random.Generator:
        """Return the random stream of one measure."""
        return RunContext(seed=self.seed).rng("measure", "text", *path)


def view_of(evidence: Evidence, ctx: RunContext) -> TextView:
    """Return the view of evidence: its text columns joined, its target as label."""
    table = evidence.schema.only
    names = [column.name for column in table.columns if column.kind is Kind.TEXT]
    label = table.target
    seeds, fake = _side(evidence.train, names, label), _side(evidence.synthetic, names, label)
    if evidence.holdout is None:
        return TextView(seeds=seeds, fake=fake, test=None, peer=None, stranger=None, seed=ctx.seed)
    test = _side(evidence.holdout, names, label)
    peer = test.take(_matching(test, fake, ctx.rng("measure", "text", "peer")))
    order = ctx.rng("measure", "text", "stranger").permutation(len(test))[: len(fake)]
    stranger = test.take([int(place) for place in order])
    return TextView(
        seeds=seeds, fake=fake, test=test, peer=peer if len(peer) else None, stranger=stranger, seed=ctx.seed
    )


def _side(data: Dataset, names: Sequence[str], label: str | None) -> Side:
    table = data.only
    columns = [table[name].to_pylist() for name in names if name in table.column_names]
    texts = tuple("\n\n".join(str(part) for part in parts if part) for parts in zip(*columns, strict=True))
    if label is None or label not in table.column_names:
        return Side(texts)
    return Side(texts, tuple(str(value) for value in table[label].to_pylist()))


def _matching(real: Side, fake: Side, rng: np.random.Generator) -> list[int]:
    """Return places of real texts: as many of each label as the synthetic ones have, where there are so many."""
    order = [int(place) for place in rng.permutation(len(real))]
    if not real.labels or not fake.labels:
        return order[: len(fake)]
    wanted: dict[str, int] = {}
    for name in fake.labels:
        wanted[name] = wanted.get(name, 0) + 1
    chosen = []
    for place in order:
        if wanted.get(real.labels[place], 0) > 0:
            wanted[real.labels[place]] -= 1
            chosen.append(place)
    return chosen
