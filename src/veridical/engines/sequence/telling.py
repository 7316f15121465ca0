"""In which terms is a number told: by itself, its change, what a linear prediction misses, or over another column?

A price is told as its ratio to what is expected, a day's high as its distance above open and close (never negative, so
the order of the two holds by construction), a stage of disease by itself. What suits best is chosen by the likelihood
of entities that were kept back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veridical.encode.lattice import snap
from veridical.encode.panel import Numbers
from veridical.engines.sequence.frame import Frame, Home
from veridical.engines.sequence.linear import Weights

LEVEL, LAST, LINEAR, ABOVE, BELOW = "level", "last", "linear", "above", "below"
_PARTS, _CELLS = 10, 40
_SPIKE = 0.01
_LEAST = 0.1  # of a row is the chance of a term that lies beyond all that were seen
_DIGITS = 12
WANDERING = 0.25  # nats a value by which changes alone must be better
CLEARLY = 0.05  # nats a value by which a prediction must be better than the value by itself
FEW_VALUES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """How one numeric column is told: in logarithms or not, in which form, on which grid, between which ends.

    `lows` and `highs` are columns drawn before it that it never lies below or above.
    """

    name: str
    log: bool = False
    soft: float | None = None  # below this size the scale is straight, above it logarithmic, on either side of zero
    form: str = LEVEL
    lows: tuple[str, ...] = ()
    highs: tuple[str, ...] = ()
    weights: Weights | None = None
    unit: float | None = None
    low: float = -np.inf
    high: float = np.inf
    levels: tuple[float, ...] = ()  # the values it keeps to, where these are few
    beside: str | None = None  # the column that an entity's first value is told by its distance to
    home: Home | None = None  # in spreads over each entity's own level

    @property
    def own(self) -> bool:
        """Whether values are told within the frame of their entity."""
        return self.home is not None

    def placed(self, values: Numbers, frame: Frame | None) -> Numbers:
        """Return values on the scale they are told on, within the frame of their entities."""
        return self.scaled(values) if frame is None else frame.inside(self.scaled(values))

    def meant(self, found: Numbers, frame: Frame | None) -> Numbers:
        """Return what `placed` was given."""
        return self.unscaled(found) if frame is None else frame.turned(self.unscaled(frame.outside(found)), found)

    def scaled(self, values: Numbers) -> Numbers:
        """Return values on the scale they are told on, whosever they are."""
        if self.soft is not None:
            return np.asarray(np.arcsinh(values / self.soft), np.float64)
        return np.log(np.maximum(values, 1e-300)) if self.log else values

    def stretch(self, values: Numbers, frame: Frame | None = None) -> Numbers:
        """Return how many units of the value one unit of the scale, or of the frame, is."""
        if frame is not None:
            return self.stretch(values) * frame.spread
        if self.soft is not None:
            return np.asarray(np.sqrt(values * values + self.soft**2), np.float64)
        return np.maximum(values, 1e-300) if self.log else np.ones(len(values))

    @property
    def scale(self) -> tuple[bool, float | None]:
        """What two columns must share to be told by their distance."""
        return self.log, self.soft

    def unscaled(self, found: Numbers) -> Numbers:
        """Return what `scaled` was given."""
        if self.soft is not None:
            return np.asarray(self.soft * np.sinh(np.clip(found, -690.0, 690.0)), np.float64)
        return np.exp(np.minimum(found, 690.0)) if self.log else found

    def say(self, values: Numbers, context: Around) -> Numbers:
        """Return the terms in which values are told; nan for null."""
        return self._signed(self.placed(values, context.frame) - self._anchor(context))

    def hear(self, told: Numbers, context: Around) -> Numbers:
        """Return the values that terms mean, on the column's grid and between its ends; nan for null."""
        values = self.meant(self._anchor(context) + self._signed(told), context.frame)
        return self.held(values, context)

    def moved(self, values: Numbers, told: Numbers, context: Around) -> Numbers:
        """Return the value next to each one, on the side of it that its terms lie on before they are rounded."""
        raw = self.meant(self._anchor(context) + self._signed(told), context.frame)
        side = np.where(raw >= values, 1, -1)
        if self.levels:
            levels = np.array(self.levels)
            near = np.clip(np.searchsorted(levels, values), 0, len(levels) - 1)
            return self.held(levels[np.clip(near + side, 0, len(levels) - 1)], context)
        return values if self.unit is None else self.held(values + side * self.unit, context)

    def held(self, values: Numbers, context: Around) -> Numbers:
        """Return values on the grid, between the ends and in order with the columns they must follow."""
        if self.unit is not None:
            values = np.round(np.round(values / self.unit) * self.unit, _DIGITS)
        if self.levels:
            values = snap(values, np.array(self.levels))
        values = np.clip(values, self.low, self.high)
        null = np.isnan(values)
        if context.floor is not None:
            values = np.fmax(values, context.floor)
        if context.ceiling is not None:
            values = np.fmin(values, context.ceiling)
        return np.where(null, np.nan, values)

    def _signed(self, told: Numbers) -> Numbers:
        return -told if self.form == BELOW else told

    def _anchor(self, context: Around) -> Numbers:
        match self.form:
            case "last":
                return context.last
            case "linear":
                assert self.weights is not None
                return self.weights.predict(context.features)
            case "above":
                return self._bound(context.floor, context)
            case "below":
                return self._bound(context.ceiling, context)
        return np.zeros(len(context.last))

    def _bound(self, bound: Numbers | None, context: Around) -> Numbers:
        assert bound is not None
        return np.where(np.isnan(bound), context.last, self.placed(bound, context.frame))

    def to_plain(self) -> dict[str, Any]:
        """Return it as JSON-like data."""
        return {
            "name": self.name, "log": self.log, "form": self.form, "lows": list(self.lows), "highs": list(self.highs),
            "weights": None if self.weights is None else self.weights.to_plain(), "unit": self.unit,
            "low": None if np.isinf(self.low) else self.low, "high": None if np.isinf(self.high) else self.high,
            "beside": self.beside, "soft": self.soft, "levels": list(self.levels),
            "home": None if self.home is None else self.home.to_plain(),
        }  # fmt: skip

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Telling:
        """Return what `to_plain` wrote."""
        values = dict(plain)
        values["lows"], values["highs"] = tuple(values["lows"]), tuple(values["highs"])
        values["levels"] = tuple(values["levels"])
        values["low"] = -np.inf if values["low"] is None else float(values["low"])
        values["high"] = np.inf if values["high"] is None else float(values["high"])
        if values["weights"] is not None:
            values["weights"] = Weights.from_plain(values["weights"])
        if values.get("home") is not None:
            values["home"] = Home.from_plain(values["home"])
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Around:
    """What stands around values while they are told.

    `last` is the level before, on the telling's scale; `features` feed the linear prediction (features x rows);
    `floor` and `ceiling` are the nearest values of columns they must not pass, nan where those are null; `frame` is
    that of their entities where each is told within its own.
    """

    last: Numbers
    features: NDArray[np.float64]
    floor: Numbers | None = None
    ceiling: Numbers | None = None
    frame: Frame | None = None


def choose(
    candidates: list[tuple[Telling, Numbers]], values: Numbers, before: NDArray[Any], held: NDArray[np.bool_],
    frame: Frame | None = None,
) -> int:  # fmt: skip
    """Return which candidate tells the values kept back best.

    Each comes with its terms; `before` says which row's terms came before each row's (-1: none). Mere change
    must be clearly better than a prediction: nothing holds it where the series belongs. What has a dozen values, or one
    in most rows, is told by itself: rounded, a prediction would mean values in between.
    """
    if few_valued(values):
        candidates = [one for one in candidates if one[0].form == LEVEL] or candidates
    unit = resolutions(values, candidates[0][0].levels)
    unit = unit / candidates[0][0].stretch(values, frame)
    scores = [_likelihood(told, before, held, unit) for _, told in candidates]
    handicap = [{LAST: WANDERING, LEVEL: 0.0}.get(telling.form, CLEARLY) for telling, _ in candidates]
    return int(np.argmax(np.array(scores) - handicap))


def few_valued(values: Numbers) -> bool:
    """Say whether values are a dozen or fewer, or one of them fills most rows."""
    _, tally = np.unique(values[~np.isnan(values)], return_counts=True)
    return len(tally) <= FEW_VALUES or bool(2 * tally.max() > tally.sum())


def resolutions(values: Numbers, levels: tuple[float, ...]) -> Numbers:
    """Return for each value the smallest step that matters: how far the levels it keeps to lie apart around it.

    Example:
        >>> resolutions(np.array([0.0, 1.0, 5.0]), (0.0, 1.0, 5.0)).tolist()
        [1.0, 2.5, 4.0]
    """
    if len(levels) < 2:
        return np.full(len(values), resolution(values))
    held = np.array(levels)
    apart = np.gradient(held, np.arange(len(held), dtype=np.float64))
    return np.asarray(apart[np.clip(np.searchsorted(held, values), 0, len(held) - 1)], np.float64)


def resolution(values: Numbers) -> float:
    """Return the smallest step between values that matters: the grid, or a millionth of the middle half's spread."""
    known = np.unique(values[~np.isnan(values)])
    if len(known) < 2:
        return 1.0
    middle = np.quantile(known, (0.25, 0.75))
    spread = float(middle[1] - middle[0]) or float(known[-1] - known[0])
    steps = np.diff(known[:: max(1, len(known) // 20_000)])
    return max(float(steps.min()), 1e-6 * spread)


def _likelihood(told: Numbers, before: NDArray[Any], held: NDArray[np.bool_], width: Numbers) -> float:
    """Return the mean log density per value of the rows kept back, given the tenth in which the terms before lay.

    `width` is the smallest step of a value that matters, in units of its terms.
    """
    known = ~np.isnan(told) & (before >= 0)
    known &= ~np.isnan(np.where(before >= 0, told[np.maximum(before, 0)], np.nan))
    train, test = np.flatnonzero(known & ~held), np.flatnonzero(known & held)
    if len(train) < 40 or len(test) < 10:
        return 0.0
    terms = np.round(told, _DIGITS)
    cells = _Cells.of(terms[train])
    parts = np.unique(np.quantile(terms[before[train]], np.linspace(0, 1, _PARTS + 1)[1:-1]))
    part_of = np.searchsorted(parts, terms[before[known]], side="right")
    part = np.zeros(len(told), dtype=np.int64)
    part[known] = part_of
    cell = cells.place(terms)
    counts = np.zeros((len(parts) + 1, cells.size))
    np.add.at(counts, (part[train], cell[train]), 1.0)
    share = counts.sum(axis=0) + 0.5
    share /= share.sum()
    law = (counts + 5.0 * share) / (counts.sum(axis=1, keepdims=True) + 5.0)
    # What a term means is rounded: its chance is that of all terms that mean the same value.
    chance = np.maximum(cells.mass(law, part[test], terms[test], width[test]), _LEAST / len(train))
    return float(np.mean(np.log(chance) - np.log(width[test])))


@dataclass(frozen=True, slots=True)
class _Cells:
    """Values that are common by themselves, and ranges of equal mass between the others."""

    spikes: Numbers
    ends: Numbers

    @property
    def size(self) -> int:
        return len(self.spikes) + len(self.ends) - 1

    @classmethod
    def of(cls, terms: Numbers) -> _Cells:
        values, counts = np.unique(terms, return_counts=True)
        spikes = values[counts >= max(_SPIKE * len(terms), 3)]
        rest = terms[~np.isin(terms, spikes)] if len(spikes) else terms
        ends = np.quantile(rest, np.linspace(0, 1, _CELLS + 1)) if len(rest) else np.zeros(2)
        ends = np.unique(ends)
        return cls(spikes, ends if len(ends) > 1 else np.array([ends[0], ends[0] + 1.0]))

    def place(self, terms: Numbers) -> NDArray[np.int64]:
        """Return the cell of each term."""
        found = len(self.spikes) + np.searchsorted(self.ends[1:-1], np.nan_to_num(terms), side="right")
        if len(self.spikes):
            near = np.minimum(np.searchsorted(self.spikes, np.nan_to_num(terms)), len(self.spikes) - 1)
            found = np.where(self.spikes[near] == terms, near, found)
        return found.astype(np.int64)

    def mass(self, law: NDArray[np.float64], part: NDArray[np.int64], terms: Numbers, width: Numbers) -> Numbers:
        """Return the chance of falling within half a width of each term, by the law (parts x cells) of its part."""
        many = len(self.spikes)
        below = np.concatenate([np.zeros((len(law), 1)), np.cumsum(law[:, many:], axis=1)], axis=1)
        sides = [self._up_to(below, part, terms + side * width / 2) for side in (1, -1)]
        found = sides[0] - sides[1]
        for at, spike in enumerate(self.spikes):
            found += np.where(np.abs(terms - spike) <= width / 2, law[part, at], 0.0)
        return np.asarray(found, np.float64)

    def _up_to(self, below: NDArray[np.float64], part: NDArray[np.int64], terms: Numbers) -> Numbers:
        cell = np.clip(np.searchsorted(self.ends, terms, side="right") - 1, 0, len(self.ends) - 2)
        inside = np.clip((terms - self.ends[cell]) / np.diff(self.ends)[cell], 0.0, 1.0)
        return np.asarray(below[part, cell] * (1 - inside) + below[part, cell + 1] * inside, np.float64)


def with_range(telling: Telling, values: Numbers, entity_ends: tuple[Numbers, Numbers], rare_below: int) -> Telling:
    """Return the telling held between values that at least `rare_below` entities (or rows, of few entities) reach.

    `entity_ends` holds the least and the greatest value of each entity.
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return telling
    lows, highs = (ends[~np.isnan(ends)] for ends in entity_ends)
    if len(lows) < 4 * rare_below:
        lows = highs = known
    place = min(rare_below, len(lows)) - 1
    low = float(np.partition(lows, place)[place])
    high = float(np.partition(highs, len(highs) - 1 - place)[len(highs) - 1 - place])
    return replace(telling, low=low, high=max(low, high))
