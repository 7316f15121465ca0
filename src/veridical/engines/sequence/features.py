"""Which features of the past, of the entity and of the moment tell the next step?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from veridical.encode.panel import Layout, Numbers, Places
from veridical.engines.sequence.frame import Frame
from veridical.engines.sequence.memory import EVER, Past
from veridical.engines.sequence.telling import Telling

MOST_GROUPS = 12
MOST_PRODUCTS = 6  # columns before it in the row whose products a number's prediction reads
FEW_WORDS = 6  # categories with so many values or fewer also remember how often each was there


@dataclass(frozen=True)
class Steps:
    """All that is known of rows before their values: the layout, features of each row, words of each category.

    `moment` holds numbers a row (calendar, gaps, place in the sequence), `waves` smooth functions of the calendar.
    `entity` holds numbers an entity, coarse enough that several share each, `entity_words` places in vocabularies;
    `means` holds each entity's own mean level. While learning, `others` holds for each row the mean of the entity's
    other rows in its place: told the mean with the row in it, a short series would seem to swing back. `slow`
    holds the slow level of each row's time (see `Trend`), `frames` where each entity moves, by column that is told so.
    Where holes part a series, `layout` is that of its runs and `whole` the entities' own.
    """

    layout: Layout
    moment: Mapping[str, Numbers] = field(default_factory=dict)
    waves: Mapping[str, Numbers] = field(default_factory=dict)
    entity: Mapping[str, Numbers] = field(default_factory=dict)
    entity_words: Mapping[str, Numbers] = field(default_factory=dict)
    means: Mapping[str, Numbers] = field(default_factory=dict)
    vocabularies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    others: Mapping[str, Numbers] = field(default_factory=dict)
    slow: Mapping[str, Numbers] = field(default_factory=dict)
    frames: Mapping[str, Frame] = field(default_factory=dict)
    over: frozenset[str] = frozenset()  # the numbers told over the slow level of their time
    whole: Layout | None = None

    @property
    def entities(self) -> Layout:
        """The layout of whole entities."""
        return self.layout if self.whole is None else self.whole

    def within(self, runs: Layout) -> Steps:
        """Return the same, with each entity parted into runs over whose ends nothing is remembered."""
        if runs.entities == self.layout.entities:
            return self
        whose = self.layout.owner[runs.firsts]

        def taken(held: Mapping[str, Numbers]) -> Mapping[str, Numbers]:
            return {name: values[whose] for name, values in held.items()}

        return replace(
            self, layout=runs, whole=self.layout, entity=taken(self.entity), entity_words=taken(self.entity_words),
            means=taken(self.means),
        )  # fmt: skip

    def frame(self, name: str, rows: Places) -> Frame | None:
        """Return the frame of each row: its entity's, or that of its time; None of a column that is told without."""
        if name in self.over:
            return Frame(self.slow[name][rows], np.ones(len(rows)))
        return self.frames[name].of(self.layout.owner[rows]) if name in self.frames else None

    def mean(self, name: str, rows: Places) -> Numbers:
        """Return the mean level of each row's entity."""
        return self.others[name][rows] if name in self.others else self.means[name][self.layout.owner[rows]]


@dataclass(frozen=True)
class Plan:
    """Which series are remembered and which features are made of them."""

    numbers: tuple[str, ...]
    words: tuple[str, ...]
    vocabularies: Mapping[str, tuple[str, ...]]
    gappy: tuple[str, ...]  # numeric columns with nulls
    seasons: tuple[int, ...] = ()
    means: Mapping[str, tuple[float, ...]] = field(default_factory=dict)  # by number: cuts between groups of entities
    sparse: tuple[str, ...] = ()  # numbers that are null in most rows: their last value tells others nothing
    stays: tuple[str, ...] = ()  # numbers of which it is drawn first whether they stay what they were

    @cached_property
    def series(self) -> list[str]:
        """The series that memory holds."""
        found = [f"{name}{mark}" for name in self.numbers for mark in (LEVEL, TOLD, SIZE)]
        found += [f"{name}{NULL}" for name in self.gappy]
        found += [f"{name}{STAYS}" for name in self.stays]
        return [*found, *(f"{name}={word}" for name, word in self.counted)]

    @cached_property
    def counted(self) -> list[tuple[str, str]]:
        """The words whose share of the past is remembered."""
        few = [name for name in self.words if len(self.vocabularies[name]) <= FEW_WORDS]
        return [(name, word) for name in few for word in self.vocabularies[name]]

    @cached_property
    def dense(self) -> tuple[str, ...]:
        """The numbers that linear predictions read."""
        return tuple(name for name in self.numbers if name not in self.sparse)

    def before(self, name: str) -> tuple[str, ...]:
        """Return the numbers drawn before one, in the same row, that its linear prediction reads."""
        earlier = self.numbers[: self.numbers.index(name)]
        return tuple(other for other in earlier if other not in self.sparse)

    @cached_property
    def linear(self) -> list[Past]:
        """What linear predictions read."""
        found: list[Past] = []
        for name in self.dense:
            level = name + LEVEL
            # The mean of all the past is no anchor: a series that returns to it alone wanders off with it.
            found += [Past(level), Past(level, 2), Past(level, 3), Past(level, 1, 6), Past(level, 1, 24)]
            found += [Past(level, lag) for lag in self.seasons]
            found += [Past(level, lag + 1) for lag in self.seasons]
        return found

    @cached_property
    def told(self) -> list[Past]:
        """What trees read."""
        found: list[Past] = []
        for name in self.numbers:
            level, told, size = name + LEVEL, name + TOLD, name + SIZE
            found += [Past(level), Past(level, 2), Past(level, 1, 8), Past(told), Past(told, 2), Past(told, 1, 5)]
            found += [Past(size, 1, 4), Past(size, 1, 20), Past(size, 1, EVER)]
            found += [part for lag in self.seasons for part in (Past(told, lag), Past(level, lag))]
        for name in self.gappy:
            found += [Past(name + NULL), Past(name + NULL, 1, 5), Past(name + NULL, 1, EVER)]
            found += [Past(name + NULL, lag) for lag in self.seasons]
        for name in self.stays:
            found += [Past(name + STAYS), Past(name + STAYS, 1, 6)]
        return [*found, *(Past(f"{name}={word}", 1, EVER) for name, word in self.counted)]


LEVEL, TOLD, SIZE, NULL, STAYS = " level", " told", " size", " null", " stays"


def words_before(words: Mapping[str, Numbers], layout: Layout, rows: Places) -> dict[str, Numbers]:
    """Return each category one and two steps before each row; nan where there was none."""
    position = rows - layout.starts[layout.owner[rows]]
    found = {}
    for name, held in words.items():
        for lag in (1, 2):
            before = held[np.maximum(rows - lag, 0)]
            found[f"{name} @{lag}"] = np.where(position >= lag, before, np.nan)
    return found


def of_others(values: Numbers, layout: Layout) -> Numbers:
    """Return for each row the mean of its entity's other rows; its own value where there are none.

    Example:
        >>> of_others(np.array([1.0, 3.0, 5.0]), Layout.of_lengths(np.array([3]))).tolist()
        [4.0, 3.0, 2.0]
    """
    total = np.bincount(layout.owner, values, layout.entities)[layout.owner]
    count = layout.lengths[layout.owner]
    return np.where(count > 1, (total - values) / np.maximum(count - 1, 1), values)


def mean_cuts(steps: Steps, rare_below: int) -> dict[str, tuple[float, ...]]:
    """Return cuts that part entities by their own mean level into groups of `2 * rare_below` or more."""
    groups = int(np.clip(steps.entities.entities // (2 * rare_below), 1, MOST_GROUPS))
    places = np.linspace(0, 1, groups + 1)[1:-1]
    if groups < 2:
        return {}
    return {name: tuple(np.unique(np.nanquantile(held, places)).tolist()) for name, held in steps.means.items()}


def entity_features(steps: Steps, rows: Places, plan: Plan) -> dict[str, Numbers]:
    """Return the features that do not depend on the past's values; entities' own means by groups of entities."""
    owner = steps.layout.owner[rows]
    # A table has columns called "month" or "step", too: what the time tells has names that none has.
    found = {f"{name} (of the time)": held[rows] for name, held in steps.moment.items()}
    for name, cuts in plan.means.items():
        if name in steps.means:
            found[f"{name} mean"] = np.searchsorted(cuts, steps.mean(name, rows), side="right").astype(np.float64)
    found |= {f"{name} slow": held[rows] for name, held in steps.slow.items()}
    found |= {name: held[owner] for name, held in steps.entity.items()}
    return found | {name: held[owner] for name, held in steps.entity_words.items()}


def linear_features(
    plan: Plan, steps: Steps, past: NDArray[np.float64], rows: Places, levels: Mapping[str, Numbers], telling: Telling
) -> NDArray[np.float64]:
    """Return what the linear prediction of one column reads, features x rows.

    `past` holds the plan's linear features, the calendar's waves below them; `levels` are of columns before it.
    """
    earlier = plan.before(telling.name)
    own = [steps.mean(telling.name, rows)] if telling.name in steps.means else []
    slow = [steps.slow[name][rows] for name in (*earlier, telling.name) if name in steps.slow]
    extra = [*own, *slow, *_products([levels[name] for name in earlier]), *(levels[name] for name in earlier)]
    return np.concatenate([past, np.stack(extra)]) if extra else past


def _products(levels: Sequence[Numbers]) -> list[Numbers]:
    """Return squares and products of a few columns: of temperature and humidity the dew point is no weighted sum."""
    if not 2 <= len(levels) <= MOST_PRODUCTS:
        return []
    return [one * two for at, one in enumerate(levels) for two in levels[at:]]


def linear_past(steps: Steps, past: NDArray[np.float64], rows: Places) -> NDArray[np.float64]:
    """Return the features that all linear predictions of some rows share."""
    waves = [held[rows] for held in steps.waves.values()]
    return np.concatenate([past, np.stack(waves)]) if waves else past
