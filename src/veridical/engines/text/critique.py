"""An answer, what is wrong with it, and a better one (Madaan et al. 2023, "Self-Refine"; Bai et al. 2022)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from veridical.curate.setting import configured
from veridical.curate.word import plain
from veridical.llm.candidate import Ask, Candidate
from veridical.llm.draw import need_seeds
from veridical.llm.seeded import Seeded
from veridical.llm.structured import unusable
from veridical.llm.trail import Sampling, Trail

_CRITIQUE = """Question:
{question}

Answer:
{answer}

Criticise the answer by these principles: {principles}. Name each fault and where it is. If there is \
none, write NONE."""
_REVISE = """Question:
{question}

Answer:
{answer}

Criticism:
{critique}

Rewrite the answer so that every fault named is mended and nothing else is lost. Write only the new answer."""


@configured
@dataclass(frozen=True, kw_only=True)
class Critique(Seeded):
    """A draft, `rounds` of criticism and revision, and the last answer; draft and result are also a preference pair.

    `draft_field` names an answer in the seeds to start from ("" lets the teacher write the draft).
    """

    recipe: ClassVar[str] = "critique"
    question_field: str = "instruction"
    draft_field: str = ""
    rounds: int = 1
    principles: str = "it is correct, complete, clear, harmless, and no longer than it needs to be"
    sampling: Sampling = Sampling(temperature=0.7, max_tokens=1024)  # noqa: RUF009 - frozen

    def __post_init__(self) -> None:
        need_seeds(self.seeds, tuple(name for name in (self.question_field, self.draft_field) if name), self.recipe)

    async def make(self, spec: Mapping[str, Any], ask: Ask) -> Sequence[Candidate]:
        """Draft, criticise, revise."""
        trail = Trail.of(spec, ask, seed=self.seed)
        record = self.seeds[spec["start"]]
        question = str(record[self.question_field])
        critique = ""
        if self.draft_field:
            draft = answer = str(record[self.draft_field])
        else:
            reply = await trail.say("draft", question, self.sampling)
            if unusable(reply) or not reply.text.strip():
                return [trail.broken(reply)]
            draft = answer = reply.text.strip()
        for place in range(self.rounds):
            wish = _CRITIQUE.format(question=question, answer=answer, principles=self.principles)
            said = await trail.say(f"critique.{place}", wish, self.sampling)
            if unusable(said):
                return [trail.broken(said)]
            critique = said.text.strip()
            if plain(critique) == "none":
                break
            wish = _REVISE.format(question=question, answer=answer, critique=critique)
            reply = await trail.say(f"revise.{place}", wish, self.sampling)
            if unusable(reply) or not reply.text.strip():
                return [trail.broken(reply)]
            answer = reply.text.strip()
        fields = {"instruction": question, "output": answer, "critique": critique}
        if plain(answer) == plain(draft):
            candidate = trail.record(fields)
            return [
                candidate
                if plain(critique) == "none"
                else candidate.refused("critique", "the revision changed nothing")
            ]
        return [trail.record({**fields, "chosen": answer, "rejected": draft})]
