"""How does a fitted set of noisy marginals give rows, and lie on disk?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from veridical.core.errors import ArtifactError
from veridical.engines.tabular.dp.coded import CodedSampler
from veridical.engines.tabular.dp.coding import Coding
from veridical.engines.tabular.dp.drawing import Drawer
from veridical.engines.tabular.dp.inference import Fitted, Measurement
from veridical.engines.tabular.dp.junction import Junction

_FILE = "marginals.json"


@dataclass(frozen=True)
class MarginalSampler(CodedSampler):
    """Codings of the columns, the fitted model, and the noisy counts it rests on; implements `Sampler`."""

    method: ClassVar[str] = "marginals"
    fitted: Fitted
    measurements: tuple[Measurement, ...] = ()

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many codes each column has."""
        return self.fitted.sizes

    @property
    def total(self) -> float:
        """About how many rows it was learned from."""
        return self.fitted.total

    @cached_property
    def _free(self) -> Drawer:
        return Drawer(self.fitted, {})

    def _drawn(self, rows: int, rng: np.random.Generator, known: Mapping[int, Any], shares: Mapping[int, Any]) -> Any:
        return (Drawer(self.fitted, shares) if shares else self._free).draw(rows, rng, known)

    def save(self, folder: Path) -> None:
        """Write everything as JSON: codings, parameters and noisy counts, all of them already private."""
        folder.mkdir(parents=True, exist_ok=True)
        plain = {
            "codings": [coding.to_plain() for coding in self.codings],
            "sizes": list(self.fitted.sizes),
            "total": self.fitted.total,
            "cliques": [list(clique) for clique in self.fitted.junction.cliques],
            "parents": list(self.fitted.junction.parents),
            "parameters": [
                {"columns": list(columns), "values": values.ravel().tolist()}
                for columns, values in self.fitted.parameters.items()
            ],
            "measurements": [
                {
                    "columns": list(m.columns),
                    "counts": np.asarray(m.counts).ravel().tolist(),
                    "sigma": np.asarray(m.sigma, dtype=float).ravel().tolist(),
                }
                for m in self.measurements
            ],
        }
        (folder / _FILE).write_text(json.dumps(plain, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Return what `save` wrote.

        Raises:
            ArtifactError: the file is absent or damaged.
        """
        path = folder / _FILE
        try:
            plain = json.loads(path.read_text(encoding="utf-8"))
            sizes = tuple(int(size) for size in plain["sizes"])
            parameters = {
                tuple(entry["columns"]): _shaped(entry["values"], entry["columns"], sizes)
                for entry in plain["parameters"]
            }
            junction = Junction(tuple(tuple(c) for c in plain["cliques"]), tuple(plain["parents"]))
            measurements = tuple(
                Measurement(
                    tuple(entry["columns"]),
                    _shaped(entry["counts"], entry["columns"], sizes),
                    float(entry["sigma"][0])
                    if len(entry["sigma"]) == 1
                    else _shaped(entry["sigma"], entry["columns"], sizes),
                )
                for entry in plain["measurements"]
            )
            codings = tuple(Coding.from_plain(coding) for coding in plain["codings"])
            return cls(codings, Fitted(sizes, junction, parameters, float(plain["total"])), measurements)
        except (OSError, ValueError, KeyError, TypeError) as wrong:
            raise ArtifactError("the marginals cannot be read", where=str(path), fix="fit the model again") from wrong


def _shaped(values: Sequence[float], columns: Sequence[int], sizes: Sequence[int]) -> Any:
    return np.asarray(values, dtype=float).reshape([sizes[column] for column in columns])
