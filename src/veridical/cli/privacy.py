"""`veridical privacy`: what a budget buys, what was spent, and whether the claim stands up to an attack."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from veridical.cli import options as given

if TYPE_CHECKING:
    from veridical.privacy.account import Account


@click.group()
def privacy() -> None:
    """Plan, list and audit differential privacy."""


@privacy.command()
@click.argument("source")
@click.option("--epsilon", type=float, required=True, help="The budget: 1 is strong, 10 is little.")
@click.option("--delta", type=float, default=1e-6, show_default=True, help="The chance left to bad luck.")
@click.option("--rows", type=given.Count(), help="About how many people; public, or a guess. Not read from SOURCE.")
@click.option("--cells", type=click.IntRange(2), default=16, show_default=True, help="Values or bins a column has.")
@click.option("--rows-per-unit", type=click.IntRange(1), default=1, show_default=True, help="Rows used of one person.")
def plan(source: str, epsilon: float, delta: float, rows: int | None, cells: int, rows_per_unit: int) -> None:
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
@click.argument("place", metavar="FOLDER|SOURCE")
@click.option("--accountant", type=click.Choice(["zcdp", "rdp", "pld"]), help="Say the total by this one, too.")
@click.option("--project", help="Of a source: the name under which several share a budget.")
def ledger(place: str, accountant: str | None, project: str | None) -> None:
    """List what the model or release in FOLDER was charged for, in order, and the total in words.

    Of a SOURCE, or with --project: every run that was charged to it on this machine, and what they come to together.
    """
    if project is not None or not _is_made(Path(place)):
        _list_runs(place, project)
        return
    from veridical.privacy import words
    from veridical.privacy.accountants import epsilon_by
    from veridical.privacy.ledger import event_from

    record = _record(Path(place))
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
    if accountant is not None:
        spent = epsilon_by(accountant, [event_from(event) for event in record["spent"]], delta)
        click.echo(f"By {accountant}, the same events come to epsilon {spent:.4g} at delta {delta:g}.")


def _list_runs(source: str, project: str | None) -> None:
    from veridical.privacy.account import Account

    account = Account.default()
    key = _key(account, source, project)
    runs = 0
    for entry in account.entries(key):
        if entry["kind"] == "limit":
            click.echo(f"{entry['at']}  at most epsilon {entry['epsilon']:g} at delta {entry['delta']:g} in all")
        elif entry["kind"] == "run":
            runs += 1
            click.echo(f"{entry['at']}  epsilon {entry['epsilon']:g} at delta {entry['delta']:g}  {entry['what']}")
    if not runs:
        click.echo("no run was charged to this source")
        return
    standing = account.standing(key)
    delta = 1e-6 if standing.limit is None else standing.limit.delta
    of = "no budget is set" if standing.limit is None else f"{standing.limit.epsilon:g} is the budget"
    click.echo(
        f"{runs} run{'s' if runs > 1 else ''}, together epsilon {standing.epsilon(delta):.4g} at delta {delta:g}; {of}"
    )


@privacy.command()
@click.argument("source")
@click.option("--epsilon", type=float, required=True, help="What all runs on SOURCE may spend together.")
@click.option("--delta", type=float, default=1e-6, show_default=True, help="At this delta.")
@click.option("--project", help="A name under which several sources share the budget.")
def budget(source: str, epsilon: float, delta: float, project: str | None) -> None:
    """Set what all runs on SOURCE may spend together; it cannot be raised later."""
    from veridical.privacy.account import Account
    from veridical.privacy.ledger import Budget

    account = Account.default()
    key = _key(account, source, project)
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
    engine = Recipe(engine=record["engine"], options=_options(record["parameters"])).build()
    found = audit_engine(engine, canaries=canaries, seed=seed, trainings=trainings or 0)
    for one in found:
        click.echo(one.sentence)
    if not all(one.holds for one in found):
        raise click.exceptions.Exit(3)


def _headers(source: str) -> dict[str, tuple[str, ...]]:
    """Return the names of the columns of a file, of each file of a folder, or of each table of a database."""
    from veridical.connect import database

    if database.is_url(source):
        return {table.name: tuple(c.name for c in table.columns) for table in database.read_structure(source).tables}
    path = Path(source)
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


def _key(account: Account, source: str, project: str | None) -> str:
    """Return the name under which the account knows a source, as its runs are charged, or a project."""
    from veridical.connect import database
    from veridical.stages.private import read_source

    if project is not None:
        return account.keyed(f"project {project}")
    data = database.read(source).dataset if database.is_url(source) else read_source(source, named=True)
    return account.keyed(data.fingerprint)


def _is_made(folder: Path) -> bool:
    """Say whether a path is a folder that veridical wrote, not a source."""
    from veridical.store.manifest import MANIFEST

    return folder.is_dir() and any((folder / name).exists() for name in (MANIFEST, "model.json", "model", "release"))


def _record(folder: Path) -> dict[str, Any]:
    """Return what was spent, and by which engine with which parameters, of a model, a run or a release."""
    from veridical.core.errors import SpecError
    from veridical.stages.model import open_model
    from veridical.store.manifest import MANIFEST, verify

    if (folder / MANIFEST).exists():
        told = verify(folder).predicate
        record = {**told["method"], "spent": told["protection"]["differential_privacy"]}
    else:
        record = dict(open_model(folder).record)
    if not record.get("spent"):
        fix = "make one with `veridical synth FILE --epsilon 1`"
        raise SpecError("this model promises no differential privacy", where=str(folder), fix=fix)
    return record


def _options(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return parameters as an engine takes them: those of its model beside its own."""
    model = {name: value for name, value in parameters.get("model", {}).items() if not isinstance(value, dict)}
    return {**{name: value for name, value in parameters.items() if name != "model"}, **model}
