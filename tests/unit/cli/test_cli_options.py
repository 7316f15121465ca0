"""Is what people type read as they mean it, and refused in words otherwise?"""

import io

import click
import pytest

from veridical.cli import options
from veridical.cli.progress import TerminalProgress
from veridical.core.errors import SpecError
from veridical.spec.run import read_count


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("1e6", 10**6),
        ("10_000", 10**4),
        ("5k", 5000),
        ("2M", 2 * 10**6),
        ("1.5m", 1_500_000),
        (" 7 ", 7),
        ("1,000", 1000),
    ],
)
def test_counts_as_people_write_them(text, rows):
    assert read_count(text) == rows


@pytest.mark.parametrize(
    "text", ["", "many", "-5", "0", "1.5", "1e-3", "nan", "inf", "1e99", True, "5kk", "0x10", "１２"]
)
def test_what_is_no_count_is_refused(text):
    with pytest.raises(ValueError):
        read_count(text)


def test_balance_boost_and_engine_options():
    assert options.balance(["a=x:0.5", "a=y:z:0.25", "b=1:1"]) == {"a": {"x": 0.5, "y:z": 0.25}, "b": {"1": 1.0}}
    assert options.boost(["amount=10"]) == {"amount": 10.0}
    assert options.engine_options(["a=1", "b=true", "c=text", "d=[1]"]) == {"a": 1, "b": True, "c": "text", "d": [1]}


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (options.balance, "fraud"),
        (options.balance, "fraud=yes"),
        (options.balance, "fraud=yes:2"),
        (options.balance, "fraud=yes:x"),
        (options.boost, "amount=lots"),
        (options.engine_options, "leaf"),
    ],
)
def test_pairs_that_cannot_be_read_are_refused(read, text):
    with pytest.raises(SpecError):
        read([text])


def test_shares_above_one_are_refused():
    with pytest.raises(SpecError, match="exceed 1"):
        options.balance(["a=x:0.7", "a=y:0.7"])


def test_a_waiver_needs_a_name_and_a_reason():
    assert options.waivers([], None, None) == ()
    (waiver,) = options.waivers(["privacy.dcr"], " R. Lee ", "inside use")
    assert (waiver.check, waiver.by, waiver.because) == ("privacy.dcr", "R. Lee", "inside use")
    for by, because in ((None, "x"), ("x", None), (" ", "x"), ("x", "")):
        with pytest.raises(SpecError, match="name and a reason"):
            options.waivers(["privacy.dcr"], by, because)


def test_a_holdout_is_a_share_or_a_file(tmp_path):
    share = options.Share()
    (tmp_path / "h.csv").write_text("a\n1\n")
    assert share.convert("0.3", None, None) == 0.3
    assert share.convert(str(tmp_path / "h.csv"), None, None) == tmp_path / "h.csv"
    for text in ("1.5", "-1", "absent.csv"):
        with pytest.raises(click.BadParameter):
            share.convert(text, None, None)


class _Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_in_a_log_is_a_line_a_step():
    stream = io.StringIO()
    with TerminalProgress(stream) as progress:
        progress("read", done=0, total=1)
        progress("read", done=1, total=1)
        for done in range(0, 11, 5):
            progress(f"measure c{done}", done=done, total=10)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("  read        done")
    assert lines[1].startswith("  measure     done")


def test_progress_on_a_terminal_redraws_one_line_and_says_when_it_stopped():
    stream = _Terminal()

    def work():
        with TerminalProgress(stream) as progress:
            progress("synthesize", done=50, total=100)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert "[############............] 50 of 100" in stream.getvalue()
    assert "synthesize  stopped" in stream.getvalue()


def test_quiet_progress_says_nothing():
    stream = io.StringIO()
    with TerminalProgress(stream, quiet=True) as progress:
        progress("read", done=0, total=1)
    assert stream.getvalue() == ""
