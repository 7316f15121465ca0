"""The whole spine in a few functions: read, learn, fit, synthesize, validate, release, run, and all at once: synth.

Three lines from a dataframe to a synthetic one of the same type (pandas, polars, Arrow, DuckDB, or a path):

    import veridical
    made = veridical.synth(frame, rows=10_000)
    made.data, made.verdict.outcome
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from veridical.connect.dataframe import to_native
from veridical.connect.source import on_disk, read
from veridical.core.contracts import Generator, Progress, RunContext, SampleRequest, silent
from veridical.core.dataset import Dataset
from veridical.core.errors import SpecError
from veridical.core.schema import Schema
from veridical.stages import holdout as holdouts
from veridical.stages import learn as learning
from veridical.stages import model as models
from veridical.stages import private as privates
from veridical.stages import sequence as sequences
from veridical.stages import synthesize as syntheses
from veridical.stages.learn import Learned

if TYPE_CHECKING:
    from veridical.core.finding import Finding, Verdict
    from veridical.spec.gates import Waiver
    from veridical.spec.run import RunSpec
    from veridical.stages import release as releases
    from veridical.stages import validate as validation
    from veridical.stages.plan import Done
    from veridical.store.manifest import Verified

# Judging, releasing and reading specs are imported where they are asked for: who learns and fits needs none of it.

__all__ = ["Made", "fit", "go_on", "learn", "read", "release", "run", "synth", "synthesize", "validate", "verify"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """Synthetic data in the type the real data came in, and what is known of it.

    `verdict` and `findings` are None when the data was not judged.
    """

    data: Any
    schema: Schema
    generator: Generator
    verdict: Verdict | None
    findings: tuple[Finding, ...] | None


def learn(source: Any, *, folder: str | Path | None = None, seed: int = 0, progress: Progress = silent) -> Learned:
    """Return the profile and the guessed schema of a path, database URL, dataframe or data set.

    Raises:
        DataError: the source cannot be read.
        ProviderError: a database is absent, refuses or breaks off.
    """
    place = None if folder is None else Path(folder)
    if isinstance(source, str) and ":/" in source:
        from veridical.connect.database import is_url
        from veridical.stages import database

        if is_url(source):
            return database.learn(source, RunContext(seed=seed, progress=progress), folder=place).learned
    return learning.learn(read(source), ctx=RunContext(seed=seed, progress=progress), folder=place)


def fit(
    source: Any,
    *,
    schema: Schema | None = None,
    engine: str = models.DEFAULT_ENGINE,
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> Generator:
    """Return a generator fitted on all rows of a path, dataframe or data set.

    Raises:
        VeridicalError: the source, schema, engine or options are wrong.
    """
    recipe, ctx = models.Recipe(engine=engine, options=options or {}), RunContext(seed=seed, progress=progress)
    if privates.is_private(recipe):
        return privates.fit(source, schema, recipe, ctx)
    data = on_disk(source)
    known = learning.learn(data, ctx=ctx).schema if schema is None else schema
    return models.fit(data, known, sequences.recipe_for(recipe, known), ctx)


def synthesize(
    generator: Generator | str | Path,
    rows: int | str | None = None,
    *,
    scale: float | None = None,
    seed: int = 0,
    where: str | None = None,
    balance: Mapping[str, Mapping[str, float]] | None = None,
    boost: Mapping[str, float] | None = None,
    given: Any = None,
    like: Any = None,
    entities: int | str | None = None,
) -> Any:
    """Return rows drawn from a generator, or from the folder of a saved one, as Arrow or as the type of `like`.

    Of sequences whole entities are drawn: `entities` of them, or about as many rows as asked for.
    Of linked tables, `scale` says how many times the source's size, and a `Dataset` of all tables comes back.
    `given` is a table of known values, a row each: columns it lacks and cells that are null are generated.

    Raises:
        VeridicalError: the request cannot be met.
    """
    opened = models.open_model(Path(generator)).generator if isinstance(generator, str | Path) else generator
    if getattr(opened, "undivided", False):
        if rows is not None:
            raise SpecError("the model has several tables", where="rows", fix="give scale=2.0 for twice the size")
        size, shares = 1.0 if scale is None else scale, {} if balance is None else balance
        return syntheses.draw(opened, SampleRequest(rows=1, seed=seed, scale=size, where=where, balance=shares))
    if rows is None or scale is not None:
        raise SpecError("the model has one table", where="rows", fix="say how many rows, and no scale")
    request = SampleRequest(
        rows=_count(rows),
        seed=seed,
        where=where,
        balance={} if balance is None else balance,
        boost={} if boost is None else boost,
        context=None if given is None else read(given).only,
        entities=None if entities is None else _count(entities),
    )
    return to_native(syntheses.draw(opened, request), like=like)


def go_on(generator: Generator | str | Path, past: Any, *, steps: int, seed: int = 0) -> Any:
    """Return the next `steps` rows of every entity in `past`, in its own type: a forecast drawn from the law.

    Raises:
        VeridicalError: the generator is not one of sequences, or the past does not fit it.
    """
    opened = models.open_model(Path(generator)).generator if isinstance(generator, str | Path) else generator
    known = sequences.as_declared(read(past).only, opened.schema)
    return to_native(Dataset.of(sequences.go_on(opened, known, steps, seed=seed)), like=past)


def validate(
    train: Any,
    synthetic: Any,
    *,
    holdout: Any = None,
    schema: Schema | None = None,
    gates: str | Path = "share",
    folder: str | Path | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> validation.Validation:
    """Return the figures and the verdict on synthetic data, whoever made it.

    With `folder`, and all data given as files, the folder is stamped: `veridical release FOLDER --data FILE`
    then lets out the very file that was judged.

    Raises:
        VeridicalError: the tables cannot be compared, or the gates are wrong.
    """
    from veridical.stages import outside
    from veridical.stages import validate as validation

    real = read(train)
    judged = validation.validate(
        train=real,
        synthetic=_named(read(synthetic), real),
        holdout=None if holdout is None else _named(read(holdout), real),
        schema=schema,
        gates=gates,
        ctx=RunContext(seed=seed, progress=progress),
        folder=None if folder is None else Path(folder),
    )
    given = [side for side in (train, synthetic, holdout) if side is not None]
    if folder is not None and all(isinstance(side, str | Path) and Path(side).is_file() for side in given):
        files = outside.Sources(
            train=Path(train), synthetic=Path(synthetic), holdout=None if holdout is None else Path(holdout)
        )
        outside.bind(Path(folder), judged, files)
    return judged


def synth(
    source: Any,
    *,
    rows: int | str | None = None,
    schema: Schema | None = None,
    engine: str = models.DEFAULT_ENGINE,
    options: Mapping[str, Any] | None = None,
    holdout: float = 0.2,
    gates: str | Path | None = "share",
    seed: int = 0,
    progress: Progress = silent,
) -> Made:
    """Return synthetic rows of a path or dataframe, in its own type, judged on rows that were kept back.

    `gates=None` leaves the judging out. An engine that promises differential privacy is judged by figures that its
    budget paid for, and by no others.

    Raises:
        VeridicalError: the source, schema, engine, options or gates are wrong.
    """
    recipe, ctx = models.Recipe(engine=engine, options=options or {}), RunContext(seed=seed, progress=progress)
    if privates.is_private(recipe):
        return _synth_private(source, None if rows is None else _count(rows), schema, recipe, gates, ctx)
    data = on_disk(source)
    if len(data.tables) > 1:
        return _synth_linked(source, data, schema, {} if options is None else options, holdout, gates, ctx)
    unit = None if schema is None else schema.only.unit
    parts = holdouts.split(data, holdout, ctx, unit=unit)
    known = learning.learn(parts.train, ctx=ctx).schema if schema is None else schema
    if sequences.is_sequence(known):
        parts = sequences.split_sequences(data, holdout, ctx, known)
        known = learning.learn(parts.train, ctx=ctx).schema if schema is None else schema
    generator = models.fit(parts.train, known, sequences.recipe_for(recipe, known), ctx)
    drawn = syntheses.draw(generator, SampleRequest(rows=data.rows if rows is None else _count(rows), seed=seed))
    verdict = findings = None
    if gates is not None:
        from veridical.stages import validate as validation

        judged = validation.validate(
            train=parts.train, holdout=parts.holdout, synthetic=drawn, schema=known, gates=gates, ctx=ctx
        )
        verdict, findings = judged.verdict, judged.findings
    native = to_native(drawn, like=source)
    return Made(data=native, schema=generator.schema, generator=generator, verdict=verdict, findings=findings)


def _synth_private(
    source: Any,
    rows: int | None,
    schema: Schema | None,
    recipe: models.Recipe,
    gates: str | Path | None,
    ctx: RunContext,
) -> Made:
    made = privates.make(source, rows, schema, recipe, None if gates is None else str(gates), ctx)
    page = made.page
    return Made(
        data=to_native(made.data, like=source) if len(made.data.tables) == 1 else made.data,
        schema=made.generator.schema,
        generator=made.generator,
        verdict=None if page is None else page.verdict,
        findings=None if page is None else tuple(page.findings),
    )


def _synth_linked(
    source: Any,
    data: Dataset,
    schema: Schema | None,
    options: Mapping[str, Any],
    holdout: float,
    gates: str | Path | None,
    ctx: RunContext,
) -> Made:
    from veridical.stages.linked_cut import grown, split
    from veridical.stages.linked_validate import validate_linked

    known = _schema_of(source, data, ctx) if schema is None else schema
    parts = split(data, known, holdout, ctx)
    recipe = models.Recipe(engine="linked", options={"grown": grown(data, parts.train), **options})
    generator = models.fit(parts.train, known, recipe, ctx)
    drawn = syntheses.draw(generator, SampleRequest(rows=1, seed=ctx.seed))
    verdict = findings = None
    if gates is not None:
        judged = validate_linked(
            train=parts.train, holdout=parts.holdout, synthetic=drawn, schema=known, gates=gates, ctx=ctx
        )
        verdict, findings = judged.verdict, judged.findings
    return Made(data=drawn, schema=generator.schema, generator=generator, verdict=verdict, findings=findings)


def run(spec: str | Path | RunSpec, *, progress: Progress = silent) -> Done:
    """Do what a YAML file, or a spec, declares: from the source to the release.

    Raises:
        ReleaseRefused: a gate failed or was not measured.
        VeridicalError: whatever a stage refuses.
    """
    from veridical.spec.run import read_run
    from veridical.stages.plan import carry_out, context_of

    declared = read_run(Path(spec)) if isinstance(spec, str | Path) else spec
    return carry_out(declared, context_of(declared, progress))


def release(folder: str | Path, *, waivers: Sequence[Waiver] = (), licence: str | None = None) -> releases.Released:
    """Sign and write the release of a run that passed its gates; a licence of None is the last release's.

    Raises:
        ReleaseRefused: a gate failed or was not measured.
        ArtifactError: something was edited since it was judged.
    """
    from veridical.stages import release as releases
    from veridical.store.runfolder import RunFolder

    return releases.release(RunFolder(Path(folder)), waivers=waivers, licence=licence)


def verify(folder: str | Path) -> Verified:
    """Return the manifest of a release after its signature and every byte were checked.

    Raises:
        ArtifactError: something was changed, added or taken away, or the signer is not trusted.
    """
    from veridical.store import manifest

    return manifest.verify(manifest.release_folder(Path(folder)))


def _named(data: Dataset, like: Dataset) -> Dataset:
    """Return the data under the name of another: one table may come from a file of any name."""
    return Dataset.of(data.only, like.name) if len(data.tables) == len(like.tables) == 1 else data


def _schema_of(source: Any, data: Dataset, ctx: RunContext) -> Schema:
    """Return the schema learned of a source; of a database, within what it declares."""
    if isinstance(source, str) and ":/" in source:
        from veridical.connect.database import is_url
        from veridical.stages import database

        if is_url(source):
            return database.learn(source, ctx).learned.schema
    return learning.learn(data, ctx=ctx).schema


def _count(rows: int | str) -> int:
    from veridical.spec.run import read_count

    try:
        return read_count(rows)
    except ValueError as wrong:
        raise SpecError(str(wrong), where="rows") from wrong
