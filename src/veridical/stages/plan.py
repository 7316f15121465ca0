"""What will a run do, in which order, and how does it end?"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from veridical.connect.source import on_disk, read
from veridical.core import digest
from veridical.core.contracts import RunContext, SampleRequest
from veridical.core.dataset import Dataset
from veridical.core.errors import SpecError
from veridical.core.finding import Verdict
from veridical.core.schema import Schema
from veridical.exec.local import available_workers
from veridical.exec.shards import plan as plan_shards
from veridical.gates.catalog import load_gates
from veridical.spec import schema_yaml
from veridical.spec.run import RunSpec
from veridical.stages import private
from veridical.stages.holdout import Split, split
from veridical.stages.judged import judge
from veridical.stages.learn import SCHEMA_FILE, STAGE, learn
from veridical.stages.model import Recipe, model
from veridical.stages.release import Released, check_verdict, release, waive
from veridical.stages.sequence import is_sequence, recipe_for, split_sequences
from veridical.stages.synthesize import order, synthesize
from veridical.store.artifact import INDEX
from veridical.store.runfolder import RunFolder

if TYPE_CHECKING:
    from veridical.stages.linked import LinkedRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How a run ended: what the gates said, and what went out (None when nothing did)."""

    run: RunFolder
    verdict: Verdict
    released: Released | None
    schema_kept: Path | None = None  # the schema of an earlier try that was taken as law

    @property
    def report(self) -> Path:
        """The page to open."""
        return (self.run.stage("validate") if self.released is None else self.released.folder) / "report.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A run that has come as far as its model."""

    run: RunFolder
    split: Split
    schema: Schema
    source_rows: int
    schema_kept: Path | None = None


def carry_out(spec: RunSpec, ctx: RunContext, *, data: Dataset | None = None) -> Done:
    """Do everything from the source to the release; finished stages and shards of an earlier try are used again.

    `data` stands for the source when it is in memory already.

    Raises:
        ReleaseRefused: a gate failed or was not measured; all but the release is in the folder.
        VeridicalError: whatever a stage refuses.
    """
    spec = private.as_private(spec)
    load_gates(spec.gates)  # a wrong gate file is told before an hour of fitting, not after
    built = build_model(spec, ctx, data=data)
    run = built.run
    request = SampleRequest(
        rows=built.source_rows if spec.rows is None else spec.rows,
        seed=spec.seed,
        where=spec.where,
        balance=spec.balance,
        boost=spec.boost,
        entities=spec.entities,
    )
    _synthesize(run, request, spec, ctx)
    if spec.epsilon is None:
        verdict = judge(run, built.split, built.schema, spec.gates, ctx)
    else:
        verdict = private.judge_private(run, built.split.train.name, spec.gates)
    if spec.release:
        ctx.progress("release", done=0, total=1)
    done = ended(run, verdict, spec)
    if spec.release:
        ctx.progress("release", done=1, total=1)
    return replace(done, schema_kept=built.schema_kept)


def ended(run: RunFolder, verdict: Verdict, spec: RunSpec | LinkedRun) -> Done:
    """Release what was judged, or only say whether it could be.

    Raises:
        ReleaseRefused: a gate failed or was not measured, and nobody waived it.
    """
    if not spec.release:
        check_verdict(waive(verdict, spec.waivers), where=str(run.path))
        return Done(run=run, verdict=verdict, released=None)
    released = release(run, waivers=spec.waivers, licence=spec.licence)
    return Done(run=run, verdict=released.verdict, released=released)


def _synthesize(run: RunFolder, request: SampleRequest, spec: RunSpec, ctx: RunContext) -> None:
    older = run.has("synthesize") and (run.stage("synthesize") / INDEX).exists()
    before = digest.of_file(run.stage("synthesize") / INDEX) if older else None
    made = synthesize(order(run.stage("model"), request, form=spec.format), ctx, run.stage("synthesize"))
    if digest.of_file(made.folder / INDEX) != before:
        # A release of earlier data beside new data would be taken for a release of the new.
        for stage in ("validate", "release"):
            shutil.rmtree(run.stage(stage), ignore_errors=True)


def build_model(spec: RunSpec, ctx: RunContext, *, data: Dataset | None = None) -> Built:
    """Do everything from the source to the model.

    Raises:
        VeridicalError: whatever a stage refuses.
    """
    spec = private.as_private(spec)
    recipe = Recipe(engine=spec.engine, options=spec.options)
    if spec.epsilon is None and private.is_private(recipe):
        raise SpecError(
            f"{spec.engine} promises privacy, and no epsilon was given", where="engine", fix="give --epsilon 1"
        )
    run = RunFolder(spec.output)
    source = _source(spec, data, ctx)
    if spec.epsilon is not None:
        return _build_private(spec, source, recipe, ctx, run)
    known = _known_schema(spec)
    parts = _split(spec, source, known, ctx)
    schema = _learned(parts, ctx, run) if known is None else known
    if known is None and is_sequence(schema) and not isinstance(spec.holdout, Path):
        # Rows were kept back at random before anyone knew that they follow each other.
        parts = split_sequences(source, spec.holdout, ctx, schema)
        schema = _learned(parts, ctx, run)
    schema = _with_target(schema, spec.target)
    recipe = recipe_for(recipe, schema)
    model(parts.train, schema, recipe, ctx, run.stage("model"), source=_told(spec, source, parts))
    kept = None if known is None or spec.schema is not None else _schema_path(spec)
    return Built(run=run, split=parts, schema=schema, source_rows=source.rows, schema_kept=kept)


def _build_private(spec: RunSpec, source: Dataset, recipe: Recipe, ctx: RunContext, run: RunFolder) -> Built:
    given = private.skeleton(source) if spec.schema is None else schema_yaml.read(spec.schema)
    schema = _with_target(given, spec.target)
    told = private.told(spec, source)
    model(source, schema, recipe, ctx, run.stage("model"), source=told)
    return Built(run=run, split=Split(source, None), schema=schema, source_rows=private.noisy_rows(run))


def context_of(spec: RunSpec, progress: Any) -> RunContext:
    """Return the context a spec asks for."""
    workers = available_workers() if spec.workers is None else spec.workers
    return RunContext(seed=spec.seed, workers=workers, progress=progress)


def describe(spec: RunSpec) -> list[str]:
    """Return what a run would do, one line a step, after reading the source and checking all that can be checked.

    Raises:
        VeridicalError: the run could not even start.
    """
    spec = private.as_private(spec)
    gates = load_gates(spec.gates)
    recipe = Recipe(engine=spec.engine, options=spec.options)
    recipe.build()
    source = _read(spec)
    ctx = context_of(spec, progress=RunContext().progress)
    known = _known_schema(spec)
    parts = _split(spec, source, known, ctx)
    rows = source.rows if spec.rows is None else spec.rows
    kept = 0 if parts.holdout is None else parts.holdout.rows
    schema = "guess a schema" if known is None else f"take the schema of {_schema_path(spec)}"
    options = ", ".join(f"{name}={value}" for name, value in spec.options.items())
    return [
        f"learn       read {source.rows:,} rows x {source.only.num_columns} columns of {spec.source}; {schema}",
        f"model       fit {spec.engine}{f' ({options})' if options else ''} on {parts.train.rows:,} rows; "
        f"{kept:,} rows are kept back",
        f"synthesize  {rows:,} rows in {len(plan_shards(rows))} shards on {ctx.workers} workers, as {spec.format}"
        + (f", where {spec.where}" if spec.where else ""),
        f"validate    {len(gates.gates)} gates of the set {gates.name!r}",
        f"release     {'sign and write ' + str(spec.output / 'release') if spec.release else 'no'}",
    ]


def _source(spec: RunSpec, data: Dataset | None, ctx: RunContext) -> Dataset:
    ctx.progress("read", done=0, total=1)
    found = _read(spec) if data is None else data
    if len(found.tables) != 1:
        raise SpecError(
            f"{len(found.tables)} tables are here: {', '.join(found.tables)}",
            where=str(spec.source),
            fix="give one file; linked tables have an engine of their own",
        )
    ctx.progress("read", done=1, total=1)
    return found


def _read(spec: RunSpec) -> Dataset:
    if spec.epsilon is None:
        return on_disk(spec.source, table_name=spec.table)
    return private.read_source(spec.source, table=spec.table, named=spec.schema is not None)


def _split(spec: RunSpec, source: Dataset, known: Schema | None, ctx: RunContext) -> Split:
    if isinstance(spec.holdout, Path):
        return Split(source, Dataset.of(read(spec.holdout).only, source.name))
    if known is not None and is_sequence(known):
        return split_sequences(source, spec.holdout, ctx, known)
    return split(source, spec.holdout, ctx, unit=None if known is None else known.only.unit)


def _schema_path(spec: RunSpec) -> Path:
    return spec.output / STAGE / SCHEMA_FILE if spec.schema is None else spec.schema


def _known_schema(spec: RunSpec) -> Schema | None:
    """Return the schema that was given, or that lies in the run's folder: a person may have edited it."""
    path = _schema_path(spec)
    return None if spec.schema is None and not path.exists() else schema_yaml.read(path)


def _learned(parts: Split, ctx: RunContext, run: RunFolder) -> Schema:
    return learn(parts.train, ctx, folder=run.path).schema


def _with_target(schema: Schema, target: str | None) -> Schema:
    if target is None:
        return schema
    schema.only.column(target)
    return replace(schema, tables=(replace(schema.only, target=target),))


def _told(spec: RunSpec, source: Dataset, parts: Split) -> dict[str, Any]:
    """Return what the model's record says of its source: names and fingerprints, never a row."""
    holdout: Any = spec.holdout
    return {
        "name": spec.source.name,
        "fingerprint": source.fingerprint,
        "rows": source.rows,
        "columns": source.only.num_columns,
        "holdout": holdout.name if isinstance(holdout, Path) else {"share": holdout, "seed": spec.seed},
        "holdout_rows": 0 if parts.holdout is None else parts.holdout.rows,
    }
