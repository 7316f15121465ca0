"""How long after a row does the entity's next one come?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from veridical.core.contracts import RunContext, StepModel
from veridical.encode.panel import Layout, Numbers, Places
from veridical.engines.sequence.clock import Clock
from veridical.engines.sequence.features import Steps
from veridical.engines.sequence.telling import Telling, with_range
from veridical.engines.sequence.values import Learner, Measured, ValueModel, fit_values

GAP = "gap"
FAR = 50.0  # steps left beyond which the end is not in sight
_PLACES = frozenset({"elapsed before", "day before", "year part before", "room a row"})


@dataclass(frozen=True)
class GapLaw:
    """The law of gaps, in ticks: a model of its own, or (without one) draws from the clock's usual gaps.

    `least` is the smallest gap that rows of one entity show: 1 keeps their times apart, 0 lets them be equal.
    """

    least: int
    model: ValueModel | None

    def draw(
        self, layout: Layout, start: Places, entity: Steps, clock: Clock, rng: np.random.Generator, *, warm: int = 0,
        ends: tuple[Numbers, Numbers] | None = None,
    ) -> Places:  # fmt: skip
        """Return the tick of every row; row `warm` of each entity lies at its start.

        `ends` holds the first and last tick that each entity may have (infinite: no end).
        """
        gaps = self._gaps(layout, start, np.ones(layout.entities, dtype=np.int64), None, entity, clock, rng)
        since = np.cumsum(gaps)
        since -= since[layout.firsts][layout.owner]
        anchor = since[layout.firsts + np.minimum(warm, layout.lengths - 1)]
        ticks: Places = since - anchor[layout.owner] + start[layout.owner]
        return ticks if ends is None else self.within(ticks, layout, ends)

    def go_on(self, layout: Layout, known: Places, begun: Places, entity: Steps, clock: Clock,
              rng: np.random.Generator) -> Places:  # fmt: skip
        """Return ticks whose first `begun` of each entity are those of `known`."""
        start = known[layout.firsts]
        gaps = self._gaps(layout, start, begun, known, entity, clock, rng)
        since = np.cumsum(gaps)
        return np.asarray(since - since[layout.firsts][layout.owner] + start[layout.owner], np.int64)

    def _gaps(
        self, layout: Layout, start: Places, begun: Places, known: Places | None, entity: Steps, clock: Clock,
        rng: np.random.Generator,
    ) -> Places:  # fmt: skip
        held = np.zeros(layout.rows)
        given = layout.position < begun[layout.owner]
        if known is not None:
            held[1:] = np.where(given[1:], np.diff(known), 0)
        held[layout.firsts] = 0
        if self.model is None:
            drawn = clock.draw_gaps(layout.rows, rng)
            return np.where(given, held, np.maximum(drawn, self.least)).astype(np.int64)
        ticks = np.where(given, 0 if known is None else known, 0).astype(np.int64)
        ticks[layout.firsts] = start

        def running(rows: Places, values: Mapping[str, Numbers]) -> Mapping[str, Numbers]:
            later = rows[layout.position[rows] >= 2]
            later = later[~given[later - 1]]
            ticks[later - 1] = ticks[later - 2] + values[GAP][later - 1].astype(np.int64)
            left = np.full(len(rows), np.nan) if known is not None else _left(layout)[rows]
            return _before(clock, ticks[rows - 1], start[layout.owner[rows]], left)

        moment = step_moments(layout, open_end=known is not None)
        steps = replace(entity, layout=layout, moment=moment, waves={})
        measured = Measured({GAP: held}, {}, {})
        made = self.model.draw(steps, measured, begun, rng, running=running).numbers[GAP]
        return np.where(given, held, np.maximum(made, self.least)).astype(np.int64)

    def within(self, ticks: Places, layout: Layout, ends: tuple[Numbers, Numbers]) -> Places:
        """Return ticks moved and, where they do not fit, drawn together, so that each entity stays between its ends."""
        first, last = ends
        begin = ticks[layout.firsts].astype(np.float64)
        begin = np.where(np.isfinite(first), np.maximum(begin, first), begin)
        since = (ticks - ticks[layout.firsts][layout.owner]).astype(np.float64)
        reach = since[layout.starts[1:] - 1]
        least = self.least * (layout.lengths - 1)
        begin = np.where(np.isfinite(last), np.minimum(begin, np.maximum(last - least, _or(first, -np.inf))), begin)
        room = np.where(np.isfinite(last), np.maximum(last - begin - least, 0), np.inf)
        # Only what gaps have beyond the smallest one is drawn together.
        spare = np.maximum(reach - least, 0)
        share = np.where(spare > room, room / np.maximum(spare, 1), 1.0)
        floor = layout.position * self.least
        return np.asarray(begin[layout.owner] + floor + np.floor((since - floor) * share[layout.owner]), np.int64)

    def save(self, folder: Path) -> None:
        """Write JSON, and the model beside."""
        folder.mkdir(parents=True, exist_ok=True)
        plain = {"least": self.least, "modelled": self.model is not None}
        (folder / "gaps.json").write_text(json.dumps(plain), encoding="utf-8")
        if self.model is not None:
            self.model.save(folder / "model")

    @classmethod
    def load(cls, folder: Path, steps: StepModel) -> GapLaw:
        """Return what `save` wrote."""
        plain = json.loads((folder / "gaps.json").read_text(encoding="utf-8"))
        return cls(int(plain["least"]), ValueModel.load(folder / "model", steps) if plain["modelled"] else None)


def _or(values: Numbers, otherwise: float) -> Numbers:
    return np.where(np.isfinite(values), values, otherwise)


def fit_gaps(
    entity: Steps, ticks: Places, clock: Clock, model: StepModel, ctx: RunContext, learner: Learner, *, few: bool
) -> GapLaw:
    """Return the law of gaps between rows; of few series the place in time is no feature, as of their values."""
    layout = entity.layout
    inner = layout.position > 0
    gaps = np.concatenate([[0], np.diff(ticks)]) if len(ticks) else np.zeros(0, np.int64)
    gaps = np.where(inner, gaps, 0)
    if not inner.any():
        return GapLaw(1, None)
    least = _least(gaps[inner], learner.rare_below)
    if clock.is_regular or inner.sum() < 60:
        return GapLaw(least, None)
    values = gaps.astype(np.float64)
    told = Telling(name=GAP, unit=1.0)
    known = np.where(inner, values, np.nan)
    with np.errstate(invalid="ignore"):
        sides = np.fmin.reduceat(known, layout.firsts), np.fmax.reduceat(known, layout.firsts)
    told = with_range(told, known, sides, learner.rare_below)
    before = np.concatenate([[0], ticks[:-1]])
    extra = _before(clock, before, ticks[layout.firsts][layout.owner], _left(layout))
    extra = {name: held for name, held in extra.items() if not few or name not in _PLACES}
    steps = replace(entity, moment={} if few else step_moments(layout), waves={}, means={})
    fitted = fit_values(Measured({GAP: values}, {}, {}), steps, [told], (), model, ctx, learner, extra=extra)
    return GapLaw(least, fitted)


def _least(gaps: Places, rare_below: int) -> int:
    """Return 1 where times of one entity never repeat (but for a few rows that would be errors), else 0."""
    return 0 if (gaps <= 0).sum() > max(rare_below, 0.001 * len(gaps)) else 1


def step_moments(layout: Layout, *, open_end: bool = False) -> dict[str, NDArray[np.float64]]:
    """Return the place of each row in its sequence; with an open end, the end is never in sight."""
    seen = np.full(layout.rows, FAR) if open_end else np.minimum(_left(layout), FAR)
    return {"step": np.minimum(layout.position, 5000).astype(np.float64), "steps left": seen.astype(np.float64)}


def _left(layout: Layout) -> Numbers:
    """Return how many rows of its entity are still to come at each row, itself among them."""
    return (layout.lengths[layout.owner] - layout.position).astype(np.float64)


def _before(clock: Clock, ticks: Places, start: Places, left: Numbers) -> dict[str, Numbers]:
    """Return features of the moment before a row; where time closes for all, how much of it each row still has."""
    parts = clock.parts(clock.counts(ticks))
    found = {f"{name} before": held for name, held in parts.items()}
    found["elapsed before"] = (ticks - start).astype(np.float64)
    if clock.last is not None:
        found["room a row"] = (clock.last - ticks) / left
    return found
