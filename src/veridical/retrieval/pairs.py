"""Which synthetic queries teach, and which passages are wrong but look right?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from veridical.core.errors import DataError
from veridical.retrieval.index import Index, best

NEGATIVES = 100  # how deep hard negatives are looked for; InPars takes BM25's first 1000 of millions
_TOO_NEAR = 3  # first places of either search that may be right too


@dataclass(frozen=True, slots=True)
class Pair:
    """A query, the place of the passage it was made for, and how sure the model was (mean log-probability)."""

    query: str
    place: int
    confidence: float = 0.0


def pairs_of(records: Sequence[Mapping[str, Any]], index: Index, *, keep: float = 1.0) -> tuple[Pair, ...]:
    """Return the training pairs of accepted records ({question, document, start}), the surest `keep` share of them.

    A record's passage is the one of the index that holds the place it was made from; records without one are an error.

    Raises:
        DataError: a record names a document that the index does not hold, or none are left.
    """
    homes: dict[str, list[int]] = {}
    for place, chunk in enumerate(index.chunks):
        homes.setdefault(chunk.document, []).append(place)
    made = []
    for record in records:
        fields = record.get("fields", record)
        for document, start in _sources(fields):
            held = homes.get(document)
            if held is None:
                raise DataError(
                    "a query was made from a document that is not here",
                    where="documents",
                    fix="give the documents that the run was made from",
                )
            place = next((p for p in held if index.chunks[p].start <= start < index.chunks[p].end), held[0])
            confidence = float(record.get("scores", {}).get("confidence", 0.0))
            made.append(Pair(str(fields.get("standalone") or fields["question"]), place, confidence))
    made.sort(key=lambda pair: -pair.confidence)
    kept = made[: max(1, round(keep * len(made)))] if made else []
    if not kept:
        raise DataError("no query has a passage", where="pairs", fix="give a run of `inpars` or `grounded`")
    return tuple(kept)


def _sources(fields: Mapping[str, Any]) -> list[tuple[str, int]]:
    if "document" in fields:
        return [(str(fields["document"]), int(fields.get("start", 0)))]
    return [(str(c["document"]), int(c["start"])) for c in fields.get("contexts", ()) if c.get("gold")]


def hard_negatives(pair: Pair, index: Index, point: Any, count: int, rng: np.random.Generator) -> list[int]:
    """Return `count` wrong passages that words or meaning bring near: half of each, drawn from the first 100.

    Passages of the right one's document are left out, and so are the first three of each search: they may be right.
    """
    own = index.chunks[pair.place].document
    found: list[int] = []
    for scores in (index.bm25.scores(pair.query), index.points @ point):
        order = best(scores, NEGATIVES + _TOO_NEAR)[_TOO_NEAR:]
        near = [int(place) for place in order if index.chunks[place].document != own]
        near = [place for place in near if place not in found]
        drawn = rng.permutation(len(near))[: (count + 1) // 2]
        found += [near[int(at)] for at in drawn]
    return found[:count]
