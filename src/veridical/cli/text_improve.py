"""`veridical text improve`: generate, train a student, generate more of what it gets wrong."""

from __future__ import annotations

from pathlib import Path

import click

from veridical.cli.options import SOURCE, quiet_option


@click.command("improve")
@click.argument("file", type=SOURCE)
@click.option("-o", "--output", type=SOURCE, help="The loop's folder; begun before, it goes on from there.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@quiet_option
def improve(file: Path, output: Path | None, as_json: bool, quiet: bool) -> None:
    """Run the improvement loop FILE: what the student gets wrong, against the same cost spent at random."""
    import json

    from veridical.cli.progress import TerminalProgress
    from veridical.core.contracts import RunContext
    from veridical.spec.improve import read_improve
    from veridical.stages.improve import curve_lines
    from veridical.stages.improve import improve as run

    spec = read_improve(file)
    with TerminalProgress(quiet=quiet) as progress:
        done = run(spec, output or Path("runs") / file.stem, RunContext(seed=spec.run.seed, progress=progress))
    if as_json:
        click.echo(json.dumps(done.to_dict(), indent=1))
        return
    for line in curve_lines(done):
        click.echo(line)
    click.echo(f"written     {done.folder / 'improve.json'}")
