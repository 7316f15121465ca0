"""How does a run change when it promises differential privacy?

Nothing of the source may leave except through the engine's ledger: no profile is learned, no rows are kept back, the
record holds no exact count and no plain fingerprint, and the verdict rests on charged figures alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from veridical.core.contracts import RunContext
from veridical.core.dataset import Dataset
from veridical.core.errors import SpecError
from veridical.core.finding import Verdict
from veridical.core.schema import Column, Kind, Schema, TableSchema
from veridical.stages.model import Recipe, open_model
from veridical.store.keys import KeyRing
from veridical.store.runfolder import RunFolder

if TYPE_CHECKING:
    from veridical.engines.tabular.generator import TableGenerator
    from veridical.reports.html import PageContent
    from veridical.spec.run import RunSpec

DEFAULT_ENGINE = "aim"
GATES = "private"


def as_private(spec: RunSpec) -> RunSpec:
    """Return the spec as a private run carries it out; a spec without epsilon is returned as it is.

    Raises:
        SpecError: the engine cannot promise privacy, or an option contradicts the promise.
    """
    if spec.epsilon is None:
        if spec.unit is not None or spec.project is not None:
            fix = "give --epsilon too; to keep a person's rows on one side only, name the unit in schema.yaml"
            raise SpecError("a unit or project budget without an epsilon", where="unit", fix=fix)
        return spec
    if spec.unit is None and spec.rows_per_unit != 1:
        raise SpecError(
            "rows of each unit, and no unit", where="rows_per_unit", fix="name the column: --unit patient_id"
        )
    from veridical.engines.catalog import ENGINES

    engine = DEFAULT_ENGINE if spec.engine == "tree" else spec.engine
    if not ENGINES.card(engine).private:
        able = ", ".join(card.name for card in ENGINES if card.private)
        raise SpecError(f"{engine} cannot promise an epsilon", where="engine", fix=f"use {able}")
    options = {
        **spec.options,
        "epsilon": spec.epsilon,
        "delta": spec.delta,
        "unit": spec.unit,
        "rows_per_unit": spec.rows_per_unit,
        "project": spec.project,
        "declared_kinds": spec.schema is not None,
    }
    gates = GATES if spec.gates == "share" else spec.gates
    return replace(spec, engine=engine, options=options, gates=gates, holdout=0.0)


def read_source(path: Path | str, *, table: str | None = None, named: bool = False) -> Dataset:
    """Return a source as a private run reads it: the cells of text files stay text, so that none decides for others.

    `named` says that a schema names the columns.

    Raises:
        DataError: the source cannot be read.
        SpecError: its columns' names would have to be read from rows.
    """
    from veridical.connect.source import format_of, read

    place = Path(path)
    if not named and place.is_file() and format_of(place) == "jsonl":
        raise SpecError(
            "JSONL has no header: the names of its columns stand in rows, which are somebody's", where=str(path),
            fix="name them with --schema, or give CSV or Parquet",
        )  # fmt: skip
    return read(path, table_name=table, cells="text")


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivatelyMade:
    """Rows, what drew them, and the page of charged figures (None where nobody asked)."""

    data: Dataset
    generator: TableGenerator
    page: PageContent | None


def fit(source: Any, schema: Schema | None, recipe: Recipe, ctx: RunContext) -> TableGenerator:
    """Return a private generator of a path or a table in memory; what a schema says of kinds is the caller's word.

    Raises:
        VeridicalError: the source, the schema or an option is wrong, or a budget does not suffice.
    """
    data = _read_any(source, schema)
    known = _bare(data, recipe) if schema is None else schema
    options = {"declared_kinds": schema is not None, **recipe.options}
    return replace(recipe, options=options).build().fit(data, known, ctx)  # type: ignore[return-value]


def make(
    source: Any, rows: int | None, schema: Schema | None, recipe: Recipe, gates: str | None, ctx: RunContext
) -> PrivatelyMade:
    """Return private rows, as many as a noisy count says unless told otherwise, judged by charged figures alone.

    Raises:
        VeridicalError: the source, the schema, an option or the gates are wrong, or a budget does not suffice.
    """
    from veridical.core.contracts import SampleRequest
    from veridical.stages.charged import charged_page, keyed
    from veridical.stages.charged_linked import charged_linked_page
    from veridical.stages.model import parameters
    from veridical.stages.synthesize import draw

    generator: Any = fit(source, schema, recipe, ctx)
    linked = bool(getattr(generator, "undivided", False))
    if linked and rows is not None:
        raise SpecError("there are several tables", where="rows", fix="draw them with `synthesize(..., scale=2.0)`")
    count = 1 if linked else rows or generator.noisy_rows or 1
    drawn = draw(generator, SampleRequest(rows=count, seed=ctx.seed))
    if gates is None:
        return PrivatelyMade(data=drawn, generator=generator, page=None)
    told = parameters(recipe.build())
    page_of: Any = charged_linked_page if linked else charged_page
    page = page_of(
        generator,
        drawn,
        GATES if gates == "share" else gates,
        delta=float(told["delta"]),
        claim=float(told["epsilon"]),
        source=keyed(_read_any(source, schema).fingerprint),
    )
    return PrivatelyMade(data=drawn, generator=generator, page=page)


def _bare(data: Dataset, recipe: Recipe) -> Schema:
    """Return a schema of headers alone; of several tables, with the links that names tell."""
    if len(data.tables) == 1:
        return skeleton(data)
    from veridical.stages.linked_private import skeleton as linked_skeleton

    unit = recipe.options.get("unit")
    if unit is None:
        raise SpecError("linked tables promise nothing without a unit", where="unit", fix="name it in the options")
    return linked_skeleton(data, str(unit), tuple(recipe.options.get("keep", ())))


def _read_any(source: Any, schema: Schema | None) -> Dataset:
    if isinstance(source, str | Path):
        return read_source(source, named=schema is not None)
    from veridical.connect.source import read

    return read(source)


def is_private(recipe: Recipe) -> bool:
    """Say whether an engine promises differential privacy."""
    return bool(getattr(recipe.build(), "private", False))


def skeleton(source: Dataset) -> Schema:
    """Return a schema that says no more than the names in the file's header: the engine votes on the rest."""
    columns = tuple(Column(name=name, kind=Kind.CATEGORY) for name in source.only.column_names)
    return Schema(tables=(TableSchema(name=source.name, columns=columns),))


def told(spec: RunSpec, source: Dataset) -> dict[str, Any]:
    """Return what the model's record says of a private source: no count, and a fingerprint only its owner can check."""
    from veridical.stages.charged import keyed

    return {
        "name": spec.source.name,
        "fingerprint": f"keyed:{keyed(source.fingerprint)}",
        "columns": source.only.num_columns,
        "holdout": None,
    }


def noisy_rows(run: RunFolder) -> int:
    """Return about how many rows the source had, by the model's own noisy count."""
    rows = getattr(open_model(run.stage("model")).generator, "noisy_rows", None)
    return 1000 if rows is None else int(rows)


def judge_private(run: RunFolder, table: str, gates: str, *, ring: KeyRing | None = None) -> Verdict:
    """Judge the run's data by charged figures alone and stamp the verdict; no real row is read.

    Raises:
        SpecError: the gates are wrong.
    """
    from veridical.stages.charged import charged_page
    from veridical.stages.judged import read_synthesis

    model = open_model(run.stage("model"))
    options = model.record["parameters"]
    synthetic = read_synthesis(run.stage("synthesize"), table)
    source = str(model.record["source"]["fingerprint"])
    page = charged_page(
        model.generator,  # type: ignore[arg-type]
        synthetic,
        gates,
        delta=float(options["delta"]),
        claim=float(options["epsilon"]),
        source=source,
    )
    stamp_charged(run, page, synthetic, source=source, ring=ring)
    return page.verdict


def stamp_charged(
    run: RunFolder, page: PageContent, synthetic: Dataset, *, source: str, ring: KeyRing | None = None
) -> None:
    """Write the page of a verdict from charged figures alone, stamped with what it speaks of: no real row."""
    from veridical.reports.folder import write_validation
    from veridical.stages.judged import KIND
    from veridical.stages.model import KIND as MODEL
    from veridical.stages.synthesize import KIND as SYNTHESIS
    from veridical.store.artifact import open_sealed
    from veridical.store.stamp import stamp

    folder = run.stage("validate")
    write_validation(page, folder)
    basis = {
        "synthesis": open_sealed(run.stage("synthesize"), SYNTHESIS).fingerprint,
        "model": open_sealed(run.stage("model"), MODEL).fingerprint,
        "train": source,
        "holdout": None,
        "synthetic": synthetic.fingerprint,
        "judged_rows": synthetic.rows,
    }
    stamp(folder, KIND, basis, KeyRing.default() if ring is None else ring)
