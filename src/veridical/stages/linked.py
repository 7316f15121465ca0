"""How do several tables go from a source to a release: from files or a database, to files or a database?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from veridical.connect import database
from veridical.connect.source import read
from veridical.core.contracts import RunContext, SampleRequest
from veridical.core.dataset import Dataset
from veridical.core.errors import ArtifactError, SpecError
from veridical.core.finding import Verdict
from veridical.core.schema import Schema
from veridical.prepare.linked_check import check_rules
from veridical.spec import schema_yaml
from veridical.spec.gates import Waiver
from veridical.stages import database as databases
from veridical.stages import learn as learning
from veridical.stages.holdout import Split
from veridical.stages.judged import KIND as VALIDATION
from veridical.stages.linked_cut import grown, split, torn
from veridical.stages.linked_validate import validate_linked
from veridical.stages.model import KIND as MODEL
from veridical.stages.model import Recipe, model, open_model
from veridical.stages.plan import Done, ended
from veridical.stages.synthesize import KIND as SYNTHESIS
from veridical.stages.synthesize import file_stem, order, synthesize
from veridical.store.artifact import open_sealed
from veridical.store.keys import KeyRing
from veridical.store.runfolder import RunFolder
from veridical.store.stamp import stamp

ENGINE = "linked"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedRun:
    """All that a run over several tables is told; `source` is a folder of files or the URL of a database.

    `target` is the URL of an empty database that the synthetic rows are written to, with the source's declarations.
    `keep` names tables that go out as they are.
    """

    source: str
    output: Path
    target: str | None = None
    schema: Path | None = None
    holdout: float = 0.2
    scale: float = 1.0
    keep: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    format: str = "parquet"
    gates: str = "share"
    waivers: tuple[Waiver, ...] = ()
    release: bool = True
    licence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedDone:
    """How a run ended, the rows of each table, and how many were written to a database.

    `lost` names what of the source's declarations that database does not keep.
    """

    done: Done
    rows: Mapping[str, int]
    written: int = 0
    lost: tuple[str, ...] = ()


def is_linked(source: str) -> bool:
    """Say whether a source is a database, or a folder of two files or more."""
    if database.is_url(source):
        return True
    path = Path(source)
    if not path.is_dir():
        return False
    from veridical.connect.source import _files

    return len(_files(path)) > 1


def carry_out(spec: LinkedRun, ctx: RunContext) -> LinkedDone:
    """Do everything from the source to the release, and into a database where one is named.

    Nothing is written to the database when a gate refuses.

    Raises:
        ReleaseRefused: a gate failed or was not measured; all but the release is in the folder.
        VeridicalError: whatever a stage refuses.
    """
    run = RunFolder(spec.output)
    source, schema, parts = _learned(spec, ctx, run)
    options = {"keep": spec.keep, **spec.options}
    if parts.holdout is not None:
        options["grown"] = grown(source, parts.train)
    recipe = Recipe(engine=ENGINE, options=options)
    model(parts.train, schema, recipe, ctx, run.stage("model"), source=_told(spec, source, parts))
    made = draw(run.stage("model"), ctx, run.stage("synthesize"), scale=spec.scale, seed=spec.seed, form=spec.format)
    verdict = _judge(spec, run, parts, schema, made, ctx)
    rows_by_table = {name: table.num_rows for name, table in made.tables.items()}
    done = ended(run, verdict, spec)
    lost = _write(spec, run, made, ctx) if spec.target is not None else ()
    written = made.rows if spec.target is not None else 0
    return LinkedDone(done=done, rows=rows_by_table, written=written, lost=lost)


def draw(
    model_folder: Path, ctx: RunContext, folder: Path, *, scale: float = 1.0, seed: int = 0, form: str = "parquet",
    where: str | None = None, balance: Mapping[str, Mapping[str, float]] | None = None,
) -> Dataset:  # fmt: skip
    """Write all tables of a linked model into a sealed folder, a file each, and return them.

    Raises:
        SpecError: the model is not one of linked tables.
    """
    wanted = asked(model_folder, scale=scale, seed=seed, form=form, where=where, balance=balance)
    synthesize(wanted, ctx, folder)
    return read_made(folder, open_model(model_folder).generator.schema)


def asked(
    model_folder: Path, *, scale: float = 1.0, seed: int = 0, form: str = "parquet", where: str | None = None,
    balance: Mapping[str, Mapping[str, float]] | None = None,
) -> Any:  # fmt: skip
    """Return the order for all tables of a linked model, `scale` times as large as the source.

    `where` and `balance` speak of columns as `table.column`.

    Raises:
        SpecError: the model is not one of linked tables.
    """
    opened = open_model(model_folder)
    if not getattr(opened.generator, "undivided", False):
        raise SpecError("the model has one table", where=str(model_folder), fix="say --rows instead of --scale")
    # All tables are one shard: a child's rows depend on all of its parents.
    request = SampleRequest(rows=1, seed=seed, scale=scale, where=where, balance={} if balance is None else balance)
    return order(model_folder, request, form=form, shard_rows=1)


def read_made(folder: Path, schema: Schema) -> Dataset:
    """Return the tables of a synthesis, under the schema's names.

    Raises:
        ArtifactError: a table is not there.
    """
    stems = {file_stem(table.name): table.name for table in schema.tables}
    files = {
        path.name.split(".")[0]: path for path in folder.iterdir() if path.suffix in (".parquet", ".csv", ".jsonl")
    }
    missing = sorted(set(stems) - set(files))
    if missing:
        raise ArtifactError(f"no file of {', '.join(missing)}", where=str(folder), fix="synthesize again")
    return Dataset({name: _rows(files[stem], schema, name) for stem, name in stems.items()})


def _rows(path: Path, schema: Schema, name: str) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from veridical.prepare.storage import parse_type

    if path.suffix == ".parquet":
        return pq.read_table(path).replace_schema_metadata(None)
    if not path.stat().st_size or path.read_bytes().count(b"\n") < 2:
        kinds = [(column.name, parse_type(column.storage)) for column in schema.table(name).columns]
        return pa.schema(kinds).empty_table()
    return read(path).only


def _learned(spec: LinkedRun, ctx: RunContext, run: RunFolder) -> tuple[Dataset, Schema, Split]:
    """Read the source, take its schema (given, kept from before, or learned now), and keep entities back."""
    ctx.progress("read", done=0, total=1)
    path = run.path / learning.STAGE / learning.SCHEMA_FILE if spec.schema is None else spec.schema
    known = schema_yaml.read(path) if spec.schema is not None or path.exists() else None
    if database.is_url(spec.source):
        found = databases.learn(spec.source, ctx, folder=run.path if known is None else None)
        source, learned = found.dataset, found.learned.schema
        if known is not None:
            databases.note_structure(run.path, found.structure)
    else:
        source = read(spec.source)
        learned = known if known is not None else learning.learn(source, ctx, folder=run.path).schema
    schema = learned if known is None else known
    check_rules(schema, source.tables)
    ctx.progress("read", done=1, total=1)
    return source, schema, split(source, schema, spec.holdout, ctx)


def _judge(spec: LinkedRun, run: RunFolder, parts: Split, schema: Schema, made: Dataset, ctx: RunContext) -> Verdict:
    folder = run.stage("validate")
    validation = validate_linked(
        train=parts.train,
        holdout=parts.holdout,
        synthetic=made,
        schema=schema,
        gates=spec.gates,
        ctx=ctx,
        folder=folder,
    )
    basis = {
        "synthesis": open_sealed(run.stage("synthesize"), SYNTHESIS).fingerprint,
        "model": open_sealed(run.stage("model"), MODEL).fingerprint,
        "train": parts.train.fingerprint,
        "holdout": None if parts.holdout is None else parts.holdout.fingerprint,
        "synthetic": made.fingerprint,
        "judged_rows": made.rows,
    }
    stamp(folder, VALIDATION, basis, KeyRing.default())
    return validation.verdict


def _write(spec: LinkedRun, run: RunFolder, made: Dataset, ctx: RunContext) -> tuple[str, ...]:
    """Write the tables to the database that was named; return what it does not keep."""
    assert spec.target is not None
    structure = databases.structure_in(run.path)
    if structure is None:
        raise SpecError("a folder of files has no declarations", where=spec.target, fix="write to a folder instead")
    return databases.write(spec.target, structure, made, progress=ctx.progress).lost


def _told(spec: LinkedRun, source: Dataset, parts: Split) -> dict[str, Any]:
    name = spec.source
    if database.is_url(name):
        from veridical.connect.database.address import parse

        name = Path(parse(name).database).name
    return {
        "name": Path(name).name,
        "fingerprint": source.fingerprint,
        "rows": source.rows,
        "tables": {table: rows.num_rows for table, rows in source.tables.items()},
        "holdout": {"share": spec.holdout, "seed": spec.seed, "torn": torn(source, parts)},
        "holdout_rows": 0 if parts.holdout is None else parts.holdout.rows,
    }
