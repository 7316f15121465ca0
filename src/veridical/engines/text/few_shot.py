"""Records of any text fields: from a description, after rotating examples, or controlled by drawn attributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from veridical.core.errors import SpecError
from veridical.curate.setting import configured
from veridical.llm.candidate import Ask, Candidate
from veridical.llm.draw import drawn, need_seeds, rotated
from veridical.llm.trail import Sampling, Trail, identity_of

_QUESTION = """{task}

{wishes}{examples}Write one new record in {language}. It must be specific and realistic, and differ from the examples \
and from what anybody would write first: another situation, other details, another wording."""


@configured
@dataclass(frozen=True, kw_only=True)
class FewShot:
    """One record a task, like the seeds: `shots` of them are shown, and all are shown equally often.

    `task` says what the records are, `fields` which fields they have (the seeds' first one's, where none are named).

    Example:
        >>> recipe = FewShot(task="Riddles.", fields=("text",), seeds=({"text": "What has keys?"},))
        >>> recipe.plan(3, {})
        {'task': 3, 'examples': [0]}
    """

    task: str
    fields: tuple[str, ...] = ()
    shots: int = 5
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    language: str = "English"
    sampling: Sampling = Sampling()  # noqa: RUF009 - frozen
    seeds: tuple[Mapping[str, Any], ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        need_seeds(self.seeds, self.fields, "few_shot")

    @property
    def identity(self) -> Mapping[str, Any]:
        """Everything that decides what is asked."""
        return identity_of(self, "few_shot")

    def plan(self, number: int, wanted: Mapping[str, str]) -> Mapping[str, Any]:
        """Return the examples and attributes of a task."""
        attributes = drawn(self.attributes, seed=self.seed, path="attribute", turn=number)
        examples = rotated(len(self.seeds), self.shots, seed=self.seed, path="examples", turn=number)
        return {"task": number, **attributes, **wanted, "examples": examples}

    async def make(self, spec: Mapping[str, Any], ask: Ask) -> Sequence[Candidate]:
        """Ask for one record."""
        names = self.fields or tuple(name for name, value in self.seeds[0].items() if isinstance(value, str))
        return await _written(self, names, [self.seeds[index] for index in spec["examples"]], spec, ask)


@configured
@dataclass(frozen=True, kw_only=True)
class ZeroShot:
    """One record a task from a description alone; `attributes` (drawn in balance) keep the records apart."""

    task: str
    fields: tuple[str, ...] = ("text",)
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    language: str = "English"
    sampling: Sampling = Sampling(temperature=1.0)  # noqa: RUF009 - frozen
    seed: int = 0

    @property
    def identity(self) -> Mapping[str, Any]:
        """Everything that decides what is asked."""
        return identity_of(self, "zero_shot")

    def plan(self, number: int, wanted: Mapping[str, str]) -> Mapping[str, Any]:
        """Return the attributes of a task."""
        return {"task": number, **drawn(self.attributes, seed=self.seed, path="attribute", turn=number), **wanted}

    async def make(self, spec: Mapping[str, Any], ask: Ask) -> Sequence[Candidate]:
        """Ask for one record."""
        return await _written(self, self.fields, [], spec, ask)


@configured
@dataclass(frozen=True, kw_only=True)
class Attributes:
    """Records controlled by attributes: each task gets one value of every attribute, all values equally often.

    With seeds, `shots` of them are shown for form only. Yu et al. 2023, "Large Language Model as Attributed Training
    Data Generator": attributed prompts give more varied records than a label alone.
    """

    task: str
    attributes: Mapping[str, tuple[str, ...]]
    fields: tuple[str, ...] = ("text",)
    shots: int = 0
    language: str = "English"
    sampling: Sampling = Sampling(temperature=1.0)  # noqa: RUF009 - frozen
    seeds: tuple[Mapping[str, Any], ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        if not any(self.attributes.values()):
            raise SpecError("no attribute has a value", where="recipe.attributes", fix="attributes: {tone: [calm]}")
        if self.shots:
            need_seeds(self.seeds, self.fields, "attributes")

    @property
    def identity(self) -> Mapping[str, Any]:
        """Everything that decides what is asked."""
        return identity_of(self, "attributes")

    def plan(self, number: int, wanted: Mapping[str, str]) -> Mapping[str, Any]:
        """Return the attributes of a task."""
        attributes = drawn(self.attributes, seed=self.seed, path="attribute", turn=number)
        shots = self.shots if self.seeds else 0
        examples = rotated(len(self.seeds), shots, seed=self.seed, path="examples", turn=number)
        return {"task": number, **attributes, **wanted, "examples": examples}

    async def make(self, spec: Mapping[str, Any], ask: Ask) -> Sequence[Candidate]:
        """Ask for one record."""
        return await _written(self, self.fields, [self.seeds[index] for index in spec["examples"]], spec, ask)


async def _written(
    recipe: FewShot | ZeroShot | Attributes,
    names: Sequence[str],
    examples: Sequence[Mapping[str, Any]],
    spec: Mapping[str, Any],
    ask: Ask,
) -> list[Candidate]:
    trail = Trail.of(spec, ask, seed=recipe.seed)
    wishes = "".join(f"{name}: {value}\n" for name, value in trail.kept.items())
    shown = "\n\n".join("\n".join(f"{name}: {record.get(name, '')}" for name in names) for record in examples)
    question = _QUESTION.format(
        task=recipe.task,
        wishes=f"The record must have these properties:\n{wishes}\n" if wishes else "",
        examples=f"Examples of the form wanted:\n\n{shown}\n\n" if shown else "",
        language=recipe.language,
    )
    made = await trail.fill("write", question, names, recipe.sampling)
    if isinstance(made, Candidate):
        return [made]
    return [trail.record(made)]
