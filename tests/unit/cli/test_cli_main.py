"""Does the command line read like a tool people know, and end with the right code?"""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest

from veridical.cli import main as door
from veridical.core import errors

GOLDEN = Path(__file__).parents[2] / "golden"
HEAVY = ("numpy", "pyarrow", "pydantic", "sklearn", "scipy", "jinja2", "cryptography", "narwhals", "yaml")


def _golden(name: str, text: str) -> None:
    """Compare with a golden file; to accept a change, delete the file and run the test again."""
    path = GOLDEN / name
    if not path.exists():
        path.write_text(text)
    assert text == path.read_text(), f"{name} changed: delete it to accept"


@pytest.fixture(autouse=True)
def _width(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


def test_the_help_page(capsys):
    assert door.run(["--help"]) == 0
    shown = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    absent = {name for name in door._TARGETS if not door._is_here(name)}
    golden = [" ".join(line.split()) for line in (GOLDEN / "help.txt").read_text().splitlines()]
    assert shown == [line for line in golden if line.split(" ")[0] not in absent]


@pytest.mark.parametrize("name", ["synth", "run", "model", "sample", "release", "verify", "keys", "demo", "engines"])
def test_the_help_of_each_command(name, capsys):
    assert door.run([name, "--help"]) == 0
    _golden(f"help-{name}.txt", capsys.readouterr().out)


def test_help_imports_nothing_heavy():
    code = (
        "import sys\nfrom veridical.cli.main import run\n"
        f"run(['--help'])\nprint('heavy:', [m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "heavy: []"


def test_every_command_of_the_table_is_there():
    for name in door.cli.list_commands(click.Context(door.cli)):
        module, _, attribute = door._TARGETS[name].partition(":")
        assert isinstance(getattr(import_module(module), attribute), click.Command), name


def test_version(capsys):
    assert door.run(["--version"]) == 0
    assert capsys.readouterr().out == "veridical 0.1.0\n"


def test_a_misspelt_command_or_option_is_named(capsys):
    assert door.run(["sinth"]) == 2
    assert "No such command 'sinth'" in capsys.readouterr().err
    assert door.run(["synth", "a.csv", "--rwos", "3"]) == 2
    assert "--rows" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.DataError("what", where="where", fix="how"), 2),
        (errors.ReleaseRefused("what", where="where", fix="how"), 3),
        (errors.BudgetError("what", where="where", fix="how"), 4),
        (errors.ProviderError("what", where="where", fix="how"), 5),
    ],
)
def test_our_errors_are_one_line_with_their_exit_code(monkeypatch, capsys, error, code):
    monkeypatch.setattr(door.cli, "main", _raiser(error))
    assert door.run([]) == code
    shown = capsys.readouterr().err
    assert shown == "veridical: error: where: what (to mend: how)\n"
    assert door.run(["--debug"]) == code
    assert "Traceback" in capsys.readouterr().err


def test_a_bug_says_what_to_report_and_no_value(monkeypatch, capsys):
    monkeypatch.setattr(door.cli, "main", _raiser(KeyError("Kim Minji, 900101-2345678")))
    assert door.run(["synth", "secret.csv"]) == 1
    shown = capsys.readouterr().err
    assert "KeyError" in shown and "veridical 0.1.0" in shown and "'synth'" in shown
    assert "Kim" not in shown and "secret.csv" not in shown
    assert door.run(["--debug"]) == 1
    assert "Kim" in capsys.readouterr().err


def test_an_interrupt_is_130(monkeypatch, capsys):
    monkeypatch.setattr(door.cli, "main", _raiser(KeyboardInterrupt()))
    assert door.run([]) == 130
    assert "finished shards are kept" in capsys.readouterr().err


def _raiser(error):
    def main(*args, **kwargs):
        raise error

    return main


def test_a_module_of_an_optional_install_is_named_with_what_brings_it(tmp_path):
    spec = tmp_path / "t.yaml"
    spec.write_text("recipe: {name: prompt, options: {prompt: Hi}}\nmodels: {teacher: embedded}\nrecords: 1\n")
    code = (
        "import sys\nsys.modules[sys.argv[1]] = None\nfrom veridical.cli.main import run\nsys.exit(run(sys.argv[2:]))"
    )
    told = [sys.executable, "-c", code]
    done = subprocess.run(
        [*told, "orjson", "text", str(spec), "--dry-run"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "orjson is not installed (to mend: pip install 'veridical[text]')" in done.stderr


def test_a_module_that_no_install_of_ours_brings_is_a_bug():
    assert door._extra_of(ModuleNotFoundError("no", name="nobody_has_this.at_all")) is None
    assert door._extra_of(ValueError("orjson")) is None
