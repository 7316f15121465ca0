"""May data that another tool made go out, and is it the data that was judged?

A validation's stamp binds the verdict to the bytes of the data file that was judged. What goes out is that file,
byte for byte, or nothing.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from veridical.connect.source import read
from veridical.core import digest
from veridical.core.dataset import Dataset
from veridical.core.errors import ArtifactError, ReleaseRefused, SpecError
from veridical.core.finding import Verdict
from veridical.core.schema import Column, Kind, Schema, TableSchema
from veridical.reports.card import Story, write_card, write_croissant
from veridical.spec.gates import Waiver
from veridical.stages.judged import KIND, read_verdict
from veridical.stages.release import DATA_SUFFIXES, Released, check_verdict, licence_of, waive
from veridical.stages.told import making_facts, verdict_facts, waiver_facts
from veridical.stages.validate import Validation
from veridical.store.artifact import kind_of
from veridical.store.keys import KeyRing
from veridical.store.manifest import write_manifest
from veridical.store.runfolder import writing_folder
from veridical.store.stamp import open_stamped, stamp

MAKER = "another tool"
_AGAIN = "judge this file: `veridical validate --real ... --synthetic FILE -o FOLDER`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The files that a validation was made of."""

    train: Path
    synthetic: Path
    holdout: Path | None = None


def bind(folder: Path, validation: Validation, sources: Sources, *, ring: KeyRing | None = None) -> None:
    """Stamp a validation's folder with the bytes it was passed on, so that they can be released by it.

    Raises:
        DataError: a source can no longer be read.
    """
    synthetic = Dataset.of(read(sources.synthetic).only, validation.evidence.train.name)
    if synthetic.fingerprint != validation.verdict.synthetic_fingerprint:
        raise ArtifactError("changed while it was judged", where=str(sources.synthetic), fix=_AGAIN)
    judged = validation.evidence.schema.only
    there = set(judged.names)
    basis = {
        "synthetic": validation.verdict.synthetic_fingerprint,
        "bytes": digest.of_file(sources.synthetic),
        "rows": synthetic.rows,
        "columns": [[column.name, column.kind.value] for column in judged.columns],
        "unjudged": [name for name in synthetic.only.column_names if name not in there],
        "train": digest.of_file(sources.train) if sources.train.is_file() else validation.verdict.real_fingerprint,
        "train_rows": validation.evidence.train.rows,
        "holdout": digest.of_file(sources.holdout) if sources.holdout is not None else None,
        "source": sources.train.name,
        "seed": validation.seed,
    }
    stamp(folder, KIND, basis, KeyRing.default() if ring is None else ring)


def is_validation(folder: Path) -> bool:
    """Whether a folder is a validation that stands by itself, not the run around one."""
    return kind_of(folder) == KIND


def release_outside(
    folder: Path,
    data: Path,
    output: Path,
    *,
    waivers: Sequence[Waiver] = (),
    licence: str | None = None,
    ring: KeyRing | None = None,
) -> Released:
    """Sign and write a release of `data`, which must be the very file that the validation in `folder` judged.

    Raises:
        ReleaseRefused: the file is not the one judged, holds columns nobody judged, or a gate stands against it.
        ArtifactError: the verdict or its stamp was edited.
        SpecError: the data is of no format that can be released, or a waiver names a check that no gate has.
    """
    keys = KeyRing.default() if ring is None else ring
    basis = open_stamped(folder, KIND, keys)
    if "bytes" not in basis:
        raise SpecError("this validation is part of a run", where=str(folder), fix="release the run's own folder")
    if not data.is_file():
        raise SpecError("there is no such file", where=str(data), fix="give the file that was judged")
    if data.suffix not in DATA_SUFFIXES:
        known = ", ".join(DATA_SUFFIXES)
        raise SpecError("cannot be released in this format", where=str(data), fix=f"write it as {known} and judge that")
    verdict = read_verdict(folder)
    if verdict.synthetic_fingerprint != basis["synthetic"]:
        raise ReleaseRefused("the verdict is of other data", where=str(folder), fix=_AGAIN)
    verdict = waive(verdict, waivers)
    if basis["unjudged"]:
        names = ", ".join(basis["unjudged"][:8])
        raise ReleaseRefused(f"columns that nobody judged: {names}", where=str(data), fix="leave them out, judge again")
    check_verdict(verdict, where=str(folder), page="report.html")
    story = _story(data, verdict, basis, licence_of(output, licence, keys))
    with writing_folder(output) as target:
        shutil.copyfile(data, target / data.name)
        if digest.of_file(target / data.name) != basis["bytes"]:
            raise ReleaseRefused("the data is not the file that was judged", where=str(data), fix=_AGAIN)
        shutil.copyfile(folder / "report.html", target / "report.html")
        write_card(target, story)
        write_croissant(target, story)
        write_manifest(target, story.predicate, keys.signing_key())
    return Released(folder=output, verdict=verdict, key_id=keys.signing_key().public.key_id)


def _story(data: Path, verdict: Verdict, basis: Mapping[str, Any], licence: str) -> Story:
    columns = tuple(Column(name=name, kind=Kind(kind)) for name, kind in basis["columns"])
    schema = Schema(tables=(TableSchema(name=data.stem, columns=columns),))
    return Story(
        name=data.stem,
        schema=schema,
        verdict=verdict,
        predicate=_predicate(data, verdict, basis, licence),
        template="card_outside.md",
        maker=MAKER,
    )


def _predicate(data: Path, verdict: Verdict, basis: Mapping[str, Any], licence: str) -> dict[str, Any]:
    return {
        "synthetic": True,
        **making_facts(),
        "method": {"engine": MAKER, "parameters": {}, "seed": None},
        "request": {"request": {}, "rows": {data.stem: basis["rows"]}, "format": data.suffix[1:], "shard_rows": None},
        "source": {
            "name": basis["source"],
            "fingerprint": basis["train"],
            "train_rows": basis["train_rows"],
            "train_fingerprint": basis["train"],
            "holdout_fingerprint": basis["holdout"],
        },
        "schema_fingerprint": verdict.schema_fingerprint,
        "protection": {
            "who": "nobody by construction that is known here",
            "how": [
                "made by another tool: what it did to protect people is not known here",
                "copies of real rows and attacks on people were looked for, as far as the checks above were measured",
            ],
            "differential_privacy": None,
            "guarantee": "none by proof: the privacy figures of the report are measured risks, not a guarantee",
        },
        "verdict": {**verdict_facts(verdict, basis["rows"]), "seed": basis["seed"]},
        "waivers": waiver_facts(verdict),
        "licence": licence or None,
    }
