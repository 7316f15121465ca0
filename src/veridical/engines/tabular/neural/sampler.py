"""How does an autoregressive net give rows, under conditions too, and lie on disk?

Columns are drawn one after the other. A condition on a column restricts its draw; that the columns before it were drawn
in ignorance of the condition is set right by drawing several candidates a row and keeping one by its weight
(sampling and importance resampling, Rubin 1987).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import pyarrow as pa

from veridical.core.errors import ArtifactError
from veridical.engines.tabular.dp.coded import CodedSampler
from veridical.engines.tabular.dp.coding import Coding
from veridical.engines.tabular.dp.inference import Measurement
from veridical.engines.tabular.neural.net import Floats, Ints, Net, Weights, softmax

_FILE, _ARROW = "neural.json", "parameters.arrow"
_CANDIDATES = 12
_AT_ONCE = 16_384  # rows


@dataclass(frozen=True)
class NeuralSampler(CodedSampler):
    """Codings of the columns, a net and its parameters, the noisy counts it started from; implements `Sampler`."""

    method: ClassVar[str] = "neural"
    net: Net
    parameters: Floats
    measurements: tuple[Measurement, ...] = ()
    total: float = 1.0

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many codes each column has."""
        return self.net.sizes

    @cached_property
    def _weights(self) -> Weights:
        return self.net.unpacked(self.parameters)

    def _drawn(
        self, rows: int, rng: np.random.Generator, known: Mapping[int, Ints], shares: Mapping[int, Floats]
    ) -> Ints:
        parts = [np.zeros((len(self.codings), 0), np.int64)]
        tries = _CANDIDATES if known or shares else 1
        for start in range(0, rows, _AT_ONCE):
            end = min(rows, start + _AT_ONCE)
            fixed = {place: np.tile(values[start:end], tries) for place, values in known.items()}
            parts.append(self._kept(end - start, tries, rng, fixed, shares))
        return np.concatenate(parts, axis=1)

    def _kept(
        self,
        rows: int,
        tries: int,
        rng: np.random.Generator,
        known: Mapping[int, Ints],
        shares: Mapping[int, Floats],
    ) -> Ints:
        """Return one of the candidates of each row."""
        codes = np.zeros((len(self.codings), rows * tries), np.int64)
        logs = np.zeros(rows * tries)
        for place, (_, logits) in enumerate(self._weights.walk(codes)):
            law = softmax(logits).astype(np.float64)
            if place in known:
                codes[place] = known[place]
                logs += np.log(np.maximum(law[np.arange(len(logs)), codes[place]], 1e-30))
                continue
            if place in shares:
                law = np.maximum(law, 1e-12) * shares[place]
                logs += np.log(law.sum(axis=1))
            ends = law.cumsum(axis=1)
            codes[place] = (ends < rng.random(len(logs))[:, None] * ends[:, -1:]).sum(axis=1)
        if tries == 1:
            return codes
        noise = rng.gumbel(size=logs.shape)
        best = (logs + noise).reshape(tries, rows).argmax(axis=0)
        return codes[:, best * rows + np.arange(rows)]

    def save(self, folder: Path) -> None:
        """Write codings and noisy counts as JSON and the parameters as Arrow: all of it is private already."""
        folder.mkdir(parents=True, exist_ok=True)
        plain = {
            "codings": [coding.to_plain() for coding in self.codings],
            "sizes": list(self.net.sizes),
            "width": self.net.width,
            "total": self.total,
            "singles": [
                {
                    "columns": list(one.columns),
                    "counts": np.asarray(one.counts).tolist(),
                    "sigma": np.broadcast_to(np.asarray(one.sigma, float), np.shape(one.counts)).tolist(),
                }
                for one in self.measurements
            ],
        }
        (folder / _FILE).write_text(json.dumps(plain, ensure_ascii=False), encoding="utf-8")
        table = pa.table({"value": self.parameters})
        with pa.OSFile(str(folder / _ARROW), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Return what `save` wrote.

        Raises:
            ArtifactError: a file is absent or damaged.
        """
        try:
            plain = json.loads((folder / _FILE).read_text(encoding="utf-8"))
            with pa.OSFile(str(folder / _ARROW), "rb") as source:
                parameters = pa.ipc.open_file(source).read_all()["value"].to_numpy().copy()
            net = Net(tuple(int(size) for size in plain["sizes"]), int(plain["width"]))
            if len(parameters) != net.size:
                raise ValueError(f"{len(parameters)} parameters, {net.size} are needed")
            singles = tuple(
                Measurement(tuple(one["columns"]), np.asarray(one["counts"], float), np.asarray(one["sigma"], float))
                for one in plain["singles"]
            )
            codings = tuple(Coding.from_plain(coding) for coding in plain["codings"])
            return cls(codings, net, parameters, singles, float(plain["total"]))
        except (OSError, ValueError, KeyError, TypeError) as wrong:
            raise ArtifactError("the net cannot be read", where=str(folder), fix="fit the model again") from wrong
