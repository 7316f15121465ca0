"""`veridical synth`: a real table in, a released synthetic one out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from veridical.cli import linked
from veridical.cli import options as given

_NEED_ROWS = ("holdout", "engine", "options", "target", "epsilon", "unit", "entities", "scale", "keep", "mend")


@click.command()
@click.argument("source", required=False)
@click.option("--from-profile", type=given.SOURCE, help="No SOURCE: a profile.json that was shared; needs --schema.")
@click.option("--output", "-o", help="The folder to write, by default NAME.veridical; or the URL of an empty database.")
@click.option("--scale", type=click.FloatRange(min=0, min_open=True), help="Of linked tables: times the source's size.")
@click.option("--keep", help="Of linked tables: lookup tables that go out as they are, as in airlines,airports.")
@click.option(
    "--mend", is_flag=True, help="Of linked tables: give keys without a row a row, not as the source has them."
)
@click.option("--rows", type=given.Count(), help="How many: 50000, 5k, 2M, 1e6; by default as many as SOURCE has.")
@click.option("--entities", type=given.Count(), help="Of sequences: how many entities, in place of --rows.")
@given.learning_options
@click.option(
    "--format", "form", type=given.FORMAT, default="parquet", show_default=True, help="Of the data that goes out."
)
@click.option("--where", help="""A condition every row meets: 'age >= 65 and sex == "Female"'.""")
@click.option("--balance", "-b", multiple=True, metavar="COLUMN=VALUE:SHARE", help="Ask for the share of a value.")
@click.option("--gates", default="share", show_default=True, help="share, train, test-data, dp or a YAML file.")
@given.waiver_options
@given.privacy_options
@click.option("--licence", default="", help="The licence the data goes out under, such as CC-BY-4.0.")
@click.option("--no-release", is_flag=True, help="Stop after the verdict.")
@given.seed_option
@given.workers_option
@given.quiet_option
def synth(source: str | None, from_profile: Path | None, output: str | None, quiet: bool, **said: Any) -> None:
    """Make synthetic data from SOURCE, judge it, and release it if it passes.

    SOURCE is a file (CSV, Parquet, JSONL), a folder of linked ones, or a database: sqlite:///shop.db,
    postgresql://me@host/shop. A database's tables can go straight into an empty one: -o sqlite:///fake.db.

    \b
    OUT/learn        the profile and schema.yaml; edit it and run again: it is law
    OUT/model        the generator; `veridical sample OUT/model` draws more
    OUT/synthesize   the data
    OUT/validate     the figures, the verdict, report.html
    OUT/release      what may go out, signed; absent when a gate refused
    """
    from veridical.cli.ending import tell_done
    from veridical.cli.progress import TerminalProgress
    from veridical.spec.run import RunSpec
    from veridical.stages.plan import carry_out, context_of

    if (source is None) is (from_profile is None):
        raise click.UsageError("give SOURCE, or --from-profile, and not both")
    if from_profile is not None:
        _from_profile(from_profile, None if output is None else Path(output), quiet=quiet, **said)
        return
    assert source is not None
    if linked.is_linked(source):
        linked.synth(source, output, quiet=quiet, **said)
        return
    linked.refuse(said)
    spec = RunSpec(
        source=Path(source),
        output=given.default_output(Path(source)) if output is None else Path(output),
        schema=said["schema"],
        holdout=said["holdout"],
        rows=said["rows"],
        entities=said["entities"],
        engine=said["engine"],
        options=given.engine_options(said["options"]),
        seed=said["seed"],
        workers=said["workers"],
        format=said["form"],
        where=said["where"],
        balance=given.balance(said["balance"]),
        target=said["target"],
        gates=said["gates"],
        waivers=given.waivers(said["checks"], said["by"], said["because"]),
        release=not said["no_release"],
        licence=said["licence"],
        **given.privacy(said),
    )
    with TerminalProgress(quiet=quiet) as progress:
        done = carry_out(spec, context_of(spec, progress))
    tell_done(done)


def _from_profile(profile: Path, output: Path | None, *, quiet: bool, **said: Any) -> None:
    from veridical.cli.ending import tell_done
    from veridical.cli.progress import TerminalProgress
    from veridical.core.contracts import RunContext
    from veridical.exec.local import available_workers
    from veridical.stages.profiled import Asked, make

    if said["schema"] is None:
        raise click.UsageError("--from-profile needs --schema, the schema.yaml beside the profile")
    # What needs real rows is refused, never passed over in silence.
    typed = click.get_current_context().get_parameter_source
    needing = [name for name in _NEED_ROWS if typed(name) is ParameterSource.COMMANDLINE]
    if needing:
        options = ", ".join("--" + name.replace("_", "-") for name in needing)
        raise click.UsageError(f"{options} needs a SOURCE: a profile holds no row")
    asked = Asked(
        profile=profile,
        schema=said["schema"],
        output=given.default_output(profile) if output is None else output,
        rows=said["rows"],
        form=said["form"],
        where=said["where"],
        balance=given.balance(said["balance"]),
        gates=said["gates"],
        waivers=given.waivers(said["checks"], said["by"], said["because"]),
        licence=said["licence"],
        release=not said["no_release"],
    )
    workers = available_workers() if said["workers"] is None else said["workers"]
    with TerminalProgress(quiet=quiet) as progress:
        done = make(asked, RunContext(seed=said["seed"], workers=workers, progress=progress))
    tell_done(done)
