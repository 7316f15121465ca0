"""How is the law of steps fitted to entities whose times are known: all of them, or some while others are kept back?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from veridical.core.contracts import RunContext
from veridical.core.schema import TableSchema
from veridical.encode.panel import Layout, Numbers, Ordered, Places, filled, means
from veridical.engines.sequence import parts, season
from veridical.engines.sequence.attribute import Attributes, fit_attributes
from veridical.engines.sequence.clock import Clock
from veridical.engines.sequence.entity import FEW, Roster, Traits, attributes_of, commonest, measure_traits
from veridical.engines.sequence.features import Steps, of_others
from veridical.engines.sequence.frame import measured_frame
from veridical.engines.sequence.gaps import GapLaw
from veridical.engines.sequence.model import Sequences, step_model
from veridical.engines.sequence.moment import steps_of
from veridical.engines.sequence.telling import ABOVE, BELOW, Around, Telling
from veridical.engines.sequence.trend import learn_trend
from veridical.engines.sequence.values import Learner, Measured, ValueModel, bounds, fit_values
from veridical.prepare import Restore

NEAR = 0.3  # of a column's spread: closer than that, two columns begin side by side


@dataclass(frozen=True)
class Source:
    """Sorted rows, the tick of each, the runs within which one follows another, and what moves, measured.

    `few` says that entities are a few named series, not draws of a law.
    """

    ordered: Ordered
    ticks: Places
    runs: Layout
    measured: Measured
    few: bool

    @property
    def layout(self) -> Layout:
        """The rows of each entity."""
        return self.ordered.layout

    def of(self, entities: Places, most_steps: int) -> Source:
        """Return the first rows, at most so many each, of some entities that no hole parts."""
        layout = self.layout
        inside = np.isin(layout.owner, entities) & (layout.position < most_steps)
        rows = np.flatnonzero(inside)
        own = Layout.of_lengths(np.minimum(layout.lengths[entities], most_steps))
        held = self.measured
        measured = replace(
            held, numbers={name: values[rows] for name, values in held.numbers.items()},
            words={name: values[rows] for name, values in held.words.items()},
        )  # fmt: skip
        return Source(
            Ordered(self.ordered.table.take(pa.array(rows)), own, 0), self.ticks[rows], own, measured, self.few
        )

    def levels(self, tellings: Sequence[Telling]) -> dict[str, Numbers]:
        """Return each number on its telling's scale, gaps filled by what was there before."""
        return {told.name: filled(told.scaled(self.measured.numbers[told.name]), self.layout) for told in tellings}


@dataclass(frozen=True)
class Shown:
    """What entities show when their numbers are told in certain ways: levels, traits, and features of these."""

    tellings: tuple[Telling, ...]
    levels: dict[str, Numbers]
    traits: Traits
    known: Attributes
    entity: Steps


@dataclass(frozen=True)
class Fitter:
    """Fits the law of steps; `shared` holds by tick the columns that follow from the time."""

    schema: TableSchema
    columns: parts.Columns
    clock: Clock
    shared: pa.Table | None
    learner: Learner
    ctx: RunContext

    def shown(self, source: Source, tellings: Sequence[Telling], known: Attributes | None = None) -> Shown:
        """Return what entities show; `known` says how attributes become features where that is learned already."""
        levels, held = source.levels(tellings), source.measured
        frames = {
            told.name: measured_frame(levels[told.name], held.numbers[told.name], source.layout)
            for told in tellings
            if told.own
        }
        traits = measure_traits(
            source.layout, source.ticks, {told.name: told for told in tellings}, held.numbers, levels, held.words,
            held.vocabularies, frames,
        )  # fmt: skip
        attributes = attributes_of(source.ordered, self.columns)
        if known is None:
            rare = self.learner.rare_below
            known = fit_attributes(attributes, self.schema, self.columns, traits, self.ctx, rare_below=rare)
        return Shown(tuple(tellings), levels, traits, known, known.of(attributes, traits))

    def law(self, source: Source, shown: Shown, restore: Restore) -> Sequences:
        """Return the law of steps, without entities and gaps: these are learned apart."""
        values, trend = None, None
        if shown.tellings or source.measured.words:
            few, levels = source.few, shown.levels
            trend = learn_trend(levels, source.layout, source.ticks, self.clock.tick_s) if few else None
            steps = steps_of(
                self.clock, source.runs, source.ticks, _told_of(source, shown), few=few, shared=self.shared, trend=trend
            )
            seasons = season.seasons(levels, source.runs)
            values = fit_values(source.measured, steps, shown.tellings, seasons, step_model(), self.ctx, self.learner)
            values = _side_by_side(values, levels, source.layout)
        nobody = Roster((), (), {}, None, None, 0.0)
        return Sequences(
            self.schema, self.columns, self.clock, nobody, shown.known, restore, values, GapLaw(1, None), self.shared,
            trend,
        )  # fmt: skip


def _told_of(source: Source, shown: Shown) -> Steps:
    """Return the features of entities, with the mean of each one's level: of its other rows where it is no frame."""
    levels, traits, held = shown.levels, shown.traits, source.measured
    own = {name: means(level, source.layout) for name, level in levels.items()}
    moving = {} if source.few else {**levels, **commonest(held.words, held.vocabularies)}
    others = {name: of_others(level, source.layout) for name, level in moving.items() if name not in traits.frames}
    found = replace(shown.entity, means={**own, **traits.share}, others=others, frames=traits.frames)
    return found.within(source.runs)


def beginnings(values: ValueModel, shown: Shown, source: Source) -> Traits:
    """Return traits whose first values are in the terms they will be drawn in; those of few entities are means."""
    measured, layout, few, traits = source.measured, source.layout, source.few, shown.traits
    here = measured.numbers if few else {name: held[layout.firsts] for name, held in measured.numbers.items()}
    first, words, mean = {}, {}, dict(traits.mean)
    for name, told in values.tellings.items():
        nothing = np.zeros(len(here[name]))
        terms = here[name]
        if told.form in (ABOVE, BELOW):
            around = Around(nothing, np.empty((0, len(nothing))), *bounds(told, here), traits.frames.get(name))
            terms = np.where(np.isnan(terms), np.nan, told.say(terms, around))
        elif told.own:
            terms = told.placed(terms, traits.frames[name])
        elif few:
            terms = told.unscaled(shown.levels[name])
        elif told.beside is not None:
            terms = told.scaled(terms) - values.tellings[told.beside].scaled(here[told.beside])
        first[name] = means(terms, layout) if few else terms
        if few:
            mean[name] = np.zeros(layout.entities)
    for name, held in measured.words.items():
        words[name] = _commonest(held, layout) if few else held[layout.firsts]
    return replace(traits, first=first, first_words=words, mean=mean)


def side_by_side(levels: dict[str, Numbers], tellings: Sequence[Telling], layout: Layout) -> dict[str, str]:
    """Return for each column the earlier one of its scale that it begins next to, where there is one."""
    found: dict[str, str] = {}
    earlier: list[Telling] = []
    for told in tellings:
        own = levels[told.name][layout.firsts]
        nearest = NEAR * float(own.std())
        for other in earlier:
            apart = float((own - levels[other.name][layout.firsts]).std())
            if other.scale == told.scale and apart < nearest:
                found[told.name], nearest = other.name, apart
        earlier.append(told)
    return found


def _side_by_side(values: ValueModel, levels: dict[str, Numbers], layout: Layout) -> ValueModel:
    """Return the law with first values told by their distance to an earlier column that they nearly equal."""
    if layout.entities < 2 * FEW:
        return values
    beside = side_by_side(levels, list(values.tellings.values()), layout)
    tellings = {
        name: told if told.own or told.form in (ABOVE, BELOW) else replace(told, beside=beside.get(name))
        for name, told in values.tellings.items()
    }
    return replace(values, tellings=tellings)


def _commonest(held: Numbers, layout: Layout) -> Numbers:
    found = []
    for start, end in zip(layout.starts, layout.starts[1:], strict=False):
        seen, tally = np.unique(held[start:end], return_counts=True)
        found.append(seen[tally.argmax()])
    return np.array(found)
