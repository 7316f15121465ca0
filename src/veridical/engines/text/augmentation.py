"""Given seeds and a budget, are new answers, rephrased questions or new questions worth most?

Chan et al. 2024, "Balancing Cost and Effectiveness of Synthetic Data Generation Strategies for LLMs": with few
queries a seed, further answers help most; with many, only new questions still do; rephrasing lies between and suffers
least from a weak model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from veridical.curate.setting import configured
from veridical.curate.word import one_line
from veridical.llm.candidate import Ask, Candidate
from veridical.llm.draw import need_seeds
from veridical.llm.seeded import Seeded
from veridical.llm.structured import unusable
from veridical.llm.trail import Sampling, Trail, identity_of

Way = Literal["answer", "rephrase", "new_question", "auto"]
LOW, HIGH = 4.0, 32.0
_REPHRASE = """Rephrase this question: other words, another order, the same meaning, the same numbers and the same \
answer. Write only the rephrased question.

{question}"""
_NEW = """Here is a question:

{question}

Write one new question of the same field and difficulty that needs other facts and another line of reasoning. It must \
be answerable without looking anything up. Write only the new question."""


@configured
@dataclass(frozen=True, kw_only=True)
class Augmentation(Seeded):
    """An answer to a seed's question, to a rephrasing of it, or to a new one inspired by it.

    `way` "auto" chooses by the ratio of records wanted to seeds: below `low` answers, from `high` on new questions,
    rephrasings between. Both limits depend on the task: `veridical text compare` two pilots.
    """

    recipe: ClassVar[str] = "augmentation"
    question_field: str = "question"
    way: Way = "auto"
    low: float = LOW
    high: float = HIGH
    records: int = 0
    sampling: Sampling = Sampling(temperature=0.9, max_tokens=300)  # noqa: RUF009 - frozen
    answering: Sampling = Sampling(temperature=0.7, max_tokens=1024)  # noqa: RUF009 - frozen

    def __post_init__(self) -> None:
        need_seeds(self.seeds, (self.question_field,), self.recipe)

    @property
    def identity(self) -> Mapping[str, Any]:
        """Everything that decides what is asked; of the budget only the way that it chose."""
        about = identity_of(self, self.recipe)
        about["options"] |= {"way": self.chosen, "records": 0}
        return about

    @property
    def chosen(self) -> str:
        """The way taken."""
        return self.way if self.way != "auto" else way_for(self.records / len(self.seeds), low=self.low, high=self.high)

    async def make(self, spec: Mapping[str, Any], ask: Ask) -> Sequence[Candidate]:
        """Ask for the question, where it is new, and for its answer."""
        trail = Trail.of(spec, ask, seed=self.seed)
        original = question = str(self.seeds[spec["start"]][self.question_field])
        if self.chosen != "answer":
            template = _REPHRASE if self.chosen == "rephrase" else _NEW
            reply = await trail.say(self.chosen, template.format(question=original), self.sampling)
            question = one_line(reply.text)
            if unusable(reply) or not question:
                return [trail.broken(reply)]
        answer = await trail.say("answer", question, self.answering)
        if unusable(answer) or not answer.text.strip():
            return [trail.broken(answer)]
        fields = {"instruction": question, "input": "", "output": answer.text.strip(), "way": self.chosen}
        return [trail.record(fields)]


def way_for(ratio: float, *, low: float = LOW, high: float = HIGH) -> str:
    """Return the way worth most at a ratio of queries to seeds.

    Example:
        >>> [way_for(ratio) for ratio in (1, 10, 100)]
        ['answer', 'rephrase', 'new_question']
    """
    return "answer" if ratio < low else "rephrase" if ratio < high else "new_question"
