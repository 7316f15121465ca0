"""How does a fitted table engine give rows: asked for plainly, conditionally, balanced, or to fill gaps?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa

from veridical.core.chunks import one_array
from veridical.core.contracts import PrivacyEvent, RunContext, Sampler, SampleRequest, Shard
from veridical.core.dataset import Dataset
from veridical.core.errors import ArtifactError
from veridical.core.schema import Schema
from veridical.engines.tabular.answer import answer
from veridical.kernel.memory import give_back
from veridical.prepare import Restore, prepare
from veridical.prepare.tails import Tails, learn_tails
from veridical.privacy.ledger import event_from, plain_event
from veridical.store.artifact import open_sealed, seal

KIND = "table generator"
VERSION = 1
STRETCH = 1 << 18  # rows that some are drawn from at a time, however the table lies in memory
# What a folder may ask to be opened by: code is named here, never in the folder.
SAMPLERS = {
    "tree": "veridical.engines.tabular.tree.sampler:TreeSampler",
    "copula": "veridical.engines.tabular.copula:CopulaSampler",
    "independent": "veridical.engines.tabular.independent:IndependentSampler",
    "marginals": "veridical.engines.tabular.dp.sampler:MarginalSampler",
    "neural": "veridical.engines.tabular.neural.sampler:NeuralSampler",
}


@dataclass(frozen=True)
class TableGenerator:
    """A fitted table engine: a sampler of prepared columns, and all that turns its draws into the schema's table.

    `method` names the sampler ("tree", "copula", "independent"); `tails` are the cells that count as edge cases.
    """

    full_schema: Schema
    table: str
    method: str
    restore: Restore
    sampler: Sampler
    tails: Tails
    events: Sequence[PrivacyEvent] = ()
    noisy_rows: int | None = None  # of a private fit: about how many rows the source had

    @property
    def schema(self) -> Schema:
        """The schema every sample satisfies."""
        return self.full_schema

    @property
    def spent(self) -> Sequence[PrivacyEvent]:
        """The privacy events of the fit."""
        return self.events

    def sample(self, request: SampleRequest, shard: Shard) -> Dataset:
        """Return the rows of one shard: the schema's columns in its order and types, every constraint kept.

        Raises:
            SpecError: the request asks for what cannot be, or names what is not there.
            ConstraintError: the constraints leave no row.
        """
        return Dataset.of(self.restore.plain(self.sample_coded(request, shard).only), self.table)

    def sample_coded(self, request: SampleRequest, shard: Shard) -> Dataset:
        """Return the same rows with text of few values as dictionaries, which files are written from in less time.

        Raises:
            SpecError: the request asks for what cannot be, or names what is not there.
            ConstraintError: the constraints leave no row.
        """
        return Dataset.of(answer(self.restore, self.sampler, self.tails, request, shard), self.table)

    def save(self, folder: Path) -> None:
        """Write JSON and Arrow files, and an index with each one's SHA-256."""
        folder.mkdir(parents=True, exist_ok=True)
        plain = {
            "schema": self.full_schema.to_dict(),
            "table": self.table,
            "method": self.method,
            "law": Schema(tables=(self.restore.schema,)).to_dict(),
            "tails": self.tails.to_plain(),
            "events": [plain_event(event) for event in self.events],
            "noisy_rows": self.noisy_rows,
        }
        (folder / "generator.json").write_text(json.dumps(plain, ensure_ascii=False), encoding="utf-8")
        self.restore.save(folder)
        inner = folder / "sampler"
        inner.mkdir(exist_ok=True)
        self.sampler.save(inner)
        seal(folder, KIND, VERSION)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Return what `save` wrote.

        Raises:
            ArtifactError: a file is missing, truncated, edited or of another version; it is named.
        """
        open_sealed(folder, KIND, versions=(VERSION,))
        plain = _read(folder / "generator.json")
        law = Schema.from_dict(plain["law"]).only
        return cls(
            full_schema=Schema.from_dict(plain["schema"]),
            table=plain["table"],
            method=plain["method"],
            restore=Restore.load(folder, law),
            sampler=_sampler_class(plain["method"], folder).load(folder / "sampler"),
            tails=Tails.from_plain(plain["tails"]),
            events=tuple(event_from(event) for event in plain.get("events", ())),
            noisy_rows=plain.get("noisy_rows"),
        )


def fit_table(method: str, model: Any, data: Dataset, schema: Schema, ctx: RunContext) -> TableGenerator:
    """Return a generator: prepare the only table, fit `model` on it, keep what restores its draws.

    `model` has `fit(table, columns, ctx, *, rare_below) -> Sampler`; with `reads_narrow`, for numbers in few bytes.

    Raises:
        DataError: there are several tables.
        SchemaError: the schema disagrees with the data.
        ConstraintError: the constraints clash.
    """
    table_schema = schema.table(data.name) if len(schema.tables) > 1 else schema.only
    table = _at_most(data.only, getattr(model, "most_rows", None), ctx)
    narrow = getattr(model, "reads_narrow", False)
    ready = prepare(table, table_schema, rare_below=schema.rare_below, ctx=ctx, narrow=narrow)
    tails = learn_tails(table, ready.restore.schema, rare_below=schema.rare_below)
    columns, restore, prepared = ready.columns, ready.restore, [ready.table]
    del table, ready  # what is learned now rests on the prepared columns, which the model may let go of
    give_back()
    sampler = model.fit(prepared.pop(), columns, ctx, rare_below=schema.rare_below)
    return TableGenerator(schema, data.name, method, restore, sampler, tails)


def _at_most(table: pa.Table, most: int | None, ctx: RunContext) -> pa.Table:
    """Return the table, or `most` of its rows drawn at random in their order: memory and time stop growing there."""
    if most is None or table.num_rows <= most:
        return table
    # A stretch after the other: a list of a long table's rows may weigh as much as the table.
    rng, starts = ctx.rng("model", "rows"), range(0, table.num_rows, STRETCH)
    rows = [min(STRETCH, table.num_rows - start) for start in starts]
    share = rng.multivariate_hypergeometric(rows, most, method="marginals")
    some = [np.sort(rng.choice(n, k, replace=False)).astype(np.int32) for n, k in zip(rows, share, strict=True)]
    schema, columns = table.schema, table.columns
    del table  # each column is let go of, where nobody else holds it, before the next is taken from
    for place, kind in enumerate(schema.types):
        column, columns[place] = columns[place], None
        pieces = zip(starts, some, strict=True)
        taken = [one_array(column.slice(start, STRETCH)).take(pa.array(kept)) for start, kept in pieces]
        del column
        columns[place] = one_array(pa.chunked_array(taken, kind))
    return pa.Table.from_arrays(columns, schema=schema)


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as wrong:
        raise ArtifactError("cannot be read", where=str(path), fix="fit the model again") from wrong


def _sampler_class(method: str, folder: Path) -> type[Sampler]:
    if method not in SAMPLERS:
        known = ", ".join(SAMPLERS)
        raise ArtifactError(f"no sampler {method!r}", where=str(folder), fix=f"this veridical knows {known}")
    module, _, name = SAMPLERS[method].partition(":")
    kind: type[Sampler] = getattr(import_module(module), name)
    return kind
