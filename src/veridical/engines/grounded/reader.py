"""What does a reader answer from these passages, or from none?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from veridical.curate.word import one_line
from veridical.engines.grounded.wording import reading, reading_completion, says_none
from veridical.llm.structured import unusable
from veridical.llm.trail import Sampling, Trail

_READING = Sampling(temperature=0.0, max_tokens=48)


@dataclass(frozen=True, slots=True)
class Reader:
    """Asks the model of a role; `style` "completion" goes on with examples, for base and very small models."""

    trail: Trail
    role: str
    style: Literal["chat", "completion"]

    async def answer(self, step: str, question: str, passages: Sequence[str], *, history: str = "") -> str | None:
        """Return the answer; None where the reader says that there is none, or refuses."""
        if self.style == "chat":
            prompt = reading(question, passages, history=history)
            reply = await self.trail.say(step, prompt, _READING, role=self.role)
        else:
            prompt = reading_completion(question, passages, history=history)
            reply = await self.trail.go_on(step, prompt, _READING, stop=("\n",), role=self.role)
        text = one_line(reply.text)
        # An answer cut at the limit is an answer yet, only a long-winded one.
        refused = unusable(reply) is not None and not text
        return None if refused or says_none(text) else text
