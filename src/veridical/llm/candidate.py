"""What is a generated record before anyone has accepted it, and who may turn it away?

Recipes are found by name in `engines.text.catalog.RECIPES`, checks and pools in `curate.catalog.CHECKS` and `POOLS`
(each a `core.registry.Registry`; a card's target is the class). A class is made by
`from_options(options, setting)` where it has that class method, else by `cls(**options)`; its `identity` (a mapping of
JSON values, never a path alone: a file counts by its digest) is journalled where it has one, else its options are.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

from veridical.llm.chat import ChatReply

Ask = Callable[..., Awaitable[ChatReply]]


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a candidate may not stay; the reason names no other record's text."""

    check: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A record on its way: its fields, the attributes its quotas count, scores, and how it was made.

    `fields` is what goes out ("instruction", "output", "text", "label" ...); `attributes` maps quota dimensions to
    values ("label" -> "card_arrival"); `steps` names the recipe's steps that made it, first to last. `rejected` is set
    by a recipe that cannot make a record of what was said (a refusal, a truncation, no JSON): no check sees it, and
    lineage keeps it.
    """

    fields: Mapping[str, Any]
    attributes: Mapping[str, str] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    steps: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    cost: float = 0.0
    rejected: Rejection | None = None

    def scored(self, **scores: float) -> Self:
        """Return the candidate with more scores."""
        return replace(self, scores={**self.scores, **scores})

    def marked(self, **attributes: str) -> Self:
        """Return the candidate with more attributes, which quotas may count."""
        return replace(self, attributes={**self.attributes, **attributes})

    def refused(self, check: str, reason: str) -> Self:
        """Return the candidate, rejected by whoever made it."""
        return replace(self, rejected=Rejection(check, reason))

    def text(self, names: Iterable[str] | None = None) -> str:
        """Return its text fields, joined by blank lines."""
        wanted = self.fields if names is None else [name for name in names if name in self.fields]
        return "\n\n".join(str(self.fields[name]) for name in wanted if isinstance(self.fields[name], str))


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a recipe, check or pool may know of the run it is made for.

    Paths in options are taken from `beside`, the folder of the spec. `quotas[dimension][value]` counts records.
    `seeds` is the file of real records that the run starts from, where the spec names one.
    """

    beside: Path
    seed: int = 0
    records: int = 0
    quotas: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    seeds: Path | None = None


@runtime_checkable
class Check(Protocol):
    """Looks at one candidate alone. Returns it (perhaps repaired or scored), or the reason to reject it."""

    @property
    def name(self) -> str: ...

    async def __call__(self, candidate: Candidate, ask: Ask) -> Candidate | Rejection: ...


@runtime_checkable
class Pool(Protocol):
    """Looks at a candidate beside all that were accepted: duplicates, near-duplicates, seeds.

    `refuses` and `admit` are called without a pause between, so no twin can slip in; both must be quick.
    On resume every accepted record is admitted again, in order.
    """

    @property
    def name(self) -> str: ...

    def refuses(self, candidate: Candidate) -> Rejection | None: ...

    def admit(self, candidate: Candidate) -> None: ...


@runtime_checkable
class Recipe(Protocol):
    """Turns a task's spec into candidates by asking models.

    `plan` is called once a task, in order, with the attributes the quotas want next; what it returns is JSON and
    everything `make` needs to do the same again after a crash; a "source" in it names the seed it starts from and goes
    out with the record. `identity` is journalled: any change of it is another run.
    """

    @property
    def identity(self) -> Mapping[str, Any]: ...

    def plan(self, number: int, wanted: Mapping[str, str]) -> Mapping[str, Any]: ...

    async def make(self, spec: Mapping[str, Any], ask: Ask) -> Sequence[Candidate]: ...
