"""How are the rows of a table made before a model writes their free text, in one go?

`rows: synth` of the recipe `column` says: learn the seeds' other columns, make as many rows as records are wanted, and
judge them as a table. The rows lie in `rows/` of the run's folder, whole and judged, before any question is paid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from veridical.core import digest
from veridical.core.errors import ReleaseRefused, SpecError
from veridical.core.options import from_options
from veridical.spec.gates import Waiver
from veridical.spec.text import TextSpec

if TYPE_CHECKING:
    from veridical.core.contracts import RunContext

RECIPE, OPTION, WORD = "column", "rows", "synth"
FOLDER = "rows"
_MADE = "made.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsOptions:
    """How the rows are made: those options of `veridical synth` that matter here."""

    engine: str = "tree"
    options: Mapping[str, Any] | None = None
    target: str | None = None
    gates: str = "share"
    waivers: tuple[Waiver, ...] = ()


def wants_rows(spec: TextSpec) -> bool:
    """Whether the rows must be made before the texts."""
    return spec.recipe.name == RECIPE and _asked(spec) is not None


def with_seeds_for_rows(spec: TextSpec) -> TextSpec:
    """Return the spec with the seeds' own rows in place of those to be made: enough to show its questions."""
    return _with_rows(spec, "", records=0) if wants_rows(spec) else spec


def with_rows_made(spec: TextSpec, folder: Path, ctx: RunContext) -> TextSpec:
    """Make the rows that a spec wants, unless they are in the folder already, and return the spec that names them.

    Raises:
        SpecError: there are no seeds, or they lack the column. ReleaseRefused: the rows failed their gates.
        VeridicalError: whatever a stage refuses.
    """
    if not wants_rows(spec):
        return spec
    from veridical.stages.model import read_json
    from veridical.store.runfolder import make_folder, write_json

    place = make_folder(folder) / FOLDER
    about = _about(spec)
    made = place / _MADE
    known = read_json(made) if made.exists() else None
    if known is None or known["about"] != about:
        known = {"about": about, "file": _make(spec, place, ctx)}
        write_json(made, known)
    return _with_rows(spec, str((place / str(known["file"])).resolve()))


def _make(spec: TextSpec, place: Path, ctx: RunContext) -> str:
    """Make and judge the rows, and return the file of them within `place`."""
    from veridical.connect.source import read
    from veridical.core.dataset import Dataset
    from veridical.spec.run import RunSpec
    from veridical.stages.plan import carry_out

    column = _column(spec)
    assert spec.seeds is not None
    table = read(spec.seeds).only
    if column not in table.column_names or table.num_columns < 2:
        raise SpecError(
            f"{spec.seeds.name} has no {column!r} beside other columns", where="recipe.column",
            fix=f"its columns are {', '.join(table.column_names)}",
        )  # fmt: skip
    said = _said(spec)
    run = RunSpec(
        source=spec.seeds,
        output=place,
        target=said.target,
        rows=spec.records,
        engine=said.engine,
        options=said.options or {},
        seed=spec.seed,
        gates=said.gates,
        waivers=said.waivers,
        release=False,
    )
    try:
        carry_out(run, ctx, data=Dataset.of(table.drop_columns([column])))
    except ReleaseRefused as refused:
        # The same words; but what mends it stands in this spec, not on the command line of `synth`.
        fix = f"open {place}/validate/report.html; a named person may waive one: rows.synth.waivers in the recipe"
        raise ReleaseRefused(f"the rows are {refused.what}", where=refused.where, fix=fix) from None
    (file,) = sorted((place / "synthesize").glob("*.parquet"))
    return str(file.relative_to(place))


def _about(spec: TextSpec) -> dict[str, Any]:
    from veridical.core.version import VERSION

    if spec.seeds is None:
        raise SpecError("rows are made from seeds", where="recipe.column", fix="name the real table with `seeds:`")
    return {
        "seeds": digest.of_file(spec.seeds), "without": _column(spec), "asked": digest.canonical_json(_asked(spec)),
        "rows": spec.records, "seed": spec.seed, "veridical": VERSION,
    }  # fmt: skip


def _asked(spec: TextSpec) -> Mapping[str, Any] | None:
    """Return the options of rows to be made, or None where the rows are a file or the seeds' own."""
    given = spec.recipe.options.get(OPTION)
    if given == WORD:
        return {}
    if isinstance(given, Mapping) and list(given) == [WORD]:
        return given[WORD] or {}
    return None


def _said(spec: TextSpec) -> RowsOptions:
    return from_options(RowsOptions, _asked(spec) or {}, where="recipe.column.rows.synth")


def _column(spec: TextSpec) -> str:
    column = spec.recipe.options.get("column")
    if not isinstance(column, str):
        raise SpecError("the recipe column needs `column`", where="recipe.column", fix="name the column of the texts")
    return column


def _with_rows(spec: TextSpec, rows: str, **more: Any) -> TextSpec:
    return replace(spec, recipe=replace(spec.recipe, options={**spec.recipe.options, OPTION: rows, **more}))
