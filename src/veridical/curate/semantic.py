"""Does another text mean the same, in other words?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from veridical.curate.sentence import embed
from veridical.curate.setting import configured
from veridical.curate.word import joined, texts_of
from veridical.llm.candidate import Candidate, Rejection


@configured
@dataclass(kw_only=True)
class SemanticDuplicates:
    """Refuses texts whose embedding lies within `distance` (1 - cosine) of an accepted one's.

    0.05 is Magpie's limit (Xu et al. 2024), 0.1 that of Persona Hub (Ge et al. 2024).
    """

    fields: tuple[str, ...] = ()
    distance: float = 0.05
    against_seeds: bool = False
    seeds: tuple[Mapping[str, Any], ...] = ()
    name: str = field(default="semantic_duplicates", init=False)

    def __post_init__(self) -> None:
        self._points = np.zeros((64, 512), np.float32)
        self._count = 0
        if self.against_seeds:
            for point in embed(texts_of(self.seeds, self.fields)):
                self._keep(point)

    def refuses(self, candidate: Candidate) -> Rejection | None:
        """Return why the candidate may not stay, or None."""
        if self._count == 0:
            return None
        point = embed([joined(candidate.fields, self.fields)])[0]
        near = float((self._points[: self._count] @ point).max())
        if 1 - near <= self.distance:
            return Rejection(self.name, f"an accepted text means the same (cosine {near:.3f})")
        return None

    def admit(self, candidate: Candidate) -> None:
        """Remember an accepted record."""
        self._keep(embed([joined(candidate.fields, self.fields)])[0])

    def _keep(self, point: Any) -> None:
        if self._count == len(self._points):
            self._points = np.concatenate([self._points, np.zeros_like(self._points)])
        self._points[self._count] = point
        self._count += 1
