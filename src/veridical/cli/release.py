"""`veridical release`: sign what passed, refuse what did not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from veridical.cli import options as given


@click.command()
@click.argument("run", type=given.SOURCE)
@given.waiver_options
@click.option("--licence", default="", help="The licence the data goes out under, such as CC-BY-4.0.")
def release(run: Path, checks: Sequence[str], by: str | None, because: str | None, licence: str) -> None:
    """Write RUN/release: the data, its card, the report and a signed manifest.

    Refuses (exit code 3) when a gate failed or was not measured, and says which and by how much. Whatever was
    edited since it was judged is found and refused.
    """
    from veridical.cli.ending import tell_done
    from veridical.core.errors import SpecError
    from veridical.stages.plan import Done
    from veridical.stages.release import release as release_run
    from veridical.store.runfolder import RunFolder

    if not run.is_dir():
        raise SpecError("there is no such folder", where=str(run), fix="give the folder of a run")
    folder = RunFolder(run)
    released = release_run(folder, waivers=given.waivers(checks, by, because), licence=licence)
    tell_done(Done(run=folder, verdict=released.verdict, released=released))
