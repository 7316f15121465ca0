"""What does a network learn of coded rows through noisy gradients alone?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from veridical.core.contracts import RunContext
from veridical.core.dataset import Dataset
from veridical.core.errors import SpecError
from veridical.core.rng import stream
from veridical.core.schema import Schema
from veridical.engines.tabular.dp.coding import Coding
from veridical.engines.tabular.dp.engines import PrivacyTerms, fit_private
from veridical.engines.tabular.dp.inference import Measurement
from veridical.engines.tabular.dp.selection import Rows
from veridical.engines.tabular.generator import TableGenerator
from veridical.engines.tabular.neural.net import Floats, Ints, Net
from veridical.engines.tabular.neural.sampler import NeuralSampler
from veridical.training.dpsgd import Adam


@dataclass(frozen=True, slots=True)
class LearnedNet:
    """A net, its parameters, and the noisy counts of single columns that it started from."""

    net: Net
    parameters: Floats
    measurements: tuple[Measurement, ...]
    total: float

    def sampler(self, codings: tuple[Coding, ...]) -> NeuralSampler:
        """Return what draws rows of it."""
        return NeuralSampler(codings, self.net, self.parameters, self.measurements, self.total)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetModel:
    """An autoregressive net of `width` hidden units, learned in `steps` noisy steps over all rows.

    `gradients` are computed by a closed form ("own") or by Opacus on torch ("opacus"); noise is OpenDP's either way.
    """

    width: int = 16
    steps: int = 40
    clip: float = 1.0
    gradients: str = "own"
    adam: Adam = field(default_factory=Adam)

    def __post_init__(self) -> None:
        for name, value in (("width", self.width), ("steps", self.steps), ("clip", self.clip)):
            if not value > 0:
                raise SpecError(f"{name} is {value:g}", where=f"model.{name}", fix="give a number above 0")
        if self.gradients not in ("own", "opacus"):
            raise SpecError(f"no gradients {self.gradients!r}", where="model.gradients", fix="use own or opacus")

    def _summed(self, net: Net, at: Floats, codes: Ints) -> Floats:
        if self.gradients == "own":
            return net.clipped_sum(at, codes, self.clip)
        from veridical.training import opacus

        return opacus.clipped_sum(net.sizes, net.width, at, codes, self.clip)

    def learn(self, rows: Rows, singles: Sequence[Measurement], *, rho: float, total: float) -> LearnedNet:
        """Return the net; `singles`, the columns' own noisy counts, are where it starts.

        Raises:
            BudgetError: the ledger has not got `rho` left.
        """
        net = Net(rows.sizes, self.width)
        start = net.start([np.clip(one.counts, 0.5, None) for one in singles], stream(0, "neural", "start"))
        if len(rows.sizes) < 2:
            return LearnedNet(net, start, tuple(singles), total)
        what = f"{self.steps} gradients of a net of {net.size:,} parameters, each row's cut to length {self.clip:g}"
        steps = rows.lens.descent(what, rho=rho, steps=self.steps, clip=self.clip, size=net.size)
        learned = self.adam.descend(start, lambda at: self._summed(net, at, rows.codes), steps, rows=max(1.0, total))
        return LearnedNet(net, learned, tuple(singles), total)


@dataclass(frozen=True, slots=True, kw_only=True)
class DpSgdEngine(PrivacyTerms):
    """A small autoregressive net learned by DP-SGD: keeps ties of many columns at once; `aim` is closer on pairs."""

    generator: ClassVar[type[TableGenerator]] = TableGenerator
    private: ClassVar[bool] = True
    model: NetModel = field(default_factory=NetModel)

    def fit(self, data: Dataset, schema: Schema, ctx: RunContext) -> TableGenerator:
        """Return a private generator of the only table (see `fit_private` for what is raised)."""
        return fit_private(self, self.model, data, schema, ctx)
