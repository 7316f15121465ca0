"""How do records become pairs and triplets for training an embedder or retriever?

A pair is a question and its answer, a text and its rewriting, or two texts of one label; a triplet adds a text of
another label, or a rejected answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from veridical.core.errors import DataError
from veridical.core.rng import stream
from veridical.integrations.classification import classification
from veridical.integrations.sft import alpaca, question_of

_TWO = (("text", "rephrased"), ("text", "counterfactual"), ("source_text", "translation"), ("persona", "related"))


def pair(fields: Mapping[str, Any]) -> dict[str, str]:
    """Return {anchor, positive} of one record.

    Raises:
        DataError: the record does not hold two texts that belong together.

    Example:
        >>> pair({"question": "Where?", "answer": "Here."})
        {'anchor': 'Where?', 'positive': 'Here.'}
    """
    for one, two in _TWO:
        if isinstance(fields.get(one), str) and isinstance(fields.get(two), str):
            return {"anchor": fields[one], "positive": fields[two]}
    if isinstance(fields.get("chosen"), str):
        return {"anchor": question_of(fields), "positive": fields["chosen"]}
    return {"anchor": question_of(fields), "positive": alpaca(fields)["output"]}


def triplet(fields: Mapping[str, Any]) -> dict[str, str]:
    """Return {anchor, positive, negative} of one preference record.

    Raises:
        DataError: the record has no rejected answer.
    """
    if not isinstance(fields.get("rejected"), str):
        raise DataError("a record has no negative", where="export", fix="use preference or labelled records")
    return {**pair(fields), "negative": fields["rejected"]}


def label_triplets(records: Sequence[Mapping[str, Any]], *, seed: int = 0) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (place, {anchor, positive, negative}) of labelled texts: one for each text with a companion.

    Raises:
        DataError: there are fewer than two labels.
    """
    samples = [classification(fields) for fields in records]
    places: dict[str, list[int]] = {}
    for place, sample in enumerate(samples):
        places.setdefault(sample["label"], []).append(place)
    if len(places) < 2:
        raise DataError("fewer than two labels are here", where="export", fix="triplets need a text of another label")
    rng = stream(seed, "export", "triplets")
    for place, sample in enumerate(samples):
        own = [other for other in places[sample["label"]] if other != place]
        if not own:
            continue
        others = [other for label, held in places.items() if label != sample["label"] for other in held]
        positive, negative = (_one(held, rng) for held in (own, others))
        yield (
            place,
            {
                "anchor": sample["text"],
                "positive": samples[positive]["text"],
                "negative": samples[negative]["text"],
            },
        )


def _one(held: Sequence[int], rng: np.random.Generator) -> int:
    return held[int(rng.integers(len(held)))]
