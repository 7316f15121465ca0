"""Are all problems of a run's YAML file told at once, each with its line?"""

import pytest

from veridical.core.errors import SpecError
from veridical.spec.marks import load
from veridical.spec.run import parse_run, read_run


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "customers.csv").write_text("a\n1\n")
    return tmp_path


def _parse(folder, text):
    return parse_run(load(text, name="run.yaml"), beside=folder)


def test_a_short_file_is_enough(folder):
    spec = _parse(folder, "source: customers.csv")
    assert (spec.source, spec.output) == (folder / "customers.csv", folder / "out")
    assert (spec.rows, spec.engine, spec.holdout, spec.gates, spec.release) == (None, "tree", 0.2, "share", True)


def test_everything_can_be_said(folder):
    (folder / "schema.yaml").write_text("")
    spec = _parse(
        folder,
        """
source: customers.csv
output: made
schema: schema.yaml
target: income
holdout: customers.csv
rows: 1e6
engine: {name: copula, options: {leaf: 5}}
seed: 7
workers: 2
format: csv
where: age >= 18
balance: {fraud: {"yes": 0.5}}
boost: {amount: 10}
gates: mine.yaml
waivers: [{check: fidelity.c2st, by: R. Lee, because: inside}]
release: false
licence: CC-BY-4.0
""",
    )
    assert (spec.rows, spec.engine, spec.options, spec.seed) == (10**6, "copula", {"leaf": 5}, 7)
    assert spec.holdout == folder / "customers.csv"
    assert spec.gates == str(folder / "mine.yaml")
    assert spec.waivers[0].by == "R. Lee"
    assert spec.balance == {"fraud": {"yes": 0.5}}


def test_all_problems_are_told_at_once_with_their_lines(folder):
    text = """source: absent.csv
rows: many
enigne: tree
format: xlsx
holdout: 3
workers: 0
schema: schema.yaml
waivers:
  - check: fidelity.c2st
    by: R. Lee
balance:
  fraud:
    "yes": lots
"""
    with pytest.raises(SpecError) as refused:
        _parse(folder, text)
    shown = str(refused.value)
    for words in (
        "run.yaml: 9 problems",
        "line 1: source: there is no file 'absent.csv'",
        "line 2: rows: 'many' is no count of rows",
        "line 3: there is no part 'enigne'",
        "line 4: format: ",
        "line 5: holdout: ",
        "line 6: workers: ",
        "line 7: schema: there is no file",
        "line 9: waivers.0.because is missing",
        "line 13: balance.fraud.yes: ",
    ):
        assert words in shown, f"{words!r} is not in\n{shown}"


@pytest.mark.parametrize("text", ["", "- a", "just text", "3"])
def test_what_declares_no_run_is_refused(folder, text):
    with pytest.raises(SpecError, match="declares no run"):
        _parse(folder, text)


def test_a_missing_source_is_named(folder):
    with pytest.raises(SpecError, match="source is missing"):
        _parse(folder, "rows: 5")


def test_a_file_that_is_absent_is_named(folder):
    with pytest.raises(SpecError, match="no such file"):
        read_run(folder / "absent.yaml")
