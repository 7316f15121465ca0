"""`veridical rules`: which tables does a rules file make?"""

from __future__ import annotations

from pathlib import Path

import click

from veridical.cli.options import quiet_option


@click.command(name="rules")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--rows", default=None, metavar="N", help="Rows of the root table; 1e6 is fine.")
@click.option("-o", "--out", type=click.Path(path_type=Path), default=Path("out"), show_default=True, help="Folder.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "parquet", "jsonl", "sql"]),
    default="csv",
    show_default=True,
    help="What to write.",
)
@click.option("--seed", type=int, default=None, help="Another seed than the file's.")
@click.option("--workers", type=click.IntRange(min=1), default=None, help="How many at once; never changes a byte.")
@quiet_option
@click.option("--show", type=click.IntRange(min=1), default=None, metavar="N", help="Print N rows and write nothing.")
def command(
    file: Path,
    rows: str | None,
    out: Path,
    form: str,
    seed: int | None,
    workers: int | None,
    show: int | None,
    quiet: bool,
) -> None:
    """Make linked tables from declared fields alone, with no real data.

    \b
    veridical rules shop.yaml --rows 1e6 -o shop --format parquet
    """
    from veridical.cli.progress import TerminalProgress
    from veridical.engines.rules.family import Family
    from veridical.engines.rules.generator import RulesGenerator
    from veridical.engines.rules.writing import write
    from veridical.exec.local import available_workers
    from veridical.spec.run import read_count

    spec = RulesGenerator.of_file(file).spec
    wanted = spec.root.rows if rows is None else read_count(rows)
    family = Family(spec, wanted if show is None else min(wanted, show), spec.seed if seed is None else seed)
    if show is not None:
        _show(family, show)
        return
    threads = available_workers() if workers is None else workers
    with TerminalProgress(quiet=quiet) as progress:
        counts = write(family, out, form, workers=threads, progress=progress)
    for name, count in counts.items():
        click.echo(f"{count:>12,}  {out / ('tables.sql' if form == 'sql' else f'{name}.{form}')}  {name}")


def _show(family: object, count: int) -> None:
    from veridical.engines.rules.family import Family
    from veridical.store.tablefile import jsonl

    if not isinstance(family, Family):
        raise TypeError("a family is expected")
    for block in family.blocks():
        for name, table in family.tables(block).items():
            click.echo(f"# {name}")
            click.echo(jsonl(table.slice(0, count)).decode(), nl=False)


rules = command
