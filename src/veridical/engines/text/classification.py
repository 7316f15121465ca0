"""Texts for given labels: zero-shot, or after a few examples of the label.

A chat model gets a task with examples; a weak or base model does better going on with a list ("completion").
Ye et al. 2022, "ZeroGen"; attributes: Yu et al. 2023, "Large Language Model as Attributed Training Data Generator".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from veridical.core.errors import SpecError
from veridical.curate.setting import configured
from veridical.curate.word import one_line
from veridical.llm.candidate import Ask, Candidate
from veridical.llm.draw import drawn, need_seeds, rotated
from veridical.llm.structured import unusable
from veridical.llm.trail import Sampling, Trail, identity_of

_CHAT = """You write examples for training a text classifier: {task}.

Write one new text of the class "{label}"{meaning}. It must clearly belong to this class and to no other.
{attributes}{examples}
Write something new: another situation, another wording, another sentence structure than the examples. \
Write only the text itself, on one line, without quotation marks, in {language}."""


@configured
@dataclass(frozen=True, kw_only=True)
class Classification:
    """One text a task, of the label that the quotas want next.

    `labels` maps each label to what it means ("" for nothing to add); empty: the labels of the seeds. `shots`
    examples of the label rotate through the seeds; 0 is zero-shot. `attributes` are drawn in balance
    ("tone": ["calm", "angry"]). `style` "completion" lets the model go on with a list instead of answering in chat.

    Example:
        >>> recipe = Classification(labels={"pos": "praise"}, task="film reviews", shots=0)
        >>> recipe.plan(0, {"label": "pos"})["label"]
        'pos'
    """

    task: str
    labels: Mapping[str, str] = field(default_factory=dict)
    label_field: str = "label"
    text_field: str = "text"
    shots: int = 4
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    language: str = "English"
    style: Literal["chat", "completion"] = "chat"
    sampling: Sampling = Sampling(max_tokens=200)  # noqa: RUF009 - frozen
    seeds: tuple[Mapping[str, Any], ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        if self.shots or not self.labels:
            need_seeds(self.seeds, (self.text_field, self.label_field), "classification")
        unseen = [label for label in self.labels if self.shots and not self._examples(label)]
        if unseen:
            raise SpecError(f"no seed is of {', '.join(map(repr, unseen))}", where="recipe.classification.labels")

    @property
    def identity(self) -> Mapping[str, Any]:
        """Everything that decides what is asked."""
        return identity_of(self, "classification")

    @property
    def label_names(self) -> list[str]:
        """The labels, as given or in the order of the seeds."""
        return list(self.labels) or list(dict.fromkeys(str(record[self.label_field]) for record in self.seeds))

    def plan(self, number: int, wanted: Mapping[str, str]) -> Mapping[str, Any]:
        """Return the label, the examples and the attributes of a task."""
        names = self.label_names
        label = wanted.get(self.label_field, names[number % len(names)])
        count = len(self._examples(label))
        attributes = drawn(self.attributes, seed=self.seed, path="attribute", turn=number)
        examples = rotated(count, self.shots, seed=self.seed, path=f"examples.{label}", turn=number)
        return {"task": number, **attributes, **wanted, self.label_field: label, "examples": examples}

    async def make(self, spec: Mapping[str, Any], ask: Ask) -> Sequence[Candidate]:
        """Ask for one text."""
        trail = Trail.of(spec, ask, seed=self.seed)
        label = str(spec[self.label_field])
        examples = [self._examples(label)[index] for index in spec["examples"]]
        if self.style == "chat":
            reply = await trail.say("write", self._question(label, trail.kept, examples), self.sampling)
        else:
            reply = await trail.go_on("write", self._list(label, trail.kept, examples), self.sampling, stop=("\n",))
        text = one_line(reply.text).strip('"“”').removeprefix("- ").strip()
        if unusable(reply) or not text:
            return [trail.broken(reply)]
        return [trail.candidate({self.text_field: text, self.label_field: label})]

    def _examples(self, label: str) -> list[str]:
        return [str(r[self.text_field]) for r in self.seeds if str(r.get(self.label_field)) == label]

    def _meaning(self, label: str) -> str:
        return self.labels.get(label, "")

    def _question(self, label: str, kept: Mapping[str, str], examples: Sequence[str]) -> str:
        wishes = "".join(f"{name}: {value}\n" for name, value in kept.items() if name != self.label_field)
        meaning = self._meaning(label)
        return _CHAT.format(
            task=self.task,
            label=label,
            meaning=f" ({meaning})" if meaning else "",
            attributes=wishes,
            examples="\nExamples:\n" + "".join(f"- {text}\n" for text in examples) if examples else "",
            language=self.language,
        )

    def _list(self, label: str, kept: Mapping[str, str], examples: Sequence[str]) -> str:
        wishes = "".join(f", {value}" for name, value in kept.items() if name != self.label_field)
        about = self._meaning(label) or label.replace("_", " ")
        lines = "".join(f"- {one_line(text)}\n" for text in examples)
        return f"{self.task[:1].upper()}{self.task[1:]}, about {about}{wishes}:\n{lines}-"
