"""Which command was asked for, and how does the process end?"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import click

from veridical.core.errors import MissingExtraError, VeridicalError

# Group -> command -> ("module:command", the line shown in `veridical --help`, which imports no command).
COMMANDS: dict[str, dict[str, tuple[str, str]]] = {
    "The whole spine": {
        "demo": ("veridical.cli.demo:demo", "Run everything on real data that ships in the package."),
        "synth": ("veridical.cli.synth:synth", "Make a synthetic table from a real one, judge it, release it."),
        "run": ("veridical.cli.run:run", "Do what a YAML file declares."),
    },
    "Step by step": {
        "learn": ("veridical.cli.learn:learn", "Look at a source: a profile and a schema you can edit."),
        "model": ("veridical.cli.model:model", "Fit a generator on a source, leaving a holdout out."),
        "sample": ("veridical.cli.sample:sample", "Draw rows from a generator, with conditions if you like."),
        "validate": ("veridical.cli.validate:validate", "Judge synthetic data against real data, whoever made it."),
        "release": ("veridical.cli.release:release", "Sign and hand out a run that passed its gates."),
        "verify": ("veridical.cli.verify:verify", "Check that not one byte of a release has changed."),
    },
    "Other kinds of data": {
        "rules": ("veridical.cli.rules:rules", "Make data from rules alone, with no real data."),
        "text": ("veridical.cli.text:text", "Make text with a language model."),
        "grounded": ("veridical.cli.grounded:grounded", "Documents in; questions and retrievers checked on them."),
        "evolve": ("veridical.cli.evolve:evolve", "Texts like private ones that no model ever sees."),
        "deidentify": ("veridical.cli.deidentify:deidentify", "Replace what names a person, in text and tables."),
        "seed-db": ("veridical.cli.seed_db:seed_db", "Fill a database with synthetic rows."),
    },
    "Around it": {
        "privacy": ("veridical.cli.privacy:privacy", "Plan and inspect differential privacy."),
        "cut": ("veridical.cli.cut:cut", "Cut a part out of linked tables, keys kept."),
        "schema": ("veridical.cli.schema:schema", "Check a schema, alone or against data."),
        "engines": ("veridical.cli.engines:engines", "List the engines that are installed."),
        "keys": ("veridical.cli.keys:keys", "Make, show and trust signing keys."),
    },
}
_TARGETS = {name: target for group in COMMANDS.values() for name, (target, _) in group.items()}


class LazyGroup(click.Group):
    """A group that imports a command only when it is asked for, so that help is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names that are here, in the order of the help page."""
        return [name for name in _TARGETS if _is_here(name)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return one command."""
        if cmd_name not in _TARGETS or not _is_here(cmd_name):
            return None
        module, _, attribute = _TARGETS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the commands in their groups, without importing any."""
        for title, commands in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl([(name, line) for name, (_, line) in commands.items() if _is_here(name)])


def _is_here(name: str) -> bool:
    """Whether a command's file is part of this version; looks for the file and imports nothing."""
    return find_spec(_TARGETS[name].partition(":")[0]) is not None


def _show_version(ctx: click.Context, param: click.Parameter, wanted: bool) -> None:  # noqa: ARG001
    if not wanted or ctx.resilient_parsing:
        return
    from veridical.core.version import VERSION

    click.echo(f"veridical {VERSION}")
    ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Say which.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def cli(debug: bool) -> None:
    """Synthetic data that can be trusted enough to ship.

    \b
    Start here:
      veridical demo                                    try it on data that ships with it
      veridical synth customers.csv -o out --rows 1e6   a real table in, a released synthetic one out

    Exit codes: 0 done, 1 a bug, 2 bad input, 3 a gate refused, 4 over budget, 5 a server failed, 130 interrupted.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with the code of how it went."""
    # OpenMP's waiting threads spin; beside other work on a small machine that costs ten times the time.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    given = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(run(given))


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit code; the one place where any exception ends."""
    debug = "--debug" in arguments or bool(os.environ.get("VERIDICAL_DEBUG"))
    kept = [argument for argument in arguments if argument != "--debug"]
    try:
        result: Any = cli.main(args=kept, prog_name="veridical", standalone_mode=False)
    except click.exceptions.Exit as left:
        return int(left.exit_code)
    except click.ClickException as wrong:
        wrong.show()
        return 2
    except (KeyboardInterrupt, click.Abort):
        _say("interrupted; finished shards are kept, so the same command goes on from there")
        return 130
    except VeridicalError as wrong:
        if debug:
            traceback.print_exc()
        _say(f"error: {wrong}")
        return wrong.exit_code
    except BrokenPipeError:
        sys.stderr.close()
        return 141
    except Exception as bug:  # noqa: BLE001 - the process boundary
        if debug:
            traceback.print_exc()
        if (extra := _extra_of(bug)) is not None:
            _say(f"error: {extra}")
            return extra.exit_code
        if not debug:
            _say(_bug_report(bug, kept))
        return 1
    return result if isinstance(result, int) else 0


def _say(line: str) -> None:
    click.echo(f"veridical: {line}", err=True)


def _extra_of(bug: Exception) -> MissingExtraError | None:
    """Return which optional install brings a module that is absent, or None where none does."""
    if not isinstance(bug, ModuleNotFoundError) or not bug.name:
        return None
    import re
    from collections import Counter
    from importlib.metadata import PackageNotFoundError, requires

    wanted = bug.name.partition(".")[0].lower()
    try:
        lines = requires("veridical") or []
    except PackageNotFoundError:
        return None
    found = [re.match(r"([A-Za-z0-9._-]+).*;.*\bextra == .([a-z]+)", line) for line in lines]
    brought = [(each[2], each[1].lower().replace("-", "_")) for each in found if each is not None and each[2] != "test"]
    sizes = Counter(extra for extra, _ in brought)
    fitting = [extra for extra, module in brought if module == wanted]
    if not fitting:
        return None
    # Some extras hold others: the smallest is what is missing.
    return MissingExtraError(
        f"{wanted} is not installed", fix=f"pip install 'veridical[{min(fitting, key=sizes.__getitem__)}]'"
    )


def _bug_report(bug: Exception, arguments: Sequence[str]) -> str:
    """Return what a bug report needs and no message: another library's message may quote a row."""
    import platform

    from veridical.core.version import VERSION

    frames = traceback.extract_tb(bug.__traceback__)
    ours = [frame for frame in frames if "veridical" in frame.filename]
    place = ours[-1] if ours else frames[-1]
    command = next((name for name in arguments if name in _TARGETS), "")
    return (
        f"this is a bug, not your data: {type(bug).__name__} at {place.name}, {place.filename}:{place.lineno}\n"
        f"  please report it with these lines (they hold no data): veridical {VERSION}, command {command!r}, "
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}\n"
        "  --debug shows the whole traceback (which may quote values of your data)"
    )
