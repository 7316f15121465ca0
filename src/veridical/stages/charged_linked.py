"""What may be said of private linked tables: figures that are charged already, or that need no real row?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pyarrow as pa

from veridical.core.contracts import Evidence
from veridical.core.dataset import Dataset
from veridical.core.finding import Direction, Finding
from veridical.core.schema import Schema
from veridical.engines.tabular.dp.linked_generator import LinkedPrivateGenerator
from veridical.gates.catalog import load_gates
from veridical.gates.judge import Fingerprints, judge
from veridical.prepare import violations
from veridical.prepare.link import point
from veridical.reports.audience import Audience
from veridical.reports.html import PageContent
from veridical.stages.charged import noisy_findings, privacy_findings, withheld_beside


def charged_linked_page(
    generator: LinkedPrivateGenerator, synthetic: Dataset, gates: str, *, delta: float, claim: float, source: str
) -> PageContent:
    """Return the verdict and everything a page may show of private linked tables; no real row is at hand here.

    Raises:
        SpecError: the gates are wrong.
    """
    gate_set, schema = load_gates(gates), generator.schema
    findings = [*privacy_findings(generator.spent, delta=delta, claim=claim)]
    findings += rules_kept(synthetic, schema)
    for name, table in generator.as_learned(synthetic.tables).items():
        beside = [one.name for one in generator.told[name]]
        own = [event for event in generator.spent if event.what.startswith(f"{name}: ")]
        found = noisy_findings(replace(generator.members[name], events=own), table, beside=beside)
        findings += [replace(finding, scope=(name,)) for finding in found]
    unit = generator.family.unit
    prints = Fingerprints(synthetic=synthetic.fingerprint, real=source, schema=schema.fingerprint)
    # The page draws rows of the unit's table: synthetic ones, as both sides.
    shown = Dataset.of(synthetic.tables[unit], unit)
    return PageContent(
        title=unit,
        verdict=judge(findings, gate_set, prints, ()),
        findings=[*findings, *withheld_beside(findings)],
        evidence=Evidence(train=shown, synthetic=shown, schema=Schema(tables=(schema.table(unit),))),
        audience=Audience(name="charged", k=max(schema.rare_below, 2)),
        gate_summary=gate_set.summary,
        notes=[
            "No figure here was computed from real rows without being charged to the privacy ledger: "
            "fidelity is told against the noisy counts that the tables were learned from."
        ],
    )


def rules_kept(synthetic: Dataset, schema: Schema) -> list[Finding]:
    """Return whether the tables keep the schema's rules, keys and columns: told from synthetic rows alone."""
    broken = sum(
        violation.rows for table in schema.tables for violation in violations(synthetic.tables[table.name], table)
    )
    astray = _astray(synthetic.tables, schema)
    odd = sum(
        len({column.name for column in table.columns} ^ set(synthetic.tables[table.name].column_names))
        for table in schema.tables
    )
    return [
        Finding(
            check="validity.rules", value=float(broken + astray), n=synthetic.rows, direction=Direction.LOWER,
            sentence=f"{broken} rows break a rule of the schema, and {astray} point to a row that is not there.",
        ),
        Finding(
            check="validity.columns", value=float(odd), n=synthetic.rows, direction=Direction.LOWER,
            sentence=f"{odd} columns differ from the schema.",
        ),
    ]  # fmt: skip


def _astray(tables: Mapping[str, pa.Table], schema: Schema) -> int:
    """Return how many rows name a row of another table that is not there."""
    count = 0
    for link in schema.foreign_keys:
        pointing = point(tables, link)
        count += int((pointing.rows >= pointing.present).sum())
    return count
