"""Which engine learns a table whose rows follow each other, and what can be asked of its generator?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import pyarrow as pa

from veridical.core.contracts import PrivacyEvent, RunContext, SampleRequest, Shard
from veridical.core.dataset import Dataset
from veridical.core.errors import SpecError
from veridical.core.expression import parse
from veridical.core.schema import Schema
from veridical.engines.sequence.learning import fit_sequences
from veridical.engines.sequence.model import Sequences
from veridical.store.artifact import open_sealed, seal

KIND = "sequence generator"
VERSION = 1
MOST_ENTITIES = 100_000  # of one shard


@dataclass(frozen=True)
class SequenceGenerator:
    """A fitted law of sequences, drawn by whole entities."""

    full_schema: Schema
    table: str
    law: Sequences

    @property
    def schema(self) -> Schema:
        """The schema every sample satisfies."""
        return self.full_schema

    @property
    def spent(self) -> Sequence[PrivacyEvent]:
        """No privacy is promised, so nothing is spent."""
        return ()

    def shards(self, request: SampleRequest, shard_rows: int) -> tuple[Shard, ...]:
        """Return the shards of a request in entities: whole ones, about as many rows as asked for together."""
        length = max(self.law.roster.mean_length, 1.0)
        if self.law.roster.few is not None:
            named = self.law.roster.few.num_rows
            count = named if request.entities is None else request.entities
            return (Shard(0, 1, 0, count),)
        count = max(1, round(request.rows / length)) if request.entities is None else request.entities
        if request.context is not None:
            count = request.context.num_rows
        each = int(np.clip(shard_rows / length, 1, MOST_ENTITIES))
        parts = -(-count // each)
        return tuple(Shard(at, parts, at * each, min(each, count - at * each)) for at in range(parts))

    def sample(self, request: SampleRequest, shard: Shard) -> Dataset:
        """Return the rows of one shard's entities: the schema's columns in its order and types.

        `where` and `balance` speak of the entity's own attributes; `context` holds one row an entity.

        Raises:
            SpecError: the request asks for what cannot be.
        """
        self._check(request)
        lengths = None
        if self.law.roster.few is not None:
            rest = np.full(shard.rows, request.rows // shard.rows, dtype=np.int64)
            rest[: request.rows % shard.rows] += 1
            lengths = rest if request.entities is None else None
        table = self.law.draw(
            shard.rows, seed=request.seed, shard=shard, given=request.context, lengths=lengths,
            where=request.where, balance=request.balance,
        )  # fmt: skip
        return Dataset.of(table, self.table)

    def continued(self, prefix: pa.Table, steps: int, *, seed: int = 0) -> Dataset:
        """Return the next rows of every entity in `prefix` (see `Sequences.go_on`)."""
        return Dataset.of(self.law.go_on(prefix, steps, seed=seed), self.table)

    def _check(self, request: SampleRequest) -> None:
        if request.boost:
            raise SpecError("tails of sequences cannot be boosted", where="boost", fix="leave it out")
        asked = set(request.balance)
        if request.where is not None:
            names = [column.name for column in self.law.schema.columns]
            asked |= set(parse(request.where, names).columns)
        moving = sorted(asked - set(self.law.columns.attributes))
        if moving:
            raise SpecError(
                f"{', '.join(moving)} change from row to row, and only whole entities can be chosen",
                where="where",
                fix=f"ask for attributes of entities: {', '.join(self.law.columns.attributes) or 'there are none'}",
            )
        if asked and self.law.roster.few is not None:
            raise SpecError("a few named series are drawn as they are", where="where", fix="leave the condition out")

    def save(self, folder: Path) -> None:
        """Write JSON and Arrow files, and an index with each one's SHA-256."""
        folder.mkdir(parents=True, exist_ok=True)
        plain = {"schema": self.full_schema.to_dict(), "table": self.table}
        (folder / "generator.json").write_text(json.dumps(plain, ensure_ascii=False), encoding="utf-8")
        self.law.save(folder / "law")
        seal(folder, KIND, VERSION)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Return what `save` wrote.

        Raises:
            ArtifactError: a file is missing, truncated, edited or of another version; it is named.
        """
        open_sealed(folder, KIND, versions=(VERSION,))
        plain = json.loads((folder / "generator.json").read_text(encoding="utf-8"))
        return cls(Schema.from_dict(plain["schema"]), plain["table"], Sequences.load(folder / "law"))


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceEngine:
    """Autoregressive trees: entities first, then their times, then each step from the steps before.

    Example:
        >>> from veridical.core.schema import Column, Kind, TableSchema
        >>> columns = [Column(name=n, kind=Kind.INTEGER, storage="int64") for n in ("who", "day", "x")]
        >>> visits = TableSchema(name="visits", columns=tuple(columns), series=("who",), order_by="day")
        >>> rows = {"who": np.repeat(np.arange(40), 5), "day": np.tile(np.arange(5), 40), "x": np.arange(200) % 7}
        >>> made = SequenceEngine().fit(Dataset.of(pa.table(rows), "visits"), Schema(tables=(visits,)), RunContext())
        >>> request = SampleRequest(rows=100, entities=20)
        >>> made.sample(request, made.shards(request, 1000)[0]).only.num_rows
        100
    """

    generator: ClassVar[type[SequenceGenerator]] = SequenceGenerator

    def fit(self, data: Dataset, schema: Schema, ctx: RunContext) -> SequenceGenerator:
        """Return a generator of the only table.

        Raises:
            DataError: there are several tables, or nothing follows anything.
            SchemaError: the schema names no sequence, or disagrees with the data.
        """
        table_schema = schema.table(data.name) if len(schema.tables) > 1 else schema.only
        law = fit_sequences(data.only, table_schema, ctx, rare_below=schema.rare_below)
        return SequenceGenerator(schema, data.name, law)
