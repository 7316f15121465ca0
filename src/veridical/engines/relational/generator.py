"""How do fitted linked tables give rows, and how do they lie on disk?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa

from veridical.core.contracts import Generator, PrivacyEvent, RunContext, SampleRequest, Shard
from veridical.core.dataset import Dataset
from veridical.core.errors import ArtifactError
from veridical.core.schema import Column, Schema, TableSchema
from veridical.engines.relational.calendar import Spelled
from veridical.engines.relational.choosing import chosen
from veridical.engines.relational.clock import Clock
from veridical.engines.relational.coarse import Coarse
from veridical.engines.relational.graph import Graph
from veridical.engines.relational.injected import sequence_generator, table_generator
from veridical.engines.relational.key import Fresh, Grid
from veridical.engines.relational.made import Asked
from veridical.engines.relational.making import Maker
from veridical.engines.relational.model import LinkModel, Profiles, TableModel
from veridical.engines.relational.plan import TablePlan
from veridical.engines.relational.strand import Strands
from veridical.prepare.link import Rows
from veridical.prepare.linked_ruling import ruled
from veridical.store.artifact import open_sealed, seal

KIND = "linked generator"
VERSION = 1
FILE, NUMBERS = "generator.json", "numbers.arrow"


@dataclass(frozen=True)
class LinkedGenerator:
    """Fitted linked tables: what is remembered of each link, and a generator for each table's rows.

    Its tables come out all at once: a request is never cut into shards.
    """

    full_schema: Schema
    graph: Graph
    links: Mapping[int, LinkModel]
    tables: Mapping[str, TableModel]
    table_engine: str
    mend: bool = False
    led: Mapping[int, Rows] = field(default_factory=dict)  # see `fitting.Fit`

    @property
    def schema(self) -> Schema:
        """The schema every sample satisfies."""
        return self.full_schema

    @property
    def spent(self) -> Sequence[PrivacyEvent]:
        """No privacy budget was spent."""
        return ()

    @property
    def undivided(self) -> bool:
        """Whether a request is answered as a whole, never by shards."""
        return True

    def sample(self, request: SampleRequest, shard: Shard) -> Dataset:
        """Return all tables, `request.scale` times as large as those learned; kept tables stay as they are.

        With a condition (`where`, `balance`) rows that do not meet it are left out, with all that needs them.

        Raises:
            SpecError: the request asks for what cannot be, or is cut into shards.
            ConstraintError: the constraints leave no row.
        """
        replace(request, where=None, balance={}).check_linked(shard)
        asked = Asked(seed=request.seed, scale=request.scale, mend=self.mend)
        ctx = RunContext(seed=request.seed)
        made = Maker(self.full_schema, self.graph, self.links, self.tables, asked, ctx, self.led).make()
        if request.where is not None or request.balance:
            rng = ctx.rng("synthesize", "chosen")
            left = chosen(made, self.full_schema, request.where, request.balance, rng)
            made = ruled(left, self.full_schema, rng)  # totals are those of the lines that are left
        return Dataset(made)

    def save(self, folder: Path) -> None:
        """Write JSON and Arrow files, a folder for each table's model, and an index with each file's SHA-256."""
        folder.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, np.ndarray[Any, Any]] = {}
        plain: dict[str, Any] = {
            "schema": self.full_schema.to_dict(),
            "graph": _graph_to(self.graph),
            "table_engine": self.table_engine,
            "mend": self.mend,
            "links": {str(i): _parts(link, f"link {i}", arrays) for i, link in self.links.items()},
            "tables": [],
        }
        for number, (name, model) in enumerate(self.tables.items()):
            plain["tables"].append({"name": name, **_table_to(model, f"table {number}", arrays)})
            if model.generator is not None:
                model.generator.save(folder / f"table-{number}")
            if model.kept is not None:
                _write(folder / f"kept-{number}.arrow", model.kept)
        arrays |= {f"led {j}": numbers for j, numbers in self.led.items()}
        lists = pa.table({name: pa.array([values], pa.list_(pa.int64())) for name, values in arrays.items()})
        _write(folder / NUMBERS, lists)
        (folder / FILE).write_text(json.dumps(plain, ensure_ascii=False), encoding="utf-8")
        seal(folder, KIND, VERSION)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Return what `save` wrote.

        Raises:
            ArtifactError: a file is missing, truncated, edited or of another version; it is named.
        """
        open_sealed(folder, KIND, versions=(VERSION,))
        try:
            plain = json.loads((folder / FILE).read_text(encoding="utf-8"))
            lists = _read(folder / NUMBERS)
            arrays = {
                name: lists[name].combine_chunks().values.to_numpy(zero_copy_only=False) for name in lists.column_names
            }
            schema = Schema.from_dict(plain["schema"])
            inner = table_generator(plain["table_engine"])
            tables = {}
            for number, entry in enumerate(plain["tables"]):
                own = schema.table(entry["name"])
                tables[entry["name"]] = _table_from(entry, own, f"table {number}", arrays, folder, number, inner)
            links = {int(i): _link_from(entry, f"link {i}", arrays) for i, entry in plain["links"].items()}
            graph = _graph_from(plain["graph"], schema)
            led = {int(name.split(" ")[1]): held for name, held in arrays.items() if name.startswith("led ")}
            return cls(schema, graph, links, tables, plain["table_engine"], bool(plain["mend"]), led)
        except (OSError, ValueError, KeyError, TypeError) as wrong:
            raise ArtifactError("cannot be read", where=str(folder), fix="fit the model again") from wrong


def _parts(link: LinkModel, name: str, arrays: dict[str, Any]) -> dict[str, Any]:
    plain = {}
    for item in fields(link):
        value = getattr(link, item.name)
        if isinstance(value, np.ndarray):
            arrays[f"{name} {item.name}"] = value.astype(np.int64)
        else:
            plain[item.name] = value
    return plain


def _link_from(plain: Mapping[str, Any], name: str, arrays: Mapping[str, Any]) -> LinkModel:
    held = {item.name: arrays[f"{name} {item.name}"] for item in fields(LinkModel) if f"{name} {item.name}" in arrays}
    return LinkModel(**{**plain, "unlike": tuple(plain.get("unlike", ()))}, **held)


def _graph_to(graph: Graph) -> dict[str, Any]:
    return {
        "order": list(graph.order), "owner": dict(graph.owner), "late": list(graph.late),
        "implied": list(graph.implied), "followed": [list(one) for one in graph.followed],
        "spelled": [list(one) for one in graph.spelled],
        "matched": {name: list(held) for name, held in graph.matched.items()},
    }  # fmt: skip


def _graph_from(plain: Mapping[str, Any], schema: Schema) -> Graph:
    return Graph(
        links=schema.foreign_keys, order=tuple(plain["order"]), owner=dict(plain["owner"]),
        matched={name: tuple(held) for name, held in plain["matched"].items()}, late=tuple(plain["late"]),
        implied=tuple(plain["implied"]), followed=tuple((j, i, k) for j, i, k in plain["followed"]),
        spelled=tuple((j, i, k) for j, i, k in plain["spelled"]),
    )  # fmt: skip


def _table_to(model: TableModel, name: str, arrays: dict[str, Any]) -> dict[str, Any]:
    planned, profiles = model.plan, model.profiles
    offered = Schema(tables=(TableSchema(name="offered", columns=model.offered),)).to_dict() if model.offered else None
    plain: dict[str, Any] = {
        "rows": model.rows, "context": list(model.context), "offered": offered, "fixed": model.fixed,
        "factor": model.factor, "order": model.order,
        "strands": None if model.strands is None else model.strands.to_plain(),
        "levels": {key: list(held) for key, held in model.levels.items()}, "siblings": dict(model.siblings),
        "shuffled": model.shuffled, "modelled": model.generator is not None, "kept": model.kept is not None,
        "fresh": {key: fresh.to_plain() for key, fresh in planned.fresh.items()},
        "grid": None if planned.grid is None else planned.grid.to_plain(),
        "copied": {str(i): dict(held) for i, held in planned.copied.items()},
        "spelled": [one.to_plain() for one in planned.spelled], "drawn": list(planned.drawn),
        "clocks": [[one.column, one.hour, one.minute] for one in planned.clocks],
        "unique": [list(key) for key in planned.unique], "profiles": None,
    }  # fmt: skip
    if profiles is not None:
        plain["profiles"] = {
            "links": list(profiles.kinds), "coarse": [one.to_plain() for one in profiles.coarse],
        }  # fmt: skip
        for i in profiles.kinds:
            arrays[f"{name} kinds {i}"], arrays[f"{name} numbers {i}"] = profiles.kinds[i], profiles.numbers[i]
        for place, levels in enumerate(profiles.levels):
            arrays[f"{name} levels {place}"] = levels.astype(np.int64)
    return plain


def _table_from(
    plain: Mapping[str, Any], schema: TableSchema, name: str, arrays: Mapping[str, Any], folder: Path, number: int,
    inner: type[Generator],
) -> TableModel:  # fmt: skip
    keyed = replace(schema, columns=tuple(_as_key(column) for column in schema.columns))
    planned = TablePlan(
        schema=schema,
        fresh={key: Fresh.from_plain(held, keyed) for key, held in plain["fresh"].items()},
        grid=None if plain["grid"] is None else Grid(**plain["grid"]),
        copied={int(i): dict(held) for i, held in plain["copied"].items()},
        spelled=tuple(Spelled.from_plain(one) for one in plain["spelled"]),
        drawn=tuple(plain["drawn"]),
        clocks=tuple(Clock(*one) for one in plain["clocks"]),
        unique=tuple(tuple(key) for key in plain["unique"]),
    )
    profiles = None
    if plain["profiles"] is not None:
        links, coarse = plain["profiles"]["links"], plain["profiles"]["coarse"]
        profiles = Profiles(
            kinds={i: arrays[f"{name} kinds {i}"] for i in links},
            numbers={i: arrays[f"{name} numbers {i}"] for i in links},
            coarse=tuple(Coarse.from_plain(one) for one in coarse),
            levels=tuple(arrays[f"{name} levels {place}"] for place in range(len(coarse))),
        )
    offered: tuple[Column, ...] = () if plain["offered"] is None else Schema.from_dict(plain["offered"]).only.columns
    return TableModel(
        plan=planned, rows=plain["rows"], context=tuple(plain["context"]), offered=offered, profiles=profiles,
        generator=(sequence_generator() if plain["order"] else inner).load(folder / f"table-{number}")
        if plain["modelled"] else None, order=plain["order"],
        strands=None if plain["strands"] is None else Strands.from_plain(plain["strands"]),
        levels={key: tuple(held) for key, held in plain["levels"].items()}, siblings=dict(plain["siblings"]),
        kept=_read(folder / f"kept-{number}.arrow") if plain["kept"] else None,
        fixed=plain["fixed"], shuffled=plain["shuffled"], factor=plain["factor"],
    )  # fmt: skip


def _as_key(column: Column) -> Column:
    return replace(column, nullable=False, unique=True)


def _write(path: Path, table: pa.Table) -> None:
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def _read(path: Path) -> pa.Table:
    with pa.OSFile(str(path), "rb") as source:
        return pa.ipc.open_file(source).read_all()
