"""Is a record's weighted reward high enough?

The default weights are those with which Nemotron-4-340B-Reward's five attributes are summed up (NVIDIA 2024).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from veridical.curate.setting import configured
from veridical.curate.word import joined
from veridical.llm.candidate import Ask, Candidate, Rejection
from veridical.llm.chat import ChatRequest, Message

NEMOTRON: Mapping[str, float] = {
    "helpfulness": 0.3, "correctness": 0.74, "coherence": 0.46, "complexity": 0.47, "verbosity": -0.33,
}  # fmt: skip
_SCORE = re.compile(r"([a-z_]+)\s*[:=]\s*(-?\d+(?:\.\d+)?)", re.I)
_QUESTION = """Score this record on {names}, each from 0 (none) to 4 (most).

{text}

Answer as JSON: {form}"""


@configured
@dataclass(frozen=True, kw_only=True)
class Reward:
    """Refuses records whose weighted sum of scores is under `at_least`; the sum becomes the score `reward`.

    Scores the record carries already are taken as they are; missing ones are asked of the role `role` (a reward model
    that answers "helpfulness:3.1,correctness:..." or JSON); without a role a missing one is a reason to refuse.
    """

    weights: Mapping[str, float] = field(default_factory=lambda: dict(NEMOTRON))
    at_least: float = 0.0
    role: str = ""
    fields: tuple[str, ...] = ()
    name: str = field(default="reward", init=False)

    async def __call__(self, candidate: Candidate, ask: Ask) -> Candidate | Rejection:
        """Return the candidate with its reward, or how far it is short."""
        missing = [name for name in self.weights if name not in candidate.scores]
        if missing and self.role:
            candidate = candidate.scored(**await self._asked(candidate, missing, ask))
            missing = [name for name in missing if name not in candidate.scores]
        if missing:
            return Rejection(self.name, f"no score for {', '.join(missing)}")
        reward = weighted(candidate.scores, self.weights)
        if reward < self.at_least:
            return Rejection(self.name, f"{reward:.2f}, at least {self.at_least:g} is wanted")
        return candidate.scored(reward=reward)

    async def _asked(self, candidate: Candidate, names: Sequence[str], ask: Ask) -> dict[str, float]:
        form = json.dumps(dict.fromkeys(names, 0))
        text = joined(candidate.fields, self.fields)
        question = _QUESTION.format(names=", ".join(names), text=text, form=form)
        reply = await ask(
            ChatRequest(messages=(Message("user", question),), max_tokens=120, temperature=0.0),
            step="reward",
            role=self.role,
        )
        found = {key.lower(): float(value) for key, value in _SCORE.findall(reply.text.replace('"', ""))}
        return {name: found[name] for name in names if name in found}


def weighted(scores: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """Return the weighted sum of scores.

    Example:
        >>> weighted({"a": 2.0, "b": 1.0}, {"a": 0.5, "b": -1.0})
        0.0
    """
    return sum(weight * scores[name] for name, weight in weights.items())
