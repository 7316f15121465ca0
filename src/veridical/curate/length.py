"""Is a text long enough to say something, and short enough to be read?"""

from __future__ import annotations

from dataclasses import dataclass, field

from veridical.curate.setting import configured
from veridical.curate.word import joined, words_of
from veridical.llm.candidate import Ask, Candidate, Rejection


@configured
@dataclass(frozen=True, kw_only=True)
class Length:
    """Refuses texts with too few or too many words or characters.

    `fields` names what is counted together (empty: all text fields). Scripts without spaces are counted in
    characters; use `characters_at_least` for them.

    Example:
        >>> import asyncio
        >>> asyncio.run(Length(words_at_least=3)(Candidate(fields={"text": "Too short"}), None)).reason
        '2 words, at least 3 are wanted'
    """

    fields: tuple[str, ...] = ()
    words_at_least: int = 1
    words_at_most: int | None = None
    characters_at_least: int = 1
    characters_at_most: int | None = None
    name: str = field(default="length", init=False)

    async def __call__(self, candidate: Candidate, ask: Ask) -> Candidate | Rejection:  # noqa: ARG002
        """Return the candidate, or how far it is off."""
        text = joined(candidate.fields, self.fields)
        counts = (
            ("words", len(words_of(text)), self.words_at_least, self.words_at_most),
            ("characters", len(text), self.characters_at_least, self.characters_at_most),
        )
        for unit, count, low, high in counts:
            if count < low:
                return Rejection(self.name, f"{count} {unit}, at least {low} are wanted")
            if high is not None and count > high:
                return Rejection(self.name, f"{count} {unit}, at most {high} are wanted")
        return candidate
