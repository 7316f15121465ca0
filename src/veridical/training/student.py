"""Which small model learns from the texts, and what does it get wrong?

Logistic regression on sentence embeddings: seconds on one core, and good enough to say which labels lack examples.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veridical.core.errors import DataError
from veridical.curate.sentence import embed


@dataclass(frozen=True, slots=True)
class Student:
    """A fitted classifier of texts.

    Example:
        >>> student = learn(["I lost my card", "my card is gone", "what is the rate", "exchange rates?"], list("aabb"))
        >>> student.right(["where is my lost card", "today's exchange rate"], ["a", "b"]).tolist()
        [True, True]
    """

    model: Any

    def right(self, texts: Sequence[str], labels: Sequence[str]) -> NDArray[np.bool_]:
        """Return for each text whether it is given its label."""
        return np.asarray(self.model.predict(embed(texts)) == np.array(labels), dtype=bool)

    def mistakes(self, texts: Sequence[str], labels: Sequence[str]) -> dict[str, float]:
        """Return the share of each label's texts that are given another one."""
        wrong = Counter(label for label, right in zip(labels, self.right(texts, labels)) if not right)
        return {label: wrong[label] / count for label, count in Counter(labels).items()}


def learn(texts: Sequence[str], labels: Sequence[str]) -> Student:
    """Return the student of labelled texts.

    Raises:
        DataError: there are fewer than two labels to tell apart.
    """
    from sklearn.linear_model import LogisticRegression

    if len(set(labels)) < 2:
        raise DataError(f"{len(set(labels))} labels among {len(texts)} texts; a student needs two", where="improve")
    # Balanced: quotas that follow mistakes would otherwise teach that hard labels are frequent ones.
    model = LogisticRegression(C=10.0, max_iter=1000, class_weight="balanced")
    return Student(model.fit(embed(texts), np.array(labels)))
