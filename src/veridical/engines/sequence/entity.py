"""Who are the entities: their attributes, how long each lasts, where it begins and around what it moves?

One row an entity is learned by a table engine. Of fewer than ten entities no law can be learned: their names and
attributes are kept as they are (stations, sensors), and each begins at its own mean.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from veridical.core.contracts import Generator, RunContext, SampleRequest, Shard
from veridical.core.dataset import Dataset
from veridical.core.schema import Column, Constraint, Kind, Schema, TableSchema
from veridical.encode.panel import Layout, Numbers, Ordered, Places, means, numbers, words
from veridical.engines.sequence.features import FEW_WORDS
from veridical.engines.sequence.frame import Frame
from veridical.engines.sequence.parts import Columns
from veridical.engines.sequence.telling import Telling
from veridical.prepare.codec import whole
from veridical.prepare.storage import store

FEW = 10
LENGTH, START = "length of the sequence", "start of the sequence"
FIRST, MEAN, SPREAD, SHARE = " (first)", " (mean)", " (spread)", " (share)"
WIDTH, SIGNED = " (width)", " (signed)"
TABLE_ENGINE = "veridical.engines.tabular.engines:TreeEngine"
NAME = "entities"


Balance = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Traits:
    """What each entity is drawn with besides its attributes; first values of words are places in vocabularies.

    Of columns told within each entity's own frame `width` is the logarithm of its spread, `mean` its level, `spread` in
    units of it and `signed` which place a value below zero has at most; of all others `mean` is how far the level lies
    over the first.
    """

    length: Places
    start: Places
    first: Mapping[str, Numbers]
    first_words: Mapping[str, Numbers]
    mean: Mapping[str, Numbers]
    spread: Mapping[str, Numbers]
    share: Mapping[str, Numbers] = field(default_factory=dict)  # of few-worded columns: how often the commonest word
    width: Mapping[str, Numbers] = field(default_factory=dict)
    signed: Mapping[str, Numbers] = field(default_factory=dict)

    @property
    def frames(self) -> dict[str, Frame]:
        """Where each entity moves, by column that is told within it."""
        return {
            name: Frame(self.mean[name], np.exp(np.minimum(held, 690.0)), self.signed.get(name))
            for name, held in self.width.items()
        }


@dataclass(frozen=True)
class Drawn:
    """Entities in the making: their attributes (the table's own columns) and traits."""

    attributes: pa.Table
    traits: Traits


@dataclass(frozen=True)
class Roster:
    """The law of entities: a table generator, or the few entities themselves."""

    names: tuple[str, ...]  # the attributes: key columns first
    numbers: tuple[str, ...]
    vocabularies: Mapping[str, tuple[str, ...]]
    generator: Generator | None
    few: pa.Table | None
    mean_length: float

    def draw(
        self, count: int, seed: int, *, shard: Shard | None = None, given: pa.Table | None = None,
        lengths: Places | None = None, where: str | None = None, balance: Balance | None = None,
    ) -> Drawn:  # fmt: skip
        """Return `count` entities; `given` holds known attributes, `lengths` known lengths.

        Raises:
            SpecError: the request asks for what cannot be.
        """
        if self.generator is None:
            return self._of_few(count, shard, lengths, given)
        context = given
        if lengths is not None:
            held = pa.array(lengths, pa.int64())
            context = pa.table({LENGTH: held}) if context is None else context.append_column(LENGTH, held)
        shard = Shard(0, 1, 0, count) if shard is None else shard
        total = max(count, shard.start + shard.rows)
        request = SampleRequest(
            rows=total, seed=seed, context=context, where=where, balance={} if balance is None else balance
        )
        made = self.generator.sample(request, shard).only
        drawn = self._traits(made)
        names = [name for name in self.names if name in made.column_names]
        return Drawn(made.select(names), drawn)

    def _traits(self, table: pa.Table) -> Traits:
        length = np.maximum(np.nan_to_num(numbers(table[LENGTH]), nan=1.0), 1.0).astype(np.int64)
        start = np.nan_to_num(numbers(table[START])).astype(np.int64)
        mean, first = {}, {}
        for name in self.numbers:
            first[name] = numbers(table[name + FIRST])
            mean[name] = numbers(table[name + MEAN])
        spread = {name: numbers(table[name + SPREAD]) for name in self.numbers}
        place = {name: {word: at for at, word in enumerate(held)} for name, held in self.vocabularies.items()}
        first_words = {
            name: np.array([place[name].get(word, np.nan) for word in whole(table[name + FIRST]).to_pylist()])
            for name in self.vocabularies
        }
        share = {name: numbers(table[name + SHARE]) for name in self.vocabularies if name + SHARE in table.column_names}
        width, signed = (
            {name: numbers(table[name + mark]) for name in self.numbers if name + mark in table.column_names}
            for mark in (WIDTH, SIGNED)
        )
        return Traits(length, start, first, first_words, mean, spread, share, width, signed)

    def _of_few(self, count: int, shard: Shard | None, lengths: Places | None, given: pa.Table | None) -> Drawn:
        assert self.few is not None
        start = 0 if shard is None else shard.start
        order = np.arange(start, start + count) % max(self.few.num_rows, 1)
        table = self.few.take(pa.array(order))
        if lengths is not None:
            table = table.set_column(table.column_names.index(LENGTH), LENGTH, pa.array(lengths, pa.int64()))
        attributes = table.select(list(self.names))
        if given is not None:
            for name in set(given.column_names) & set(self.names):
                at = attributes.column_names.index(name)
                attributes = attributes.set_column(at, name, store(whole(given[name]), str(attributes[name].type)))
        return Drawn(attributes, self._traits(table))

    def save(self, folder: Path) -> None:
        """Write JSON, and the generator or the few entities beside."""
        folder.mkdir(parents=True, exist_ok=True)
        plain = {
            "names": list(self.names), "numbers": list(self.numbers), "mean_length": self.mean_length,
            "vocabularies": {name: list(held) for name, held in self.vocabularies.items()},
            "few": self.few is not None,
        }  # fmt: skip
        (folder / "roster.json").write_text(json.dumps(plain, ensure_ascii=False), encoding="utf-8")
        if self.few is not None:
            with pa.OSFile(str(folder / "few.arrow"), "wb") as file, pa.ipc.new_file(file, self.few.schema) as writer:
                writer.write_table(self.few)
        if self.generator is not None:
            self.generator.save(folder / NAME)

    @classmethod
    def load(cls, folder: Path) -> Roster:
        """Return what `save` wrote."""
        plain = json.loads((folder / "roster.json").read_text(encoding="utf-8"))
        few = generator = None
        if plain["few"]:
            with pa.OSFile(str(folder / "few.arrow"), "rb") as file:
                few = pa.ipc.open_file(file).read_all()
        else:
            generator = table_engine().generator.load(folder / NAME)
        return cls(
            tuple(plain["names"]), tuple(plain["numbers"]),
            {name: tuple(held) for name, held in plain["vocabularies"].items()},
            generator, few, float(plain["mean_length"]),
        )  # fmt: skip


def table_engine() -> Any:
    """Return the table engine entities are learned by; named here, so that no room of engines imports another."""
    module, _, name = TABLE_ENGINE.partition(":")
    engine = getattr(import_module(module), name)()
    # What an entity is comes before how long it lasts, and that before how it moves.
    return replace(engine, model=replace(engine.model, orders=("given",)))


def measure_traits(
    layout: Layout, ticks: Places, tellings: Mapping[str, Telling], values: Mapping[str, Numbers],
    levels: Mapping[str, Numbers], places: Mapping[str, Numbers], vocabularies: Mapping[str, tuple[str, ...]],
    frames: Mapping[str, Frame],
) -> Traits:  # fmt: skip
    """Return the traits that entities show: the mean of the level over its first, the spread of its changes.

    `levels` are on the tellings' scales; `frames` holds where each entity moves, of columns that are told within it.
    """
    firsts = layout.firsts
    first, mean, spread = {}, {}, {}
    within = np.concatenate([[False], np.diff(layout.owner) == 0])
    for name in tellings:
        level = levels[name]
        first[name] = values[name][firsts]
        mean[name] = means(level, layout) - level[firsts]
        if name in frames:
            mean[name] = frames[name].level
            level = frames[name].of(layout.owner).inside(level)
        change = np.where(within, np.concatenate([[0.0], np.diff(level)]), np.nan)
        size = np.sqrt(means(change**2, layout))
        spread[name] = np.log(np.maximum(size, 1e-9))
    first_words = {name: held[firsts] for name, held in places.items()}
    share = {name: means(held, layout) for name, held in commonest(places, vocabularies).items()}
    width = {name: np.log(frame.spread) for name, frame in frames.items()}
    signed = {name: frame.signed for name, frame in frames.items() if frame.signed is not None}
    return Traits(layout.lengths, ticks[firsts], first, first_words, mean, spread, share, width, signed)


def commonest(places: Mapping[str, Numbers], vocabularies: Mapping[str, tuple[str, ...]]) -> dict[str, Numbers]:
    """Return for each column of few words whether a row holds the commonest one."""
    found = {}
    for name, held in places.items():
        known = held[~np.isnan(held)].astype(np.int64)
        if len(known) and 2 <= len(vocabularies[name]) <= FEW_WORDS:
            found[name] = (held == np.bincount(known).argmax()).astype(np.float64)
    return found


def attributes_of(ordered: Ordered, columns: Columns) -> pa.Table:
    """Return one row an entity: its key and what never changes (a column of nulls where there is nothing to tell)."""
    if not columns.attributes:
        return pa.table({"": pa.nulls(ordered.layout.entities)})
    return ordered.table.select(list(columns.attributes)).take(pa.array(ordered.layout.firsts))


def learn_roster(
    attributes: pa.Table, schema: TableSchema, traits: Traits, vocabularies: Mapping[str, tuple[str, ...]],
    ctx: RunContext, *, rare_below: int,
) -> Roster:  # fmt: skip
    """Return the law of entities of one row each: `attributes` in the schema's types, and their traits."""
    named = tuple(traits.first)
    table = _with_traits(attributes, traits, vocabularies)
    mean_length = float(traits.length.mean())
    if attributes.num_rows < FEW:
        return Roster(tuple(attributes.column_names), named, dict(vocabularies), None, table, mean_length)
    law = Schema(tables=(_entity_schema(schema, attributes, table, vocabularies),), rare_below=rare_below)
    generator = table_engine().fit(Dataset.of(table, NAME), law, ctx)
    return Roster(tuple(attributes.column_names), named, dict(vocabularies), generator, None, mean_length)


def _with_traits(table: pa.Table, traits: Traits, vocabularies: Mapping[str, tuple[str, ...]]) -> pa.Table:
    added: dict[str, pa.Array] = {LENGTH: pa.array(traits.length), START: pa.array(traits.start)}
    for name, held in traits.first.items():
        if name in traits.width:  # where it moves comes before where it begins
            added[name + MEAN] = pa.array(traits.mean[name], from_pandas=True)
            added[name + WIDTH] = pa.array(traits.width[name], from_pandas=True)
        if name in traits.signed:
            added[name + SIGNED] = pa.array(traits.signed[name])
        added[name + FIRST] = pa.array(held, from_pandas=True)
        added[name + MEAN] = pa.array(traits.mean[name], from_pandas=True)
        added[name + SPREAD] = pa.array(traits.spread[name], from_pandas=True)
    for name, held in traits.first_words.items():
        added[name + FIRST] = words(held, vocabularies[name]).cast(pa.string())
    for name, held in traits.share.items():
        added[name + SHARE] = pa.array(held, from_pandas=True)
    for name, array in added.items():
        table = table.append_column(name, array)
    return table


def _entity_schema(
    schema: TableSchema, attributes: pa.Table, table: pa.Table, vocabularies: Mapping[str, tuple[str, ...]]
) -> TableSchema:
    kept = [schema.column(name) for name in attributes.column_names]
    keys = schema.series or ()
    columns = [_as_attribute(column, keys) for column in kept]
    for name in table.column_names[len(columns) :]:
        columns.append(_trait_column(name, table, vocabularies))
    held = set(attributes.column_names)
    rules = [rule for rule in schema.constraints if rule.columns and set(rule.columns) <= held and not rule.expression]
    if len(keys) > 1:
        rules.append(Constraint(type="unique", columns=tuple(keys), source="learned"))
    return TableSchema(name=NAME, columns=tuple(columns), constraints=tuple(rules))


def _as_attribute(column: Column, keys: tuple[str, ...]) -> Column:
    # Of a name of two parts, the part that is made afresh keeps entities apart by itself.
    fresh = column.name in keys and (len(keys) == 1 or column.kind is Kind.IDENTIFIER)
    return replace(column, unique=fresh or column.unique)


def _trait_column(name: str, table: pa.Table, vocabularies: Mapping[str, tuple[str, ...]]) -> Column:
    nullable = table[name].null_count > 0
    if name in (LENGTH, START):
        low = 1 if name == LENGTH else None
        return Column(name=name, kind=Kind.INTEGER, storage="int64", low=low, nullable=False)
    if name.removesuffix(FIRST) in vocabularies and name.endswith(FIRST):
        return Column(name=name, kind=Kind.CATEGORY, storage="string", nullable=True)
    return Column(name=name, kind=Kind.DECIMAL, storage="double", nullable=nullable)
