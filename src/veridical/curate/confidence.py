"""Was the model sure of what it wrote? The mean log-probability of its tokens says so.

InPars keeps the surest tenth (Bonifacio et al. 2022); a floor here keeps what does not read like noise. A reply far
too sure may be recited.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from veridical.curate.setting import configured
from veridical.llm.candidate import Ask, Candidate, Rejection


@configured
@dataclass(frozen=True, kw_only=True)
class Confidence:
    """Refuses records whose score `confidence` (mean natural log-probability a token) is out of bounds.

    The recipe must ask for log-probabilities (`sampling: {logprobs: true}`); `missing` "refuse" turns records without
    them away, "keep" lets them through.
    """

    at_least: float = -2.5
    at_most: float | None = None
    missing: str = "refuse"
    name: str = field(default="confidence", init=False)

    async def __call__(self, candidate: Candidate, ask: Ask) -> Candidate | Rejection:  # noqa: ARG002
        """Return the candidate, or how sure the model was."""
        value = candidate.scores.get("confidence")
        if value is None:
            if self.missing == "keep":
                return candidate
            return Rejection(self.name, "the model told no log-probabilities")
        if value < self.at_least:
            return Rejection(self.name, f"{value:.2f} a token, at least {self.at_least:g} is wanted")
        if self.at_most is not None and value > self.at_most:
            return Rejection(self.name, f"{value:.2f} a token: too sure, perhaps recited")
        return candidate
