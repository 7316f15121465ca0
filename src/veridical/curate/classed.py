"""Of which class is a text: how long is it, in which language? Quotas then count what is there, not what was asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from veridical.core.errors import SpecError
from veridical.curate.language import language_of
from veridical.curate.setting import configured
from veridical.curate.word import joined, words_of
from veridical.llm.candidate import Ask, Candidate, Rejection


@configured
@dataclass(frozen=True, kw_only=True)
class Classed:
    """Sets the attributes `length` and `language` from the text itself; refuses a text of no class.

    `length` maps a name to the least and the most words ("short": [1, 12]), `language` lists ISO 639-1 codes.

    Example:
        >>> import asyncio
        >>> check = Classed(length={"short": (1, 5), "long": (6, 50)})
        >>> asyncio.run(check(Candidate(fields={"text": "Where is it?"}), None)).attributes
        {'length': 'short'}
    """

    length: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    language: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    name: str = field(default="classed", init=False)

    def __post_init__(self) -> None:
        if not self.length and not self.language:
            raise SpecError("nothing is to be told apart", where="checks.classed", fix="length: {short: [1, 12]}")

    @property
    def dimensions(self) -> tuple[str, ...]:
        """What quotas may count by this check."""
        return (*(("length",) if self.length else ()), *(("language",) if self.language else ()))

    async def __call__(self, candidate: Candidate, ask: Ask) -> Candidate | Rejection:  # noqa: ARG002
        """Return the candidate with its classes, or that it is of none."""
        text = joined(candidate.fields, self.fields)
        found: dict[str, str] = {}
        if self.length:
            count = len(words_of(text))
            names = [name for name, (low, high) in self.length.items() if low <= count <= high]
            if not names:
                return Rejection(self.name, f"{count} words are of no length wanted")
            found["length"] = names[0]
        if self.language:
            found["language"] = language_of(text)
            if found["language"] not in self.language:
                return Rejection(self.name, f"it reads as {found['language']}, which is not wanted")
        return candidate.marked(**found)
