"""How are the rows of entities drawn that are made up, or given with a count of rows?

    fitted = fit_sequences(rows, schema, ctx)            # of learning.py; schema.series and schema.order_by are set
    fitted.draw(200, seed=1)                              # 200 new entities
    fitted.draw(3, seed=1, given=parents, lengths=np.array([4, 0, 7]))      # rows of given entities

`given` holds one row an entity: its key columns and every column of role CONTEXT (what a parent table tells of it).
Attributes that never change within an entity are drawn once, then its length, start and gaps, then values step by step.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from veridical.core import rng as streams
from veridical.core.contracts import Shard, StepModel
from veridical.core.errors import ArtifactError
from veridical.core.schema import Schema, TableSchema
from veridical.encode.panel import Layout, Numbers, Places, numbers
from veridical.encode.spelled import Spelling
from veridical.engines.sequence import parts, room
from veridical.engines.sequence.attribute import WHO, Attributes
from veridical.engines.sequence.clock import Clock
from veridical.engines.sequence.entity import Balance, Roster, Traits
from veridical.engines.sequence.features import Steps
from veridical.engines.sequence.finish import finished
from veridical.engines.sequence.gaps import GapLaw
from veridical.engines.sequence.moment import steps_of
from veridical.engines.sequence.telling import ABOVE, BELOW, Around, Telling
from veridical.engines.sequence.trend import Trend
from veridical.engines.sequence.values import Measured, ValueModel, bounds
from veridical.prepare import Restore

STEP_MODEL = "veridical.engines.tabular.stepping:TreeSteps"
BATCH_ROWS = 400_000
RETRIES = 8  # times that gaps are drawn again for entities whose rows do not fit
SQUEEZED = 0.93  # how far times may be drawn together before rows are left out
_WARM_STEPS = 120
"""Steps that a series of few entities takes before its first row, so that it begins like any other."""


@dataclass(frozen=True)
class Sequences:
    """A fitted law of one table's sequences.

    `values` and `gaps` are None when no entity has a second row, or nothing moves.
    """

    schema: TableSchema
    columns: parts.Columns
    clock: Clock
    roster: Roster
    attributes: Attributes
    restore: Restore
    values: ValueModel | None
    gaps: GapLaw
    shared: pa.Table | None  # by tick: the columns that follow from the time
    trend: Trend | None = None  # of a few long series
    spelled: Spelling | None = None  # how the table's own columns spell the time; `schema` has it in one

    @property
    def entities_are_few(self) -> bool:
        """Whether entities are a few named series, not draws of a law."""
        return self.roster.few is not None

    @property
    def few(self) -> int | None:
        """How many entities there are, where they are a few named series; else None."""
        return None if self.roster.few is None else self.roster.few.num_rows

    def draw(
        self, count: int, *, seed: int, shard: Shard | None = None, given: pa.Table | None = None,
        lengths: Places | None = None, where: str | None = None, balance: Balance | None = None,
        times: pa.Array | None = None, like: Places | None = None,
    ) -> pa.Table:  # fmt: skip
        """Return the rows of `count` entities, each one's together and in order.

        `given` holds known attributes (key columns, context), `lengths` the rows of each entity (0: none), `times` the
        time of each of these rows, if they are known too: one entity's after the other's, each one's in order. `like`
        says as which lengths the entities are told, where theirs are not to be taken at their word.

        Raises:
            SpecError: the request asks for what cannot be.
        """
        rng = streams.stream(seed, "sequence", 0 if shard is None else shard.index)
        kept = np.arange(count) if lengths is None else np.flatnonzero(lengths > 0)
        if not len(kept):
            return self._empty()
        if lengths is not None and len(kept) < count:
            given = None if given is None else given.take(pa.array(kept))
            lengths = lengths[kept]
        told = lengths if like is None else like[kept]
        drawn = self.roster.draw(len(kept), seed, shard=shard, given=given, lengths=told, where=where, balance=balance)
        if lengths is not None:
            drawn = replace(drawn, traits=replace(drawn.traits, length=lengths))
        ticks = None if times is None else self.clock.ticks(numbers(self.encoded(times)))
        ends = np.concatenate([[0], np.cumsum(drawn.traits.length)])
        tables = []
        for part in _batches(drawn.traits.length):
            attributes = drawn.attributes.take(pa.array(part))
            known = None if ticks is None else ticks[ends[part[0]] : ends[part[-1] + 1]]
            traits = _taken(drawn.traits, part)
            tables.append(self._rows(attributes, traits, rng, exact=lengths is not None, known=known))
        return pa.concat_tables(tables).combine_chunks()

    def encoded(self, times: pa.Array) -> pa.Array:
        """Return times as counts of the clock."""
        if self.spelled is not None and len(self.spelled.parts) == 1:
            times = self.spelled.read(pa.table({self.spelled.parts[0].name: times}))
        name = self.columns.time
        return self.clock.codec.encode(pa.table({name: times}))[name]

    def _rows(
        self, attributes: pa.Table, traits: Traits, rng: np.random.Generator, *, exact: bool, known: Places | None
    ) -> pa.Table:
        warm = _WARM_STEPS if self.entities_are_few and self.values is not None else 0
        entity = self.attributes.of(attributes, traits)
        layout = Layout.of_lengths(traits.length + warm)
        if known is None:
            layout, ticks = self._times(layout, attributes, traits, entity, rng, exact=exact)
        else:
            ticks = room.lead_in(known, layout, warm)
        measured = None if self.values is None else self.walked(layout, ticks, entity, traits, rng)
        rows = np.flatnonzero(layout.position >= warm)
        return finished(self, attributes, layout, ticks, measured, rows, rng)

    def stretches(self, known: Places, length: int, rng: np.random.Generator) -> tuple[Measured, Places]:
        """Return stretches of `length` rows at known ticks of each of the few series in turn, and which rows count."""
        drawn = self.roster.draw(len(known) // length, 0, lengths=np.full(len(known) // length, length))
        layout = Layout.of_lengths(drawn.traits.length + _WARM_STEPS)
        ticks = room.lead_in(known, layout, _WARM_STEPS)
        entity = self.attributes.of(drawn.attributes, drawn.traits)
        return self.walked(layout, ticks, entity, drawn.traits, rng), np.flatnonzero(layout.position >= _WARM_STEPS)

    def walked(
        self, layout: Layout, ticks: Places, entity: Steps, traits: Traits, rng: np.random.Generator
    ) -> Measured:
        """Return the values of all rows, drawn step by step from each entity's first ones."""
        assert self.values is not None
        start = self._first_rows(layout, traits, self._slow_at(ticks[layout.firsts], entity))
        tellings = self.values.tellings
        levels = {name: told.scaled(start.numbers[name][layout.firsts]) for name, told in tellings.items()}
        means = {
            name: traits.mean[name] if name in traits.width else traits.mean[name] + level
            for name, level in levels.items()
        }
        known = replace(entity, means={**means, **traits.share}, frames=traits.frames)
        steps = self.steps(layout, ticks, known)
        return self.values.draw(steps, start, np.ones(layout.entities, dtype=np.int64), rng)

    def _times(
        self, layout: Layout, attributes: pa.Table, traits: Traits, entity: Steps, rng: np.random.Generator, *,
        exact: bool,
    ) -> tuple[Layout, Places]:  # fmt: skip
        """Return the ticks of all rows; where an attribute ends an entity's time, rows beyond it are left out.

        With `exact` lengths, or where the time closes for all together, rows are drawn together until they fit.
        """
        own = room.time_ends(self, attributes)
        ends = room.both(own, room.closing(self, layout.entities))
        warm = _WARM_STEPS if self.entities_are_few and self.values is not None else 0
        ticks = self.gaps.draw(layout, traits.start, entity, self.clock, rng, warm=warm)
        if ends is None:
            return layout, ticks
        if not exact and not warm:
            layout = Layout.of_lengths(
                room.exchanged(traits.length, room.reach(ticks, layout), ends[1] - traits.start, rng)
            )
            ticks = self.gaps.draw(layout, traits.start, entity, self.clock, rng)
        for _ in range(RETRIES):
            # Gaps are drawn again until as many rows as there are to be fit in.
            wide = ~room.fits(ticks, layout, ends)
            if not wide.any():
                break
            again = self.gaps.draw(layout, traits.start, entity, self.clock, rng, warm=warm)
            better = wide & (room.reach(again, layout) < room.reach(ticks, layout))
            ticks = np.where(better[layout.owner], again, ticks)
        if exact or own is None:
            return layout, self.gaps.within(ticks, layout, ends)
        first = ticks[layout.firsts].astype(np.float64)
        left = np.maximum(ends[1] - first, 0.0)
        inside = (ticks - first[layout.owner]) * SQUEEZED <= left[layout.owner]
        inside[layout.firsts] = True
        fitting = Layout.of_lengths(np.bincount(layout.owner, inside, layout.entities).astype(np.int64))
        return fitting, self.gaps.within(ticks[inside], fitting, ends)

    def steps(self, layout: Layout, ticks: Places, entity: Steps) -> Steps:
        """Return all that is known of rows before their values."""
        return steps_of(
            self.clock, layout, ticks, entity, few=self.entities_are_few, shared=self.shared, trend=self.trend
        )

    def _slow_at(self, ticks: Places, entity: Steps) -> dict[str, Numbers]:
        """Return the slow level of each of the few series at its first tick, of numbers that are told over it."""
        if self.trend is None:
            return {}
        whose = entity.entity_words.get(WHO, np.zeros(len(ticks))).astype(np.int64)
        return {name: self.trend.at(name, ticks, whose) for name in self.trend.told}

    def _first_rows(self, layout: Layout, traits: Traits, slow: Mapping[str, Numbers]) -> Measured:
        assert self.values is not None
        firsts = layout.firsts
        held = {}
        here: dict[str, Numbers] = {}
        for name in self.values.plan.numbers:
            told = self.values.tellings[name]
            frame = traits.frames.get(name)
            around = Around(np.zeros(len(firsts)), np.empty((0, len(firsts))), *bounds(told, here), frame)
            first = traits.first[name]
            if told.beside is not None and not self.entities_are_few:
                first = told.unscaled(first + self.values.tellings[told.beside].scaled(here[told.beside]))
            elif frame is not None and told.form not in (ABOVE, BELOW):
                first = told.meant(first, frame)
            elif name in slow:
                first = told.unscaled(slow[name])
            here[name] = _heard_first(told, first, around)
            held[name] = np.full(layout.rows, np.nan)
            held[name][firsts] = here[name]
        found = {}
        for name in self.values.plan.words:
            found[name] = np.full(layout.rows, np.nan)
            found[name][firsts] = traits.first_words[name]
        return Measured(held, found, self.values.plan.vocabularies)

    def _empty(self) -> pa.Table:
        table = Restore(self.schema, ()).empty()
        return table if self.spelled is None else self.spelled.written(table)

    def save(self, folder: Path) -> None:
        """Write JSON and Arrow files."""
        folder.mkdir(parents=True, exist_ok=True)
        plain = {
            "schema": Schema(tables=(self.schema,)).to_dict(),
            "law": Schema(tables=(self.restore.schema,)).to_dict(),
            "columns": asdict(self.columns),
            "clock": self.clock.to_plain(),
            "time": Schema(tables=(TableSchema(name="time", columns=(self.clock.column,)),)).to_dict(),
            "attributes": self.attributes.to_plain(),
            "standing": None if self.attributes.restore is None else _plain(self.attributes.restore.schema),
            "moves": self.values is not None,
            "trend": None if self.trend is None else self.trend.to_plain(),
            "spelled": None if self.spelled is None else self.spelled.to_plain(),
        }
        (folder / "sequences.json").write_text(json.dumps(plain, ensure_ascii=False), encoding="utf-8")
        self.roster.save(folder / "roster")
        self.restore.save(folder)
        self.gaps.save(folder / "gaps")
        if self.attributes.restore is not None:
            (folder / "standing").mkdir(exist_ok=True)
            self.attributes.restore.save(folder / "standing")
        if self.values is not None:
            self.values.save(folder / "values")
        if self.shared is not None:
            path, schema = str(folder / "shared.arrow"), self.shared.schema
            with pa.OSFile(path, "wb") as file, pa.ipc.new_file(file, schema) as writer:
                writer.write_table(self.shared)

    @classmethod
    def load(cls, folder: Path) -> Sequences:
        """Return what `save` wrote.

        Raises:
            ArtifactError: a file is missing, truncated or edited.
        """
        try:
            plain = json.loads((folder / "sequences.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as wrong:
            raise ArtifactError("cannot be read", where=str(folder), fix="fit the model again") from wrong
        standing = None
        if plain["standing"] is not None:
            standing = Restore.load(folder / "standing", Schema.from_dict(plain["standing"]).only)
        shared = None
        if (folder / "shared.arrow").exists():
            with pa.OSFile(str(folder / "shared.arrow"), "rb") as file:
                shared = pa.ipc.open_file(file).read_all()
        model = step_model()
        columns: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in plain["columns"].items()}
        return cls(
            Schema.from_dict(plain["schema"]).only,
            parts.Columns(**columns),
            Clock.from_plain(plain["clock"], Schema.from_dict(plain["time"]).only),
            Roster.load(folder / "roster"),
            Attributes.from_plain(plain["attributes"], standing),
            Restore.load(folder, Schema.from_dict(plain["law"]).only),
            ValueModel.load(folder / "values", model) if plain["moves"] else None,
            GapLaw.load(folder / "gaps", model),
            shared,
            None if plain.get("trend") is None else Trend.from_plain(plain["trend"]),
            None if plain.get("spelled") is None else Spelling.from_plain(plain["spelled"]),
        )

    def go_on(self, prefix: pa.Table, steps: int, *, seed: int) -> pa.Table:
        """Return the next `steps` rows of every entity in `prefix` (rows of the schema's columns), drawn from the law.

        Raises:
            DataError: the prefix holds no dated row.
            SchemaError: it lacks columns.
        """
        from veridical.engines.sequence.forecast import go_on

        return go_on(self, prefix, steps, seed=seed)


def _plain(schema: TableSchema) -> dict[str, Any]:
    return Schema(tables=(schema,)).to_dict()


def _heard_first(told: Telling, first: Numbers, around: Around) -> Numbers:
    if told.form in (ABOVE, BELOW):
        return told.hear(first, around)
    return told.held(first, around)


def step_model() -> StepModel:
    """Return the model of steps; named here, so that no room of engines imports another."""
    module, _, name = STEP_MODEL.partition(":")
    built: StepModel = getattr(import_module(module), name)()
    return built


def _batches(lengths: Places) -> Sequence[Places]:
    """Return entities in parts of about equal length, of so many rows together that memory stays flat."""
    part = np.cumsum(lengths) // BATCH_ROWS
    return [np.flatnonzero(part == at) for at in np.unique(part)]


def _taken(traits: Traits, rows: Places) -> Traits:
    def some(held: Mapping[str, Any]) -> dict[str, Any]:
        return {name: values[rows] for name, values in held.items()}

    return Traits(
        traits.length[rows], traits.start[rows], some(traits.first), some(traits.first_words),
        some(traits.mean), some(traits.spread), some(traits.share), some(traits.width), some(traits.signed),
    )  # fmt: skip
