"""`veridical sample`: rows from a generator."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from veridical.cli import linked
from veridical.cli import options as given


@click.command()
@click.argument("model", type=given.SOURCE)
@click.option("--rows", type=given.Count(), help="How many: 50000, 5k, 2M, 1e6; by default 1000.")
@click.option(
    "--output",
    "-o",
    default="sample.csv",
    show_default=True,
    help=".csv(.gz), .parquet or .jsonl(.gz); - writes CSV to stdout.",
)
@click.option("--where", help="""A condition every row meets: 'age >= 65 and sex == "Female"'.""")
@click.option("--balance", "-b", multiple=True, metavar="COLUMN=VALUE:SHARE", help="Ask for the share of a value.")
@click.option(
    "--boost", multiple=True, metavar="COLUMN=TIMES", help="Draw tails and rare values so many times as often."
)
@click.option("--scale", type=click.FloatRange(min=0, min_open=True), help="Of linked tables: times the source's size.")
@click.option("--impute", type=given.SOURCE, help="A file with gaps: known cells are kept, missing ones drawn.")
@click.option("--entities", type=given.Count(), help="Of sequences: how many entities, in place of --rows.")
@click.option("--continue", "past", type=given.SOURCE, help="Of sequences: a file of rows; what comes next is drawn.")
@click.option("--steps", type=given.Count(), help="With --continue: how many rows each entity gets; by default 30.")
@given.seed_option
@given.workers_option
@given.quiet_option
def sample(
    model: Path,
    rows: int | None,
    output: str,
    where: str | None,
    balance: Sequence[str],
    boost: Sequence[str],
    impute: Path | None,
    entities: int | None,
    past: Path | None,
    steps: int | None,
    scale: float | None,
    seed: int,
    workers: int | None,
    quiet: bool,
) -> None:
    """Draw rows from MODEL, the folder of a generator (or of the run around it).

    Conditions are met exactly, without throwing rows away. What is drawn here is not judged and not signed. A model of
    linked tables gives all of them: OUTPUT is a folder then, with a file for each.
    """
    from veridical.cli.progress import TerminalProgress
    from veridical.core.contracts import RunContext, SampleRequest
    from veridical.core.errors import SpecError
    from veridical.exec.local import available_workers
    from veridical.stages.synthesize import order, synthesize_file
    from veridical.store.tablefile import format_of

    if linked.has_tables(model):
        asked_for = {"where": where, "balance": given.balance(balance)}
        unknown = {"boost": boost, "impute": impute, "entities": entities, "continue": past, "steps": steps}
        linked.sample_from(
            model, output, scale=scale, rows=rows, seed=seed, quiet=quiet, conditions=asked_for, others=unknown
        )
        return
    form = "csv" if output == "-" else format_of(Path(output))
    if past is not None:
        _continue(model, past, output, form, steps=30 if steps is None else steps, seed=seed)
        return
    if steps is not None:
        raise SpecError("--steps goes with --continue", where="--steps", fix="give the past as --continue FILE")
    context = None
    if impute is not None:
        from veridical.connect.source import read

        context = read(impute).only
        if rows not in (None, context.num_rows):
            raise SpecError("--impute gives the number of rows", where="--rows", fix="leave --rows out")
        rows = context.num_rows
    request = SampleRequest(
        rows=1000 if rows is None else rows,
        seed=seed,
        context=context,
        where=where,
        balance=given.balance(balance),
        boost=given.boost(boost),
        entities=entities,
    )
    asked = order(model, request, form=form)
    with TerminalProgress(quiet=quiet or output == "-") as progress, tempfile.TemporaryDirectory() as temporary:
        ctx = RunContext(seed=seed, workers=available_workers() if workers is None else workers, progress=progress)
        path = Path(temporary) / "sample.csv" if output == "-" else Path(output)
        written = synthesize_file(asked, ctx, path)
        if output == "-":
            _copy_to_stdout(path)
    if output != "-":
        click.echo(f"{written:,} rows in {output}")


def _continue(model: Path, past: Path, output: str, form: str, *, steps: int, seed: int) -> None:
    from veridical.stages.sequence import write_continuation

    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "next.csv" if output == "-" else Path(output)
        written = write_continuation(model, past, path, steps=steps, seed=seed, form=form)
        if output == "-":
            _copy_to_stdout(path)
    if output != "-":
        click.echo(f"{written:,} rows in {output}")


def _copy_to_stdout(path: Path) -> None:
    import shutil

    with path.open("rb") as file:
        shutil.copyfileobj(file, sys.stdout.buffer)
    sys.stdout.buffer.flush()
