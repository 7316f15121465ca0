"""Does a text say what its label says? A classifier of the real seeds' embeddings is asked.

This stands in for a judge where the model is too weak to be one: it knows the labels from real examples only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from veridical.core.errors import SpecError
from veridical.curate.sentence import embed
from veridical.curate.setting import configured
from veridical.llm.candidate import Ask, Candidate, Rejection


@configured
@dataclass(frozen=True, kw_only=True)
class LabelFit:
    """Refuses texts whose label is not among the classifier's `top` labels or has less than `share_at_least`.

    The classifier is logistic regression on sentence embeddings of the seeds; the score `label_fit` is the share it
    gives to the record's own label. `nearness_at_least` also asks for a cosine to the nearest seed of the label.
    """

    text_field: str = "text"
    label_field: str = "label"
    top: int = 1
    share_at_least: float = 0.0
    nearness_at_least: float = -1.0
    seeds: tuple[Mapping[str, Any], ...] = ()
    name: str = field(default="label_fit", init=False)

    def __post_init__(self) -> None:
        if len({str(record.get(self.label_field)) for record in self.seeds}) < 2:
            raise SpecError("seeds of at least two labels are needed", where="checks.label_fit", fix="name `seeds:`")

    async def __call__(self, candidate: Candidate, ask: Ask) -> Candidate | Rejection:  # noqa: ARG002
        """Return the candidate with its score, or that another label fits better."""
        point = embed([str(candidate.fields.get(self.text_field, ""))])
        shares = self._model.predict_proba(point)[0]
        label = str(candidate.fields.get(self.label_field))
        places = np.flatnonzero(self._model.classes_ == label)
        if places.size == 0:
            return Rejection(self.name, "no seed has its label")
        own = float(shares[places[0]])
        nearness = float((self._points[self._labels == label] @ point[0]).max())
        if int((shares > own).sum()) >= self.top:
            return Rejection(self.name, f"another label fits better (its own gets {own:.2f})")
        if own < self.share_at_least:
            return Rejection(self.name, f"its label gets {own:.2f}, at least {self.share_at_least:g} is wanted")
        if nearness < self.nearness_at_least:
            return Rejection(self.name, f"no seed of its label is near (cosine {nearness:.2f})")
        return candidate.scored(label_fit=own)

    @cached_property
    def _labels(self) -> Any:
        return np.array([str(record[self.label_field]) for record in self.seeds])

    @cached_property
    def _points(self) -> Any:
        return embed([str(record[self.text_field]) for record in self.seeds])

    @cached_property
    def _model(self) -> Any:
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(C=10.0, max_iter=1000).fit(self._points, self._labels)
