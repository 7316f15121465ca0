"""How is a problem made with a solution that passes tests which would notice if it did not?

Inspiration from real code (OSS-Instruct: Wei et al. 2023, "Magicoder"); tests written without sight of the solution;
what fails is shown to the model with its traceback, up to `repairs` rounds (Chen et al. 2023, "Teaching Large Language
Models to Self-Debug"; Gehring et al. 2024, "RLEF"); tests that few mutants fail are turned away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from veridical.core.errors import SpecError
from veridical.curate.setting import configured, read_records
from veridical.engines.code.agreement import agreement_of, calls_of, name_of, probe_of, said_in, tests_of, varied
from veridical.engines.code.mutant import mutants_of
from veridical.engines.code.program import (
    Originals,
    as_functions,
    code_blocks,
    distinct_tests,
    is_tests,
    parsed,
    tricks_in,
)
from veridical.engines.code.snippet import Document, digest_of, documents_of, draw_snippet, read_code
from veridical.exec.sandbox.aside import run_aside
from veridical.exec.sandbox.level import Level
from veridical.exec.sandbox.run import Limits, Outcome, Sandbox, parse_limits
from veridical.llm.candidate import Ask, Candidate, Rejection
from veridical.llm.draw import rotated
from veridical.llm.structured import unusable
from veridical.llm.trail import Sampling, Trail, identity_of

_PROBLEM = """Here is a piece of real code, for inspiration only:

```python
{snippet}
```

Invent one self-contained programming problem that it brings to mind{wishes}. It is solved by one Python function, \
with the standard library alone, and its result depends on its arguments alone. State every rule that a test could \
check, and one example. Do not mention the code above.

"problem" is the whole statement; "function" is the function's first line, as `def name(a: int) -> int:`."""
_SOLVE = """Solve this problem in Python. Write only the code, in one ```python block; no tests, no example calls.

{problem}

Begin with: {function}"""
_TESTS = """Write tests for a Python function that shall solve this problem:

{problem}

The function is `{function}` and is already defined. Write at least {least} functions whose names begin with "test_", \
each with plain `assert` statements, for ordinary and for extreme cases. Work out each expected value from the \
statement, step by step, before you write it. Write only the code, in one ```python block, without the function."""
_REPAIR = """This solution fails its tests.

Problem:
{problem}

Solution:
```python
{solution}
```

Tests:
```python
{tests}
```

What happened:
{told}

Find the cause. Write the corrected solution in one ```python block. Only if a test contradicts the problem, add a \
second ```python block with all tests, corrected."""
_SHOT = (
    "### Idea\n{idea}\n### Problem\n{problem}\n### Solution\n```python\n{solution}\n```\n"
    "### Tests\n```python\n{tests}\n```\n\n"
)


@configured
@dataclass(frozen=True, kw_only=True)
class Code:
    """One problem with solution and tests a task; all three are run before they are believed.

    `code` is a folder of real Python files to draw snippets from ("stdlib": Python's own library); else the seeds' own
    field `code_field` is. `repairs` caps the rounds of repair. Tests must notice at least `mutants_noticed` (a share)
    of up to `mutants` mutants, and one at the least. `sandbox` is the weakest isolation that may do; `limits` are those
    of `exec.sandbox.run.Limits`. `style` "completion" shows a weak model whole examples (`shots` of those in the file
    `examples`: idea, problem, solution, tests) and lets it go on. Where solution and tests contradict each other to the
    end, `solutions` more are asked for: what `agreeing` of them say is what the tests then expect (CodeT).
    """

    code: str = ""
    code_field: str = "code"
    repairs: int = 3
    solutions: int = 0
    agreeing: int = 3
    least_tests: int = 3
    mutants: int = 10
    mutants_noticed: float = 0.3
    sandbox: str = "filtered"
    limits: Mapping[str, Any] = field(default_factory=dict)
    style: Literal["chat", "completion"] = "chat"
    examples: str = ""
    shots: int = 2
    ideas: tuple[str, ...] = ()
    sampling: Sampling = Sampling(temperature=0.8, max_tokens=1500)  # noqa: RUF009 - frozen
    repairing: Sampling = Sampling(temperature=0.4, max_tokens=2000)  # noqa: RUF009 - frozen
    seeds: tuple[Mapping[str, Any], ...] = ()
    beside: Path = Path()
    seed: int = 0

    def __post_init__(self) -> None:
        Level.named(self.sandbox)
        parse_limits(self.limits)
        if self.solutions and not 2 <= self.agreeing <= self.solutions + 1:
            fix = "ask for more solutions, or let fewer agree (two at least)"
            raise SpecError(
                f"{self.agreeing} of {self.solutions + 1} solutions cannot agree", where="recipe.code.agreeing", fix=fix
            )

    @cached_property
    def identity(self) -> Mapping[str, Any]:
        """Everything that decides what is asked and accepted; files by their digest."""
        about = identity_of(self, "code")
        about["options"] |= {"beside": "", "code": digest_of(self._documents)}
        if self.examples:
            about["options"]["examples"] = [dict(record) for record in self._examples]
        return about

    def plan(self, number: int, wanted: Mapping[str, str]) -> Mapping[str, Any]:
        """Return which lines of which file inspire a task."""
        spec: dict[str, Any] = {"task": number, **wanted}
        if self._documents:
            snippet = draw_snippet(self._documents, seed=self.seed, turn=number)
            spec |= {"snippet": snippet.text.splitlines(), "source": f"code:{snippet.source}"}
        if self.style == "completion":
            spec["shots"] = rotated(len(self._examples), self.shots, seed=self.seed, path="shots", turn=number)
            if self.ideas:
                (idea,) = rotated(len(self.ideas), 1, seed=self.seed, path="ideas", turn=number)
                spec["idea"] = [self.ideas[idea]]
        return spec

    async def make(self, spec: Mapping[str, Any], ask: Ask) -> Sequence[Candidate]:
        """Ask for problem, solution and tests, run them, have them repaired, and see what the tests are worth."""
        trail = Trail.of(spec, ask, seed=self.seed)
        write = self._written_on if self.style == "completion" else self._written
        draft = await write(spec, trail)
        if isinstance(draft, Candidate):
            return [draft]
        attempt = await self._tried(draft, trail)
        if self.solutions and attempt.rejection is not None and attempt.rejection.check == "execution":
            attempt = await self._agreed(attempt, spec, trail)
        made = trail.record(attempt.fields(), repairs=float(attempt.round))
        why = attempt.rejection or self._copied(attempt)
        if why is None:
            noticed, of = await self._noticed(attempt)
            made = made.scored(mutants_noticed=noticed / of)
            if noticed == 0 or noticed < self.mutants_noticed * of:
                why = Rejection("mutation", f"the tests notice {noticed} of {of} mutants")
        return [replace(made, rejected=why)]

    # What is written.

    async def _written(self, spec: Mapping[str, Any], trail: Trail) -> Draft | Candidate:
        wishes = "".join(f", with {name} {value}" for name, value in trail.kept.items())
        question = _PROBLEM.format(snippet="\n".join(spec.get("snippet", ())), wishes=wishes)
        made = await trail.fill("problem", question, ("problem", "function"), self.sampling)
        if isinstance(made, Candidate):
            return made
        about = {"problem": made["problem"].strip(), "function": made["function"].strip()}
        blocks = {}
        for step, template in (("solution", _SOLVE), ("tests", _TESTS)):
            reply = await trail.say(step, template.format(**about, least=self.least_tests), self.sampling)
            found = code_blocks(reply.text)
            if unusable(reply) or not found:
                return trail.broken(reply, unusable(reply) or Rejection("format", f"no code: {step}"))
            blocks[step] = found[0]
        return Draft(**about, solution=blocks["solution"], tests=as_functions(blocks["tests"]))

    async def _written_on(self, spec: Mapping[str, Any], trail: Trail) -> Draft | Candidate:
        reply = await trail.go_on("write", self._shown(spec), self.sampling, stop=("### Idea",))
        problem, _, rest = reply.text.partition("### Solution")
        blocks = code_blocks(rest)
        if unusable(reply) or len(blocks) < 2 or not problem.strip():
            return trail.broken(reply)
        first = next((line for line in blocks[0].splitlines() if line.startswith("def ")), "")
        return Draft(problem=problem.strip(), function=first, solution=blocks[0], tests=as_functions(blocks[1]))

    def _shown(self, spec: Mapping[str, Any]) -> str:
        """Return whole examples, and the idea that the model shall go on with."""
        shown = "".join(_SHOT.format(**{"idea": "", **self._examples[index]}) for index in spec["shots"])
        (idea,) = spec.get("idea") or spec.get("snippet", [""])[:1]
        return f"{shown}### Idea\n{idea}\n### Problem\n"

    async def _once_more(self, draft: Draft, number: int, spec: Mapping[str, Any], trail: Trail) -> str:
        """Return another solution of a problem, written without sight of the first; "" for none."""
        step = f"solution.{number}"
        if self.style == "chat":
            about = {"problem": draft.problem, "function": draft.function}
            blocks = code_blocks((await trail.say(step, _SOLVE.format(**about), self.sampling)).text)
            return blocks[0] if blocks else ""
        # No line end after it: a base model is used to writing the line's end and the indent in one.
        prompt = f"{self._shown(spec)}{draft.problem}\n### Solution\n```python\n{draft.function}"
        reply = await trail.go_on(step, prompt, self.sampling, stop=("```",))
        body = reply.text.rstrip()
        if body.lstrip().startswith("def "):
            return body.strip()  # a chat model begins anew
        return f"{draft.function}{body}" if body.startswith("\n") else f"{draft.function}\n    {body.lstrip()}"

    # What is run.

    async def _tried(self, draft: Draft, trail: Trail) -> Attempt:
        history: list[dict[str, str]] = []
        for turn in range(self.repairs + 1):
            problem = tricks_in(draft.solution)
            if problem and parsed(draft.solution) is not None:
                return Attempt(draft, turn, history, None, Rejection("tricks", problem))
            outcome = await run_aside(self._sandbox, draft.solution, tests=draft.tests)
            if outcome.passed:
                return Attempt(draft, turn, history, outcome, _too_few(draft.tests, self.least_tests))
            told = outcome.told or "there were no tests"
            history.append({"solution": draft.solution, "told": told})
            if turn == self.repairs:
                return Attempt(draft, turn, history, outcome, Rejection("execution", _last_line(told)))
            question = _REPAIR.format(
                problem=draft.problem, solution=draft.solution, tests=draft.tests, told=told[:3000]
            )
            reply = await trail.say(f"repair.{turn + 1}", question, self.repairing)
            draft = draft.mended(reply.text)
        raise AssertionError("the last round returns")

    async def _agreed(self, failed: Attempt, spec: Mapping[str, Any], trail: Trail) -> Attempt:
        """Return the attempt whose tests expect what most solutions say, or the failed one with why there is none."""
        draft = failed.draft
        calls = varied(calls_of(draft.tests, name_of(draft.function)))
        if len(calls) < self.least_tests:
            return failed
        codes = [draft.solution]
        codes += [await self._once_more(draft, number, spec, trail) for number in range(1, self.solutions + 1)]
        codes = [code for code in codes if code and not tricks_in(code)]
        runs = [run_aside(self._hasty, code, probe_of(calls)) for code in codes]
        said = [said_in(outcome.result, calls) for outcome in await asyncio.gather(*runs)]
        found = agreement_of(said, codes, at_least=self.agreeing, calls=self.least_tests)
        if found is None:
            return replace(failed, rejection=Rejection("agreement", f"no {self.agreeing} solutions say the same"))
        mended = replace(draft, solution=codes[found.solutions[0]], tests=tests_of(calls, found.values))
        outcome = await run_aside(self._sandbox, mended.solution, tests=mended.tests)
        why = _too_few(mended.tests, self.least_tests) if outcome.passed else failed.rejection
        expects = f"agreed by {len(found.solutions)} of {self.solutions + 1} solutions"
        return replace(failed, draft=mended, outcome=outcome, rejection=why, expects=expects)

    async def _noticed(self, attempt: Attempt) -> tuple[int, int]:
        mutants = mutants_of(attempt.draft.solution, most=self.mutants, seed=self.seed)
        runs = [run_aside(self._hasty, mutant.code, tests=attempt.draft.tests) for mutant in mutants]
        outcomes = await asyncio.gather(*runs)
        return sum(not outcome.passed for outcome in outcomes), max(1, len(outcomes))

    def _copied(self, attempt: Attempt) -> Rejection | None:
        how = self._originals.copied(attempt.draft.solution)
        return Rejection("copied", how) if how else None

    @cached_property
    def _documents(self) -> tuple[Document, ...]:
        return read_code(self.code, self.beside) if self.code else documents_of(self.seeds, self.code_field)

    @cached_property
    def _examples(self) -> tuple[Mapping[str, Any], ...]:
        return read_records(self.beside / self.examples) if self.examples else ()

    @cached_property
    def _originals(self) -> Originals:
        shown = [str(record.get("solution", "")) for record in self._examples]
        return Originals([*(document.text for document in self._documents), *shown])

    @cached_property
    def _sandbox(self) -> Sandbox:
        return Sandbox(at_least=Level.named(self.sandbox), limits=parse_limits(self.limits))

    @cached_property
    def _hasty(self) -> Sandbox:
        """Mutants run for ever more often than not: they get less time."""
        limits: Limits = self._sandbox.limits
        return replace(self._sandbox, limits=replace(limits, wall_s=min(limits.wall_s, 5.0), cpu_s=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A problem with what is to become its solution and its tests."""

    problem: str
    function: str
    solution: str
    tests: str

    def mended(self, reply: str) -> Draft:
        """Return the draft with the solution, and perhaps the tests, of a reply."""
        blocks = code_blocks(reply)
        solutions = [block for block in blocks if not is_tests(block)]
        tests = [block for block in blocks if is_tests(block)]
        return replace(
            self,
            solution=solutions[0] if solutions else self.solution,
            tests=as_functions(tests[0]) if tests else self.tests,
        )


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of a draft: after how many repairs, what failed on the way, and how it was locked in."""

    draft: Draft
    round: int
    history: list[dict[str, str]]
    outcome: Outcome | None
    rejection: Rejection | None
    expects: str = "written with the tests"

    def fields(self) -> dict[str, Any]:
        """Return what goes out."""
        level = "not run" if self.outcome is None else f"{self.outcome.level.name.lower()}: {self.outcome.means}"
        return {
            "instruction": self.draft.problem,
            "output": self.draft.solution,
            "tests": self.draft.tests,
            "function": self.draft.function,
            "expects": self.expects,
            "repairs": self.history,
            "sandbox": level,
        }


def _too_few(tests: str, least: int) -> Rejection | None:
    count = distinct_tests(tests)
    return Rejection("tests", f"{count} different tests, at least {least} are wanted") if count < least else None


def _last_line(told: str) -> str:
    lines = [line for line in told.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "it failed"
