"""How does a tree model lie on disk? JSON for what it is, Arrow for its numbers; nothing that can run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from veridical.core import digest
from veridical.core.errors import ArtifactError
from veridical.core.schema import Schema, TableSchema
from veridical.encode.category import CategoryCodec
from veridical.encode.codes import Codec
from veridical.encode.numeric import NumericCodec
from veridical.engines.tabular.tree import soundness
from veridical.engines.tabular.tree.correction import Correction
from veridical.engines.tabular.tree.growing import NODE_WIDTH, Leaves
from veridical.engines.tabular.tree.leaning import Leaning, Leanings
from veridical.engines.tabular.tree.wording import Wording
from veridical.store import artifact

if TYPE_CHECKING:
    from veridical.engines.tabular.tree.sampler import Part

KIND = "tree sampler"
NUMBERS = "numbers.arrow"
MODEL = "model.json"
CORRECTION = ("nodes", "masks", "roots", "values")


def write(folder: Path, parts: Sequence[Part], names: Sequence[str], correction: Correction | None) -> None:
    """Write the parts into a sealed folder."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    entries = []
    for at, part in enumerate(parts):
        arrays[f"{at}.coarse"] = part.coarse
        if isinstance(part.codec, NumericCodec):
            arrays[f"{at}.low"], arrays[f"{at}.high"] = part.codec.low, part.codec.high
        if part.leaves is not None:
            for item in fields(part.leaves):
                arrays[f"{at}.{item.name}"] = getattr(part.leaves, item.name).reshape(-1)
        for rank, leaning in enumerate(part.leanings.each):
            for item in fields(leaning):
                arrays[f"{at}.leaning.{rank}.{item.name}"] = getattr(leaning, item.name)
        arrays[f"{at}.light"] = part.wording.light.astype(np.uint8)
        if part.wording.residual is not None:
            arrays[f"{at}.from"], arrays[f"{at}.to"] = part.wording.residual.low, part.wording.residual.high
        codec = part.codec.to_dict()
        entries.append(
            {
                "codec": codec,
                "predictors": list(part.predictors),
                "leanings": len(part.leanings.each),
                "drawn": part.leaves is not None,
                "wording": part.wording.to_dict(),
            }
        )
    schema = Schema(tables=(TableSchema(name="data", columns=tuple(part.column for part in parts)),))
    content = {"columns": list(names), "parts": entries, "schema": schema.to_dict()}
    if correction is not None:
        content["many"] = correction.many
        for name in CORRECTION:
            arrays[f"correction.{name}"] = getattr(correction, name).reshape(-1)
    (folder / MODEL).write_text(digest.canonical_json(content), encoding="utf-8")
    with pa.OSFile(str(folder / NUMBERS), "wb") as sink:
        lists = {name: pa.array([array]) for name, array in arrays.items()}
        batch = pa.record_batch(lists)
        with pa.ipc.new_file(sink, batch.schema) as writer:
            writer.write_batch(batch)
    artifact.seal(folder, KIND, 1)


def read(folder: Path) -> tuple[tuple[Part, ...], tuple[str, ...], Correction | None]:
    """Return the parts, the generated columns' names, and the correction of rows.

    Raises:
        ArtifactError: a file is missing, truncated or edited.
    """
    artifact.open_sealed(folder, KIND)
    try:
        content = json.loads((folder / MODEL).read_bytes())
        with pa.OSFile(str(folder / NUMBERS), "rb") as source:
            batch = pa.ipc.open_file(source).get_batch(0)
        arrays = {
            name: batch.column(i).values.to_numpy(zero_copy_only=False).copy()
            for i, name in enumerate(batch.schema.names)
        }
        columns = Schema.from_dict(content["schema"]).only.columns
        parts = tuple(
            _part(at, entry, column, arrays)
            for at, (entry, column) in enumerate(zip(content["parts"], columns, strict=True))
        )
        correction = None
        if "many" in content:
            numbers = {name: arrays[f"correction.{name}"] for name in CORRECTION}
            numbers["nodes"] = numbers["nodes"].reshape(-1, NODE_WIDTH)
            correction = Correction(**numbers, many=int(content["many"]))
        soundness.check(parts, correction)
        return parts, tuple(content["columns"]), correction
    except (KeyError, ValueError, TypeError, pa.ArrowInvalid) as broken:
        raise ArtifactError("cannot be read", where=str(folder), fix="make the model again") from broken


def _part(at: int, entry: Mapping[str, Any], column: Any, arrays: Mapping[str, np.ndarray[Any, Any]]) -> Part:
    from veridical.engines.tabular.tree.sampler import Part

    kind = entry["codec"]["codec"]
    codec: Codec
    if kind == "numeric":
        codec = NumericCodec.from_dict(entry["codec"], arrays[f"{at}.low"], arrays[f"{at}.high"])
    else:
        codec = CategoryCodec.from_dict(entry["codec"])
    leaves = None
    if entry["drawn"]:
        numbers = {item.name: arrays[f"{at}.{item.name}"] for item in fields(Leaves)}
        numbers["nodes"] = numbers["nodes"].reshape(-1, NODE_WIDTH)
        leaves = Leaves(**numbers)
    said = entry["wording"]
    residual = said["residual"]
    if residual is not None:
        residual = NumericCodec.from_dict(residual, arrays[f"{at}.from"], arrays[f"{at}.to"])
    light = arrays[f"{at}.light"].astype(bool)
    wording = Wording(int(said["own"]), light, tuple(said["echoes"]), said["anchor"], residual)
    leanings = Leanings.of(
        Leaning(**{item.name: arrays[f"{at}.leaning.{rank}.{item.name}"] for item in fields(Leaning)})
        for rank in range(entry["leanings"])
    )
    return Part(column, codec, arrays[f"{at}.coarse"], tuple(entry["predictors"]), leanings, leaves, wording)
