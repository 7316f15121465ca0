"""Who would read or write this text, and who is near that person?

Ge et al. 2024, "Scaling Synthetic Data Creation with 1,000,000,000 Personas": a persona from a text, then personas in a
close relation with it; near ones are dropped by MinHash, then by a cosine of 0.9 (pools `near_duplicates` and
`semantic_duplicates`, distance 0.1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from veridical.curate.setting import configured
from veridical.curate.word import one_line
from veridical.llm.candidate import Ask, Candidate
from veridical.llm.draw import need_seeds, rotated, started
from veridical.llm.seeded import Seeded
from veridical.llm.structured import unusable
from veridical.llm.trail import Sampling, Trail

_FROM_TEXT = """Who is likely to read, write, like or dislike this text? Describe one such person in one or two \
sentences, as specifically as the text allows: occupation, interests, situation. Give no name.

Text:
{text}"""
_RELATED = """Here is a person:

{persona}

Who is in a close relation with this person ({relation})? Describe that other person in one or two sentences: \
occupation, interests, situation. Give no name."""
_USE = """{wish}

Write it as this person would: {persona}

Write only that."""
RELATIONS = ("a colleague", "a family member", "a friend", "a customer or patient", "a teacher or student", "a rival")


@configured
@dataclass(frozen=True, kw_only=True)
class Personas(Seeded):
    """A persona from a seed's text, then `steps` related ones, each from the one before.

    With `wish` ("Write a question you would ask your bank.") each persona also gets a text of its own.
    """

    recipe: ClassVar[str] = "personas"
    text_field: str = "text"
    steps: int = 1
    wish: str = ""
    sampling: Sampling = Sampling(temperature=0.9, max_tokens=200)  # noqa: RUF009 - frozen

    def __post_init__(self) -> None:
        need_seeds(self.seeds, (self.text_field,), self.recipe)

    def plan(self, number: int, wanted: Mapping[str, str]) -> Mapping[str, Any]:
        """Return the seed and the relations of a task."""
        places = rotated(len(RELATIONS), self.steps, seed=self.seed, path="relation", turn=number)
        relations = [RELATIONS[place] for place in places]
        return started(self.seeds, number, wanted, seed=self.seed, relations=relations)

    async def make(self, spec: Mapping[str, Any], ask: Ask) -> Sequence[Candidate]:
        """Ask for the persona, for related ones, and for their texts."""
        trail = Trail.of(spec, ask, seed=self.seed)
        question = _FROM_TEXT.format(text=self.seeds[spec["start"]][self.text_field])
        made: list[Candidate] = []
        for place, relation in enumerate(("text", *spec["relations"])):
            reply = await trail.say("persona" if place == 0 else f"related.{place}", question, self.sampling)
            persona = one_line(reply.text)
            if unusable(reply) or not persona:
                return [*made, trail.broken(reply)]
            fields = {"persona": persona, "relation": relation}
            if self.wish:
                written = await trail.say(f"text.{place}", _USE.format(wish=self.wish, persona=persona), self.sampling)
                if unusable(written) or not written.text.strip():
                    return [*made, trail.broken(written)]
                fields["text"] = written.text.strip()
            made.append(trail.record(fields))
            if place < len(spec["relations"]):
                question = _RELATED.format(persona=persona, relation=spec["relations"][place])
        return made
