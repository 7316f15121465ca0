"""veridical learn: look at a source and write down what was found."""

from __future__ import annotations

import shutil
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from veridical.core.profile import ColumnProfile, TableProfile
    from veridical.core.schema import Column, Schema, TableSchema

NAME_WIDTH = 28
NARROW = 80
SHOWN_COLUMNS = 200
SHOWN_RULES = 20


@click.command(name="learn")
@click.argument("source")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write to.  [default: NAME.veridical]",
)
@click.option(
    "--rare-below",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Show only values that at least this many rows carry.",
)
@click.option("--skip-bad-rows", is_flag=True, help="Leave out CSV rows of another width instead of stopping.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the rows looked at for rules.")
@click.option("--include-views", is_flag=True, help="Read a database's views as tables, too.")
def learn(source: str, out: Path | None, rare_below: int, skip_bad_rows: bool, seed: int, include_views: bool) -> None:
    """Look at SOURCE and write a profile and a schema.

    SOURCE is a CSV, Parquet or JSONL file, a folder of them, or a database: sqlite:///shop.db, duckdb:///shop.duckdb,
    postgresql://me@host/shop, mysql://me@host/shop. The schema (learn/schema.yaml) says what each column is taken for,
    and why. Edit it: it is law from then on.
    """
    from veridical.connect.database import is_url
    from veridical.core.contracts import RunContext
    from veridical.stages import learn as stage

    folder = Path(f"{_name(source)}.veridical") if out is None else out
    ctx = RunContext(seed=seed)
    if is_url(source):
        from veridical.stages import database

        found = database.learn(source, ctx, folder=folder, rare_below=rare_below, include_views=include_views)
        dataset, learned = found.dataset, found.learned
    else:
        from veridical.connect import read

        dataset = read(source, on_bad_rows="skip" if skip_bad_rows else "error")
        learned = stage.learn(dataset, ctx, folder=folder, rare_below=rare_below)
    width = max(NARROW, min(shutil.get_terminal_size().columns, 140))
    for table in learned.schema.tables:
        for line in describe(table, learned.profiles[table.name], width=width):
            click.echo(line)
    for line in describe_links(learned.schema):
        click.echo(line)
    for name, table in dataset.tables.items():
        skipped = (table.schema.metadata or {}).get(b"veridical:skipped")
        if skipped:
            click.echo(f"{name}: {int(skipped):,} rows of another width were left out", err=True)
    click.echo(f"\nEdit and go on: {folder / stage.STAGE / stage.SCHEMA_FILE}")


command = learn


def _name(source: str) -> str:
    from veridical.connect.database import is_url
    from veridical.connect.database.address import parse

    path = Path(parse(source).database if is_url(source) else source)
    return path.name.split(".")[0] or "data"


def describe_links(schema: Schema) -> Iterator[str]:
    """Yield the lines on links between tables, and what a database said beside."""
    if schema.foreign_keys:
        yield ""
        yield click.style("links:", bold=True)
    for key in schema.foreign_keys:
        line = f"  {key.table} ({', '.join(key.columns)}) -> {key.parent} ({', '.join(key.parent_columns)})"
        if key.source == "learned":
            line += f"  score {key.confidence:.2f}: {key.reason}"
        yield line
    for note in schema.notes:
        yield f"  note: {note}"


def describe(table: TableSchema, profile: TableProfile, *, width: int) -> Iterator[str]:
    """Yield the lines of a compact page on one table."""
    yield ""
    yield click.style(f"{table.name}: {profile.rows:,} rows, {len(table.columns):,} columns", bold=True)
    if not profile.columns:
        yield "  no row: only what the database declares is known"
    for column, told in list(zip(table.columns, profile.columns, strict=False))[:SHOWN_COLUMNS]:
        yield _fitted(f"  {_padded(column.name, NAME_WIDTH)} {_kind(column):<16} {_noticed(column, told)}", width)
    if len(table.columns) > SHOWN_COLUMNS:
        yield f"  ... and {len(table.columns) - SHOWN_COLUMNS:,} more in the schema"
    roles = [("key", ", ".join(table.primary_key)), ("target", table.target), ("unit", table.unit)]
    roles += [("order", table.order_by), ("protected", ", ".join(table.protected))]
    said = [f"{word} {value}" for word, value in roles if value]
    if said:
        yield _fitted(f"  taken for: {'; '.join(said)}", width)
    if table.constraints:
        yield "  rules that all rows keep:"
    for rule in table.constraints[:SHOWN_RULES]:
        what = {
            "formula": f"{rule.columns[0] if rule.columns else ''} = {rule.expression}",
            "inequality": " <= ".join(rule.columns),
            "forbidden": f"never {rule.when}",
        }.get(rule.type, f"{rule.type.replace('_', ' ')}: {', '.join(rule.columns)}")
        yield _fitted(f"    {what}", width)
    for finding in profile.findings:
        yield _fitted(f"  noticed: {finding}", width)


def _kind(column: Column) -> str:
    return f"{column.personal} (personal)" if column.personal else column.kind.value


def _noticed(column: Column, told: ColumnProfile) -> str:
    parts = []
    if told.null_share:
        parts.append(f"{told.null_share:.1%} missing")
    if column.low is not None:
        parts.append(f"{column.low} to {column.high}")
    elif column.categories is not None:
        parts.append(f"{told.distinct:,} values")
    if column.decimals:
        parts.append(f"{column.decimals} decimals")
    if column.datetime_format:
        parts.append(column.datetime_format)
    if column.low is None and column.categories is None:
        parts.append(column.reason)
    return "; ".join([*parts, *told.findings])


def _padded(text: str, width: int) -> str:
    text = _fitted(text, width)
    return text + " " * (width - _cells(text))


def _fitted(text: str, width: int) -> str:
    """Cut text to a width in terminal cells (Korean letters and emoji take two)."""
    if _cells(text) <= width:
        return text
    while text and _cells(text) > width - 3:
        text = text[:-1]
    return text + "..."


def _cells(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
