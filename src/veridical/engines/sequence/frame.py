"""Around which level of its own does an entity move, and how widely?

A shop that sells a hundred times as much as another one has the same weeks. Told in spreads over the entity's own mean,
both teach one law, and none drifts off to where another one belongs: level and spread are drawn before the first row
(as ranges are by Lin et al. 2020, "Using GANs for sharing networked time series data").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np

from veridical.encode.panel import Layout, Numbers, Places, means

LEAST_SPREAD = 1e-6  # of the typical one, below which an entity counts as one that stands still
NEVER = -1e3  # spreads below the level, where no value lies
BELIEVED = 8.0  # rows after which an entity's own rows say more of it than all others do


@dataclass(frozen=True, slots=True)
class Frame:
    """The own level of values and how widely they move around it, on the scale they are told on: a number for each.

    `signed` is how many spreads over the level a value lies at most that is less than zero; None where there are none.
    """

    level: Numbers
    spread: Numbers
    signed: Numbers | None = None

    def of(self, owner: Places) -> Frame:
        """Return the frame of rows, of that of entities."""
        signed = None if self.signed is None else self.signed[owner]
        return Frame(self.level[owner], self.spread[owner], signed)

    def inside(self, scaled: Numbers) -> Numbers:
        """Return where values of the scale lie, in spreads over the own level."""
        return (scaled - self.level) / self.spread

    def outside(self, found: Numbers) -> Numbers:
        """Return what `inside` was given."""
        return self.level + self.spread * found

    def turned(self, values: Numbers, found: Numbers) -> Numbers:
        """Return values, which `found` means, with those above zero that are too near the level to lie below it."""
        return values if self.signed is None else np.where(found > self.signed, np.abs(values), values)


@dataclass(frozen=True, slots=True)
class Home:
    """Where entities move: the mean of their levels and how far these lie apart, their usual spread and memory.

    `memory` is the share of a step's distance from the entity's level that is left at the next step.
    """

    level: float
    apart: float
    spread: float
    memory: float

    def believed(self, scaled: Numbers, values: Numbers, layout: Layout, rng: np.random.Generator) -> Frame:
        """Return a frame that rows of each entity make likely, drawn: the fewer there are, the likelier the usual one.

        `scaled` holds no nan, `values` are as they stand. Levels are normal around the mean of all, rows around levels
        (Efron and Morris 1975).
        """
        count = layout.lengths.astype(np.float64)
        mean = means(scaled, layout)
        squares = count * means((scaled - mean[layout.owner]) ** 2, layout)
        spread = np.sqrt((squares + BELIEVED * self.spread**2) / (count + BELIEVED))
        informed = np.maximum(count * (1 - self.memory) / (1 + self.memory), 0.5)
        weight = self.apart**2 / np.maximum(self.apart**2 + spread**2 / informed, 1e-300)
        likely = weight * mean + (1 - weight) * self.level
        off = np.sqrt(weight) * spread / np.sqrt(informed)
        frame = Frame(likely + off * rng.standard_normal(layout.entities), spread)
        return replace(frame, signed=_signed(frame, scaled, values, layout))

    @classmethod
    def learned(cls, scaled: Numbers, layout: Layout) -> Home:
        """Return where entities move that rows show; `scaled` holds no nan."""
        frame = measured_frame(scaled, scaled, layout)
        inside = frame.of(layout.owner).inside(scaled)
        inner = np.flatnonzero(layout.position > 0)
        left = float(inside[inner] @ inside[inner - 1]) / max(float(inside @ inside), 1e-12)
        return cls(float(frame.level.mean()), float(frame.level.std()), float(np.median(frame.spread)),
                   float(np.clip(left, 0.0, 0.98)))  # fmt: skip

    def to_plain(self) -> dict[str, float]:
        """Return it as JSON-like data."""
        return asdict(self)

    @classmethod
    def from_plain(cls, plain: Mapping[str, float]) -> Home:
        """Return what `to_plain` wrote."""
        return cls(**plain)


def measured_frame(scaled: Numbers, values: Numbers, layout: Layout) -> Frame:
    """Return each entity's own mean and standard deviation; `scaled` holds no nan, `values` are as they stand.

    Example:
        >>> values = np.array([1.0, 3.0] * 8 + [10.0] * 16)
        >>> frame = measured_frame(values, values, Layout.of_lengths(np.array([16, 16])))
        >>> frame.level.tolist(), frame.spread.round(2).tolist()
        ([2.0, 10.0], [1.0, 0.0])
    """
    level = means(scaled, layout)
    spread = np.sqrt(means((scaled - level[layout.owner]) ** 2, layout))
    usual = float(np.median(spread[spread > 0])) if (spread > 0).any() else 1.0
    frame = Frame(level, np.maximum(spread, LEAST_SPREAD * usual))
    return replace(frame, signed=_signed(frame, scaled, values, layout))


def _signed(frame: Frame, scaled: Numbers, values: Numbers, layout: Layout) -> Numbers | None:
    """Return for each entity below which place as many rows of all lie as its own rows lie below zero."""
    below = np.asarray(values < 0)
    if not below.any():
        return None
    share = np.bincount(layout.owner, below, layout.entities) / layout.lengths
    ranked = np.sort(frame.of(layout.owner).inside(scaled))
    place = np.minimum(share * len(ranked), len(ranked) - 1).astype(np.int64)
    return np.where(share > 0, np.maximum(ranked[place], NEVER), NEVER)
