"""`veridical model`: a generator, fitted and sealed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from veridical.cli import options as given


@click.command()
@click.argument("source", type=given.SOURCE)
@click.option("--output", "-o", type=given.SOURCE, help="The folder to write; by default NAME.veridical.")
@given.learning_options
@given.privacy_options
@given.seed_option
@given.quiet_option
def model(source: Path, output: Path | None, quiet: bool, **said: Any) -> None:
    """Learn SOURCE and fit a generator on it, leaving a holdout out; write OUT/learn and OUT/model."""
    from veridical.cli.progress import TerminalProgress
    from veridical.spec.run import RunSpec
    from veridical.stages.plan import build_model, context_of

    spec = RunSpec(
        source=source,
        output=given.default_output(source) if output is None else output,
        schema=said["schema"],
        holdout=said["holdout"],
        engine=said["engine"],
        options=given.engine_options(said["options"]),
        target=said["target"],
        seed=said["seed"],
        **given.privacy(said),
    )
    with TerminalProgress(quiet=quiet) as progress:
        built = build_model(spec, context_of(spec, progress))
    click.echo(f"model       {built.run.stage('model')}")
    click.echo(f"draw rows   veridical sample {built.run.stage('model')} --rows 1000 -o sample.csv")
