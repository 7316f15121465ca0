"""`veridical seed-db`: which made-up rows does a development database get?"""

from __future__ import annotations

from pathlib import Path

import click

from veridical.cli import options as given


@click.command(name="seed-db")
@click.argument("url")
@click.option(
    "--schema", type=given.SOURCE, help="A schema.yaml that says more of columns: ranges, categories, patterns."
)
@click.option("--rows", type=given.Count(), default=1000, show_default=True, help="Rows of each table.")
@click.option("--rows-of", multiple=True, metavar="TABLE=N", help="Another number of rows for one table.")
@click.option(
    "--edge-cases", is_flag=True, help="Least and greatest values, empty and long texts, other scripts, leap days."
)
@click.option("--locale", help="Of names and addresses: en_US, ko_KR, de_DE ...")
@given.seed_option
@given.quiet_option
def seed_db(
    url: str, schema: Path | None, rows: int, rows_of: tuple[str, ...], edge_cases: bool, locale: str | None, seed: int,
    quiet: bool,
) -> None:  # fmt: skip
    """Fill the empty tables of the database at URL by their declarations alone; no real data is involved.

    \b
    veridical seed-db sqlite:///dev.db --rows 1000 --seed 1
    veridical seed-db postgresql://me@localhost/dev --rows-of orders=5e3 --edge-cases
    """
    from veridical.cli.progress import TerminalProgress
    from veridical.engines.seed.maker import SeedRequest
    from veridical.stages import database

    request = SeedRequest(rows=rows, seed=seed, edge_cases=edge_cases, locale=locale, rows_of=_counts(rows_of))
    with TerminalProgress(quiet=quiet) as progress:
        seeded, written = database.seed(url, request, schema=schema, progress=progress)
    for name, count in written.rows.items():
        click.echo(f"{count:>12,}  {name}")
    for note in seeded.notes:
        click.echo(f"note: {note}", err=True)


def _counts(pairs: tuple[str, ...]) -> dict[str, int]:
    from veridical.core.errors import SpecError
    from veridical.spec.run import read_count

    counts = {}
    for pair in pairs:
        name, equals, text = pair.rpartition("=")
        try:
            counts[name] = read_count(text)
        except ValueError as wrong:
            raise SpecError(f"{pair} is not TABLE=N", where="--rows-of", fix="such as orders=5000") from wrong
        if not equals:
            raise SpecError(f"{pair} is not TABLE=N", where="--rows-of", fix="such as orders=5000")
    return counts
