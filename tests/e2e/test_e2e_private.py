"""Does `synth --epsilon` give out nothing of a person but through the ledger, and stop where it must?"""

import json
import re

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from repeated import TIMES
from veridical.cli.main import run
from veridical.privacy.account import Account
from veridical.store.manifest import verify

pytest.importorskip("opendp")
ROWS = 3217


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("VERIDICAL_HOME", str(tmp_path / "home"))


@pytest.fixture
def source(tmp_path):
    rng = np.random.default_rng(0)
    table = pa.table(
        {
            "patient_id": [f"P{i}" for i in rng.integers(0, 2000, ROWS)],
            "age": rng.integers(20, 90, ROWS),
            "ward": [*rng.choice(["north", "south"], ROWS - 1), "the-only-one"],
        }
    )
    pyarrow.csv.write_csv(table, tmp_path / "patients.csv")
    return tmp_path / "patients.csv"


def synth(source, out, *more):
    return run(["synth", str(source), "-o", str(out), "--quiet", "--workers", "1", *more])


def everything(folder):
    texts = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    return b"\n".join(texts)


def test_a_private_run_is_released_and_tells_nothing_exact(source, tmp_path, capsys):
    out = tmp_path / "out"
    assert synth(source, out, "--epsilon", "2", "--unit", "patient_id") == 0
    predicate = verify(out / "release").predicate
    assert predicate["verdict"]["gate_set"] == "private"
    assert predicate["source"]["fingerprint"].startswith("keyed:")
    said = everything(out)
    assert b"the-only-one" not in said
    # As a number of its own: digits within a hash or a noisy count with a fraction prove nothing.
    assert not re.search(rb"(?<![0-9a-zA-Z.+/=,])3,?217(?![0-9a-zA-Z.+/=])", said)
    assert not (out / "learn").exists()
    card = (out / "release" / "README.md").read_text()
    for words in ("epsilon 2", "one patient_id", "Not covered", "on the word of", "7.39 times"):
        assert words in card
    checklist = (out / "release" / "checklist.md").read_text()
    assert "not legal advice" in checklist and "SP 800-188" in checklist and "HIPAA" in checklist
    made = pq.read_table(out / "release" / "patients.parquet")
    assert made.column_names == ["patient_id", "age", "ward"]
    assert not {f"P{i}" for i in range(2000)} & set(made["patient_id"].to_pylist())
    capsys.readouterr()
    assert run(["privacy", "ledger", str(out)]) == 0
    told = capsys.readouterr().out
    assert "public      the unit patient_id" in told and "ward: categories" in told
    # How many rounds the noise leads to decides whether the last crumb of the budget is spent.
    assert re.search(r"\b(2\.0000|1\.9\d{3})\b", told)


def test_findings_that_need_real_rows_are_withheld(source, tmp_path):
    assert synth(source, tmp_path / "out", "--epsilon", "2") == 0
    findings = json.loads((tmp_path / "out" / "validate" / "findings.json").read_text())
    measured = {f["check"] for f in findings if f["value"] is not None}
    assert {check.split(".")[1] for check in measured} <= {
        "ledger", "epsilon", "rules", "columns", "noise", "noisy_columns", "noisy_pairs"
    }  # fmt: skip
    assert any("withheld" in f["reason"] for f in findings)
    page = (tmp_path / "out" / "release" / "report.html").read_text()
    assert "noise alone" in page and "real held-out rows" not in page


def test_gates_on_exact_figures_let_nothing_private_out(source, tmp_path):
    assert synth(source, tmp_path / "out", "--epsilon", "2", "--gates", "train") == 3
    assert not (tmp_path / "out" / "release").exists()


def test_the_same_run_again_costs_nothing_more(source, tmp_path):
    out = tmp_path / "out"
    assert synth(source, out, "--epsilon", "1") == 0
    assert synth(source, out, "--epsilon", "1") == 0
    lines = next(iter(Account.default().folder.glob("*.jsonl"))).read_text().splitlines()
    assert sum('"kind":"run"' in line for line in lines) == 1


def test_a_second_run_over_the_project_budget_saves_nothing(source, tmp_path, capsys):
    assert run(["privacy", "budget", str(source), "--epsilon", "1.2"]) == 0
    assert synth(source, tmp_path / "one", "--epsilon", "1") == 0
    assert synth(source, tmp_path / "two", "--epsilon", "1") == 4
    assert "project budget" in capsys.readouterr().err
    assert not (tmp_path / "two").exists()


def test_a_ledger_edited_by_hand_stops_every_further_run(source, tmp_path, capsys):
    assert synth(source, tmp_path / "one", "--epsilon", "1") == 0
    path = next(iter(Account.default().folder.glob("*.jsonl")))
    path.write_text(path.read_text().replace('"epsilon":1.0', '"epsilon":0.01', 1))
    assert synth(source, tmp_path / "two", "--epsilon", "1") == 2
    assert "edited" in capsys.readouterr().err
    assert not (tmp_path / "two").exists()


@pytest.mark.parametrize(
    ("more", "code", "word"),
    [
        (["--epsilon", "0"], 2, "epsilon"),
        (["--epsilon", "inf"], 2, "epsilon"),
        (["--epsilon", "-1"], 2, "epsilon"),
        (["--epsilon", "nan"], 2, "epsilon"),
        (["--epsilon", "1", "--delta", "0.5"], 2, "delta"),
        (["--epsilon", "1", "--delta", "0.005"], 4, "delta"),
        (["--epsilon", "1", "--engine", "copula"], 2, "copula"),
        (["--epsilon", "1", "--unit", "nobody"], 2, "nobody"),
        (["--unit", "patient_id"], 2, "epsilon"),
        (["--epsilon", "1", "--rows-per-unit", "3"], 2, "no unit"),
        (["--epsilon", "1", "--unit", "patient_id", "--rows-per-unit", "a=3"], 2, "rows of each unit"),
        (["--engine", "aim"], 2, "epsilon"),
    ],
)
def test_what_cannot_be_promised_is_refused(source, tmp_path, capsys, more, code, word):
    assert synth(source, tmp_path / "out", *more) == code
    assert word in capsys.readouterr().err
    assert not (tmp_path / "out" / "model").exists()


def test_repeatable_noise_is_branded_and_never_released(source, tmp_path):
    assert synth(source, tmp_path / "out", "--epsilon", "1", "-O", "noise_seed=3") == 3
    assert not (tmp_path / "out" / "release").exists()
    assert synth(
        source, tmp_path / "out2", "--epsilon", "1", "-O", "noise_seed=3", "--waive", "privacy.ledger", "--waive",
        "privacy.epsilon", "--by", "A Tester", "--because", "only a test",
    ) == 0  # fmt: skip
    card = (tmp_path / "out2" / "release" / "README.md").read_text()
    assert "NOT PRIVATE" in card
    assert "NOT PRIVATE" in verify(tmp_path / "out2" / "release").predicate["protection"]["guarantee"]


def test_a_schema_declares_what_is_public(source, tmp_path):
    schema = tmp_path / "schema.yaml"
    assert run(["learn", str(source), "-o", str(tmp_path / "learned")]) == 0
    text = next(iter((tmp_path / "learned").rglob("schema.yaml"))).read_text()
    schema.write_text(text)
    assert synth(source, tmp_path / "out", "--epsilon", "1", "--schema", str(schema)) == 0
    record = json.loads((tmp_path / "out" / "model" / "model.json").read_text())
    assert any("kinds and roles" in event["what"] for event in record["spent"])
    assert b"the-only-one" not in everything(tmp_path / "out")


def test_a_plan_reads_the_header_alone(tmp_path, capsys):
    (tmp_path / "empty.csv").write_text("a,b,c\n1,2,3\n")
    assert run(["privacy", "plan", str(tmp_path / "empty.csv"), "--epsilon", "1", "--rows", "50k"]) == 0
    assert "3 columns" in capsys.readouterr().out
    assert run(["privacy", "plan", str(tmp_path / "empty.csv"), "--epsilon", "inf"]) == 2


@pytest.mark.parametrize(
    ("engine", "more"),
    [("aim", []), ("mst", []), ("dp-independent", []), ("dp-sgd", ["-O", "steps=4", "-O", "width=2"])],
)
def test_an_audit_says_how_much_was_given_away(source, tmp_path, capsys, engine, more):
    out = str(tmp_path / "out")
    assert synth(source, out, "--epsilon", "2", "--engine", engine, *more, "--no-release") == 0
    capsys.readouterr()
    asked = ["privacy", "audit", out, "--canaries", "200", "--trainings", "20"]
    assert any(run([*asked, "--seed", str(turn)]) == 0 for turn in range(TIMES))
    said = capsys.readouterr().out
    for words in ("200 canaries", "only synthetic rows seen", "20 trainings with one person", "the claim stands"):
        assert words in said
    assert ("every noisy gradient heard" in said) is (engine == "dp-sgd")


def test_a_private_model_draws_rows_for_itself(source, tmp_path):
    model = tmp_path / "model"
    assert run(["model", str(source), "-o", str(model), "--quiet", "--epsilon", "2"]) == 0
    asked = ["sample", str(model), "--rows", "50", "--where", "age >= 60", "-o", str(tmp_path / "old.csv")]
    assert run(asked) == 0
    ages = pyarrow.csv.read_csv(tmp_path / "old.csv")["age"].to_pylist()
    assert len(ages) == 50 and min(ages) >= 60


def test_a_ledger_tells_of_a_release_and_of_all_runs_on_a_source(source, tmp_path, capsys):
    assert run(["privacy", "ledger", str(source)]) == 0
    assert "no run was charged" in capsys.readouterr().out
    assert run(["privacy", "budget", str(source), "--epsilon", "9"]) == 0
    assert synth(source, tmp_path / "out", "--epsilon", "4", "--unit", "patient_id") == 0
    assert synth(source, tmp_path / "two", "--epsilon", "3", "--unit", "patient_id") == 0
    capsys.readouterr()
    assert run(["privacy", "ledger", str(source)]) == 0
    said = capsys.readouterr().out
    assert "at most epsilon 9" in said and "epsilon 4 at delta" in said and "2 runs, together epsilon" in said
    for folder in ("out", "out/release"):
        assert run(["privacy", "ledger", str(tmp_path / folder), "--accountant", "zcdp"]) == 0
        said = capsys.readouterr().out
        assert "one patient_id (all its rows)" in said and "By zcdp, the same events come to epsilon" in said
    assert any(
        run(["privacy", "audit", str(tmp_path / "out" / "release"), "--canaries", "100", "--seed", str(turn)]) == 0
        for turn in range(TIMES)
    )


def test_a_run_for_too_few_people_is_refused_and_says_what_would_help(source, tmp_path, capsys):
    few = tmp_path / "few.csv"
    few.write_text("".join(source.read_text().splitlines(keepends=True)[:61]))
    assert synth(few, tmp_path / "out", "--epsilon", "0.5") == 3
    said = capsys.readouterr().err
    assert "too few people for this epsilon" in said
