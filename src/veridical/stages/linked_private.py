"""How do linked tables go from a source to a release that promises differential privacy for a unit?

The unit is a row of one table with all rows below it. Which column names which row is declared: by a schema, by the
database, or by columns that are called alike; nothing of that is guessed from rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from veridical.connect import database
from veridical.core.contracts import RunContext
from veridical.core.dataset import Dataset
from veridical.core.errors import SchemaError, SpecError
from veridical.core.finding import Verdict
from veridical.core.schema import Column, ForeignKey, Kind, Schema, TableSchema
from veridical.spec import schema_yaml
from veridical.spec.run import RowsPerUnit
from veridical.stages import database as databases
from veridical.stages import linked
from veridical.stages.charged import keyed
from veridical.stages.linked import LinkedDone, LinkedRun
from veridical.stages.model import Recipe, model, open_model
from veridical.stages.plan import ended
from veridical.stages.private import GATES, read_source, stamp_charged
from veridical.store.runfolder import RunFolder

ENGINE = "linked-dp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What is promised for adding or removing one unit, and how many rows of one are used in each table below."""

    epsilon: float
    delta: float = 1e-6
    unit: str | None = None
    rows_per_unit: RowsPerUnit = "auto"
    project: str | None = None


def carry_out(spec: LinkedRun, promise: Promise, ctx: RunContext) -> LinkedDone:
    """Do everything from the source to the release, and into a database where one is named.

    Raises:
        ReleaseRefused: a gate failed or was not measured; all but the release is in the folder.
        BudgetError: the budget of the source does not allow this run; nothing is kept.
        VeridicalError: whatever a stage refuses.
    """
    run = RunFolder(spec.output)
    source, schema, structure = _source(spec, promise, ctx)
    recipe = Recipe(engine=ENGINE, options=_options(spec, promise))
    told = {
        "name": _name(spec.source),
        "fingerprint": f"keyed:{keyed(source.fingerprint)}",
        "tables": list(source.tables),
        "holdout": None,
    }
    model(source, schema, recipe, ctx, run.stage("model"), source=told)
    if structure is not None:
        databases.note_structure(run.path, structure)
    made = linked.draw(
        run.stage("model"), ctx, run.stage("synthesize"), scale=spec.scale, seed=spec.seed, form=spec.format
    )
    verdict = _judge(spec, run, made)
    rows = {name: table.num_rows for name, table in made.tables.items()}
    done = ended(run, verdict, spec)
    return LinkedDone(done=done, rows=rows, written=_written(spec, run, made, ctx))


def skeleton(source: Dataset, unit: str, keep: Sequence[str] = (), links: Schema | None = None) -> Schema:
    """Return a schema that says no more than headers do: the unit's key, and columns elsewhere that are called alike.

    `links` holds keys and links that a database declares; they are taken instead of names.

    Raises:
        SchemaError: names do not tell which column is whose key.

    Example:
        >>> tables = {"patients": pa.table({"id": [1], "age": [4]}), "visits": pa.table({"patient_id": [1]})}
        >>> skeleton(Dataset(tables), "patients").foreign_keys[0].columns
        ('patient_id',)
    """
    headers = {name: table.schema for name, table in source.tables.items()}
    if links is not None and links.foreign_keys:
        tables = tuple(_bare(name, header, links.table(name).primary_key) for name, header in headers.items())
        return Schema(tables=tables, foreign_keys=links.foreign_keys)
    unit_table, column = _unit(headers, unit)
    keys = {name: column if name == unit_table else _key(name, header.names) for name, header in headers.items()}
    found: list[ForeignKey] = []
    for name, header in headers.items():
        for parent, key in keys.items():
            named = None if parent == name else _naming(header.names, parent, key, own=keys[name])
            if named is not None and key is not None and name not in keep:
                found.append(ForeignKey(table=name, columns=(named,), parent=parent, parent_columns=(key,)))
    tables = tuple(
        _bare(name, header, () if keys[name] is None else (str(keys[name]),)) for name, header in headers.items()
    )
    return Schema(tables=tables, foreign_keys=tuple(found))


def _bare(name: str, header: pa.Schema, key: tuple[str, ...]) -> TableSchema:
    columns = tuple(Column(name=field.name, kind=Kind.CATEGORY, storage=str(field.type)) for field in header)
    return TableSchema(name=name, columns=columns, primary_key=key)


def _unit(headers: Mapping[str, pa.Schema], unit: str) -> tuple[str, str]:
    """Return the unit's table and key; `unit` is TABLE, TABLE.COLUMN, or the name of a column."""
    table, _, column = unit.partition(".")
    if table in headers:
        key = column or _key(table, headers[table].names)
        if key is None or key not in headers[table].names:
            raise SchemaError(f"{table} has no column that is called its key", where="unit", fix=f"say {table}.COLUMN")
        return table, key
    owners = [name for name, header in headers.items() if unit in header.names]
    own = [name for name in owners if _key(name, headers[name].names) == unit] or owners
    if len(own) != 1:
        listed = ", ".join(f"{name}.{unit}" for name in owners) or f"such as {next(iter(headers))}"
        raise SchemaError(f"{unit!r} names no table of units", where="unit", fix=f"name the table: {listed}")
    return own[0], unit


def _key(table: str, names: Sequence[str]) -> str | None:
    """Return the column that is called as the key of a table: patients.patient_id, patients.id, track.TrackId."""
    wanted = [f"{stem}{ending}" for stem in _stems(table) for ending in _ENDINGS] + ["id"]
    plain = {_plain(name): name for name in reversed(names)}
    return next((plain[name] for name in wanted if name in plain), None)


def _naming(names: Sequence[str], parent: str, key: str | None, *, own: str | None) -> str | None:
    """Return the column that is called as another table's key."""
    if key is None:
        return None
    wanted = {f"{stem}{ending}" for stem in _stems(parent) for ending in _ENDINGS}
    if _plain(key) != "id":
        wanted.add(_plain(key))
    return next((name for name in names if _plain(name) in wanted and name != own), None)


_ENDINGS = ("id", "key", "no", "nbr", "number", "code")


def _stems(table: str) -> Iterator[str]:
    plain = _plain(table)
    yield plain
    for ending, instead in (("ies", "y"), ("es", ""), ("s", "")):
        if plain.endswith(ending):
            yield plain.removesuffix(ending) + instead


def _plain(name: str) -> str:
    return re.sub(r"[^0-9a-z]", "", name.lower())


def _source(spec: LinkedRun, promise: Promise, ctx: RunContext) -> tuple[Dataset, Schema, database.Structure | None]:
    if promise.unit is None:
        raise SpecError(
            "linked tables promise nothing without a unit", where="unit",
            fix="name the table whose rows are people: --unit patients",
        )  # fmt: skip
    ctx.progress("read", done=0, total=1)
    given = None if spec.schema is None else schema_yaml.read(spec.schema)
    links, structure = None, None
    if database.is_url(spec.source):
        opened = database.read(spec.source, progress=ctx.progress)
        source, links, structure = opened.dataset, opened.schema, opened.structure
    else:
        source = read_source(spec.source, named=given is not None)
    ctx.progress("read", done=1, total=1)
    return source, skeleton(source, promise.unit, spec.keep, links) if given is None else given, structure


def _options(spec: LinkedRun, promise: Promise) -> dict[str, Any]:
    return {
        **spec.options,
        "epsilon": promise.epsilon,
        "delta": promise.delta,
        "unit": promise.unit,
        "rows_per_unit": promise.rows_per_unit,
        "project": promise.project,
        "keep": list(spec.keep),
        "declared_kinds": spec.schema is not None,
    }


def _name(source: str) -> str:
    if database.is_url(source):
        from veridical.connect.database.address import parse

        return Path(parse(source).database).name
    return Path(source).name


def _judge(spec: LinkedRun, run: RunFolder, made: Dataset) -> Verdict:
    """Judge the tables by charged figures alone and stamp the verdict; no real row is read."""
    from veridical.stages.charged_linked import charged_linked_page

    opened = open_model(run.stage("model"))
    options, source = opened.record["parameters"], str(opened.record["source"]["fingerprint"])
    page = charged_linked_page(
        opened.generator,  # type: ignore[arg-type]
        made,
        GATES if spec.gates == "share" else spec.gates,
        delta=float(options["delta"]),
        claim=float(options["epsilon"]),
        source=source,
    )
    stamp_charged(run, page, made, source=source)
    return page.verdict


def _written(spec: LinkedRun, run: RunFolder, made: Dataset, ctx: RunContext) -> int:
    if spec.target is None:
        return 0
    structure = databases.structure_in(run.path)
    if structure is None:
        raise SpecError("a folder of files has no declarations", where=spec.target, fix="write to a folder instead")
    databases.write(spec.target, structure, made, progress=ctx.progress)
    return made.rows
