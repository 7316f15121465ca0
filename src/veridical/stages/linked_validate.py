"""How good are synthetic linked tables, what could they leak about an entity, and may they go out?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from threadpoolctl import threadpool_limits

from veridical.attacks.copies import Copies
from veridical.attacks.distance import Distance
from veridical.core.contracts import Evidence, Measure, RunContext
from veridical.core.dataset import Dataset
from veridical.core.errors import DataError, VeridicalError
from veridical.core.finding import Direction, Finding, not_measured
from veridical.core.schema import Schema
from veridical.gates.catalog import load_gates
from veridical.gates.linked import for_linked
from veridical.measures.linked.belonging import Belonging
from veridical.measures.linked.key import Keys
from veridical.measures.linked.rule import LinkedRules
from veridical.measures.linked.side import as_evidence, common_of, real_of, sides_of, summed_up
from veridical.measures.linked.telling import LinkedTwoSample
from veridical.measures.linked.trend import Trends
from veridical.spec.gates import GateSet, Waiver
from veridical.stages.linked_cut import entity_of, split
from veridical.stages.validate import HOLDOUT_SHARE, Validation, conclude


def validate_linked(
    *,
    train: Dataset,
    synthetic: Dataset,
    holdout: Dataset | None = None,
    schema: Schema | None = None,
    gates: str | Path | GateSet = "share",
    ctx: RunContext,
    folder: Path | None = None,
    waivers: Sequence[Waiver] = (),
) -> Validation:
    """Return the figures on linked tables and the verdict of the gates; write the sealed folder when one is named.

    Fidelity is measured on keys, on rows with their parents and on parents with their children; privacy by entity,
    which is a row of the table that owns the others, with a summary of all that belongs to it. Without a holdout, a
    part of the entities is set aside for the ceilings, and copying cannot be told.

    Raises:
        DataError: no table can be compared.
        SpecError: the gates are wrong.
    """
    gate_set = for_linked(load_gates(gates))
    known = _learned(train, ctx) if schema is None else schema
    synthetic, findings = _aligned(train, synthetic, known)
    given = Evidence(train=train, synthetic=synthetic, holdout=holdout, schema=known)
    measured = given
    if holdout is None:
        parts = split(train, known, HOLDOUT_SHARE, ctx)
        measured = replace(given, train=parts.train, holdout=parts.holdout)
    entity = entity_of(known, train)
    flat = _flat(measured, entity)
    with threadpool_limits(limits=ctx.workers):
        measures: tuple[Measure, ...] = (Keys(), LinkedRules(), Trends(), Belonging(), LinkedTwoSample())
        for place, make in enumerate(measures):
            ctx.progress("measure linked", done=place, total=len(measures) + 1)
            findings += make.measure(measured, ctx)
        ctx.progress("measure linked", done=len(measures), total=len(measures) + 1)
        findings += _privacy(_flat(given, entity), ctx)
    return conclude(findings, gate_set, given, flat, ctx, folder=folder, waivers=waivers)


def _flat(evidence: Evidence, entity: str) -> Evidence:
    common = common_of(real_of(evidence), evidence.schema)
    sides = {side: summed_up(data, evidence.schema, entity, common) for side, data in sides_of(evidence).items()}
    return as_evidence(sides, entity, evidence.schema.rare_below)


def _privacy(flat: Evidence, ctx: RunContext) -> list[Finding]:
    found: list[Finding] = []
    for name, run in (("privacy.exact_copies", Copies().run), ("privacy.dcr_share", Distance().run)):
        try:
            found += run(flat, ctx)
        except VeridicalError as refused:
            found.append(not_measured(name, refused.what))
    return found


def _aligned(train: Dataset, synthetic: Dataset, schema: Schema) -> tuple[Dataset, list[Finding]]:
    """Return the synthetic tables in the real ones' types, and what they lack."""
    lacking = [table.name for table in schema.tables if table.name not in synthetic.tables]
    if len(lacking) == len(schema.tables):
        raise DataError("no table of the real data is here", where="synthetic", fix="name files as the real ones are")
    lacking += [
        f"{table.name}.{name}" for table in schema.tables if table.name in synthetic.tables
        for name in table.names if name not in synthetic.tables[table.name].column_names
    ]  # fmt: skip
    if lacking:
        raise DataError(f"missing: {', '.join(lacking[:8])}", where="synthetic", fix="give all tables and columns")
    tables = {}
    for table in schema.tables:
        real, ours = train.tables[table.name], synthetic.tables[table.name].select(list(table.names))
        for place, name in enumerate(table.names):
            kind = real.schema.field(name).type
            if ours.schema.field(name).type != kind:
                try:
                    ours = ours.set_column(place, name, ours[name].cast(kind, safe=False))
                except (ValueError, NotImplementedError):
                    raise DataError(
                        f"cannot be read as {kind}", where=f"synthetic {table.name}.{name}", fix="store it in that type"
                    ) from None
        tables[table.name] = ours
    finding = Finding(
        check="input.tables", value=0.0, n=len(tables), direction=Direction.LOWER, unit="tables and columns",
        sentence=f"All {len(tables)} tables and their columns are here.",
    )  # fmt: skip
    return Dataset(tables), [finding]


def _learned(train: Dataset, ctx: RunContext) -> Schema:
    from veridical.stages.learn import learn

    return learn(train, ctx=ctx).schema
