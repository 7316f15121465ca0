"""In which terms is a numeric column told: by its own bins, as the copy of an earlier value, or by its distance to one?

Near-duplicate columns lie on ridges that bins cannot follow: a balance equals last month's but for a payment. Told
as "the same as", or as a difference whose own bins are fine, such a column stays sharp without finer trees.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from veridical.encode.codes import NULL, Codes
from veridical.encode.numeric import NumericCodec

Values = NDArray[np.float64]  # nan where a value is missing
WIDEST = 2.0**52  # beyond it float64 cannot tell integers apart


@dataclass(frozen=True, slots=True)
class Wording:
    """Codes of a target: its own, then one per echo, then those of the difference to the anchor.

    `echoes` and `anchor` are places of earlier columns. `light` marks the own codes that may be told otherwise:
    heavy ones (a spike at zero, null) always keep their own.
    """

    own: int
    light: NDArray[np.bool_]
    echoes: tuple[int, ...] = ()
    anchor: int | None = None
    residual: NumericCodec | None = None

    @classmethod
    def plain(cls, size: int) -> Self:
        """Return the wording by own codes alone."""
        return cls(size, np.zeros(size, dtype=bool))

    @property
    def size(self) -> int:
        """How many codes there are."""
        return self.own + len(self.echoes) + (self.residual.size if self.residual is not None else 0)

    @property
    def sources(self) -> tuple[int, ...]:
        """The places whose values are needed."""
        return self.echoes if self.anchor is None else tuple(dict.fromkeys((*self.echoes, self.anchor)))

    def moved(self, places: Mapping[int, int]) -> Wording:
        """Return this wording with its sources at other places."""
        anchor = None if self.anchor is None else places[self.anchor]
        return replace(self, echoes=tuple(places[at] for at in self.echoes), anchor=anchor)

    def say(self, codes: Codes, values: Values | None, sources: Mapping[int, Values]) -> Codes:
        """Return the target's codes in this wording."""
        if not self.sources or values is None:
            return codes
        said = codes.astype(np.uint16)
        light = self.light[codes]
        if self.anchor is not None and self.residual is not None:
            apart = values - sources[self.anchor]
            told = light & np.isfinite(apart)
            first = self.own + len(self.echoes)
            said = np.where(told, first + self.residual.encode_numbers(np.where(told, apart, 0.0)), said)
        for at in range(len(self.echoes) - 1, -1, -1):
            said = np.where(light & (values == sources[self.echoes[at]]), self.own + at, said)
        return said.astype(np.uint16)

    def hear(self, said: Codes, uniform: Values, codec: NumericCodec, sources: Mapping[int, Values]) -> Values:
        """Return the values that `said` means, with nan for null."""
        own = np.where(said < self.own, said, NULL).astype(np.uint16)
        values = codec.decode_numbers(own, uniform).astype(np.float64)
        values[own == NULL] = np.nan
        for at, source in enumerate(self.echoes):
            values = np.where(said == self.own + at, sources[source], values)
        if self.anchor is not None and self.residual is not None:
            first = self.own + len(self.echoes)
            told = said >= first
            apart = self.residual.decode_numbers(np.where(told, said - first, NULL).astype(np.uint16), uniform)
            values = np.where(told, sources[self.anchor] + apart, values)
        return codec.on_grid(values)

    def to_dict(self) -> dict[str, Any]:
        """Return the wording as JSON-like data; arrays go apart."""
        residual = None if self.residual is None else self.residual.to_dict()
        return {"own": self.own, "echoes": list(self.echoes), "anchor": self.anchor, "residual": residual}
