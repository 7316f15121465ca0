"""What does `veridical synth` do when several tables are given and an epsilon is promised?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from veridical.cli import options as given

_INSTEAD = {
    "rows": "--scale", "entities": "--scale", "where": "nothing: draw, then cut", "balance": "nothing",
    "target": "a schema", "mend": "nothing: every key points to a row",
}  # fmt: skip


def synth(source: str, output: str | None, *, quiet: bool, **said: Any) -> None:
    """Make private linked tables, judge and release them, and write them to a database where one is named.

    Raises:
        SpecError: an option means nothing here.
    """
    from veridical.cli.ending import tell_done
    from veridical.cli.linked import default_folder, names_in
    from veridical.cli.progress import TerminalProgress
    from veridical.connect.database import is_url
    from veridical.core.contracts import RunContext
    from veridical.exec.local import available_workers
    from veridical.stages.linked import LinkedRun
    from veridical.stages.linked_private import Promise, carry_out

    _check(said)
    to_database = output is not None and is_url(output)
    spec = LinkedRun(
        source=source,
        output=default_folder(source) if output is None or to_database else Path(output),
        target=output if to_database else None,
        schema=said["schema"],
        holdout=0.0,
        scale=1.0 if said["scale"] is None else said["scale"],
        keep=names_in(said["keep"]),
        options=given.engine_options(said["options"]),
        seed=said["seed"],
        format=said["form"],
        gates=said["gates"],
        waivers=given.waivers(said["checks"], said["by"], said["because"]),
        release=not said["no_release"],
        licence=said["licence"],
    )
    # One row of each unit would leave nothing of tables below: unless a number was typed, it is looked for.
    typed = click.get_current_context().get_parameter_source("rows_per_unit") is ParameterSource.COMMANDLINE
    promise = Promise(
        epsilon=said["epsilon"],
        delta=said["delta"],
        unit=said["unit"],
        rows_per_unit=said["rows_per_unit"] if typed else "auto",
        project=said["project"],
    )
    workers = available_workers() if said["workers"] is None else said["workers"]
    with TerminalProgress(quiet=quiet) as progress:
        ended = carry_out(spec, promise, RunContext(seed=spec.seed, workers=workers, progress=progress))
    for name, rows in ended.rows.items():
        click.echo(f"{name:<28}{rows:>12,} rows")
    tell_done(ended.done)
    if ended.written:
        click.echo(f"written     {ended.written:,} rows to the database")


def _check(said: dict[str, Any]) -> None:
    from veridical.core.errors import SpecError

    for name, instead in _INSTEAD.items():
        if said.get(name):
            raise SpecError("this speaks of one table", where=f"--{name}", fix=f"use {instead}")
    if said["engine"] not in ("tree", "aim", "linked-dp"):
        raise SpecError(f"{said['engine']} learns one table", where="--engine", fix="leave it out")
