"""How do the values of each step follow from the steps before, for a whole table while learning, step by step after?"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.core.contracts import RunContext, Sampler, StepModel, Stepper
from veridical.core.errors import ArtifactError
from veridical.core.schema import Column, Kind, Role
from veridical.encode.panel import Layout, Numbers, Places, filled, words
from veridical.engines.sequence import features as known
from veridical.engines.sequence import season
from veridical.engines.sequence import telling as terms
from veridical.engines.sequence.features import LEVEL, NULL, SIZE, STAYS, TOLD, Plan, Steps
from veridical.engines.sequence.linear import fit_weights
from veridical.engines.sequence.memory import Memory, Reading
from veridical.engines.sequence.telling import Around, Telling

FILE, SAMPLER = "values.json", "steps"
STAYING = 0.02  # share of rows that stay what they were, from which on this is drawn by itself
SPARSE = 0.5  # share of nulls beyond which a number's last value tells others nothing
Running = Callable[[Places, Mapping[str, Numbers]], Mapping[str, Numbers]]


@dataclass(frozen=True)
class Measured:
    """What a step is to give: numeric columns in the order they are drawn, and categories as places."""

    numbers: Mapping[str, Numbers]
    words: Mapping[str, Numbers]
    vocabularies: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class ValueModel:
    """A fitted law of steps: the plan of its features, how each number is told, and the sampler of terms."""

    plan: Plan
    tellings: Mapping[str, Telling]
    order: tuple[str, ...]  # the generated columns as they are drawn
    sampler: Sampler
    steps: StepModel

    def draw(
        self, steps: Steps, start: Measured, begun: Places, rng: np.random.Generator, *, running: Running | None = None
    ) -> Measured:
        """Return all rows of the layout: the first `begun` of each entity are known, the others are drawn.

        `running` gives features that follow from the rows drawn so far.
        """
        walk = _Walk(self, steps, start, begun)
        layout = steps.layout
        stepper = self.steps.stepper(self.sampler, _vocabularies(self.plan, steps))
        for step in range(int(layout.lengths.max(initial=0))):
            active = np.flatnonzero((begun <= step) & (layout.lengths > step))
            if len(active):
                walk.step(layout.starts[active] + step, stepper, rng, running)
            past = np.flatnonzero((begun > step) & (layout.lengths > step))
            if len(past):
                walk.learn(layout.starts[past] + step)
        return walk.measured

    def save(self, folder: Path) -> None:
        """Write JSON, and the sampler beside."""
        folder.mkdir(parents=True, exist_ok=True)
        plan = self.plan
        plain = {
            "numbers": list(plan.numbers), "words": list(plan.words), "gappy": list(plan.gappy),
            "vocabularies": {name: list(held) for name, held in plan.vocabularies.items()},
            "seasons": list(plan.seasons), "order": list(self.order),
            "means": {name: list(cuts) for name, cuts in plan.means.items()}, "sparse": list(plan.sparse),
            "stays": list(plan.stays),
            "tellings": [telling.to_plain() for telling in self.tellings.values()],
        }  # fmt: skip
        (folder / FILE).write_text(json.dumps(plain, ensure_ascii=False), encoding="utf-8")
        (folder / SAMPLER).mkdir(exist_ok=True)
        self.sampler.save(folder / SAMPLER)

    @classmethod
    def load(cls, folder: Path, steps: StepModel) -> ValueModel:
        """Return what `save` wrote.

        Raises:
            ArtifactError: a file is missing, truncated or edited.
        """
        try:
            plain = json.loads((folder / FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError) as wrong:
            raise ArtifactError("cannot be read", where=str(folder / FILE), fix="fit the model again") from wrong
        plan = Plan(
            tuple(plain["numbers"]), tuple(plain["words"]),
            {name: tuple(held) for name, held in plain["vocabularies"].items()},
            tuple(plain["gappy"]), tuple(plain["seasons"]),
            {name: tuple(cuts) for name, cuts in plain["means"].items()}, tuple(plain.get("sparse", ())),
            tuple(plain.get("stays", ())),
        )  # fmt: skip
        tellings = {telling.name: telling for telling in map(Telling.from_plain, plain["tellings"])}
        return cls(plan, tellings, tuple(plain["order"]), steps.open(folder / SAMPLER), steps)


class _Walk:
    """Rows in the making: values, levels and memory grow step by step."""

    def __init__(self, model: ValueModel, steps: Steps, start: Measured, begun: Places) -> None:
        self.model, self.steps_known, plan = model, steps, model.plan
        self.memory = Memory(plan.series, steps.layout)
        self._linear = self.memory.reading(plan.linear)
        self._is_linear = any(told.form == terms.LINEAR for told in model.tellings.values())
        self._told: tuple[list[str], Reading] | None = None
        self.values = {name: start.numbers[name].copy() for name in plan.numbers}
        self.places = {name: start.words[name].copy() for name in plan.words}
        first = np.concatenate([np.zeros(0, np.int64), steps.layout.firsts[begun > 0]])
        self.levels = {}
        for name in plan.numbers:
            frame = steps.frame(name, np.arange(steps.layout.rows))
            level = model.tellings[name].placed(self.values[name].copy(), frame)
            middle = float(np.nanmean(level[first])) if np.isfinite(level[first]).any() else 0.0
            self.levels[name] = level
            self.levels[name][first] = np.where(np.isnan(level[first]), middle, level[first])

    @property
    def measured(self) -> Measured:
        return Measured(self.values, self.places, self.model.plan.vocabularies)

    def learn(self, rows: Places) -> None:
        """Take rows that are known into memory."""
        levels = self._levels(rows)
        told = {}
        first = self._first(rows)
        past = self._past(rows)
        for name in self.model.plan.numbers:
            context = self._around(rows, name, levels, past)
            said = np.nan_to_num(self.model.tellings[name].say(self.values[name][rows], context))
            told[name] = np.where(first, 0.0, said)  # a first row follows from nothing
        self._remember(rows, levels, told)

    def step(self, rows: Places, stepper: Stepper, rng: np.random.Generator, running: Running | None) -> None:
        """Draw one row of each of several entities."""
        plan = self.model.plan
        if self._told is None:
            needed = set(stepper.needed)
            wanted = [past for past in plan.told if past.name in needed]
            self._told = [past.name for past in wanted], self.memory.reading(wanted)
        given = dict(zip(self._told[0], self.memory.read(self._told[1], rows), strict=True))
        given |= known.words_before(self.places, self.steps_known.layout, rows)
        given |= known.entity_features(self.steps_known, rows, self.model.plan)
        if running is not None:
            given |= running(rows, self.values)
        made = stepper.step(given, len(rows), rng)
        for name in plan.words:
            self.places[name][rows] = made[name]
        levels: dict[str, Numbers] = {}
        told: dict[str, Numbers] = {}
        past = self._past(rows)
        for name in plan.numbers:
            telling, context = self.model.tellings[name], self._around(rows, name, levels, past)
            self.values[name][rows] = telling.hear(made[name], context)
            told[name] = np.nan_to_num(made[name])
            if name in plan.stays:
                self._stay(rows, name, made, context)
                told[name] = np.nan_to_num(telling.say(self.values[name][rows], context))
            level = telling.placed(self.values[name][rows], context.frame)
            levels[name] = np.where(np.isnan(level), context.last, level)
        self._remember(rows, levels, told)

    def _stay(self, rows: Places, name: str, made: Mapping[str, Numbers], context: Around) -> None:
        """Give rows that stay the value of the row before, and those that do not another one."""
        telling, drawn = self.model.tellings[name], self.values[name][rows]
        before = self.values[name][rows - 1]
        stays = (made[name + STAYS] == 1.0) & ~np.isnan(before)
        moves = (made[name + STAYS] == 0.0) & (drawn == before)
        drawn = np.where(stays, before, drawn)
        if moves.any():
            drawn = np.where(moves, telling.moved(drawn, made[name], context), drawn)
        self.values[name][rows] = drawn

    def _first(self, rows: Places) -> NDArray[np.bool_]:
        layout = self.steps_known.layout
        return np.asarray(rows == layout.starts[layout.owner[rows]])

    def _levels(self, rows: Places) -> dict[str, Numbers]:
        first = self._first(rows)
        found = {}
        for name in self.model.plan.numbers:
            frame = self.steps_known.frame(name, rows)
            level = self.model.tellings[name].placed(self.values[name][rows], frame)
            before = np.where(first, self.levels[name][rows], self.levels[name][np.maximum(rows - 1, 0)])
            found[name] = np.where(np.isnan(level), before, level)
        return found

    def _past(self, rows: Places) -> NDArray[np.float64]:
        if not self._is_linear:
            return np.empty((0, len(rows)))
        return known.linear_past(self.steps_known, self.memory.read(self._linear, rows), rows)

    def _around(self, rows: Places, name: str, levels: Mapping[str, Numbers], past: NDArray[np.float64]) -> Around:
        telling = self.model.tellings[name]
        last = self.levels[name][np.where(self._first(rows), rows, np.maximum(rows - 1, 0))]
        features = past
        if telling.form == terms.LINEAR:
            features = known.linear_features(self.model.plan, self.steps_known, past, rows, levels, telling)
        sides = {other: self.values[other][rows] for other in (*telling.lows, *telling.highs)}
        return Around(last, features, *bounds(telling, sides), self.steps_known.frame(name, rows))

    def _remember(self, rows: Places, levels: Mapping[str, Numbers], told: Mapping[str, Numbers]) -> None:
        plan = self.model.plan
        held: dict[str, Numbers] = {}
        for name in plan.numbers:
            self.levels[name][rows] = levels[name]
            held |= {name + LEVEL: levels[name], name + TOLD: told[name], name + SIZE: np.abs(told[name])}
        held |= {name + NULL: np.isnan(self.values[name][rows]).astype(np.float64) for name in plan.gappy}
        held |= {name + STAYS: _stay_of(self.values[name], rows, self._first(rows)) for name in plan.stays}
        for name, word in plan.counted:
            place = plan.vocabularies[name].index(word)
            held[f"{name}={word}"] = (self.places[name][rows] == place).astype(np.float64)
        self.memory.push(rows, held)


def _stay_of(values: Numbers, rows: Places, first: NDArray[np.bool_]) -> Numbers:
    """Return 1 for each row that holds the value of the row before, else 0."""
    return np.where(first, 0.0, values[rows] == values[np.maximum(rows - 1, 0)])


def bounds(telling: Telling, values: Mapping[str, Numbers]) -> tuple[Numbers | None, Numbers | None]:
    """Return the highest of the columns a number must not lie below, and the lowest it must not lie above."""
    floor = _extreme(np.fmax, [values[name] for name in telling.lows])
    ceiling = _extreme(np.fmin, [values[name] for name in telling.highs])
    return floor, ceiling


def _extreme(take: Any, columns: Sequence[Numbers]) -> Numbers | None:
    if not columns:
        return None
    found = columns[0]
    for other in columns[1:]:
        found = take(found, other)
    return found


def _vocabularies(plan: Plan, steps: Steps) -> dict[str, Sequence[str]]:
    found: dict[str, Sequence[str]] = {name: plan.vocabularies[name] for name in plan.words}
    found |= {f"{name} @{lag}": plan.vocabularies[name] for name in plan.words for lag in (1, 2)}
    found |= {name + STAYS: _YES_NO for name in plan.stays}
    return found | {name: steps.vocabularies[name] for name in steps.entity_words}


_YES_NO = ("no", "yes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Learner:
    """Options of learning steps: how many entities' rows are kept back to choose terms by, and the most rows used."""

    held_share: float = 0.2
    trial_rows: int = 20_000
    rare_below: int = 5


def fit_values(
    measured: Measured, steps: Steps, tellings: Sequence[Telling], seasons: tuple[int, ...],
    model: StepModel, ctx: RunContext, learner: Learner, *, extra: Mapping[str, Numbers] | None = None,
) -> ValueModel:  # fmt: skip
    """Return the law of steps: each number's terms are chosen first, then trees tell the terms.

    `tellings` name the numbers in the order they are drawn, with scale, grid, ends and bounds set; `extra` are
    features a row that are only known while drawing (see `ValueModel.draw`).
    """
    layout = steps.layout
    gappy = tuple(t.name for t in tellings if np.isnan(measured.numbers[t.name]).any())
    vocabularies = {**measured.vocabularies}
    cuts = known.mean_cuts(steps, learner.rare_below)
    sparse = tuple(name for name in gappy if np.isnan(measured.numbers[name]).mean() > SPARSE)
    plan = Plan(tuple(t.name for t in tellings), tuple(measured.words), vocabularies, gappy, seasons, cuts, sparse)
    rows = np.flatnonzero(layout.position > 0)
    memory = Memory(plan.series, layout)
    every = np.arange(layout.rows)
    levels = {t.name: filled(t.placed(measured.numbers[t.name], steps.frame(t.name, every)), layout) for t in tellings}
    memory.fill({name + LEVEL: held for name, held in levels.items()})
    past = known.linear_past(steps, memory.recall(plan.linear, rows), rows)
    told: dict[str, Numbers] = {}
    chosen: dict[str, Telling] = {}
    for telling in tellings:
        chosen[telling.name], told[telling.name] = _told(telling, measured, steps, plan, past, levels, rows, learner)
        said = np.zeros(layout.rows)
        said[rows] = np.nan_to_num(told[telling.name])
        memory.fill({telling.name + TOLD: said, telling.name + SIZE: np.abs(said)})
    plan = replace(plan, stays=_staying(chosen, measured, layout))
    memory = memory.with_more(plan.series)
    _fill_rest(memory, plan, measured)
    table, columns = _step_table(measured, steps, plan, memory, told, rows, {} if extra is None else extra)
    sampler = model.fit(table, columns, ctx, rare_below=learner.rare_below)
    order = tuple(column.name for column in columns if column.role is Role.MODEL)
    return ValueModel(plan, chosen, order, sampler, model)


def _staying(chosen: Mapping[str, Telling], measured: Measured, layout: Layout) -> tuple[str, ...]:
    """Return the numbers that often stay exactly what they were, which what a prediction misses does not say."""
    first = layout.position == 0
    inner = max(int((~first).sum()), 1)
    return tuple(
        name
        for name, told in chosen.items()
        if told.form in (terms.LINEAR, terms.LAST)
        and _stay_of(measured.numbers[name], np.arange(layout.rows), first).sum() > STAYING * inner
    )


def _fill_rest(memory: Memory, plan: Plan, measured: Measured) -> None:
    every = np.arange(memory.layout.rows)
    first = memory.layout.position == 0
    memory.fill({name + STAYS: _stay_of(measured.numbers[name], every, first) for name in plan.stays})
    memory.fill({name + NULL: np.isnan(measured.numbers[name]).astype(np.float64) for name in plan.gappy})
    for name, word in plan.counted:
        place = plan.vocabularies[name].index(word)
        memory.fill({f"{name}={word}": (measured.words[name] == place).astype(np.float64)})


def _told(
    telling: Telling, measured: Measured, steps: Steps, plan: Plan, past: NDArray[np.float64],
    levels: Mapping[str, Numbers], rows: Places, learner: Learner,
) -> tuple[Telling, Numbers]:  # fmt: skip
    """Return the telling in the form that suits best, and the terms of all rows after the first."""
    name, layout = telling.name, steps.layout
    values = measured.numbers[name][rows]
    last = levels[name][rows - 1]
    floor, ceiling = bounds(telling, {other: held[rows] for other, held in measured.numbers.items()})
    here = {other: levels[other][rows] for other in plan.before(name)}
    features = known.linear_features(plan, steps, past, rows, here, telling)
    context = Around(last, features, floor, ceiling, steps.frame(name, rows))
    usable = np.flatnonzero(~np.isnan(values))
    candidates = [telling]
    if not season.comes_back(levels[name], steps.entities):
        candidates.append(replace(telling, form=terms.LAST))
    if len(usable) >= 50:
        weights = fit_weights(features[:, usable], levels[name][rows][usable])
        candidates.append(replace(telling, form=terms.LINEAR, weights=weights))
    if floor is not None and ceiling is None:
        candidates.append(replace(telling, form=terms.ABOVE))
    if ceiling is not None and floor is None:
        candidates.append(replace(telling, form=terms.BELOW))
    said = [(candidate, candidate.say(values, context)) for candidate in candidates]
    held = _held_back(layout, rows, learner)
    before = np.where(layout.position[rows] > 1, np.arange(len(rows)) - 1, -1)
    return said[terms.choose(said, values, before, held, context.frame)]


def _held_back(layout: Layout, rows: Places, learner: Learner) -> NDArray[np.bool_]:
    """Say which rows are kept back: those of some entities, or the last ones of a single series."""
    if layout.entities >= 10:
        every = max(2, round(1 / learner.held_share))
        return layout.owner[rows] % every == 0
    part = layout.position[rows] / np.maximum(layout.lengths[layout.owner[rows]], 1)
    return part > 1 - learner.held_share


def _step_table(
    measured: Measured, steps: Steps, plan: Plan, memory: Memory, told: Mapping[str, Numbers], rows: Places,
    extra: Mapping[str, Numbers],
) -> tuple[pa.Table, list[Column]]:  # fmt: skip
    """Return what the step model learns: features as context, then categories, then numbers in their terms."""
    arrays: dict[str, pa.Array] = {}
    columns: list[Column] = []

    def add(name: str, values: Numbers, role: Role, vocabulary: Sequence[str] | None = None) -> None:
        if vocabulary is None:
            arrays[name] = pa.array(values, from_pandas=True)
            columns.append(Column(name=name, kind=Kind.DECIMAL, storage="double", role=role, nullable=True))
        else:
            arrays[name] = words(values, vocabulary)
            columns.append(Column(name=name, kind=Kind.CATEGORY, role=role, nullable=True))

    for past in plan.told:
        add(past.name, memory.recall([past], rows)[0], Role.CONTEXT)
    for name, held in known.words_before(measured.words, steps.layout, rows).items():
        add(name, held, Role.CONTEXT, plan.vocabularies[name.rpartition(" @")[0]])
    for name, held in known.entity_features(steps, rows, plan).items():
        add(name, held, Role.CONTEXT, steps.vocabularies[name] if name in steps.entity_words else None)
    for name, held in extra.items():
        add(name, held[rows], Role.CONTEXT)
    for name in plan.words:
        add(name, measured.words[name][rows], Role.MODEL, plan.vocabularies[name])
    for name in plan.stays:
        add(name + STAYS, _stay_of(measured.numbers[name], rows, np.zeros(len(rows), dtype=bool)), Role.MODEL, _YES_NO)
    for name in plan.numbers:
        add(name, told[name], Role.MODEL)
    return pa.table(arrays), columns
