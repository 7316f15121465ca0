"""Texts for given labels: zero-shot, or after a few examples of the label.

A chat model gets a task with examples; a weak or base model does better going on with a list ("completion").
Ye et al. 2022, "ZeroGen"; attributes: Yu et al. 2023, "Large Language Model as Attributed Training Data Generator".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from veridical.core.errors import SpecError
from veridical.curate.setting import configured
from veridical.curate.word import numbered_items, one_line
from veridical.llm.candidate import Ask, Candidate
from veridical.llm.chat import ChatReply, Finish
from veridical.llm.draw import drawn, need_seeds, rotated
from veridical.llm.structured import unusable
from veridical.llm.trail import Sampling, Trail, identity_of

_CHAT = """You write examples for training a text classifier: {task}.

Write {count} of the class "{label}"{meaning}. {Each} must clearly belong to this class and to no other.
{attributes}{examples}
Write something new: another situation, another wording, another sentence structure than the examples. \
{form}, without quotation marks, in {language}."""
_ONE = {"count": "one new text", "Each": "It", "form": "Write only the text itself, on one line"}
_MANY = {"count": "{} new texts", "Each": "Each", "form": "Write a numbered list, one text a line and nothing else"}


@configured
@dataclass(frozen=True, kw_only=True)
class Classification:
    """`per_call` texts a task, of the label that the quotas want next.

    `labels` maps each label to what it means ("" for nothing to add); empty: the labels of the seeds. `shots`
    examples of the label rotate through the seeds; 0 is zero-shot. `attributes` are drawn in balance
    ("tone": ["calm", "angry"]). `style` "completion" lets the model go on with a list instead of answering in chat.
    Several texts a call read the examples once for all of them; `sampling.max_tokens` is for one text.
    `temperatures` rotate from task to task, in place of the one of `sampling`.

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
    per_call: int = 1
    temperatures: tuple[float, ...] = ()
    sampling: Sampling = Sampling(max_tokens=200)  # noqa: RUF009 - frozen
    seeds: tuple[Mapping[str, Any], ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        if self.per_call < 1:
            raise SpecError("at least one text a call is needed", where="recipe.classification.per_call")
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
        """Ask once, for one text or several."""
        trail = Trail.of(spec, ask, seed=self.seed)
        label = str(spec[self.label_field])
        examples = [self._examples(label)[index] for index in spec["examples"]]
        sampling = self._sampling(int(spec["task"]))
        if self.style == "chat":
            reply = await trail.say("write", self._question(label, trail.kept, examples), sampling)
        else:
            # The number that would come after the last text wanted ends the reply.
            stop = "\n" if self.per_call == 1 else f"\n{len(examples) + self.per_call + 1}."
            reply = await trail.go_on("write", self._list(label, trail.kept, examples), sampling, stop=(stop,))
        texts = self._texts(reply)
        if not texts:
            return [trail.broken(reply)]
        return [trail.candidate({self.text_field: text, self.label_field: label}) for text in texts]

    def _sampling(self, task: int) -> Sampling:
        warmth = self.temperatures[task % len(self.temperatures)] if self.temperatures else self.sampling.temperature
        return replace(self.sampling, temperature=warmth, max_tokens=self.sampling.max_tokens * self.per_call)

    def _texts(self, reply: ChatReply) -> list[str]:
        """Return the texts of a reply; of a list that was cut, the last one was cut too."""
        if self.per_call == 1:
            found = [] if unusable(reply) else [reply.text]
        elif reply.finish is Finish.REFUSAL:
            found = []
        else:
            found = numbered_items(reply.text)[: -1 if reply.finish is Finish.LENGTH else None][: self.per_call]
        texts = (one_line(text).strip('"“”').removeprefix("- ").strip() for text in found)
        return [text for text in texts if text]

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
            **{name: words.format(self.per_call) for name, words in (_ONE if self.per_call == 1 else _MANY).items()},
        )

    def _list(self, label: str, kept: Mapping[str, str], examples: Sequence[str]) -> str:
        wishes = "".join(f", {value}" for name, value in kept.items() if name != self.label_field)
        about = self._meaning(label) or label.replace("_", " ")
        marks = ["-"] * (len(examples) + 1)
        if self.per_call > 1:
            marks = [f"{place}." for place in range(1, len(marks) + 1)]
        lines = "".join(f"{mark} {one_line(text)}\n" for mark, text in zip(marks, examples, strict=False))
        return f"{self.task[:1].upper()}{self.task[1:]}, about {about}{wishes}:\n{lines}{marks[-1]}"
