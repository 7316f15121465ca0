"""`veridical evolve`: texts like private ones that no model ever sees."""

from __future__ import annotations

from pathlib import Path

import click

from veridical.cli.options import SOURCE


@click.command("evolve")
@click.argument("file", type=SOURCE)
@click.option("-o", "--output", type=SOURCE, help="The run's folder; by default `output` of the file.")
@click.option("--dry-run", is_flag=True, help="Say how many requests, how much noise and what cost; ask nobody.")
def evolve(file: Path, output: Path | None, dry_run: bool) -> None:
    """Run the Private Evolution that FILE declares; begun before in this folder, it goes on from there.

    The private records (`seeds:`) vote, with noise, for texts that a public model made; the epsilon is charged to their
    account before they are read. No prompt ever holds any of them.

    Exit code 4: the records' privacy budget, or `max_cost`, is spent.
    """
    from veridical.spec.text import read_text
    from veridical.stages.evolution import dry_evolution, run_evolution

    spec = read_text(file)
    if dry_run:
        for line in dry_evolution(spec):
            click.echo(line)
        return
    for line in run_evolution(spec, output or spec.output or Path("runs") / file.stem).lines():
        click.echo(line)
