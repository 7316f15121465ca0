"""Could a classifier tell this text from real ones?

A critic is fitted on embeddings of real seeds and of known synthetic texts (an earlier run's, accepted or not). Texts
it is sure are synthetic are refused: rejection sampling with a discriminator (Azadi et al. 2019).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from veridical.core import digest
from veridical.core.errors import SpecError
from veridical.curate.sentence import embed
from veridical.curate.setting import configured, read_records
from veridical.curate.word import joined, texts_of
from veridical.llm.candidate import Ask, Candidate, Rejection


@configured
@dataclass(frozen=True, kw_only=True)
class Critic:
    """Refuses texts that the critic calls synthetic with more than `synthetic_at_most`; the score is `critic`.

    `synthetic` names a file of synthetic records: JSON lines of a text run, or of plain records.
    """

    synthetic: str
    synthetic_at_most: float = 0.8
    fields: tuple[str, ...] = ("text",)
    seeds: tuple[Mapping[str, Any], ...] = ()
    beside: Path = Path()
    name: str = field(default="critic", init=False)

    def __post_init__(self) -> None:
        if len(self.seeds) < 20:
            raise SpecError(f"{len(self.seeds)} seeds; a critic needs 20", where="checks.critic", fix="name `seeds:`")

    @property
    def identity(self) -> Mapping[str, Any]:
        """The options, with the file by its digest."""
        known = digest.of_file(self.beside / self.synthetic)
        return {"synthetic": known, "at_most": self.synthetic_at_most, "fields": list(self.fields)}

    async def __call__(self, candidate: Candidate, ask: Ask) -> Candidate | Rejection:  # noqa: ARG002
        """Return the candidate with its score, or that it is too easily told."""
        point = embed([joined(candidate.fields, self.fields)])
        share = float(self._model.predict_proba(point)[0, 1])
        if share > self.synthetic_at_most:
            return Rejection(self.name, f"the critic calls it synthetic with {share:.2f}")
        return candidate.scored(critic=share)

    @cached_property
    def _model(self) -> Any:
        from sklearn.linear_model import LogisticRegression

        records = read_records(self.beside / self.synthetic)
        made = texts_of([record.get("fields", record) for record in records], self.fields)
        points = np.concatenate([embed(texts_of(self.seeds, self.fields)), embed(made)])
        truth = np.repeat([0, 1], [len(self.seeds), len(made)])
        return LogisticRegression(C=1.0, max_iter=1000, class_weight="balanced").fit(points, truth)
