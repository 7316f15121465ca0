"""Instructions made harder or rarer, step by step, with failed steps thrown away.

Xu et al. 2023, "WizardLM": in depth an instruction gets a constraint, is deepened, made concrete, made to need more
reasoning, or gets a harder input; in breadth another, rarer one of the same domain is written. An eliminator drops
steps that gain nothing and answers that fail.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from veridical.core.rng import stream
from veridical.curate.rouge import rouge_l
from veridical.curate.setting import configured
from veridical.curate.word import one_line, words_of
from veridical.llm.candidate import Ask, Candidate
from veridical.llm.draw import need_seeds, started
from veridical.llm.seeded import Seeded
from veridical.llm.trail import Sampling, Trail

DEPTH: Mapping[str, str] = {
    "constraint": "Add one more constraint or requirement to it.",
    "deepen": "If it asks about something, ask about it in more depth and breadth.",
    "concretise": "Replace general concepts in it by more specific ones.",
    "reasoning": "If a few simple steps solve it, change it so that it explicitly needs several steps of reasoning.",
    "complicate": "Add realistic input data to it (a table, code, a formula or a text) that must be used to answer.",
}
_DEEPEN = """Rewrite the instruction below into a somewhat harder one that a person could still understand and answer.

{how}

Keep what it is about, its language, and any text, table or code in it. Add 10 to 20 words, no more. Do not answer it. \
Write only the rewritten instruction.

Instruction:
{instruction}"""
_BROADEN = """Write one brand-new instruction, inspired by the one below. It belongs to the same domain but is rarer; \
it is about as long and as hard; a person could understand and answer it. Do not answer it. Write only the new \
instruction.

Instruction:
{instruction}"""
_GAIN = """Do these two instructions ask for the same thing, with the same constraints, depth and breadth?

First: {before}

Second: {after}

Answer yes or no."""
_LEAKED = re.compile(
    r"given prompt|rewritten (?:prompt|instruction)|new instruction|created prompt|#rewritten|here is the", re.I
)
_STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be but by for from has have i if in is it its no not of on or so that the then there "
        "these they this to was were what when which will with you your yes ok sorry",
    )
)


@configured
@dataclass(frozen=True, kw_only=True)
class EvolInstruct(Seeded):
    """`rounds` steps from one seed instruction a task; every step that survives is a record with its answer.

    `breadth_share` of the steps go in breadth. `compare` "model" also asks whether a step gained anything, "words"
    looks at the words alone.
    """

    recipe: ClassVar[str] = "evol_instruct"
    instruction_field: str = "instruction"
    rounds: int = 3
    breadth_share: float = 1 / 6
    compare: str = "model"
    sampling: Sampling = Sampling(temperature=1.0, max_tokens=512)  # noqa: RUF009 - frozen
    answering: Sampling = Sampling(temperature=0.7, max_tokens=1024)  # noqa: RUF009 - frozen

    def __post_init__(self) -> None:
        need_seeds(self.seeds, (self.instruction_field,), self.recipe)

    @property
    def dimensions(self) -> tuple[str, ...]:
        """What quotas may count: the seeds' own fields, and the kind of step."""
        return (*super().dimensions, "evolution")

    def plan(self, number: int, wanted: Mapping[str, str]) -> Mapping[str, Any]:
        """Return the seed and the kind of each step."""
        rng = stream(self.seed, "evol_instruct", number)
        kinds = list(DEPTH)
        ways = [
            "breadth" if rng.random() < self.breadth_share else kinds[int(rng.integers(len(kinds)))]
            for _ in range(self.rounds)
        ]
        return started(self.seeds, number, wanted, seed=self.seed, ways=ways)

    async def make(self, spec: Mapping[str, Any], ask: Ask) -> Sequence[Candidate]:
        """Evolve step by step; a step that fails leaves the instruction as it was."""
        trail = Trail.of(spec, ask, seed=self.seed)
        instruction = str(self.seeds[spec["start"]][self.instruction_field])
        made: list[Candidate] = []
        for place, way in enumerate(spec["ways"]):
            template = _BROADEN if way == "breadth" else _DEEPEN
            question = template.format(how=DEPTH.get(way, ""), instruction=instruction)
            evolved = one_line((await trail.say(f"evolve.{place}.{way}", question, self.sampling)).text)
            answer = ""
            problem = gainless(instruction, evolved) or await self._same(instruction, evolved, place, trail)
            if problem is None:
                answer = (await trail.say(f"answer.{place}", evolved, self.answering)).text.strip()
                problem = failed(answer)
            fields = {"instruction": evolved, "input": "", "output": answer}
            candidate = trail.record(fields).marked(evolution=way)
            if problem is None:
                instruction = evolved
            made.append(candidate if problem is None else candidate.refused("eliminator", problem))
        return made

    async def _same(self, before: str, after: str, place: int, trail: Trail) -> str | None:
        if self.compare != "model":
            return None
        question = _GAIN.format(before=before, after=after)
        said = await trail.say(f"compare.{place}", question, Sampling(temperature=0.0, max_tokens=4))
        return "the model finds no gain in it" if words_of(said.text)[:1] == ["yes"] else None


def gainless(before: str, after: str) -> str | None:
    """Return why a step gained nothing by its words alone, or None."""
    if not words_of(after):
        return "the step is empty"
    if _LEAKED.search(after):
        return "it holds words of the rewriting prompt"
    if rouge_l(words_of(before), words_of(after)) > 0.95:
        return "it is the same instruction"
    return None


def failed(answer: str) -> str | None:
    """Return why an answer shows that the instruction is no good, or None (the paper's eliminator).

    Example:
        >>> failed("Sorry, I do not know.")
        'the answer gives up'
    """
    words = words_of(answer)
    if "sorry" in words and len(words) < 80:
        return "the answer gives up"
    if all(word in _STOP_WORDS for word in words):
        return "the answer is stop words only"
    return None
