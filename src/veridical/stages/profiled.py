"""How is data made from a shared profile, where no real row is at hand to judge by?

Every gate is then "not measured": the data can be released only under waivers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from veridical.core import digest
from veridical.core.contracts import Evidence, RunContext, SampleRequest
from veridical.core.errors import ArtifactError, SpecError
from veridical.core.finding import Verdict
from veridical.core.profile import TableProfile
from veridical.core.schema import Schema
from veridical.core.version import VERSION
from veridical.engines.tabular.profiled import ProfiledEngine
from veridical.gates.catalog import load_gates
from veridical.gates.judge import Fingerprints, judge
from veridical.reports.audience import Audience
from veridical.reports.folder import write_validation
from veridical.reports.html import PageContent
from veridical.spec import schema_yaml
from veridical.spec.gates import Waiver
from veridical.stages.judged import KIND as VALIDATION
from veridical.stages.judged import read_synthesis
from veridical.stages.model import KIND as MODEL
from veridical.stages.model import parameters
from veridical.stages.plan import Done
from veridical.stages.release import release
from veridical.stages.synthesize import KIND as SYNTHESIS
from veridical.stages.synthesize import order, synthesize
from veridical.store.artifact import open_sealed, seal
from veridical.store.keys import KeyRing
from veridical.store.runfolder import RunFolder, write_json, writing_folder
from veridical.store.stamp import stamp

ENGINE = "profile"
_NOTE = "Made from a shared profile: no real row was at hand, so nothing could be measured against one."


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is made from which profile and schema, and where it goes."""

    profile: Path
    schema: Path
    output: Path
    rows: int | None = None
    form: str = "parquet"
    where: str | None = None
    balance: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    gates: str = "share"
    waivers: tuple[Waiver, ...] = field(default=())
    licence: str = ""
    release: bool = True


def make(asked: Asked, ctx: RunContext, *, ring: KeyRing | None = None) -> Done:
    """Write model, data and an unmeasured verdict; release only under waivers.

    Raises:
        ReleaseRefused: always, unless every gate is waived; the data is in the folder all the same.
        ArtifactError: the profile cannot be read.
        SchemaError: the schema cannot be read.
    """
    load_gates(asked.gates)
    run = RunFolder(asked.output)
    schema = schema_yaml.read(asked.schema)
    profile = read_profile(asked.profile, schema)
    _model(run, profile, schema, asked, ctx)
    rows = profile.rows if asked.rows is None else asked.rows
    request = SampleRequest(rows=rows, seed=ctx.seed, where=asked.where, balance=asked.balance)
    synthesize(order(run.stage("model"), request, form=asked.form), ctx, run.stage("synthesize"))
    verdict = _unmeasured(run, asked, schema, KeyRing.default() if ring is None else ring)
    if not asked.release:
        return Done(run=run, verdict=verdict, released=None)
    released = release(run, waivers=asked.waivers, licence=asked.licence, ring=ring)
    return Done(run=run, verdict=released.verdict, released=released)


def read_profile(path: Path, schema: Schema) -> TableProfile:
    """Return the profile of the schema's table.

    Raises:
        ArtifactError: the file is absent, broken, or tells nothing of the table.
    """
    fix = "give the profile.json that `veridical learn` wrote"
    try:
        tables = json.loads(path.read_text(encoding="utf-8"))["tables"]
        found = {name: TableProfile.from_dict(table) for name, table in tables.items()}
    except OSError as absent:
        raise ArtifactError("there is no such profile", where=str(path), fix=fix) from absent
    except (ValueError, KeyError, TypeError, AttributeError) as broken:
        raise ArtifactError("the profile is broken", where=str(path), fix=fix) from broken
    name = schema.only.name
    if name not in found:
        raise SpecError(f"the profile tells nothing of table {name!r}", where=str(path), fix=fix)
    return found[name]


def _model(run: RunFolder, profile: TableProfile, schema: Schema, asked: Asked, ctx: RunContext) -> None:
    ctx.progress("model", done=0, total=1)
    engine = ProfiledEngine()
    generator = engine.of_profile(profile, schema, ctx)
    told = digest.of_json(profile.to_dict())
    record = {
        "engine": ENGINE,
        "options": {},
        "seed": ctx.seed,
        "veridical": VERSION,
        "schema_fingerprint": schema.fingerprint,
        "train_fingerprint": None,
        "train_rows": profile.rows,
        "source": {"name": asked.profile.name, "fingerprint": told, "rows": profile.rows, "holdout": None},
        "parameters": parameters(engine),
        "spent": [],
    }
    with writing_folder(run.stage("model")) as target:
        generator.save(target / "generator")
        write_json(target / "schema.json", generator.schema.to_dict())
        write_json(target / "model.json", record)
        seal(target, MODEL, 1)
    ctx.progress("model", done=1, total=1)


def _unmeasured(run: RunFolder, asked: Asked, schema: Schema, ring: KeyRing) -> Verdict:
    synthetic = read_synthesis(run.stage("synthesize"), schema.only.name)
    gate_set = load_gates(asked.gates)
    model = open_sealed(run.stage("model"), MODEL).fingerprint
    prints = Fingerprints(synthetic=synthetic.fingerprint, real=model, schema=schema.fingerprint)
    verdict = judge([], gate_set, prints, ())
    write_validation(
        PageContent(
            title=synthetic.name,
            verdict=verdict,
            findings=[],
            # The page draws the synthetic rows alone: there is no real one.
            evidence=Evidence(train=synthetic, synthetic=synthetic, schema=schema),
            audience=Audience(name="charged", k=max(schema.rare_below, 2)),
            gate_summary=gate_set.summary,
            notes=[_NOTE],
        ),
        run.stage("validate"),
    )
    basis = {
        "synthesis": open_sealed(run.stage("synthesize"), SYNTHESIS).fingerprint,
        "model": model,
        "train": None,
        "holdout": None,
        "synthetic": synthetic.fingerprint,
        "judged_rows": 0,
    }
    stamp(run.stage("validate"), VALIDATION, basis, ring)
    return verdict
