"""How is synthetic data judged from the command line?"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from veridical.cli.options import SOURCE, quiet_option, seed_option, waiver_options, waivers

if TYPE_CHECKING:
    from veridical.core.contracts import RunContext
    from veridical.core.dataset import Dataset
    from veridical.core.schema import Schema
    from veridical.spec.gates import GateSet, Waiver
    from veridical.stages.validate import Validation

REFUSED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sources:
    train: Dataset
    synthetic: Dataset
    holdout: Dataset | None
    schema: Schema


@click.command("validate")
@click.option("--real", type=SOURCE, required=True, help="The real data that the synthetic data was made from.")
@click.option("--synthetic", type=SOURCE, required=True, help="The data to judge, whoever made it.")
@click.option("--holdout", type=SOURCE, help="Real rows the maker never saw; without them copying cannot be told.")
@click.option("--schema", type=SOURCE, help="A schema.yaml; learned from the real data without it.")
@click.option("--gates", default="share", show_default=True, help="share, train, test-data, dp, or a YAML file.")
@click.option("--target", help="The column a model would predict, for the utility figures.")
@click.option("--protected", multiple=True, metavar="COLUMN", help="A column of groups, for the fairness figures.")
@click.option("-o", "--output", type=SOURCE, help="Folder for report.html, verdict.json, findings.json, junit.xml.")
@click.option("--json", "as_json", is_flag=True, help="Print verdict and findings as JSON.")
@click.option("--junit", type=SOURCE, help="Write JUnit XML for a CI system.")
@waiver_options
@seed_option
@quiet_option
def command(
    real: Path,
    synthetic: Path,
    holdout: Path | None,
    schema: Path | None,
    gates: str,
    target: str | None,
    protected: tuple[str, ...],
    output: Path | None,
    as_json: bool,
    junit: Path | None,
    checks: tuple[str, ...],
    by: str | None,
    because: str | None,
    seed: int,
    quiet: bool,
) -> int:
    """Judge synthetic data against real data, whoever made it.

    \b
      veridical validate --real train.parquet --holdout test.parquet --synthetic fake.parquet -o report
      veridical validate --real a.csv --synthetic b.csv      splits its own holdout, and says what that costs

    Exit code 0: every gate passed. 3: a gate failed or could not be measured.
    """
    from veridical.cli.progress import TerminalProgress
    from veridical.core.contracts import RunContext
    from veridical.gates.catalog import load_gates
    from veridical.stages.linked import is_linked
    from veridical.stages.outside import Sources, bind
    from veridical.stages.validate import validate as judge_data

    waived = waivers(checks, by, because)
    gate_set = load_gates(gates)  # a wrong gate file is told before any long work
    with TerminalProgress(quiet=quiet or as_json) as progress:
        ctx = RunContext(seed=seed, progress=progress)
        if is_linked(str(real)):
            validation = _linked(str(real), synthetic, holdout, schema, gate_set, ctx, output, waived)
            _tell(validation, output=output, junit=junit, as_json=as_json)
            return REFUSED if validation.verdict.failures or not validation.verdict.results else 0
        sources = _read(real, synthetic, holdout, schema, ctx)
        validation = judge_data(
            train=sources.train,
            synthetic=sources.synthetic,
            holdout=sources.holdout,
            schema=_with_roles(sources.schema, target, protected),
            gates=gate_set,
            ctx=ctx,
            folder=output,
            waivers=waived,
        )
        if output is not None:
            bind(output, validation, Sources(train=real, synthetic=synthetic, holdout=holdout))
    _tell(validation, output=output, junit=junit, as_json=as_json)
    return REFUSED if validation.verdict.failures or not validation.verdict.results else 0


validate = command


def _read(real: Path, synthetic: Path, holdout: Path | None, schema: Path | None, ctx: RunContext) -> _Sources:
    from veridical.connect.source import read
    from veridical.core.dataset import Dataset
    from veridical.core.errors import SchemaError
    from veridical.spec import schema_yaml
    from veridical.stages.learn import learn

    train = read(real)
    known = learn(train, ctx).schema if schema is None else schema_yaml.read(schema)
    name = known.only.name
    unknown = [column for column in known.only.names if column not in train.only.column_names]
    if unknown:
        raise SchemaError(f"{real} lacks {', '.join(unknown[:8])}", where=str(schema), fix="learn the real data again")
    return _Sources(
        train=Dataset.of(train.only, name),
        synthetic=Dataset.of(read(synthetic).only, name),
        holdout=None if holdout is None else Dataset.of(read(holdout).only, name),
        schema=known,
    )


def _linked(
    real: str,
    synthetic: Path,
    holdout: Path | None,
    schema: Path | None,
    gates: GateSet,
    ctx: RunContext,
    output: Path | None,
    waived: Sequence[Waiver],
) -> Validation:
    from veridical.connect.source import read
    from veridical.spec import schema_yaml
    from veridical.stages.linked_validate import validate_linked

    return validate_linked(
        train=read(real),
        synthetic=read(str(synthetic)),
        holdout=None if holdout is None else read(str(holdout)),
        schema=None if schema is None else schema_yaml.read(schema),
        gates=gates,
        ctx=ctx,
        folder=output,
        waivers=waived,
    )


def _with_roles(schema: Schema, target: str | None, protected: Sequence[str]) -> Schema:
    from dataclasses import replace

    table = schema.only
    for name in [*([target] if target is not None else []), *protected]:
        table.column(name)  # says which columns there are when this is none of them
    chosen = replace(
        table,
        target=target if target is not None else table.target,
        protected=tuple(protected) if protected else table.protected,
    )
    return replace(schema, tables=(chosen,))


def _tell(validation: Validation, *, output: Path | None, junit: Path | None, as_json: bool) -> None:
    from veridical.reports.audience import audience_of, published_findings, published_verdict
    from veridical.reports.folder import Record, json_safe
    from veridical.reports.junit import junit_xml
    from veridical.reports.terminal import summary
    from veridical.store.runfolder import write_bytes

    if junit is not None:
        write_bytes(junit, junit_xml(validation.verdict).encode())
    if as_json:
        audience = audience_of(validation.gates, validation.evidence.schema)
        record = Record(
            verdict=published_verdict(validation.verdict, audience),
            findings=published_findings(validation.findings, audience),
        )
        click.echo(json.dumps(json_safe(record.to_dict()), ensure_ascii=False, indent=1))
        return
    click.echo(summary(validation.verdict, validation.findings, colour=sys.stdout.isatty()))
    if output is not None:
        click.echo(f"\nThe page: {output / 'report.html'}")
        if validation.verdict.results and not validation.verdict.failures:
            click.echo(f"Let it out: veridical release {output} --data FILE")
