"""What does a model think of a record: a grade by a rubric, or which of two is better, whichever comes first?

Zheng et al. 2023, "Judging LLM-as-a-Judge": judges favour the first place, so a pair is shown both ways and only an
answer that survives the swap counts. A grade is an opinion until the judge was held against people (`calibration`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from veridical.curate.calibration import is_trusted
from veridical.curate.setting import configured
from veridical.curate.word import joined, words_of
from veridical.llm.candidate import Ask, Candidate, Rejection
from veridical.llm.chat import ChatRequest, Message

RUBRIC = "It is correct, specific, natural, and does exactly what was asked."
_GRADE = """Grade this record by the rubric, from {low} (worst) to {high} (best). Judge the content; length is no merit.

Rubric: {rubric}

Record:
{text}

First write one sentence of reasons, then on the last line "Grade: N"."""
_PAIR = """Which of two answers is better by the rubric? Judge the content; neither length nor place is a merit.

Rubric: {rubric}

Question:
{question}

Answer A:
{first}

Answer B:
{second}

Answer with one letter: A, B, or T for a tie."""
_LAST = re.compile(r"grade\s*[:=]?\s*\**\s*(\d+(?:\.\d+)?)|(\d+(?:\.\d+)?)\s*(?:/\s*\d+)?\s*$", re.I)


@configured
@dataclass(frozen=True, kw_only=True)
class Judge:
    """Refuses records that the role `role` grades under `at_least`; the mean of `looks` grades is the score `judge`.

    `calibration` names a file that `veridical text calibrate` wrote. Without one that shows that this judge agrees with
    people the score `judge_calibrated` is 0, and reports call the judge uncalibrated.
    """

    rubric: str = RUBRIC
    at_least: float = 4.0
    low: int = 1
    high: int = 5
    looks: int = 1
    role: str = "judge"
    calibration: str = ""
    fields: tuple[str, ...] = ()
    beside: Path = Path()
    name: str = field(default="judge", init=False)

    async def __call__(self, candidate: Candidate, ask: Ask) -> Candidate | Rejection:
        """Return the candidate with its grade, or that the grade is too low or cannot be read."""
        grade = await self.grade(candidate, ask)
        if grade is None:
            return Rejection(self.name, "the judge gave no grade")
        if grade < self.at_least:
            return Rejection(self.name, f"graded {grade:g}, at least {self.at_least:g} is wanted")
        return candidate.scored(judge=grade, judge_calibrated=float(self._trusted))

    async def grade(self, candidate: Candidate, ask: Ask) -> float | None:
        """Return the mean of the grades that the judge gives, None where one cannot be read."""
        text = joined(candidate.fields, self.fields)
        question = _GRADE.format(low=self.low, high=self.high, rubric=self.rubric, text=text)
        grades = []
        for look in range(self.looks):
            temperature = 0.0 if self.looks == 1 else 0.7
            request = ChatRequest(
                messages=(Message("user", question),), max_tokens=200, temperature=temperature, seed=look
            )
            reply = await ask(request, step=f"judge.{look}", role=self.role)
            grade = read_grade(reply.text, low=self.low, high=self.high)
            if grade is None:
                return None
            grades.append(grade)
        return sum(grades) / len(grades)

    @property
    def about(self) -> dict[str, Any]:
        """What decides a grade, the model aside: a calibration holds for this and nothing else."""
        return {
            "prompt": _GRADE, "rubric": self.rubric, "low": self.low, "high": self.high, "looks": self.looks,
            "fields": list(self.fields),
        }  # fmt: skip

    @cached_property
    def _trusted(self) -> bool:
        return bool(self.calibration) and is_trusted(self.beside / self.calibration, self.about)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Who won: "first", "second" or "tie" of the pair as given; `shown` and `swapped` are the places that won."""

    winner: str
    shown: str
    swapped: str


async def compare(
    ask: Ask,
    question: str,
    first: str,
    second: str,
    *,
    rubric: str = RUBRIC,
    role: str = "judge",
    step: str = "pair",
) -> Comparison:
    """Return which of two answers a judge prefers, asked both ways round; what turns with the place is a tie."""
    places = []
    for name, pair in ((f"{step}.shown", (first, second)), (f"{step}.swapped", (second, first))):
        wish = _PAIR.format(rubric=rubric, question=question, first=pair[0], second=pair[1])
        request = ChatRequest(messages=(Message("user", wish),), max_tokens=4, temperature=0.0)
        places.append(_place((await ask(request, step=name, role=role)).text))
    shown, swapped = places
    turned = {"first": "second", "second": "first", "tie": "tie"}[swapped]
    return Comparison(winner=shown if shown == turned else "tie", shown=shown, swapped=swapped)


def read_grade(text: str, *, low: float, high: float) -> float | None:
    """Return the grade at the end of a judge's words; None where there is none, or it is off the scale.

    Example:
        >>> read_grade("Clear and right.\\nGrade: 4", low=1, high=5)
        4.0
    """
    found: Sequence[tuple[str, str]] = _LAST.findall(text.strip())
    if not found:
        return None
    value = float(found[-1][0] or found[-1][1])
    return value if low <= value <= high else None


def _place(text: str) -> str:
    letter = "".join(words_of(text)[:1])
    choices: Mapping[str, str] = {"a": "first", "b": "second"}
    return choices.get(letter, "tie")
