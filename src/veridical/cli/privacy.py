"""`veridical privacy`: what a budget buys, what was spent, and whether the claim stands up to an attack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from veridical.cli import options as given


@click.group()
def privacy() -> None:
    """Plan, list and audit differential privacy."""


@privacy.command()
@click.argument("source", type=given.SOURCE)
@click.option("--epsilon", type=float, required=True, help="The budget: 1 is strong, 10 is little.")
@click.option("--delta", type=float, default=1e-6, show_default=True, help="The chance left to bad luck.")
@click.option("--rows", type=given.Count(), help="About how many people; public, or a guess. Not read from SOURCE.")
@click.option("--cells", type=click.IntRange(2), default=16, show_default=True, help="Values or bins a column has.")
@click.option("--rows-per-unit", type=click.IntRange(1), default=1, show_default=True, help="Rows used of one person.")
def plan(source: Path, epsilon: float, delta: float, rows: int | None, cells: int, rows_per_unit: int) -> None:
    """Say what a budget would buy on SOURCE before any of it is spent; only the header is read."""
    from veridical.privacy.ledger import Budget
    from veridical.privacy.plan import forecast, least_shared

    budget = Budget(epsilon=epsilon, delta=delta)
    tables = _headers(source)
    columns = sum(map(len, tables.values()))
    assumed = [1_000, 10_000, 100_000] if rows is None else [rows]
    click.echo(f"epsilon {epsilon:g}, delta {delta:g}: rho {budget.rho:.4g} of zCDP; {columns} columns")
    for table, names in tables.items():
        part = budget if len(tables) == 1 else Budget(epsilon=epsilon, delta=delta, share=len(names) / columns)
        shared = least_shared(part, columns=len(names), rows_per_unit=rows_per_unit)
        of = "" if len(tables) == 1 else f"{table}: "
        click.echo(f"{of}a category is named, and the range of a number found, where about {shared:,} rows share it")
        for count in assumed:
            click.echo(f"{of}with {count:,} people{' (a guess: give --rows)' if rows is None else ''}:")
            for line in forecast(part, columns=len(names), rows=count, cells=cells, rows_per_unit=rows_per_unit):
                click.echo(f"  {line.sentence}")
    click.echo("what a schema declares `public: true` needs no look to be named")


@privacy.command()
@click.argument("folder", type=given.SOURCE)
def ledger(folder: Path) -> None:
    """List what the model in FOLDER was charged for, in order, and the total in words."""
    from veridical.privacy import words

    record = _record(folder)
    delta = float(record["parameters"]["delta"])
    for line in words.declared(record["spent"]):
        click.echo(f"public      {line}")
    for what, mechanism, epsilon in words.table_of(record["spent"], delta):
        if mechanism == "noted":
            click.echo(f"chosen      {what}")
        elif mechanism != "public":
            click.echo(f"{epsilon:<11.4f} {what}  ({mechanism})")
    click.echo("")
    for line in words.explained(record["spent"], record["parameters"]):
        click.echo(line)


@privacy.command()
@click.argument("source", type=given.SOURCE)
@click.option("--epsilon", type=float, required=True, help="What all runs on SOURCE may spend together.")
@click.option("--delta", type=float, default=1e-6, show_default=True, help="At this delta.")
@click.option("--project", help="A name under which several sources share the budget.")
def budget(source: Path, epsilon: float, delta: float, project: str | None) -> None:
    """Set what all runs on SOURCE may spend together; it cannot be raised later."""
    from veridical.privacy.account import Account
    from veridical.privacy.ledger import Budget
    from veridical.stages.private import read_source

    account = Account.default()
    key = account.keyed(read_source(source, named=True).fingerprint if project is None else f"project {project}")
    account.limit(key, Budget(epsilon=epsilon, delta=delta))
    known = account.standing(key)
    click.echo(f"{known.runs} runs so far, epsilon {known.epsilon(delta):.4g} of {epsilon:g} at delta {delta:g}")


@privacy.command()
@click.argument("folder", type=given.SOURCE)
@click.option("--canaries", type=click.IntRange(100), default=1000, show_default=True, help="Made-up people planted.")
@click.option("--trainings", type=click.IntRange(20), help="Also train so often with and so often without one person.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the canaries, not of the noise.")
def audit(folder: Path, canaries: int, trainings: int | None, seed: int) -> None:
    """Attack the engine of FOLDER with planted people and say the least epsilon it can have.

    The engine is trained anew on made-up rows with the same parameters; neither the real data nor the released
    model is touched, so an audit costs no budget. The attacker sees every noisy count, or nothing but synthetic
    rows. Exit code 3 when the claim is disproved.
    """
    from veridical.stages.audit import audit_engine
    from veridical.stages.model import Recipe

    record = _record(folder)
    engine = Recipe(engine=record["engine"], options=record["options"]).build()
    found = audit_engine(engine, canaries=canaries, seed=seed, trainings=trainings or 0)
    for one in found:
        click.echo(one.sentence)
    if not all(one.holds for one in found):
        raise click.exceptions.Exit(3)


def _headers(path: Path) -> dict[str, tuple[str, ...]]:
    """Return the names of the columns of a file, or of each file of a folder."""
    if not path.is_dir():
        return {path.name.split(".")[0]: _header(path)}
    from veridical.connect.source import _files

    return {file.name.split(".")[0]: _header(file) for file in _files(path)}


def _header(path: Path) -> tuple[str, ...]:
    """Return the names of a file's columns; no cell is used."""
    from veridical.connect import csv
    from veridical.connect.source import format_of, read
    from veridical.core.errors import DataError

    if not path.exists():
        raise DataError("there is no such file", where=str(path), fix="check the path")
    kind = format_of(path)
    if kind == "parquet":
        import pyarrow.parquet as pq

        return tuple(pq.read_schema(path).names)
    return csv.look(path).header.names if kind == "csv" else tuple(read(path).only.column_names)


def _record(folder: Path) -> dict[str, Any]:
    from veridical.core.errors import SpecError
    from veridical.stages.model import open_model

    record = dict(open_model(folder).record)
    if not record.get("spent"):
        fix = "make one with `veridical synth FILE --epsilon 1`"
        raise SpecError("this model promises no differential privacy", where=str(folder), fix=fix)
    return record
