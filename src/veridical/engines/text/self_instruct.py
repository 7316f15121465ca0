"""Instructions grown from a few seeds, with the paper's shots and filters.

Wang et al. 2023, "Self-Instruct": 6 human and 2 machine-made tasks are shown, new ones continue the list; each is told
to be classification or not; instances are written output-first for classification, input-first otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from veridical.core.rng import stream
from veridical.curate.setting import configured
from veridical.curate.word import numbered_items, one_line, words_of
from veridical.llm.candidate import Ask, Candidate
from veridical.llm.draw import need_seeds, rotated
from veridical.llm.trail import Sampling, Trail, identity_of

_REMEMBERED = 20_000
_BANNED = re.compile(
    r"\b(?:images?|graphs?|pictures?|files?|maps?|draw|plots?|go to|videos?|audio|music|flowcharts?|diagrams?)\b", re.I
)
_TASKS = """Come up with a series of tasks for a helpful assistant. They must differ in verb, subject and form.

{shown}
{next}."""
_KIND = """Is this a classification task, one whose answer is one of a small set of labels?

Task: {instruction}

Answer yes or no."""
_INPUT_FIRST = """Write one example for this task: the input it needs, and the best answer to it.

Task: {instruction}

If the task needs no input, leave the input empty."""
_OUTPUT_FIRST = """Write one example for this classification task: choose one of the possible labels first as the \
output, then write an input that has that label.

Task: {instruction}"""
_PAPER = Sampling(temperature=0.7, top_p=0.5, presence_penalty=2.0, max_tokens=512)


@configured
@dataclass(frozen=True, kw_only=True)
class SelfInstruct:
    """One or more instructions a task, each with an instance.

    `human` and `machine` count the shots; machine-made ones come from what was accepted so far, and human ones take
    their place until there are some. `per_task` caps how many of a reply's new tasks are used.
    """

    instruction_field: str = "instruction"
    human: int = 6
    machine: int = 2
    per_task: int = 4
    sampling: Sampling = _PAPER
    answering: Sampling = Sampling(temperature=0.0, max_tokens=700)  # noqa: RUF009 - frozen
    seeds: tuple[Mapping[str, Any], ...] = ()
    seed: int = 0
    _grown: list[str] = field(default_factory=list, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        need_seeds(self.seeds, (self.instruction_field,), "self_instruct")

    @property
    def name(self) -> str:
        """Its name as a pool: accepted instructions become shots."""
        return "self_instruct"

    @property
    def identity(self) -> Mapping[str, Any]:
        """Everything that decides what is asked, but for what was accepted before."""
        about = identity_of(self, "self_instruct")
        about["options"].pop("_grown")
        return about

    def refuses(self, candidate: Candidate) -> None:
        """Nothing: the filters ran already."""

    def admit(self, candidate: Candidate) -> None:
        """Remember an accepted instruction as a shot for later tasks."""
        if len(self._grown) < _REMEMBERED:
            self._grown.append(str(candidate.fields.get("instruction", "")))

    @property
    def dimensions(self) -> tuple[str, ...]:
        """What quotas may count: nothing: the model speaks as it likes."""
        return ()

    def plan(self, number: int, wanted: Mapping[str, str]) -> Mapping[str, Any]:
        """Return the shots of a task, written out: machine-made ones depend on what was accepted before."""
        rng = stream(self.seed, "self_instruct", number)
        machine = [self._grown[int(i)] for i in rng.permutation(len(self._grown))[: self.machine]]
        human = rotated(
            len(self.seeds), self.human + self.machine - len(machine), seed=self.seed, path="human", turn=number
        )
        shots = [str(self.seeds[index][self.instruction_field]) for index in human] + machine
        return {"task": number, **wanted, "shots": [shots[int(i)] for i in rng.permutation(len(shots))]}

    async def make(self, spec: Mapping[str, Any], ask: Ask) -> Sequence[Candidate]:
        """Ask for new instructions, then for an instance of each that passes the filters."""
        trail = Trail.of(spec, ask, seed=self.seed)
        shown = "\n".join(f"{place}. {one_line(shot)}" for place, shot in enumerate(spec["shots"], start=1))
        question = _TASKS.format(shown=shown, next=len(spec["shots"]) + 1)
        reply = await trail.say("instructions", question, self.sampling)
        # The last of a cut list is cut too.
        found = numbered_items(reply.text)[: -1 if reply.finish.value == "length" else None][: self.per_task]
        if not found:
            return [trail.broken(reply)]
        return [await self._instance(instruction, place, trail) for place, instruction in enumerate(found)]

    async def _instance(self, instruction: str, place: int, trail: Trail) -> Candidate:
        own = trail.branch()
        if (problem := unfit(instruction)) is not None:
            return own.candidate({"instruction": instruction}).refused("self_instruct", problem)
        said = await own.say(
            f"kind.{place}", _KIND.format(instruction=instruction), Sampling(temperature=0.0, max_tokens=4)
        )
        is_label = words_of(said.text)[:1] == ["yes"]
        question = (_OUTPUT_FIRST if is_label else _INPUT_FIRST).format(instruction=instruction)
        names = ("output", "input") if is_label else ("input", "output")
        value = await own.fill(f"instance.{place}", question, names, self.answering)
        if isinstance(value, Candidate):
            return value
        fields = {"instruction": instruction, "input": value["input"], "output": value["output"]}
        return own.record({**fields, "is_classification": is_label})


def unfit(instruction: str) -> str | None:
    """Return why the paper's filters refuse an instruction, or None.

    Example:
        >>> unfit("Draw a map of France, please.")
        'it asks for what text cannot hold'
    """
    count = len(words_of(instruction))
    if count <= 3 or count > 150:
        return f"{count} words: more than 3 and at most 150 are wanted"
    if _BANNED.search(instruction):
        return "it asks for what text cannot hold"
    if instruction.lower().startswith("write a program"):
        return "it asks for a program, which the paper's seeds overdo"
    if not instruction[0].isascii() or not (instruction[0].isalnum() or instruction[0] in "\"'"):
        return "it begins with punctuation or with another script"
    return None
