"""How do privately learned linked tables give rows whose keys all point somewhere, and how do they lie on disk?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.core.contracts import PrivacyEvent, SampleRequest, Shard
from veridical.core.dataset import Dataset
from veridical.core.errors import ArtifactError
from veridical.core.rng import derive
from veridical.core.schema import Schema
from veridical.engines.tabular.dp.family import Family, Kin
from veridical.engines.tabular.dp.given import Told, codes_told
from veridical.engines.tabular.dp.kinship import used_rows
from veridical.engines.tabular.dp.linked import NUMBER
from veridical.engines.tabular.dp.private import NoisySampler
from veridical.engines.tabular.generator import TableGenerator
from veridical.prepare.codec import whole
from veridical.prepare.storage import store
from veridical.privacy.ledger import event_from, plain_event
from veridical.store.artifact import open_sealed, seal

KIND = "private linked generator"
FILE = "linked.json"
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class LinkedPrivateGenerator:
    """Learned tables of a family, what each one's rows are told of their parents, and public tables as they are.

    `most` is how many rows of a unit each table was learned from.
    """

    full_schema: Schema
    family: Family
    members: Mapping[str, TableGenerator]
    told: Mapping[str, tuple[Told, ...]]
    most: Mapping[str, int]
    public: Mapping[str, pa.Table]
    events: Sequence[PrivacyEvent]

    @property
    def schema(self) -> Schema:
        """The schema every sample satisfies."""
        return self.full_schema

    @property
    def spent(self) -> Sequence[PrivacyEvent]:
        """The privacy events of the fit, of all tables."""
        return self.events

    @property
    def undivided(self) -> bool:
        """Whether a request is answered as a whole, never by shards."""
        return True

    @property
    def noisy_rows(self) -> int:
        """About how many units the source had, by a noisy count."""
        return self.members[self.family.unit].noisy_rows or 1

    def sample(self, request: SampleRequest, shard: Shard) -> Dataset:
        """Return all tables, with `request.scale` times as many units as a noisy count told.

        Raises:
            SpecError: the request has a condition, or is cut into shards.
            ConstraintError: the constraints leave no row.
        """
        request.check_linked(shard)
        units = max(1, round(self.noisy_rows * request.scale))
        drawn = {self.family.unit: self._draw(self.family.unit, units, request.seed, None)}
        owners: dict[str, Ints] = {}
        for kin in self.family.kin:
            drawn[kin.table], owners[kin.table] = self._below(kin, drawn, owners, request.seed)
        tables = {name: self._finished(name, table) for name, table in drawn.items()}
        return Dataset({**tables, **self.public})

    def _draw(self, name: str, rows: int, seed: int, context: pa.Table | None) -> pa.Table:
        asked = SampleRequest(rows=rows, seed=derive(seed, "linked", name), context=context)
        return self.members[name].sample(asked, Shard(0, 1, 0, rows)).only

    def _below(
        self, kin: Kin, drawn: Mapping[str, pa.Table], owners: Mapping[str, Ints], seed: int
    ) -> tuple[pa.Table, Ints]:
        parent = drawn[kin.parent]
        counts = whole(parent[f"{NUMBER}{kin.table}"]).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
        owner = np.repeat(np.arange(parent.num_rows), np.minimum(counts, 1) if kin.single else counts)
        told = self.codes_of_parent(kin.table, parent)
        context = pa.table({one.name: one.texts(told[one.column][owner]) for one in self.told[kin.table]})
        table = self._draw(kin.table, len(owner), seed, context if context.num_columns else None)
        rows, place = owner, kin.parent
        line = {place: rows}
        while place in owners:
            rows = owners[place][rows]
            place = next(one.parent for one in self.family.kin if one.table == place)
            line[place] = rows
        for column, above, key in ((kin.column, kin.parent, kin.parent_column), *kin.also):
            keys = whole(drawn[above][key]).take(pa.array(line[above]))
            table = table.append_column(column, store(keys, self._storage(kin.table, column)))
        if kin.ordinal is not None:
            starts = np.repeat(np.cumsum(counts) - counts, counts)
            table = table.append_column(kin.ordinal, pa.array(np.arange(len(owner)) - starts + 1))
        return table, owner

    def codes_of_parent(self, name: str, parent: pa.Table) -> dict[str, Ints]:
        """Return what rows of a table would be told of each row of their parent's table."""
        kin = self.family.kin_of(name)
        assert kin is not None
        above = self.members[kin.parent]
        sampler: NoisySampler = above.sampler  # type: ignore[assignment]
        return codes_told(self.told[name], sampler, above.restore, parent)

    def as_learned(self, tables: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
        """Return finished tables as they would be learned: with as many rows of a unit, and the columns beside."""
        used = used_rows(tables, self.family, lambda table, _: self.most[table])
        found = {}
        for name in self.family.tables:
            table = used[name].rows
            for below in self.family.below(name):
                table = table.append_column(f"{NUMBER}{below}", pa.array(used[below].numbers))
            kin = self.family.kin_of(name)
            if kin is not None:
                codes = self.codes_of_parent(name, used[kin.parent].rows)
                for one in self.told[name]:
                    table = table.append_column(one.name, one.texts(codes[one.column][used[name].parent]))
            found[name] = table
        return found

    def _storage(self, table: str, column: str) -> str:
        return self.full_schema.table(table).column(column).storage

    def _finished(self, name: str, table: pa.Table) -> pa.Table:
        kept = [column.name for column in self.full_schema.table(name).columns]
        return table.select(kept).combine_chunks()

    def save(self, folder: Path) -> None:
        """Write JSON and Arrow files, a folder for each table, and an index with each file's SHA-256."""
        folder.mkdir(parents=True, exist_ok=True)
        names = list(self.family.tables)
        plain: dict[str, Any] = {
            "schema": self.full_schema.to_dict(),
            "family": self.family.to_plain(),
            "told": {name: [one.to_plain() for one in self.told[name]] for name in names},
            "most": dict(self.most),
            "events": [plain_event(event) for event in self.events],
        }
        for number, name in enumerate(names):
            # A table's events lie with those of all tables, in their order.
            replace(self.members[name], events=()).save(folder / f"table-{number}")
        for number, name in enumerate(self.family.public):
            with pa.OSFile(str(folder / f"public-{number}.arrow"), "wb") as sink:
                table = self.public[name]
                with pa.ipc.new_file(sink, table.schema) as writer:
                    writer.write_table(table)
        (folder / FILE).write_text(json.dumps(plain, ensure_ascii=False), encoding="utf-8")
        seal(folder, KIND, 1)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Return what `save` wrote.

        Raises:
            ArtifactError: a file is missing, truncated or edited.
        """
        open_sealed(folder, KIND)
        try:
            plain = json.loads((folder / FILE).read_text(encoding="utf-8"))
            family = Family.from_plain(plain["family"])
            public = {}
            for number, name in enumerate(family.public):
                with pa.OSFile(str(folder / f"public-{number}.arrow"), "rb") as source:
                    public[name] = pa.ipc.open_file(source).read_all()
            return cls(
                full_schema=Schema.from_dict(plain["schema"]),
                family=family,
                members={n: TableGenerator.load(folder / f"table-{i}") for i, n in enumerate(family.tables)},
                told={name: tuple(map(Told.from_plain, found)) for name, found in plain["told"].items()},
                most={name: int(most) for name, most in plain["most"].items()},
                public=public,
                events=tuple(map(event_from, plain["events"])),
            )
        except (OSError, ValueError, KeyError, TypeError) as wrong:
            raise ArtifactError("cannot be read", where=str(folder), fix="fit the model again") from wrong
