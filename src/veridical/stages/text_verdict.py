"""How good are the accepted texts as a whole, and may they go out?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from veridical.core import digest
from veridical.core.contracts import Evidence, RunContext
from veridical.core.dataset import Dataset
from veridical.core.errors import VeridicalError
from veridical.core.finding import Direction, Finding, Outcome, Verdict, not_measured
from veridical.core.schema import Column, Kind, Schema, TableSchema
from veridical.stages.text_dialogue import dialogue_findings
from veridical.stages.text_judging import judging

if TYPE_CHECKING:
    from veridical.spec.gates import GateSet, Waiver
    from veridical.spec.text import TextSpec
    from veridical.stages.text import TextRun

KIND = "text-validation"
JUDGED = 5_000
_TEXT = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class TextVerdict:
    """What the gates say of a text run, on which findings, and which page shows it."""

    verdict: Verdict
    findings: tuple[Finding, ...]
    report: Path

    @property
    def releasable(self) -> bool:
        """Whether every gate passed or was waived."""
        return bool(self.verdict.results) and not self.verdict.failures


@dataclass(frozen=True, slots=True, kw_only=True)
class TextCase:
    """Texts to be judged: `made` beside `seeds` and real ones that nothing was learned from, as records of fields.

    `benchmarks` are options of the check for contamination, `notes` what the page must say, `findings` what is known
    already.
    """

    title: str
    made: Sequence[Mapping[str, Any]]
    fingerprint: str
    seeds: Sequence[Mapping[str, Any]] = ()
    holdout: Sequence[Mapping[str, Any]] = ()
    target: str | None = None
    gates: str = "text"
    benchmarks: Mapping[str, Any] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)
    waivers: tuple[Waiver, ...] = ()
    seed: int = 0


def judge_text(spec: TextSpec, run: TextRun, ctx: RunContext) -> TextVerdict:
    """Measure a run's accepted records beside the seeds and the held-out real texts, and write `validate/`.

    Of more than 5,000 records, evenly spread ones are judged. Without `holdout` in the spec half of the seeds stand
    for unseen real texts in the ceilings; the page says so.

    Raises:
        VeridicalError: the gates are wrong, or a file cannot be read.
    """
    from veridical.curate.setting import read_records

    data = run.folder / "synthesize" / "data.jsonl"
    made = {"recipe": spec.recipe.name, "seed": str(spec.seed), "records": str(run.harvested.accepted)}
    case = TextCase(
        title=f"Texts by {spec.recipe.name}",
        made=[record["fields"] for record in _spread(data)],
        fingerprint=digest.of_file(data),
        seeds=[] if spec.seeds is None else read_records(spec.seeds),
        holdout=[] if spec.holdout is None else read_records(spec.holdout),
        target=spec.target,
        gates=spec.gates if spec.gates is not None else "text",
        benchmarks=_benchmarks(spec),
        findings=(_records(spec, run), *_cost(run), *dialogue_findings(spec, run, ctx)),
        notes=(_fates(run), *judging(spec, run.folder)),
        provenance=made,
        waivers=spec.waivers,
        seed=spec.seed,
    )
    return judge_case(case, run.folder / "validate", ctx)


def judge_case(case: TextCase, folder: Path, ctx: RunContext) -> TextVerdict:
    """Measure texts of any origin, judge them by a gate set, and write the report into a folder.

    Raises:
        VeridicalError: the gates are wrong, or the folder cannot be written.
    """
    from veridical.gates.catalog import load_gates
    from veridical.gates.judge import Fingerprints, judge
    from veridical.reports.audience import audience_of
    from veridical.reports.folder import write_validation
    from veridical.reports.html import PageContent

    gates: GateSet = load_gates(case.gates)
    evidence, notes = _evidence(case)
    findings = [*case.findings, *_measured(case.benchmarks, evidence, ctx)]
    prints = Fingerprints(
        synthetic=case.fingerprint, real=evidence.train.fingerprint, schema=evidence.schema.fingerprint
    )
    verdict = judge(findings, gates, prints, case.waivers)
    content = PageContent(
        title=case.title,
        verdict=verdict,
        findings=findings,
        evidence=evidence,
        audience=audience_of(gates, evidence.schema),
        gate_summary=gates.summary,
        notes=[*notes, *case.notes],
        provenance=case.provenance,
        seed=case.seed,
    )
    write_validation(content, folder)
    return TextVerdict(verdict=verdict, findings=tuple(findings), report=folder / "report.html")


def _measured(benchmarks: Mapping[str, Any], evidence: Evidence, ctx: RunContext) -> list[Finding]:
    from veridical.measures.text.catalog import TEXT_MEASURES

    findings: list[Finding] = []
    cards = list(TEXT_MEASURES)
    for done, card in enumerate(cards):
        ctx.progress(f"measure {card.name}", done=done, total=len(cards))
        made = TEXT_MEASURES.load(card.name)
        options = benchmarks if card.name == "text.contamination" else {}
        try:
            findings += made(**options).measure(evidence, ctx)
        except VeridicalError as refused:
            findings.append(not_measured(card.name, refused.what))
    ctx.progress("measure", done=len(cards), total=len(cards))
    return findings


def _benchmarks(spec: TextSpec) -> dict[str, Any]:
    """Return the options of the set's own look for benchmarks: those of the check, where the spec has it."""
    for check in spec.checks:
        if check.name == "decontamination":
            names = ("benchmarks", "meaning")
            return {**{name: check.options[name] for name in names if name in check.options}, "beside": spec.beside}
    return {}


def _evidence(case: TextCase) -> tuple[Evidence, list[str]]:
    seeds, held = case.seeds, case.holdout
    notes = []
    if not held and len(seeds) >= 40:
        seeds, held = seeds[::2], seeds[1::2]
        notes.append("No holdout was named: half of the seeds stand for unseen real texts in the ceilings.")
    if not seeds:
        notes.append("No seeds were named: nothing could be compared with real texts.")
    names = _shared(case.made, seeds, case.target)
    sides = {
        "train": _table(seeds, names, case.target),
        "synthetic": _table(case.made, names, case.target),
        "holdout": _table(held, names, case.target),
    }
    columns = [Column(name=_TEXT, kind=Kind.TEXT)]
    if case.target is not None:
        columns.append(Column(name=case.target, kind=Kind.CATEGORY))
    schema = Schema(tables=(TableSchema(name="data", columns=tuple(columns), target=case.target),))
    evidence = Evidence(
        train=sides["train"], synthetic=sides["synthetic"], schema=schema, holdout=sides["holdout"] if held else None
    )
    return evidence, notes


def _spread(path: Path) -> list[dict[str, Any]]:
    with path.open("rb") as file:
        count = sum(1 for _ in file)
    step = max(1, -(-count // JUDGED))
    with path.open("rb") as file:
        return [json.loads(line) for number, line in enumerate(file) if number % step == 0]


def _shared(made: Sequence[Mapping[str, Any]], seeds: Sequence[Mapping[str, Any]], target: str | None) -> list[str]:
    """Return the text fields that records and seeds have in common; none: all of each side's."""
    texts = [{name for name, value in record.items() if isinstance(value, str)} for record in (*made[:50], *seeds[:50])]
    return sorted(set.intersection(*texts) - {target}) if texts else []


def _table(records: Sequence[Mapping[str, Any]], names: Sequence[str], target: str | None) -> Dataset:
    from veridical.curate.word import joined

    own = [{key: value for key, value in record.items() if key != target} for record in records]
    columns = {_TEXT: pa.array([joined(record, names) for record in own], pa.string())}
    if target is not None:
        columns[target] = pa.array([str(record.get(target, "")) for record in records], pa.string())
    return Dataset.of(pa.table(columns))


def _records(spec: TextSpec, run: TextRun) -> Finding:
    accepted = run.harvested.accepted
    return Finding(
        check="text.records",
        value=float(accepted),
        n=accepted,
        direction=Direction.HIGHER,
        ceiling=float(spec.records),
        sentence=f"{accepted:,} of {spec.records:,} records were accepted.",
        detail={"turned_away": dict(run.harvested.by_check), "surplus": run.harvested.surplus},
    )


def _fates(run: TextRun) -> str:
    """Say what became of the candidates, and of what wanted more of them."""
    h = run.harvested
    causes = ", ".join(f"{check} {count:,}" for check, count in sorted(h.by_check.items(), key=lambda item: -item[1]))
    told = f"{run.requests:,} requests to the models: {h.accepted:,} records accepted, {h.rejected:,} turned away"
    told += f" ({causes})" if causes else ""
    told += f", {h.surplus:,} more than the quotas have room for." if h.surplus else "."
    starving = "; ".join(f"{quota}: {why}" for quota, why in h.starving.items())
    return f"{told} Starving: {starving}." if starving else told


def _cost(run: TextRun) -> list[Finding]:
    cost = run.cost_per_accepted
    if cost is None:
        return []
    sentence = f"An accepted record cost ${cost:.6f}; ${run.spent:.4f} in all."
    unpriced = f" Models without a price, counted as free: {', '.join(run.unpriced)}." if run.unpriced else ""
    return [
        Finding(
            check="text.cost", value=cost, n=run.harvested.accepted, direction=Direction.NONE, unit="$",
            sentence=sentence + unpriced,
        )
    ]  # fmt: skip


def waived(verdict: TextVerdict, waivers: Sequence[Any]) -> TextVerdict:
    """Return the verdict with a person's waivers."""
    from veridical.stages.release import waive

    return replace(verdict, verdict=waive(verdict.verdict, waivers))


def outcome_lines(judged: TextVerdict) -> list[str]:
    """Return what a person is told of the verdict."""
    passed = sum(result.outcome is Outcome.PASS for result in judged.verdict.results)
    unmeasured = [result for result in judged.verdict.results if result.outcome is Outcome.NOT_MEASURED]
    rest = f"; {len(unmeasured)} not measured" if unmeasured else ""
    if unmeasured and not any(result.gate.required for result in unmeasured):
        rest += ", and not required"
    lines = [f"gates       {passed} of {len(judged.verdict.results)} passed ({judged.verdict.gate_set}){rest}"]
    for result in judged.verdict.results:
        if result.outcome is Outcome.FAIL:
            lines.append(f"failed      {result.gate.check}: {result.sentence}")
    lines.append(f"open        {judged.report.resolve().as_uri()}")
    return lines
