"""What does the verdict on this run rest on, and is all of that still so on the disk?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from veridical.core.contracts import RunContext
from veridical.core.dataset import Dataset
from veridical.core.errors import ArtifactError, ReleaseRefused
from veridical.core.finding import Verdict
from veridical.core.schema import Schema
from veridical.stages.holdout import Split
from veridical.stages.model import KIND as MODEL
from veridical.stages.model import read_json
from veridical.stages.synthesize import KIND as SYNTHESIS
from veridical.store.artifact import open_sealed
from veridical.store.keys import KeyRing
from veridical.store.runfolder import RunFolder
from veridical.store.stamp import open_stamped, stamp

KIND = "validation"
JUDGED_ROWS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A verdict, and the fingerprints of what it was passed on."""

    verdict: Verdict
    basis: Mapping[str, Any]


def judge(
    run: RunFolder, split: Split, schema: Schema, gates: str, ctx: RunContext, *, ring: KeyRing | None = None
) -> Verdict:
    """Validate the run's data against the real rows and stamp the result with what it rests on.

    Of more than a million rows, evenly spread parts that hold about a million are judged; the manifest says so.

    Raises:
        VeridicalError: the data cannot be compared, or the gates are wrong.
    """
    from veridical.stages.validate import validate

    folder = run.stage("validate")
    sealed = open_sealed(run.stage("synthesize"), SYNTHESIS)
    synthetic = read_synthesis(run.stage("synthesize"), split.train.name)
    validation = validate(
        train=split.train,
        holdout=split.holdout,
        synthetic=synthetic,
        schema=schema,
        gates=gates,
        ctx=ctx,
        folder=folder,
    )
    basis = {
        "synthesis": sealed.fingerprint,
        "model": open_sealed(run.stage("model"), MODEL).fingerprint,
        "train": split.train.fingerprint,
        "holdout": None if split.holdout is None else split.holdout.fingerprint,
        "synthetic": synthetic.fingerprint,
        "judged_rows": synthetic.rows,
    }
    stamp(folder, KIND, basis, KeyRing.default() if ring is None else ring)
    return validation.verdict


def open_judged(run: RunFolder, ring: KeyRing) -> Judged:
    """Return the run's verdict after the validation, the data and the model were found as they were judged.

    Raises:
        ReleaseRefused: the run was never validated, or its data or model changed since.
        ArtifactError: a file of the validation, the data or the model was edited.
    """
    folder = run.stage("validate")
    if not folder.is_dir():
        raise ReleaseRefused(
            "the data was not measured: there is no validation",
            where=str(run.path),
            fix="validate it, or make it with `veridical synth`",
        )
    basis = open_stamped(folder, KIND, ring)
    verdict = read_verdict(folder)
    checks = {"synthesis": ("synthesize", SYNTHESIS), "model": ("model", MODEL)}
    for name, (stage, kind) in checks.items():
        if open_sealed(run.stage(stage), kind).fingerprint != basis.get(name):
            raise ReleaseRefused(
                f"the {kind} is not the one that was judged", where=str(run.stage(stage)), fix="validate the run again"
            )
    if verdict.synthetic_fingerprint != basis.get("synthetic"):
        raise ReleaseRefused("the verdict is of other data", where=str(folder), fix="validate the run again")
    return Judged(verdict=verdict, basis=basis)


def read_synthesis(folder: Path, name: str, *, limit: int = JUDGED_ROWS) -> Dataset:
    """Return the rows of a finished synthesis that are judged: all, or evenly spread parts of about `limit` rows.

    Raises:
        ArtifactError: there is no finished synthesis.
    """
    files = sorted(path for path in folder.iterdir() if path.suffix in (".parquet", ".csv", ".jsonl"))
    if len(files) != 1:
        raise ArtifactError(
            f"{len(files)} tables are here, one was expected", where=str(folder), fix="synthesize again"
        )
    (path,) = files
    if path.suffix == ".parquet":
        return Dataset.of(_spread(path, limit), name)
    return Dataset.of(_head(path, limit), name)


def _spread(path: Path, limit: int) -> Any:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        groups, rows = file.num_row_groups, file.metadata.num_rows
        wanted = max(1, min(groups, round(groups * limit / max(rows, 1))))
        chosen = [index * groups // wanted for index in range(wanted)]
        return file.read_row_groups(chosen).replace_schema_metadata(None)


def _head(path: Path, limit: int) -> Any:
    import pyarrow as pa

    from veridical.connect.source import scan

    batches, rows = [], 0
    for batch in scan(path):
        batches.append(batch)
        rows += batch.num_rows
        if rows >= limit:
            break
    return pa.Table.from_batches(batches)


def read_verdict(folder: Path) -> Verdict:
    """Return the verdict in a validation's folder.

    Raises:
        ArtifactError: there is none.
    """
    content = read_json(folder / "verdict.json")
    try:
        return Verdict.from_dict(content)
    except (KeyError, TypeError, ValueError) as wrong:
        raise ArtifactError(
            "holds no verdict", where=str(folder / "verdict.json"), fix="validate the run again"
        ) from wrong
