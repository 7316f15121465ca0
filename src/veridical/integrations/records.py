"""Which records did a text run accept, and how was each one made?"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from veridical.core.errors import ArtifactError


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """One accepted record: what it holds, and the columns that say how it was made."""

    fields: Mapping[str, Any]
    making: Mapping[str, Any]


def read_accepted(folder: Path) -> Iterator[Accepted]:
    """Yield the records of a run's folder (or of its `synthesize` or `release` folder), in the order accepted.

    Raises:
        ArtifactError: there are no accepted records.
    """
    places = (folder / "synthesize" / "data.jsonl", folder / "data.jsonl")
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise ArtifactError("no accepted records are here", where=str(folder), fix="give a folder of `veridical text`")
    with path.open(encoding="utf-8") as file:
        for line in file:
            record = json.loads(line)
            yield Accepted(fields=record["fields"], making=making_of(record))


def making_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns that say how a record was made; `scores` is JSON text, so that all rows have one type."""
    return {
        "id": record["id"],
        "source": record.get("source", ""),
        "recipe_step": " > ".join(record.get("steps", ())),
        "model": ", ".join(dict.fromkeys(record.get("models", ()))),
        "seed": record.get("seed", 0),
        "cost": float(record.get("cost", 0.0)),
        "scores": json.dumps(record.get("scores", {}), sort_keys=True),
    }
