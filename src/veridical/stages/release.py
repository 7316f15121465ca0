"""May this run's data go out, and what goes with it?

Only what passed its gates is released; a check can be waived by a named person for a stated reason, which is signed
into the manifest and printed first on the card.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from veridical.core.errors import ArtifactError, ReleaseRefused, SpecError
from veridical.core.finding import GateResult, Outcome, Verdict
from veridical.core.schema import Kind, Schema
from veridical.reports.card import Story, write_card, write_croissant
from veridical.reports.checklist import write_checklist
from veridical.spec.gates import Waiver
from veridical.stages.judged import Judged, open_judged
from veridical.stages.model import read_json
from veridical.stages.told import making_facts, verdict_facts, waiver_facts
from veridical.store.keys import KeyRing
from veridical.store.manifest import verify, write_manifest
from veridical.store.runfolder import RunFolder, writing_folder

DATA_SUFFIXES = (".parquet", ".csv", ".jsonl")


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """What went out, on which verdict, and who signed."""

    folder: Path
    verdict: Verdict
    key_id: str


def release(
    run: RunFolder, *, waivers: Sequence[Waiver] = (), licence: str | None = None, ring: KeyRing | None = None
) -> Released:
    """Sign and write the run's `release` folder: data, card, Croissant file, report and manifest.

    A licence of None is that of the release that stands there already, if one does.

    Raises:
        ReleaseRefused: a gate failed or was not measured and is not waived; the message names each and by how much.
        ArtifactError: the verdict, the data or the model was edited since it was made.
        SpecError: a waiver names a check that no gate has.
    """
    keys = KeyRing.default() if ring is None else ring
    judged = open_judged(run, keys)
    verdict = waive(judged.verdict, waivers)
    check_verdict(verdict, where=str(run.path))
    story = Story(
        name=_name(run),
        schema=Schema.from_dict(read_json(run.stage("model") / "schema.json")),
        verdict=verdict,
        predicate=predicate(run, replace(judged, verdict=verdict), licence_of(run.stage("release"), licence, keys)),
    )
    with writing_folder(run.stage("release")) as folder:
        for path in sorted(run.stage("synthesize").iterdir()):
            if path.suffix in DATA_SUFFIXES:
                shutil.copyfile(path, folder / path.name)
        report = run.stage("validate") / "report.html"
        if report.exists():
            shutil.copyfile(report, folder / "report.html")
        write_card(folder, story)
        write_croissant(folder, story)
        write_checklist(folder, story)
        write_manifest(folder, story.predicate, keys.signing_key())
    return Released(folder=run.stage("release"), verdict=verdict, key_id=keys.signing_key().public.key_id)


def licence_of(folder: Path, licence: str | None, ring: KeyRing) -> str:
    """Return the licence that was named, or else the one a sound earlier release in the folder went out under."""
    if licence is not None:
        return licence
    try:
        return str(verify(folder, ring.trusted()).predicate.get("licence") or "")
    except ArtifactError:
        return ""


def waive(verdict: Verdict, waivers: Sequence[Waiver]) -> Verdict:
    """Return the verdict with waivers written on the results they speak of.

    Raises:
        SpecError: a waiver names a check that no gate has, or gives no name or reason.
    """
    results = list(verdict.results)
    for waiver in waivers:
        if not waiver.by.strip() or not waiver.because.strip():
            raise SpecError("a waiver needs a name and a reason", where=waiver.check, fix="give --by and --because")
        meant = [i for i, r in enumerate(results) if r.gate.check == waiver.check and waiver.scope in ((), r.scope)]
        if not meant:
            known = ", ".join(sorted({result.gate.check for result in results}))
            raise SpecError(f"no gate checks {waiver.check!r}", where="waive", fix=f"the gates check {known}")
        for index in meant:
            if results[index].outcome is not Outcome.PASS:
                results[index] = replace(results[index], waived_by=waiver.by, waived_because=waiver.because)
    return replace(verdict, results=tuple(results))


def check_verdict(verdict: Verdict, *, where: str, page: str = "validate/report.html") -> None:
    """Do nothing when the verdict lets the data out; `page` is the report's place within `where`.

    Raises:
        ReleaseRefused: a gate failed or was not measured, or there is no gate at all.
    """
    if verdict.results and not verdict.failures:
        return
    lines = [f"\n  {_refusal(result)}" for result in verdict.failures] or ["\n  no gate was set"]
    count = len(verdict.failures)
    raise ReleaseRefused(
        f"not released: {count or 'no'} {'gate' if count == 1 else 'gates'} of {verdict.gate_set!r} "
        f"{'stands' if count == 1 else 'stand'} against it{''.join(lines)}\n",
        where=where,
        fix=f"open {where}/{page}; a named person may waive one: --waive CHECK --by NAME --because WHY",
    )


def predicate(run: RunFolder, judged: Judged, licence: str) -> dict[str, Any]:
    """Return what the manifest says of how the data was made, as JSON-like data."""
    record = read_json(run.stage("model") / "model.json")
    request = read_json(run.stage("synthesize") / "request.json")
    schema = Schema.from_dict(read_json(run.stage("model") / "schema.json"))
    verdict = judged.verdict
    return {
        "synthetic": True,
        **making_facts(),
        "method": {"engine": record["engine"], "parameters": record["parameters"], "seed": record["seed"]},
        "request": {name: request[name] for name in ("request", "rows", "format", "shard_rows")},
        "source": {
            **record["source"],
            "train_rows": record["train_rows"],
            "train_fingerprint": record["train_fingerprint"],
            "holdout_fingerprint": judged.basis.get("holdout"),
        },
        "schema_fingerprint": schema.fingerprint,
        "protection": protection(schema, record),
        "verdict": verdict_facts(verdict, judged.basis.get("judged_rows")),
        "waivers": waiver_facts(verdict),
        "licence": licence or None,
    }


def protection(schema: Schema, record: Mapping[str, Any]) -> dict[str, Any]:
    """Return who is protected, and how, in words that claim no more than was done."""
    spent = list(record.get("spent", ()))
    if spent:
        return _private_protection(schema, record)
    units = [table.unit for table in schema.tables if table.unit]
    columns = [column for table in schema.tables for column in table.columns]
    how = [
        f"values carried by fewer than {schema.rare_below} source rows are not emitted from the data",
        "the generator was fitted on a part of the source; rows kept back were used to look for memorising",
    ]
    if record["engine"] == "profile":
        how[1] = "no row of the source was at hand, only a profile of it that may be shared"
    made_up = [column.name for column in columns if column.kind in (Kind.PERSONAL, Kind.IDENTIFIER)]
    if made_up:
        how.append(f"made up, never copied: {', '.join(made_up)}")
    return {
        "who": f"each {units[0]} of the source" if units else "each row of the source, taken as one person",
        "how": how,
        "differential_privacy": None,
        "guarantee": "none by proof: the privacy figures of the report are measured risks, not a guarantee",
    }


def _private_protection(schema: Schema, record: Mapping[str, Any]) -> dict[str, Any]:
    from veridical.privacy import words

    spent, parameters = record["spent"], record["parameters"]
    sentences = words.explained(spent, parameters)
    unit = parameters.get("unit")
    made_up = [c.name for t in schema.tables for c in t.columns if c.kind in (Kind.PERSONAL, Kind.IDENTIFIER)]
    return {
        "who": _each(unit, parameters),
        "how": [*sentences[1:], *([f"made up, never copied: {', '.join(made_up)}"] if made_up else [])],
        "declared_public": words.declared(spent),
        "not_covered": list(words.NOT_COVERED),
        "differential_privacy": spent,
        "guarantee": sentences[0],
    }


def _each(unit: str | None, parameters: Mapping[str, Any]) -> str:
    from veridical.privacy import words

    if words.is_linked(parameters):
        return f"each unit of the source (by {unit}), with its row and all rows of other tables that belong to it"
    return f"each {unit} of the source, with all its rows" if unit else "each row of the source, taken as one person"


def _refusal(result: GateResult) -> str:
    scope = f" ({', '.join(result.scope)})" if result.scope else ""
    if result.outcome is Outcome.NOT_MEASURED:
        return f"{result.gate.check}{scope}: not measured: {result.sentence}"
    value = "" if result.value is None else f" {result.value:.4g} against {result.limit}{_miss(result)}:"
    return f"{result.gate.check}{scope}: failed:{value} {result.sentence}"


def _miss(result: GateResult) -> str:
    gate, value = result.gate, result.value
    if value is None or gate.relative_to != "absolute":
        return ""
    if gate.at_most is not None and value > gate.at_most:
        return f", over by {value - gate.at_most:.4g}"
    if gate.at_least is not None and value < gate.at_least:
        return f", short by {gate.at_least - value:.4g}"
    return ""


def _name(run: RunFolder) -> str:
    return next(path.stem for path in sorted(run.stage("synthesize").iterdir()) if path.suffix in DATA_SUFFIXES)
