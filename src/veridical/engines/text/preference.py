"""Which of several answers is best, and which worst? Together they are a preference pair.

Xu et al. 2024, "Magpie-Align": five answers at temperature 0.8; the one of the highest reward is chosen, the lowest is
rejected.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, ClassVar, Literal

from veridical.core.errors import SpecError
from veridical.curate.judge import compare
from veridical.curate.sentence import embed
from veridical.curate.setting import configured
from veridical.llm.candidate import Ask, Candidate, Rejection
from veridical.llm.chat import ChatReply
from veridical.llm.draw import need_seeds
from veridical.llm.seeded import Seeded
from veridical.llm.structured import unusable
from veridical.llm.trail import Sampling, Trail

_GRADE = """Grade this answer from 1 (useless) to 10 (could not be better). Correctness counts most, then whether it \
does all that was asked; length is no merit.

Question:
{question}

Answer:
{answer}

Write the grade alone."""
_NUMBER = re.compile(r"\b(10|[1-9])(?:\.\d+)?\b")


@configured
@dataclass(frozen=True, kw_only=True)
class Preference(Seeded):
    """A pair of a seed's question: the best and the worst of `answers`.

    `by` "judge" asks the role `judge` for grades; "pairwise" shows it every two answers both ways round and counts
    wins, as a share of the comparisons (a choice that turns with the place is a tie); "likelihood" takes the mean
    log-probability of each answer's tokens; "reference" the cosine to the seed's own answer in `answer_field`. Pairs
    less than `margin` apart are rejected.
    """

    recipe: ClassVar[str] = "preference"
    question_field: str = "instruction"
    answer_field: str = "output"
    answers: int = 5
    by: Literal["judge", "pairwise", "likelihood", "reference"] = "judge"
    judge: str = "judge"
    margin: float = 0.0
    sampling: Sampling = Sampling(temperature=0.8, max_tokens=1024)  # noqa: RUF009 - frozen

    def __post_init__(self) -> None:
        names = (self.question_field, self.answer_field) if self.by == "reference" else (self.question_field,)
        need_seeds(self.seeds, names, self.recipe)
        if self.answers < 2:
            raise SpecError("a pair needs two answers at least", where="recipe.preference.answers")

    async def make(self, spec: Mapping[str, Any], ask: Ask) -> Sequence[Candidate]:
        """Ask for the answers, score them, and pair the best with the worst."""
        trail = Trail.of(spec, ask, seed=self.seed)
        record = self.seeds[spec["start"]]
        question = str(record[self.question_field])
        sampling = replace(self.sampling, logprobs=True) if self.by == "likelihood" else self.sampling
        replies = [await trail.say(f"answer.{place}", question, sampling) for place in range(self.answers)]
        whole = [reply for reply in replies if not unusable(reply) and reply.text.strip()]
        if len({reply.text.strip() for reply in whole}) < 2:
            return [trail.broken(replies[0], Rejection("pair", "fewer than two different answers"))]
        scores = await self._scores(question, whole, record, trail)
        best, worst = scores.index(max(scores)), scores.index(min(scores))
        fields = {"instruction": question, "chosen": whole[best].text.strip(), "rejected": whole[worst].text.strip()}
        gap = scores[best] - scores[worst]
        candidate = trail.record(fields, chosen=scores[best], rejected=scores[worst], margin=gap)
        if gap <= self.margin or fields["chosen"] == fields["rejected"]:
            return [candidate.refused("pair", f"the answers lie {gap:.3g} apart")]
        return [candidate]

    async def _scores(
        self, question: str, replies: Sequence[ChatReply], record: Mapping[str, Any], trail: Trail
    ) -> list[float]:
        if self.by == "reference":
            points = embed([str(record[self.answer_field]), *(reply.text for reply in replies)])
            return [float(point @ points[0]) for point in points[1:]]
        if self.by == "likelihood":
            return [statistics.fmean(reply.logprobs) if reply.logprobs else float("-inf") for reply in replies]
        if self.by == "pairwise":
            return await self._wins(question, replies, trail)
        grades = []
        for place, reply in enumerate(replies):
            wish = _GRADE.format(question=question, answer=reply.text)
            said = await trail.say(f"grade.{place}", wish, Sampling(temperature=0.0, max_tokens=8), role=self.judge)
            found = _NUMBER.search(said.text)
            grades.append(float(found.group()) if found else 0.0)
        return grades

    async def _wins(self, question: str, replies: Sequence[ChatReply], trail: Trail) -> list[float]:
        wins = [0.0] * len(replies)
        for one, two in combinations(range(len(replies)), 2):
            found = await compare(
                trail.noting, question, replies[one].text, replies[two].text, role=self.judge, step=f"pair.{one}.{two}"
            )
            wins[one] += {"first": 1.0, "tie": 0.5, "second": 0.0}[found.winner]
            wins[two] += {"first": 0.0, "tie": 0.5, "second": 1.0}[found.winner]
        return [won / (len(replies) - 1) for won in wins]
