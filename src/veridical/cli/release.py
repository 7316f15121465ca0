"""`veridical release`: sign what passed, refuse what did not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from veridical.cli import options as given


@click.command()
@click.argument("run", type=given.SOURCE)
@click.option("--data", type=given.SOURCE, help="Made by another tool: the file that RUN, a validation, judged.")
@click.option("--output", "-o", type=given.SOURCE, help="With --data: the folder to write; by default RUN.release.")
@given.waiver_options
@click.option("--licence", help="The licence the data goes out under, such as CC-BY-4.0; by default the last one.")
def release(
    run: Path,
    data: Path | None,
    output: Path | None,
    checks: Sequence[str],
    by: str | None,
    because: str | None,
    licence: str | None,
) -> None:
    """Write RUN/release: the data, its card, the report and a signed manifest.

    Refuses (exit code 3) when a gate failed or was not measured, and says which and by how much. Whatever was
    edited since it was judged is found and refused.

    \b
    Data that another tool made, once it was judged:
      veridical validate --real a.csv --holdout b.csv --synthetic fake.csv -o judged
      veridical release judged --data fake.csv -o out
    """
    from veridical.cli.ending import tell_done
    from veridical.core.errors import SpecError
    from veridical.stages.outside import is_validation, release_outside
    from veridical.stages.plan import Done
    from veridical.stages.release import release as release_run
    from veridical.store.runfolder import RunFolder

    if not run.is_dir():
        raise SpecError("there is no such folder", where=str(run), fix="give the folder of a run")
    folder = RunFolder(run)
    waived = given.waivers(checks, by, because)
    outside = is_validation(run)
    if outside and data is None:
        raise SpecError("this is a validation", where=str(run), fix="say which file it judged: --data FILE")
    if not outside and (data is not None or output is not None):
        raise SpecError("--data and -o are for a validation's folder", where=str(run), fix="leave them out")
    if outside and data is not None:
        place = run.with_name(f"{run.name}.release") if output is None else output
        released = release_outside(run, data, place, waivers=waived, licence=licence)
    else:
        released = release_run(folder, waivers=waived, licence=licence)
    tell_done(Done(run=folder, verdict=released.verdict, released=released))
