"""Does `synth FOLDER --epsilon --unit` release whole tables, and nothing of a person but through the ledger?"""

import re
import sqlite3

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from repeated import TIMES
from veridical.cli.main import run
from veridical.core.errors import SpecError
from veridical.privacy.account import Account
from veridical.store.manifest import verify

pytest.importorskip("opendp")
UNITS = 3217


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("VERIDICAL_HOME", str(tmp_path / "home"))


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    age = rng.integers(20, 90, UNITS)
    owner = np.repeat(np.arange(UNITS), rng.poisson(age / 40))
    place = tmp_path / "hospital"
    place.mkdir()
    patients = {"patient_id": [f"P{i}" for i in range(UNITS)], "age": age, "sex": rng.choice(["f", "m"], UNITS)}
    visits = {
        "visit_id": range(len(owner)), "patient_id": [f"P{i}" for i in owner],
        "ward": [*np.where(age[owner[:-1]] > 60, "old", "young"), "the-only-one"],
    }  # fmt: skip
    pyarrow.csv.write_csv(pa.table(patients), place / "patients.csv")
    pyarrow.csv.write_csv(pa.table(visits), place / "visits.csv")
    return place


def synth(source, out, *more):
    return run(["synth", str(source), "-o", str(out), "--quiet", "--workers", "1", *more])


def test_linked_tables_are_released_whole_and_tell_nothing_exact(folder, tmp_path, capsys):
    out = tmp_path / "out"
    assert synth(folder, out, "--epsilon", "4", "--unit", "patients") == 0
    predicate = verify(out / "release").predicate
    assert predicate["verdict"]["gate_set"] == "private"
    assert predicate["source"]["fingerprint"].startswith("keyed:")
    patients, visits = (pq.read_table(out / "release" / f"{name}.parquet") for name in ("patients", "visits"))
    assert set(visits["patient_id"].to_pylist()) <= set(patients["patient_id"].to_pylist())
    assert len(set(patients["patient_id"].to_pylist())) == patients.num_rows
    said = b"\n".join(path.read_bytes() for path in out.rglob("*") if path.is_file())
    assert b"the-only-one" not in said
    assert not re.search(rb"(?<![0-9a-zA-Z.+/=,_-])3,?217(?![0-9a-zA-Z.+/=])", said)
    card = (out / "release" / "README.md").read_text()
    for words in ("epsilon 4", "every row of other tables that belongs to it", "are used at most", "Not covered"):
        assert words in card
    capsys.readouterr()
    assert run(["privacy", "ledger", str(out)]) == 0
    told = capsys.readouterr().out
    assert "visits.patient_id names the row of patients" in told and "how many units have 1, 2, 3" in told


def test_a_model_of_linked_tables_draws_again_and_is_audited(folder, tmp_path, capsys):
    out = tmp_path / "out"
    assert synth(folder, out, "--epsilon", "4", "--unit", "patient_id", "--rows-per-unit", "visits=3") == 0
    assert run(["sample", str(out / "model"), "--scale", "0.5", "-o", str(tmp_path / "half")]) == 0
    half = pq.read_table(tmp_path / "half" / "patients.parquet").num_rows
    assert half == pytest.approx(pq.read_table(out / "release" / "patients.parquet").num_rows / 2, abs=1)
    capsys.readouterr()
    assert any(run(["privacy", "audit", str(out), "--canaries", "200", "--seed", str(n)]) == 0 for n in range(TIMES))
    said = capsys.readouterr().out
    assert "200 canaries" in said and "only synthetic rows seen" in said


def test_runs_on_a_folder_add_up(folder, tmp_path, capsys):
    assert run(["privacy", "budget", str(folder), "--epsilon", "4.5"]) == 0
    assert synth(folder, tmp_path / "one", "--epsilon", "4", "--unit", "patients") == 0
    assert synth(folder, tmp_path / "two", "--epsilon", "4", "--unit", "patients") == 4
    assert "project budget" in capsys.readouterr().err
    assert not (tmp_path / "two" / "model").exists()
    lines = next(iter(Account.default().folder.glob("*.jsonl"))).read_text()
    assert lines.count('"kind":"run"') == 1


def test_python_makes_linked_tables_too(folder):
    import veridical

    made = veridical.synth(folder, engine="linked-dp", options={"epsilon": 4.0, "unit": "patients"})
    assert set(made.data.tables) == {"patients", "visits"} and made.verdict.gate_set == "private"
    twice = veridical.synthesize(made.generator, scale=2.0)
    assert twice.tables["patients"].num_rows == 2 * made.data.tables["patients"].num_rows
    with pytest.raises(SpecError, match="unit"):
        veridical.synth(folder, engine="linked-dp", options={"epsilon": 4.0})


def test_a_plan_reads_the_headers_of_every_table(folder, capsys):
    assert run(["privacy", "plan", str(folder), "--epsilon", "1", "--rows", "5k", "--rows-per-unit", "3"]) == 0
    told = capsys.readouterr().out
    assert "6 columns" in told and "patients: with 5,000 people" in told and "visits: with 5,000 people" in told


@pytest.mark.parametrize(
    ("more", "word"),
    [
        (["--epsilon", "1"], "--unit patients"),
        (["--epsilon", "0", "--unit", "patients"], "epsilon"),
        (["--epsilon", "1", "--unit", "nobody"], "nobody"),
        (["--epsilon", "1", "--unit", "patients", "--rows-per-unit", "labs=3"], "labs"),
        (["--epsilon", "1", "--unit", "patients", "--rows", "50"], "--scale"),
        (["--epsilon", "1", "--unit", "patients", "--engine", "copula"], "copula"),
        (["--unit", "patients"], "--epsilon"),
    ],
)
def test_what_cannot_be_promised_is_refused(folder, tmp_path, capsys, more, word):
    assert synth(folder, tmp_path / "out", *more) == 2
    assert word in capsys.readouterr().err
    assert not (tmp_path / "out" / "model").exists()


def test_a_database_declares_its_links_and_is_filled_again(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE client (nr INTEGER PRIMARY KEY, kind TEXT NOT NULL)")
        db.execute(
            "CREATE TABLE bill (id INTEGER PRIMARY KEY, who INTEGER NOT NULL REFERENCES client (nr), pay REAL NOT NULL)"
        )
        db.executemany("INSERT INTO client VALUES (?, ?)", [(i, "ab"[i % 2]) for i in range(1, 3001)])
        bills = [(i, int(rng.integers(1, 3001)), float(round(rng.gamma(2, 30), 2))) for i in range(6000)]
        db.executemany("INSERT INTO bill VALUES (?, ?, ?)", bills)
    target = tmp_path / "fake.db"
    done = run(
        ["synth", f"sqlite:///{path}", "-o", f"sqlite:///{target}", "--quiet", "--epsilon", "4", "--unit", "client"]
    )
    assert done == 0
    with sqlite3.connect(target) as db:
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        assert db.execute("SELECT count(*) FROM bill").fetchone()[0] > 500
    assert run(["privacy", "plan", f"sqlite:///{path}", "--epsilon", "1"]) == 0
    assert run(["privacy", "budget", f"sqlite:///{path}", "--epsilon", "5"]) == 0
    assert run(["privacy", "ledger", f"sqlite:///{path}"]) == 0
    assert "1 run, together epsilon 4" in capsys.readouterr().out
    again = ["synth", f"sqlite:///{path}", "-o", "again", "--quiet", "--epsilon", "4", "--unit", "client"]
    assert run(again) == 4 and not (tmp_path / "again").exists()
