"""`veridical run`: what a YAML file declares."""

from __future__ import annotations

from pathlib import Path

import click

from veridical.cli import options as given


@click.command()
@click.argument("spec", type=given.SOURCE)
@click.option("--dry-run", is_flag=True, help="Check everything and say what would be done.")
@given.quiet_option
def run(spec: Path, dry_run: bool, quiet: bool) -> None:
    """Do what the YAML file SPEC declares, from the source to the release.

    \b
    source: customers.csv         # CSV, Parquet or JSONL; paths are taken from where SPEC lies
    output: out                   # the run's folder
    schema: schema.yaml           # else one is guessed
    rows: 1e6                     # else as many as the source has
    engine: tree                  # or {name: tree, options: {...}}
    holdout: 0.2                  # a share, or a file
    target: income                # the column a model would predict
    seed: 7
    format: parquet               # parquet, csv, jsonl
    where: age >= 18
    balance: {fraud: {"yes": 0.5}}
    gates: share                  # share, train, test-data, dp, or a YAML file
    waivers: [{check: fidelity.c2st, by: R. Lee, because: used inside only}]
    licence: CC-BY-4.0
    """
    from veridical.cli.ending import tell_done
    from veridical.cli.progress import TerminalProgress
    from veridical.spec.run import read_run
    from veridical.stages.plan import carry_out, context_of, describe

    declared = read_run(spec)
    if dry_run:
        for line in describe(declared):
            click.echo(line)
        return
    with TerminalProgress(quiet=quiet) as progress:
        done = carry_out(declared, context_of(declared, progress))
    tell_done(done)
