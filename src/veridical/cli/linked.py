"""What do commands do when several tables are given: a folder of files, or a database?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from veridical.cli import linked_private
from veridical.cli import options as given

# Options of one table that mean nothing, or something else, for several.
_ONE_TABLE = {
    "rows": "--scale", "entities": "--scale", "where": "--scale", "balance": "--scale", "unit": "--epsilon",
    "target": "a schema",
}  # fmt: skip


def is_linked(source: str) -> bool:
    """Say whether a source is a database, or a folder of two files or more."""
    if "://" not in source and not Path(source).is_dir():
        return False
    from veridical.stages import linked

    return linked.is_linked(source)


def refuse(said: dict[str, Any]) -> None:
    """Refuse options of several tables where there is one.

    Raises:
        SpecError: one was given.
    """
    from veridical.core.errors import SpecError

    for name in ("scale", "keep", "mend"):
        if said.get(name):
            raise SpecError("there is one table only", where=f"--{name}", fix="give a folder of files or a database")


def synth(source: str, output: str | None, *, quiet: bool, **said: Any) -> None:
    """Make synthetic linked tables, judge and release them, and write them to a database where one is named."""
    from veridical.cli.ending import tell_done
    from veridical.cli.progress import TerminalProgress
    from veridical.connect.database import is_url
    from veridical.core.contracts import RunContext
    from veridical.core.errors import ReleaseRefused
    from veridical.exec.local import available_workers
    from veridical.stages.linked import LinkedRun, carry_out

    if said["epsilon"] is not None:
        linked_private.synth(source, output, quiet=quiet, **said)
        return
    _check(said)
    to_database = output is not None and is_url(output)
    folder = default_folder(source) if output is None or to_database else Path(output)
    options = given.engine_options(said["options"])
    if said["mend"]:
        options = {**options, "broken_links": "mend"}
    spec = LinkedRun(
        source=source,
        output=folder,
        target=output if to_database else None,
        schema=said["schema"],
        holdout=said["holdout"],
        scale=1.0 if said["scale"] is None else said["scale"],
        keep=names_in(said["keep"]),
        options=options,
        seed=said["seed"],
        format=said["form"],
        gates=said["gates"],
        waivers=given.waivers(said["checks"], said["by"], said["because"]),
        release=not said["no_release"],
        licence=said["licence"],
    )
    workers = available_workers() if said["workers"] is None else said["workers"]
    try:
        with TerminalProgress(quiet=quiet) as progress:
            ended = carry_out(spec, RunContext(seed=spec.seed, workers=workers, progress=progress))
    except ReleaseRefused:
        _tell_torn(folder)
        raise
    for name, rows in ended.rows.items():
        click.echo(f"{name:<28}{rows:>12,} rows")
    _tell_torn(folder)
    tell_done(ended.done)
    if ended.written:
        click.echo(f"written     {ended.written:,} rows to the database")
    for line in ended.lost:
        click.echo(f"note: the database does not keep {line}", err=True)


def _tell_torn(folder: Path) -> None:
    from veridical.stages.model import read_json
    from veridical.store.runfolder import RunFolder

    held = read_json(RunFolder(folder).stage("model") / "model.json")["source"]["holdout"]
    for name, share in held["torn"].items():
        click.echo(
            f"note: {share:.0%} of the rows of {name} belong to two entities, one learned from and one kept back; "
            "they were left out, and so many fewer come out (a smaller --holdout leaves out fewer)",
            err=True,
        )


def has_tables(model: Path) -> bool:
    """Say whether a folder holds a model of linked tables, or the run around one."""
    import json

    for place in (model / "model.json", model / "model" / "model.json"):
        try:
            return bool(json.loads(place.read_bytes()).get("engine") in ("linked", "linked-dp"))
        except (OSError, ValueError, AttributeError):
            continue
    return False


def sample_from(
    model: Path, output: str, *, scale: float | None, rows: int | None, seed: int, quiet: bool,
    conditions: Mapping[str, Any], others: Mapping[str, Any],
) -> None:  # fmt: skip
    """Draw all tables of a linked model into a folder, a file each.

    Raises:
        SpecError: rows were asked for, or a file, or what only a single table can be asked for (`others`).
    """
    from veridical.core.errors import SpecError

    for name, value in others.items():
        if value not in (None, ()):
            raise SpecError("the model has several tables", where=f"--{name}", fix="say --where, --balance or --scale")
    if rows is not None:
        raise SpecError("the model has several tables", where="--rows", fix="say --scale 2 for twice the source's size")
    folder, form = (Path("sample"), "parquet") if output == "sample.csv" else (Path(output), "parquet")
    if folder.suffix:
        raise SpecError("several tables go to a folder", where="--output", fix=f"say -o {folder.with_suffix('')}")
    size = 1.0 if scale is None else scale
    _sample(model, folder, scale=size, seed=seed, form=form, quiet=quiet, conditions=conditions)


def _sample(
    model: Path, output: Path, *, scale: float, seed: int, form: str, quiet: bool, conditions: Mapping[str, Any]
) -> None:
    import shutil
    import tempfile

    from veridical.cli.progress import TerminalProgress
    from veridical.core.contracts import RunContext
    from veridical.stages.linked import draw

    output.mkdir(parents=True, exist_ok=True)
    with TerminalProgress(quiet=quiet) as progress, tempfile.TemporaryDirectory(dir=output) as temporary:
        made = Path(temporary) / "drawn"
        ctx = RunContext(seed=seed, progress=progress)
        tables = draw(model, ctx, made, scale=scale, seed=seed, form=form, **conditions)
        for path in sorted(made.iterdir()):
            if path.suffix == f".{form}":
                shutil.move(path, output / path.name)
    for name, rows in tables.tables.items():
        click.echo(f"{name:<28}{rows.num_rows:>12,} rows")
    click.echo(f"in {output}")


def names_in(text: str | None) -> tuple[str, ...]:
    """Return the names in a list with commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip()) if text else ()


def default_folder(source: str) -> Path:
    """Return the run folder of a source: the one that `veridical learn` writes to.

    Example:
        >>> default_folder("sqlite:///data/shop.db").as_posix()
        'shop.veridical'
    """
    from veridical.connect.database import is_url
    from veridical.connect.database.address import parse

    return given.default_output(Path(parse(source).database if is_url(source) else source))


def _check(said: dict[str, Any]) -> None:
    from veridical.core.errors import SpecError

    for name, instead in _ONE_TABLE.items():
        if said.get(name):
            raise SpecError("this speaks of one table", where=f"--{name}", fix=f"use {instead}")
    if said["engine"] not in ("tree", "linked"):
        raise SpecError(
            f"{said['engine']} learns one table", where="--engine",
            fix=f"leave it out, or say -O table_engine={said['engine']}",
        )  # fmt: skip
    if not isinstance(said["holdout"], float):
        raise SpecError("of linked tables a share of the entities is kept back", where="--holdout", fix="give a share")
