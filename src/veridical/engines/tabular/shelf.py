"""How do the marginals of a sampler lie on disk?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from veridical.core.errors import ArtifactError
from veridical.core.schema import Column, Schema, TableSchema
from veridical.engines.tabular.marginal import Floats, Marginal

_FILE = "marginals.json"
_MATRIX = "correlation.arrow"


def save_marginals(folder: Path, method: str, columns: Sequence[Column], marginals: Sequence[Marginal]) -> None:
    """Write columns and marginals as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    schema = Schema(tables=(TableSchema(name="columns", columns=tuple(columns)),))
    content = {
        "method": method,
        "schema": schema.to_dict(),
        "marginals": [marginal.to_dict() for marginal in marginals],
    }
    (folder / _FILE).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def load_marginals(folder: Path, method: str) -> tuple[tuple[Column, ...], tuple[Marginal, ...]]:
    """Return what `save_marginals` wrote.

    Raises:
        ArtifactError: the file is absent, damaged, or of another method.
    """
    content = _read(folder / _FILE)
    if content.get("method") != method:
        raise ArtifactError("this is another kind of sampler", where=str(folder), fix=f"open it as {method}")
    columns = Schema.from_dict(content["schema"]).only.columns
    return columns, tuple(Marginal.from_dict(entry) for entry in content["marginals"])


def save_matrix(folder: Path, matrix: Floats) -> None:
    """Write a square matrix as Arrow."""
    table = pa.table({"value": matrix.ravel()})
    with pa.OSFile(str(folder / _MATRIX), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def load_matrix(folder: Path) -> Floats:
    """Return the matrix that `save_matrix` wrote.

    Raises:
        ArtifactError: the file is absent or damaged.
    """
    path = folder / _MATRIX
    try:
        with pa.OSFile(str(path), "rb") as source:
            flat = pa.ipc.open_file(source).read_all()["value"].to_numpy()
    except (OSError, pa.ArrowInvalid, KeyError) as wrong:
        raise ArtifactError("the correlations cannot be read", where=str(path), fix="fit the model again") from wrong
    side = round(len(flat) ** 0.5)
    if side * side != len(flat):
        raise ArtifactError("the correlations are no square", where=str(path), fix="fit the model again")
    return np.asarray(flat, dtype=np.float64).reshape(side, side).copy()


def _read(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as wrong:
        raise ArtifactError("the marginals cannot be read", where=str(path), fix="fit the model again") from wrong
    if not isinstance(content, dict):
        raise ArtifactError("the marginals cannot be read", where=str(path), fix="fit the model again")
    return content
