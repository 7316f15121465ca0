"""Was this very text accepted before?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from veridical.core import digest
from veridical.curate.setting import configured
from veridical.curate.word import joined, plain, texts_of
from veridical.llm.candidate import Candidate, Rejection


@configured
@dataclass(kw_only=True)
class Duplicates:
    """Refuses texts equal to an accepted one or to a seed, but for case, spacing and punctuation.

    Example:
        >>> pool = Duplicates()
        >>> pool.admit(Candidate(fields={"text": "Where is it?"}))
        >>> pool.refuses(Candidate(fields={"text": "where IS it"})).reason
        'an accepted text or a seed is the same'
    """

    fields: tuple[str, ...] = ()
    seeds: tuple[Mapping[str, Any], ...] = ()
    name: str = field(default="duplicates", init=False)

    def __post_init__(self) -> None:
        self._seen = {_key(text) for text in texts_of(self.seeds, self.fields)}

    def refuses(self, candidate: Candidate) -> Rejection | None:
        """Return why the candidate may not stay, or None."""
        if _key(joined(candidate.fields, self.fields)) in self._seen:
            return Rejection(self.name, "an accepted text or a seed is the same")
        return None

    def admit(self, candidate: Candidate) -> None:
        """Remember an accepted record."""
        self._seen.add(_key(joined(candidate.fields, self.fields)))


def _key(text: str) -> str:
    return digest.of_bytes(plain(text).encode())[:32]
