"""`veridical demo`: the whole spine on data that ships in the package."""

from __future__ import annotations

from pathlib import Path

import click

from veridical.cli import options as given


@click.command()
@click.option("--output", "-o", type=given.SOURCE, default="demo-out", show_default=True, help="The folder to write.")
@click.option("--rows", type=given.Count(), default="50k", show_default=True, help="How many to make.")
@click.option("--gates", default="share", show_default=True, help="share, train, test-data, dp or a YAML file.")
@given.seed_option
@given.workers_option
@given.quiet_option
def demo(output: Path, rows: int, gates: str, seed: int, workers: int | None, quiet: bool) -> None:
    """Learn, model, synthesize, validate and release the Adult census (48,842 real rows, UCI, CC BY 4.0)."""
    from veridical.cli.ending import tell_done
    from veridical.cli.progress import TerminalProgress
    from veridical.stages.demo import run_demo

    click.echo("Adult census, 48,842 real rows x 15 columns (Becker and Kohavi 1996, UCI, CC BY 4.0)")
    with TerminalProgress(quiet=quiet) as progress:
        done = run_demo(output, rows=rows, gates=gates, seed=seed, workers=workers, progress=progress)
    tell_done(done)
