"""`veridical cut`: a part of linked tables, whole."""

from __future__ import annotations

from pathlib import Path

import click

from veridical.cli import options as given


@click.command()
@click.argument("source")
@click.option("--share", type=click.FloatRange(0, 1, min_open=True), required=True, help="Of the entities.")
@click.option("--table", help="Whose rows are the entities; by default the table that owns most others.")
@click.option("--schema", type=given.SOURCE, help="A schema.yaml with the links; learned from SOURCE without it.")
@click.option("--output", "-o", required=True, help="A folder for a file each table, or the URL of an empty database.")
@click.option("--format", "form", type=given.FORMAT, default="parquet", show_default=True, help="Of the files.")
@given.seed_option
def cut(source: str, share: float, table: str | None, schema: Path | None, output: str, form: str, seed: int) -> None:
    """Cut a part out of linked tables with every key kept: customers, their orders, and the products in them.

    The rows are those of SOURCE, real ones when it is real: cut a synthetic database to shrink it, a real one to test
    with less before making a synthetic one of it.
    """
    from veridical.stages.linked_source import cut_source

    found = cut_source(source, share=share, entity=table, schema=schema, output=output, form=form, seed=seed)
    click.echo(f"{found.rows:,} of {found.entity}, and all that belongs to them:")
    for name, rows in found.data.tables.items():
        click.echo(f"{name:<28}{rows.num_rows:>12,} rows")


command = cut
