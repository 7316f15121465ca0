"""`veridical schema`: is an edited schema right, and does the data agree with it?"""

from __future__ import annotations

from pathlib import Path

import click

from veridical.cli import options as given


@click.command()
@click.argument("schema", type=given.SOURCE)
@click.argument("data", type=given.SOURCE, required=False)
def schema(schema: Path, data: Path | None) -> None:
    """Check SCHEMA, a schema.yaml, and that DATA agrees with it when it is given.

    All mistakes in the file are told at once, each with its line. Exit code 0 when there is none, else 2.
    """
    from veridical.spec import schema_yaml

    known = schema_yaml.read(schema)
    for table in known.tables:
        click.echo(f"{table.name}: {len(table.columns)} columns, {len(table.constraints)} constraints")
    if data is None:
        return
    from veridical.connect.source import read
    from veridical.core.contracts import RunContext
    from veridical.prepare import prepare

    found = read(data)
    table_schema = known.table(found.name) if len(known.tables) > 1 else known.only
    prepare(found.only, table_schema, rare_below=known.rare_below, ctx=RunContext())
    click.echo(f"{data}: {found.rows:,} rows agree with it")
