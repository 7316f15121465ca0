"""Which options do several commands share, and how is what people type read?"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from veridical.spec.gates import Waiver

F = TypeVar("F", bound=Callable[..., Any])


class Count(click.ParamType):  # type: ignore[type-arg]
    """A number of rows: 50000, 10_000, 5k, 2M, 1e6."""

    name = "rows"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number."""
        from veridical.spec.run import read_count

        try:
            return read_count(value)
        except ValueError as wrong:
            self.fail(str(wrong), param, ctx)


class Share(click.ParamType):  # type: ignore[type-arg]
    """A share of the rows, or the path of a file."""

    name = "share|file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | Path:
        """Return the share or the path."""
        try:
            share = float(value)
        except ValueError:
            if not Path(value).exists():
                self.fail(f"{value!r} is neither a share such as 0.2 nor a file", param, ctx)
            return Path(value)
        if not 0 <= share <= 0.9:
            self.fail(f"{share} is not a share from 0 to 0.9", param, ctx)
        return share


class RowsPerUnit(click.ParamType):  # type: ignore[type-arg]
    """How many rows of one person are used: 3, auto, or by table: visits=5,labs=auto."""

    name = "rows per unit"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return a number, "auto", or a mapping of tables to either."""
        from veridical.spec.run import read_rows_per_unit

        try:
            return read_rows_per_unit(value)
        except ValueError as wrong:
            self.fail(str(wrong), param, ctx)


SOURCE = click.Path(path_type=Path)
FORMAT = click.Choice(["parquet", "csv", "jsonl"])

seed_option = click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="Same seed, same bytes."
)
workers_option = click.option(
    "--workers", type=click.IntRange(1, 4096), help="Processes that draw rows; by default, the cores."
)
quiet_option = click.option("--quiet", "-q", is_flag=True, help="Show no progress.")


def learning_options(command: F) -> F:
    """Add the options of commands that learn from a source."""
    for option in reversed(
        [
            click.option("--schema", type=SOURCE, help="A schema.yaml you edited; it is law."),
            click.option("--engine", default="tree", show_default=True, help="See `veridical engines`."),
            click.option(
                "--option", "-O", "options", multiple=True, metavar="NAME=VALUE", help="An option of the engine."
            ),
            click.option(
                "--holdout",
                type=Share(),
                default="0.2",
                show_default=True,
                help="Rows kept back to judge by: a share (of 300 rows or more at least 100), or a file.",
            ),
            click.option("--target", help="The column a model would predict, for the utility figures."),
        ]
    ):
        command = option(command)
    return command


def waiver_options(command: F) -> F:
    """Add the options that let a named person waive a check."""
    for option in reversed(
        [
            click.option(
                "--waive", "checks", multiple=True, metavar="CHECK", help="Let this check not stop the release."
            ),
            click.option("--by", help="Who waives it; signed into the manifest."),
            click.option("--because", help="Why; printed first on the card."),
        ]
    ):
        command = option(command)
    return command


def default_output(source: Path) -> Path:
    """Return the run folder of a source: the one that `veridical learn` writes to.

    Example:
        >>> default_output(Path("data/customers.csv.gz")).as_posix()
        'customers.veridical'
    """
    return Path(f"{source.name.split('.')[0] or 'data'}.veridical")


def privacy_options(command: F) -> F:
    """Add the options that promise differential privacy."""
    for option in reversed(
        [
            click.option("--epsilon", type=float, help="Promise differential privacy: 1 is strong, 10 is little."),
            click.option("--delta", type=float, default=1e-6, show_default=True, help="The chance left to bad luck."),
            click.option("--unit", help="The column (of linked tables: the table) that tells people apart."),
            click.option(
                "--rows-per-unit",
                type=RowsPerUnit(),
                default="1",
                show_default=True,
                metavar="N|auto",
                help="How many rows of one person are used; auto: chosen by a charged look.",
            ),
            click.option("--project", help="A name under which several sources share one privacy budget."),
        ]
    ):
        command = option(command)
    return command


def privacy(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the privacy options said, by the names of a run's spec."""
    return {name: said[name] for name in ("epsilon", "delta", "unit", "rows_per_unit", "project")}


def waivers(checks: Sequence[str], by: str | None, because: str | None) -> tuple[Waiver, ...]:
    """Return the waivers that options ask for.

    Raises:
        SpecError: a name or a reason is missing.
    """
    from veridical.core.errors import SpecError
    from veridical.spec.gates import Waiver

    if checks and not (by and by.strip() and because and because.strip()):
        raise SpecError("a waiver needs a name and a reason", where="--waive", fix="give --by NAME --because REASON")
    return tuple(Waiver(check=check, by=str(by).strip(), because=str(because).strip()) for check in checks)


def engine_options(pairs: Sequence[str]) -> dict[str, Any]:
    """Return NAME=VALUE pairs as a mapping; values are read as JSON, or else as text.

    Raises:
        SpecError: a pair has no "=".

    Example:
        >>> engine_options(["leaf=50", "order=given"])
        {'leaf': 50, 'order': 'given'}
    """
    return {name: _value(text) for name, text in map(_pair, pairs)}


def balance(pairs: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return COLUMN=VALUE:SHARE pairs as shares by column and value.

    Raises:
        SpecError: a pair is not of that form, or shares of one column exceed one.

    Example:
        >>> balance(["fraud=yes:0.5", "fraud=no:0.5"])
        {'fraud': {'yes': 0.5, 'no': 0.5}}
    """
    from veridical.core.errors import SpecError

    asked: dict[str, dict[str, float]] = {}
    for column, rest in map(_pair, pairs):
        value, colon, text = rest.rpartition(":")
        share = _share(text)
        if not colon or share is None:
            raise SpecError(
                f"{column}={rest} is not COLUMN=VALUE:SHARE", where="--balance", fix="such as fraud=yes:0.5"
            )
        asked.setdefault(column, {})[value] = share
    for column, shares in asked.items():
        if sum(shares.values()) > 1 + 1e-9:
            raise SpecError(f"the shares of {column} exceed 1", where="--balance", fix="lower them")
    return asked


def boost(pairs: Sequence[str]) -> dict[str, float]:
    """Return COLUMN=TIMES pairs as a mapping.

    Raises:
        SpecError: a pair is not of that form.
    """
    from veridical.core.errors import SpecError

    asked = {}
    for column, text in map(_pair, pairs):
        try:
            asked[column] = float(text)
        except ValueError as wrong:
            raise SpecError(f"{column}={text} is not COLUMN=TIMES", where="--boost", fix="such as amount=10") from wrong
    return asked


def _pair(text: str) -> tuple[str, str]:
    from veridical.core.errors import SpecError

    name, equals, value = text.partition("=")
    if not equals or not name:
        raise SpecError(f"{text!r} has no '='", fix="write NAME=VALUE")
    return name, value


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _share(text: str) -> float | None:
    try:
        share = float(text)
    except ValueError:
        return None
    return share if 0 <= share <= 1 else None
