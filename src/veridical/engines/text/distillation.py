"""What does a teacher answer, and how does it get there?

Mukherjee et al. 2023, "Orca": explanation traces under rotating system messages. Where the seeds carry a known answer,
only traces that reach it are kept (rejection sampling, Yuan et al. 2023).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from veridical.curate.setting import configured
from veridical.curate.word import plain
from veridical.llm.candidate import Ask, Candidate
from veridical.llm.draw import need_seeds, started
from veridical.llm.seeded import Seeded
from veridical.llm.structured import unusable
from veridical.llm.trail import Sampling, Trail

SYSTEMS = (
    "You are a careful assistant. Think step by step and justify each step.",
    "You are a teacher. Explain so that a student could do the next one alone.",
    "You are an expert. Say which facts you rely on, then reason from them.",
    "You are a helpful assistant. Explain as if to a ten-year-old, without leaving a step out.",
    "You are a critical thinker. Consider what could be wrong before you settle on an answer.",
)
_ASK = """{question}

First reason, between <think> and </think>. Then give the final answer alone on the last line, after "Answer:"."""
_THOUGHT = re.compile(r"<think>(.*?)</think>", re.S | re.I)
_ANSWER = re.compile(r"answer\s*:\s*(.+)\s*$", re.I | re.S)


@configured
@dataclass(frozen=True, kw_only=True)
class Distillation(Seeded):
    """A teacher's reasoning and answer to a seed's question, `samples` a task.

    `answer_field` names a known answer in the seeds ("" for none): other answers are rejected. Numbers are compared as
    numbers.
    """

    recipe: ClassVar[str] = "distillation"
    question_field: str = "question"
    answer_field: str = ""
    samples: int = 1
    systems: tuple[str, ...] = SYSTEMS
    sampling: Sampling = Sampling(temperature=0.7, max_tokens=1500)  # noqa: RUF009 - frozen

    def __post_init__(self) -> None:
        names = (self.question_field, self.answer_field) if self.answer_field else (self.question_field,)
        need_seeds(self.seeds, names, self.recipe)

    def plan(self, number: int, wanted: Mapping[str, str]) -> Mapping[str, Any]:
        """Return the seed and the system messages of a task."""
        systems = [(number * self.samples + sample) % len(self.systems) for sample in range(self.samples)]
        return started(self.seeds, number, wanted, seed=self.seed, systems=systems)

    async def make(self, spec: Mapping[str, Any], ask: Ask) -> Sequence[Candidate]:
        """Ask for each answer."""
        record = self.seeds[spec["start"]]
        question = str(record[self.question_field])
        made = []
        for sample, place in enumerate(spec["systems"]):
            trail = Trail.of(spec, ask, seed=self.seed)
            system = self.systems[place]
            reply = await trail.say(f"answer.{sample}", _ASK.format(question=question), self.sampling, system=system)
            thought, answer = _THOUGHT.search(reply.text), _ANSWER.search(reply.text)
            if unusable(reply) or thought is None or answer is None:
                made.append(trail.broken(reply))
                continue
            final = answer[1].strip()
            fields = {"instruction": question, "reasoning": thought[1].strip(), "output": final, "system": system}
            candidate = trail.record(fields)
            known = str(record[self.answer_field]) if self.answer_field else None
            if known is not None and not same_answer(final, known):
                candidate = candidate.refused("known_answer", "another answer than the known one")
            made.append(candidate)
        return made


def same_answer(one: str, two: str) -> bool:
    """Return whether two answers are the same: as numbers where both end in one, else in words.

    Example:
        >>> same_answer("It costs $1,200.", "... #### 1200")
        True
    """
    a, b = _last_number(one), _last_number(two)
    return a == b if a is not None and b is not None else plain(one) == plain(two)


def _last_number(text: str) -> float | None:
    found = re.findall(r"-?\d[\d,]*(?:\.\d+)?", text)
    return float(found[-1].replace(",", "")) if found else None
