"""What do the noisy gradients of a network tell of a planted person, to somebody who hears every one of them?

That is the strongest attacker DP-SGD promises to withstand (Nasr et al. 2021). A row with a mark of its own pulls at
the bias of that mark's code. Who knows all other rows takes their pull off at every step; what is left, summed over the
steps, is noise and that one row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from veridical.engines.tabular.dp.coding import Coding
from veridical.engines.tabular.dp.private import Private, Terms
from veridical.engines.tabular.neural.net import Net
from veridical.engines.tabular.neural.private import NetModel
from veridical.engines.tabular.neural.sampler import NeuralSampler
from veridical.privacy.mechanisms import Lens, NoisySteps
from veridical.privacy.noise import Noise

Floats = NDArray[np.float64]
MARK = "mark"


@dataclass
class Heard:
    """What was heard of the training that was last begun: noisy gradients, less what all known rows pulled."""

    sums: list[Floats] = field(default_factory=list)

    def model(self, model: NetModel, *, crowd: int) -> NetModel:
        """Return a model that learns as before; `crowd` is how many known rows there are of each kind of row."""
        told = {name.name: getattr(model, name.name) for name in fields(NetModel)}
        return _OpenNet(**told, crowd=crowd, heard=self.sums)

    def lens(self, terms: Terms, noise: Noise) -> Lens:
        """Return the lens of a new training, overheard."""
        self.sums.clear()
        plain = terms.lens(noise)
        return _OpenLens(ledger=plain.ledger, noise=noise, rows_per_unit=plain.rows_per_unit, heard=self.sums)

    def pulls(self, found: Private, canaries: int) -> Floats:
        """Return how hard each canary's mark was pulled at over all steps."""
        sampler = found.sampler
        names = [coding.column.name for coding in sampler.codings]
        if not isinstance(sampler, NeuralSampler) or MARK not in names or not self.sums:
            return np.zeros(canaries)
        place = names.index(MARK)
        pulled = -sampler.net.unpacked(np.sum(self.sums, axis=0)).biases[place].astype(np.float64)
        codes = codes_of_marks(sampler.codings[place], canaries)
        return np.asarray(np.where(codes >= 0, pulled[np.maximum(codes, 0)], 0.0))


def codes_of_marks(coding: Coding, canaries: int) -> NDArray[np.int64]:
    """Return the code of each canary's mark; -1 where the mark is not known."""
    listed = {value: place for place, value in enumerate(coding.column.categories or ())}
    cells = np.array([listed.get(f"c{who}", -1) for who in range(canaries)], dtype=np.int64)
    return np.asarray(np.where(cells >= 0, coding.group[np.maximum(cells, 0)] + coding.nullable, -1))


@dataclass(frozen=True, slots=True, kw_only=True)
class _OpenNet(NetModel):
    """A net of which the attacker knows the parameters and all rows but the canaries."""

    crowd: int
    heard: list[Floats]

    def _summed(self, net: Net, at: Floats, codes: NDArray[np.int64]) -> Floats:
        # A canary's row is like some known one: every kind of row stands among the known ones, equally often.
        known = NetModel._summed(self, net, at, np.unique(codes, axis=1))
        self.heard.append(-self.crowd * known)
        return NetModel._summed(self, net, at, codes)


@dataclass(frozen=True, slots=True, kw_only=True)
class _OpenLens(Lens):
    """A lens whose noisy gradients are heard by the attacker."""

    heard: list[Floats]

    def descent(self, what: str, *, rho: float, steps: int, clip: float, size: int) -> NoisySteps:
        """Return the steps of a sound lens, each written down when it is taken."""
        sound = Lens.descent(self, what, rho=rho, steps=steps, clip=clip, size=size)
        return _OpenSteps(sound.noise, sound.grain, sound.sigma, sound.left, self.heard)


@dataclass(slots=True)
class _OpenSteps(NoisySteps):
    heard: list[Floats]

    def take(self, look: Callable[[], Floats]) -> Floats:
        """Return the noisy sum of gradients, and write it down."""
        noisy = NoisySteps.take(self, look)
        self.heard.append(noisy)
        return noisy
