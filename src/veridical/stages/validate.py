"""How good is this synthetic data, what could it leak, and may it go out?"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from threadpoolctl import threadpool_limits

from veridical.attacks.catalog import ATTACKS
from veridical.attacks.membership import Membership
from veridical.core import digest
from veridical.core.contracts import Attack, Evidence, RunContext
from veridical.core.dataset import Dataset
from veridical.core.errors import SchemaError, VeridicalError
from veridical.core.finding import Direction, Finding, Verdict, not_measured
from veridical.core.registry import Card
from veridical.core.schema import Schema
from veridical.gates.catalog import load_gates
from veridical.gates.judge import Fingerprints, judge
from veridical.gates.sequence import ROW_ATTACKS, for_sequences
from veridical.measures.catalog import MEASURES
from veridical.reports.audience import audience_of
from veridical.reports.html import PageContent
from veridical.spec.gates import GateSet, Waiver
from veridical.stages.holdout import split
from veridical.stages.inputs import compare_inputs
from veridical.stages.model import Recipe
from veridical.stages.sequence import is_sequence, split_sequences

HOLDOUT_SHARE = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """What was found, what the gates say of it, and what a page needs to show it.

    `evidence` holds the tables on the columns that could be compared; it never leaves the process.
    """

    verdict: Verdict
    findings: tuple[Finding, ...]
    gates: GateSet
    evidence: Evidence
    own_holdout: bool
    seed: int


def validate(
    *,
    train: Dataset,
    synthetic: Dataset,
    holdout: Dataset | None = None,
    schema: Schema | None = None,
    gates: str | Path | GateSet = "share",
    ctx: RunContext,
    folder: Path | None = None,
    waivers: Sequence[Waiver] = (),
    leave_out: Collection[str] = (),
) -> Validation:
    """Return every figure and the verdict of the gates; write the sealed folder when one is named.

    Measures and attacks named in `leave_out` are not run; a gate that reads them says "not measured".

    Without a holdout, a part of train is set aside for the ceilings. Whether rows were copied cannot be told
    then, because the generator may have seen them all: attacks that need unseen rows are "not measured".
    `schema` is learned from train when none is given.

    Raises:
        DataError: a table is empty, or nothing can be compared.
        SchemaError: the schema does not name train's columns.
        SpecError: the gates are wrong.
    """
    gate_set = load_gates(gates)
    schema = schema if schema is not None else _learned(train, ctx)
    _check_schema(schema, train)
    if is_sequence(schema):
        gate_set, leave_out = for_sequences(gate_set), {*leave_out, *ROW_ATTACKS}
    else:
        leave_out = {*leave_out, "entities"}
    given = Evidence(train=train, synthetic=synthetic, holdout=holdout, schema=schema)
    inputs = compare_inputs(given)
    evidence, findings = inputs.evidence, list(inputs.findings)
    for_measures = evidence
    if holdout is None:
        for_measures = with_own_holdout(evidence, ctx)
        findings.append(_own_holdout_finding(for_measures))
    findings += _run_all(measured=for_measures, attacked=evidence, ctx=ctx, leave_out=leave_out)
    return conclude(findings, gate_set, given, for_measures, ctx, folder=folder, waivers=waivers)


def conclude(
    findings: Sequence[Finding], gate_set: GateSet, given: Evidence, shown: Evidence, ctx: RunContext, *,
    folder: Path | None, waivers: Sequence[Waiver],
) -> Validation:  # fmt: skip
    """Return the verdict on what was found; write the sealed folder when one is named.

    `given` is the evidence as it came, `shown` what the page shows of it: perhaps with an own holdout.
    """
    real = real_fingerprint(given.train, given.holdout)
    prints = Fingerprints(synthetic=given.synthetic.fingerprint, real=real, schema=given.schema.fingerprint)
    validation = Validation(
        verdict=judge(findings, gate_set, prints, waivers),
        findings=tuple(findings),
        gates=gate_set,
        evidence=shown,
        own_holdout=given.holdout is None,
        seed=ctx.seed,
    )
    if folder is not None:
        from veridical.reports.folder import write_validation

        ctx.progress("page", done=0, total=1)
        write_validation(page_content(validation), folder)
        ctx.progress("page", done=1, total=1)
    return validation


def page_content(validation: Validation) -> PageContent:
    """Return what the page of a validation is made of."""
    return PageContent(
        title=validation.evidence.train.name,
        verdict=validation.verdict,
        findings=validation.findings,
        evidence=validation.evidence,
        audience=audience_of(validation.gates, validation.evidence.schema),
        gate_summary=validation.gates.summary,
        notes=[f.sentence for f in validation.findings if f.check == "input.own_holdout"],
        provenance={"seed": str(validation.seed)},
        seed=validation.seed,
    )


def real_fingerprint(train: Dataset, holdout: Dataset | None) -> str:
    """Return the fingerprint of the real data that a verdict speaks of: train and holdout together."""
    return digest.of_json([train.fingerprint, None if holdout is None else holdout.fingerprint])


def with_own_holdout(evidence: Evidence, ctx: RunContext) -> Evidence:
    """Return evidence whose holdout is a random part of train.

    Raises:
        DataError: train has too few rows to be split.
    """
    if is_sequence(evidence.schema):
        parts = split_sequences(evidence.train, HOLDOUT_SHARE, ctx, evidence.schema)
    else:
        parts = split(evidence.train, HOLDOUT_SHARE, ctx, unit=evidence.schema.only.unit)
    return replace(evidence, train=parts.train, holdout=parts.holdout)


def _run_all(*, measured: Evidence, attacked: Evidence, ctx: RunContext, leave_out: Collection[str]) -> list[Finding]:
    work = [(card, MEASURES.load(card.name)().measure, measured) for card in MEASURES if card.name not in leave_out]
    work += [(card, _attack(card.name).run, attacked) for card in ATTACKS if card.name not in leave_out]
    findings: list[Finding] = []
    # Learners that judge are small: on a busy machine their threads spin for more than they work.
    with threadpool_limits(limits=ctx.workers):
        for done, (card, make, evidence) in enumerate(work):
            ctx.progress(f"measure {card.name}", done=done, total=len(work))
            findings += _findings_of(card, make, evidence, ctx)
    ctx.progress("measure", done=len(work), total=len(work))
    return findings


def _attack(name: str) -> Attack:
    made: Attack = ATTACKS.load(name)()
    # What another tool did is not known: shadows are fitted with the engine at hand.
    return replace(made, engine=Recipe().build()) if isinstance(made, Membership) else made


def _findings_of(card: Card, make: object, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
    try:
        return make(evidence, ctx)  # type: ignore[operator]
    except VeridicalError as refused:
        # What a measure refuses is a figure that is not there; its gate then says "not measured".
        return [not_measured(f"{card.name}", f"{refused.what} ({refused.where})" if refused.where else refused.what)]


def _own_holdout_finding(evidence: Evidence) -> Finding:
    holdout = evidence.holdout.only.num_rows if evidence.holdout is not None else 0
    return Finding(
        check="input.own_holdout",
        value=1.0,
        n=holdout,
        direction=Direction.NONE,
        sentence=(
            f"No holdout was given. {holdout:,} rows of the real data were set aside for the ceilings, so each figure "
            "rests on fewer rows; whether the generator copied rows cannot be told, because it may have seen them all."
        ),
    )


def _check_schema(schema: Schema, train: Dataset) -> None:
    unknown = [name for name in schema.only.names if name not in train.only.column_names]
    if unknown:
        raise SchemaError(
            f"columns that train does not have: {', '.join(unknown[:8])}", where="schema", fix="learn train again"
        )


def _learned(train: Dataset, ctx: RunContext) -> Schema:
    from veridical.stages.learn import learn

    return learn(train, ctx=ctx).schema
