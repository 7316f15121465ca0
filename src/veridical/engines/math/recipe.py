"""How is a question in words made with an answer that was verified?

The four ways of Yu et al. 2024, "MetaMath": plain answers, rephrased questions, self-verification (the answer is told,
a number of the question is asked for, as a fact) and backward questions (FOBAR, Jiang et al. 2024). Answers come from
the template's equation, from a majority of replies, or from running a program; where the right one is known, only it
is accepted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from veridical.core.errors import SpecError
from veridical.core.rng import stream
from veridical.curate.setting import configured
from veridical.curate.word import one_line
from veridical.engines.math.answer import final_number, majority, numbers_in, spelled
from veridical.engines.math.template import Problem, Template, fill, formula, read_templates, solved
from veridical.exec.sandbox.aside import run_aside
from veridical.exec.sandbox.level import Level
from veridical.exec.sandbox.run import Sandbox, parse_limits
from veridical.llm.candidate import Ask, Candidate, Rejection
from veridical.llm.draw import drawn, rotated
from veridical.llm.structured import unusable
from veridical.llm.trail import Sampling, Trail, identity_of

WAYS = ("plain", "rephrase", "self_verification", "backward")
_REPHRASE = """Rephrase this question: other words and another order, the same meaning, the same numbers and the same \
answer. Write only the rephrased question.

{question}"""
_DECLARE = """Rewrite this question and its answer as one statement of facts, and leave every number as it is. Write \
only the statement.

Question: {question}
The answer is {answer}."""
_SOLVE = """{question}

Think step by step. End with a line "The answer is N." with the number alone for N."""
_SHOT = "Question: {question}\n{solution}\n\n"
_PROGRAM = """Write a Python program that works out the answer to this question with the standard library alone and \
stores it in a variable called `result`. Write only the code, in one ```python block.

{question}"""
_MASKED = {
    "backward": {
        "en": "{question} If we know that the answer to the above question is {answer}, what is the value of X?",
        "ko": "{question} 위 문제의 답이 {answer}이라면 X의 값은 얼마입니까?",
    },
    "self_verification": {"en": "{question} What is the value of X?", "ko": "{question} X의 값은 얼마입니까?"},
}
_FOUND = {"en": "The equation {equation} holds for X = {x} alone. The answer is {x}.",
          "ko": "식 {equation}을 만족하는 X는 {x}뿐입니다. 답은 {x}입니다."}  # fmt: skip
_ENDS = {"en": "The answer is {x}.", "ko": "답은 {x}입니다."}


@configured
@dataclass(frozen=True, kw_only=True)
class Math:
    """One question with a verified answer a task.

    Questions come from `templates` ("" for those that ship, else a YAML file), or from the seeds, where they are given
    (`question_field`, `answer_field`). `solve` says where answers come from: "symbolic" (the equation; no model),
    "majority" of `samples` replies (of which `share_at_least` must agree), or "execution" of a program in the sandbox.
    With `shots`, replies to plain questions go on after so many solved (or programmed) ones of the same template,
    other numbers in them: for base models and very small ones.
    """

    ways: tuple[str, ...] = WAYS
    solve: Literal["symbolic", "majority", "execution"] = "majority"
    templates: str = ""
    languages: tuple[str, ...] = ("en",)
    question_field: str = "question"
    answer_field: str = "answer"
    samples: int = 5
    shots: int = 0
    share_at_least: float = 0.5
    sandbox: str = "filtered"
    limits: Mapping[str, Any] = field(default_factory=dict)
    sampling: Sampling = Sampling(temperature=0.7, max_tokens=600)  # noqa: RUF009 - frozen
    seeds: tuple[Mapping[str, Any], ...] = ()
    beside: Path = Path()
    seed: int = 0

    def __post_init__(self) -> None:
        if unknown := [way for way in self.ways if way not in WAYS]:
            raise SpecError(f"no way is called {unknown[0]!r}", where="recipe.math.ways", fix=", ".join(WAYS))
        if self.solve == "symbolic" and self.seeds:
            raise SpecError("seeds have no equations", where="recipe.math.solve", fix="use majority or execution")
        Level.named(self.sandbox)
        parse_limits(self.limits)

    @cached_property
    def identity(self) -> Mapping[str, Any]:
        """Everything that decides what is asked; templates by what they say."""
        about = identity_of(self, "math")
        about["options"] |= {"beside": "", "templates": "" if self.seeds else repr(dict(self._templates))}
        return about

    def plan(self, number: int, wanted: Mapping[str, str]) -> Mapping[str, Any]:
        """Return the way, the language and the template or seed of a task."""
        options: dict[str, Sequence[str]] = {"way": self.ways, "language": self.languages}
        spec: dict[str, Any] = {"task": number, **drawn(options, seed=self.seed, path="math", turn=number), **wanted}
        if self.seeds:
            (index,) = rotated(len(self.seeds), 1, seed=self.seed, path="start", turn=number)
            return {**spec, "start": index, "source": f"seed:{index}"}
        able = tuple(name for name, template in self._templates.items() if template.speaks(spec["language"]))
        if not able:
            raise SpecError(f"no template speaks {spec['language']!r}", where="recipe.math.languages")
        return {**drawn({"template": able}, seed=self.seed, path="math", turn=number), **spec}

    async def make(self, spec: Mapping[str, Any], ask: Ask) -> Sequence[Candidate]:
        """Make the question, answer it, and hold the answer against what is known."""
        trail = Trail.of(spec, ask, seed=self.seed)
        problem = self._problem(spec)
        asked = await self._asked(problem, str(spec["way"]), trail)
        if isinstance(asked, Candidate):
            return [asked]
        if self.solve == "symbolic":
            trail.steps.append("symbolic")
            return [self._record(trail, asked, asked.solution, {})]
        shown = self._shown(problem, str(spec["way"]), trail)
        if self.solve == "execution":
            return [await self._executed(asked, trail, shown)]
        return [await self._voted(asked, trail, shown)]

    # The question.

    def _problem(self, spec: Mapping[str, Any]) -> Problem:
        if self.seeds:
            record = self.seeds[spec["start"]]
            known = final_number(str(record.get(self.answer_field, "")))
            question = one_line(str(record[self.question_field]))
            answer = "" if known is None else spelled(known)
            return Problem(
                name="", question=question, statement="", answer=answer, values={}, steps=(), language=spec["language"]
            )
        rng = stream(self.seed, "math", int(spec["task"]))
        return fill(spec["template"], self._templates[spec["template"]], spec["language"], rng)

    async def _asked(self, problem: Problem, way: str, trail: Trail) -> _Asked | Candidate:
        if way == "plain":
            ending = _ENDS[problem.language].format(x=problem.answer)
            return _Asked(problem.question, problem.answer, " ".join((*problem.steps, ending)))
        if way == "rephrase":
            return await self._rephrased(problem, trail)
        if not problem.answer:
            return trail.candidate({"question": problem.question}).refused("answer", "the seed's answer is not known")
        return await self._masked(problem, way, trail)

    async def _rephrased(self, problem: Problem, trail: Trail) -> _Asked | Candidate:
        if self.solve == "symbolic":
            # The statement is the same problem in other words: no model is needed to ask it so.
            question = f"{problem.statement.replace('{x}', '□')} □ = ?"
            ending = _ENDS[problem.language].format(x=problem.answer)
            return _Asked(question, problem.answer, " ".join((*problem.steps, ending)))
        reply = await trail.say("rephrase", _REPHRASE.format(question=problem.question), self.sampling)
        question = one_line(reply.text)
        if unusable(reply) or not question:
            return trail.broken(reply)
        if numbers_in(question) != numbers_in(problem.question):
            return trail.broken(reply, Rejection("numbers", "the rephrased question has other numbers"))
        return _Asked(question, problem.answer, "")

    async def _masked(self, problem: Problem, way: str, trail: Trail) -> _Asked | Candidate:
        text = problem.question
        if way == "self_verification":
            text = problem.statement.replace("{x}", problem.answer)
            if not text:
                wish = _DECLARE.format(question=problem.question, answer=problem.answer)
                reply = await trail.say("declare", wish, self.sampling)
                text = one_line(reply.text)
                if unusable(reply) or numbers_in(problem.question) - numbers_in(text):
                    return trail.broken(reply, unusable(reply) or Rejection("numbers", "the statement lost a number"))
        rng = stream(trail.seed, "mask")
        masked = self._mask(problem, text, rng)
        if masked is None:
            return trail.candidate({"question": text}).refused("not_unique", "no number in it can be asked for alone")
        question, truth, equation = masked
        wording = _MASKED[way][problem.language].format(question=question, answer=problem.answer)
        found = _FOUND[problem.language].format(equation=equation, x=truth) if equation else ""
        return _Asked(wording, truth, found)

    def _mask(self, problem: Problem, text: str, rng: Any) -> tuple[str, str, str] | None:
        """Return the text with X for one number, that number, and the equation that X alone solves ("" for seeds)."""
        if problem.values:
            template = self._templates[problem.name]
            choices = [name for name in template.masks if _count(text, problem.values[name]) == 1]
            for place in rng.permutation(len(choices)):
                name = choices[int(place)]
                known = {**problem.values, "x": int(problem.answer)}
                if solved(template.equation, known, name) == problem.values[name]:
                    equation = _written(template.equation, {**known, name: "X"})
                    return (
                        re.sub(rf"(?<!\d){problem.values[name]}(?!\d)", "X", text),
                        str(problem.values[name]),
                        equation,
                    )
            return None
        numbers = [number for number in numbers_in(text) if _count(text, spelled(number)) == 1]
        numbers = [number for number in numbers if spelled(number) != problem.answer]
        if not numbers:
            return None
        truth = spelled(numbers[int(rng.integers(len(numbers)))])
        return re.sub(rf"(?<![\d.,]){truth}(?![\d]|[.,]\d)", "X", text), truth, ""

    # The answer.

    def _shown(self, problem: Problem, way: str, trail: Trail) -> str:
        """Return solved problems of the same template with other numbers; "" where none are wanted or known."""
        if not (self.shots and problem.name and way == "plain"):
            return ""
        rng = stream(trail.seed, "shots")
        made = [fill(problem.name, self._templates[problem.name], problem.language, rng) for _ in range(self.shots + 1)]
        others = [one for one in made if one.question != problem.question][: self.shots]
        return "".join(_SHOT.format(question=one.question, solution=self._worked(one)) for one in others)

    def _worked(self, problem: Problem) -> str:
        """Return how a problem of a template is worked out: in words, or as a line of Python."""
        if self.solve == "execution":
            return f"result = {formula(self._templates[problem.name].equation, problem.values) or problem.answer}"
        return " ".join(("Answer:", *problem.steps, _ENDS[problem.language].format(x=problem.answer)))

    async def _voted(self, asked: _Asked, trail: Trail, shown: str) -> Candidate:
        texts = []
        for sample in range(self.samples):
            if shown:
                prompt = f"{shown}Question: {asked.question}\nAnswer:"
                reply = await trail.go_on(f"answer.{sample}", prompt, self.sampling, stop=("\n",))
            else:
                reply = await trail.say(f"answer.{sample}", _SOLVE.format(question=asked.question), self.sampling)
            texts.append("" if unusable(reply) else reply.text.strip())
        best, share = majority(texts)
        chosen = next((text for text in texts if final_number(text) == best), "") if best is not None else ""
        said = "" if best is None else spelled(best)
        made = self._record(trail, replace(asked, truth=asked.truth or said), chosen, {"votes": round(share, 3)})
        made = made.scored(agreement=share)
        if best is None or share < self.share_at_least:
            return made.refused("majority", f"{share:.0%} of {self.samples} replies agree")
        if asked.truth and Fraction(asked.truth) != best:
            return made.refused("answer", "most replies reach another answer than the known one")
        return made

    async def _executed(self, asked: _Asked, trail: Trail, shown: str) -> Candidate:
        if shown:
            prompt = f"{shown}Question: {asked.question}\nresult ="
            reply = await trail.go_on("program", prompt, self.sampling, stop=("\n",))
            code = f"result = {reply.text.strip()}"
        else:
            reply = await trail.say("program", _PROGRAM.format(question=asked.question), self.sampling)
            code = _code(reply.text)
        if unusable(reply) or not code:
            return trail.broken(reply)
        outcome = await run_aside(self._sandbox, code)
        said = final_number(outcome.result)
        level = f"{outcome.level.name.lower()}: {outcome.means}"
        truth = asked.truth or ("" if said is None else spelled(said))
        made = self._record(trail, replace(asked, truth=truth), code, {"program": code, "sandbox": level})
        if outcome.error or said is None:
            return made.refused(
                "execution", (outcome.error or "it stored no number in `result`").splitlines()[-1][:200]
            )
        if asked.truth and Fraction(asked.truth) != said:
            return made.refused("answer", "the program reaches another answer than the known one")
        return made

    def _record(self, trail: Trail, asked: _Asked, output: str, more: Mapping[str, Any]) -> Candidate:
        fields = {"instruction": asked.question, "output": output, "answer": asked.truth, **more}
        return trail.record(fields)

    @cached_property
    def _templates(self) -> Mapping[str, Template]:
        return read_templates(self.templates, self.beside)

    @cached_property
    def _sandbox(self) -> Sandbox:
        return Sandbox(at_least=Level.named(self.sandbox), limits=parse_limits(self.limits))


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question, its answer ("" where nobody knows) and how the answer is reached ("" where a model shall say)."""

    question: str
    truth: str
    solution: str


def _count(text: str, value: object) -> int:
    return len(re.findall(rf"(?<![\d.,]){value}(?!\d|[.,]\d)", text))


def _written(equation: str, values: Mapping[str, Any]) -> str:
    """Return an equation with its letters filled in, as a person writes it."""
    left, _, right = equation.removeprefix("Eq(").removesuffix(")").partition(", ")
    text = f"{left} = {right}"
    return re.sub(r"[a-z]+", lambda name: str(values.get(name[0], name[0])), text)


def _code(reply: str) -> str:
    found = re.search(r"```[ \t]*(?:python|py)?[^\n]*\n(.*?)(?:```|\Z)", reply, re.S | re.I)
    return found[1].strip() if found else (reply.strip() if "result" in reply and "=" in reply else "")
