"""Does the whole spine hold from the shell: made, judged, signed, verified, and refused when it must be?"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from small_model import people
from veridical.core import digest
from veridical.store.artifact import seal

KEEP = """
name: {name}
summary: for tests
gates:
  - {{check: privacy.exact_copies, why: rows were copied, at_most: {limit}, rule: value}}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    place = tmp_path_factory.mktemp("spine")
    pa_csv.write_csv(people(rows=400).only, place / "people.csv")
    (place / "easy.yaml").write_text(KEEP.format(name="easy", limit=1))
    (place / "hard.yaml").write_text(KEEP.format(name="hard", limit=-1))
    (place / "absent.yaml").write_text(
        "name: absent\ngates:\n  - {check: privacy.never_measured, why: nobody looked, at_most: 1}\n"
    )
    return place


@pytest.fixture(scope="module")
def veridical(home):
    def run(*arguments, keys="keys"):
        env = {**os.environ, "VERIDICAL_HOME": str(home / keys), "OMP_NUM_THREADS": "1", "COLUMNS": "100"}
        command = [sys.executable, "-m", "veridical", *map(str, arguments)]
        return subprocess.run(command, cwd=home, env=env, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="module")
def made(home, veridical):
    done = veridical(
        "synth", "people.csv", "-o", "out", "--rows", "1k", "--engine", "independent", "--gates", "easy.yaml"
    )
    assert done.returncode == 0, done.stderr
    return home / "out"


def test_one_command_makes_judges_and_signs(made, veridical):
    assert pq.read_table(made / "release" / "people.parquet").num_rows == 1000
    names = {path.name for path in (made / "release").iterdir()}
    assert names == {
        "people.parquet",
        "README.md",
        "checklist.md",
        "croissant.json",
        "report.html",
        "signer.pub",
        "manifest.dsse.json",
    }
    verified = veridical("verify", "out")
    assert verified.returncode == 0, verified.stderr
    assert "6 files, every byte" in verified.stdout and "this user" in verified.stdout


@pytest.mark.slow
def test_the_same_command_writes_the_same_data(home, made, veridical):
    again = ("synth", "people.csv", "-o", "again", "--rows", "1k", "--engine", "independent", "--gates", "easy.yaml")
    assert veridical(*again, "--workers", "1").returncode == 0
    data = "synthesize/people.parquet"
    assert (home / "again" / data).read_bytes() == (made / data).read_bytes()


def test_no_path_of_this_machine_and_no_row_is_in_the_manifest_or_card(home, made):
    import base64

    envelope = json.loads((made / "release" / "manifest.dsse.json").read_text())
    statement = base64.b64decode(envelope["payload"]).decode()
    card = (made / "release" / "README.md").read_text()
    for text in (statement, card):
        assert str(home) not in text
    predicate = json.loads(statement)["predicate"]
    assert predicate["method"]["engine"] == "independent"
    assert predicate["source"]["name"] == "people.csv" and predicate["source"]["train_rows"] == 300
    assert predicate["verdict"]["outcome"] == "pass"
    assert predicate["protection"]["differential_privacy"] is None


def test_the_croissant_file_names_every_column_and_digest(made):
    croissant = json.loads((made / "release" / "croissant.json").read_text())
    assert croissant["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    (file,) = croissant["distribution"]
    assert file["sha256"] == digest.of_file(made / "release" / "people.parquet")
    (records,) = croissant["recordSet"]
    assert [item["name"] for item in records["field"]] == ["age", "height", "sex"]


def _copied(made: Path, at: Path) -> Path:
    import shutil

    shutil.copytree(made, at)
    shutil.copy(made / "validate.stamp.json", at / "validate.stamp.json")
    shutil.rmtree(at / "release")
    return at


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def _edit_verdict(run):
    _edit(run / "validate" / "verdict.json", '"easy"', '"hard"')


def _edit_verdict_and_reseal(run):
    _edit_verdict(run)
    seal(run / "validate", "validation", 1)


def _edit_data(run):
    path = run / "synthesize" / "people.parquet"
    path.write_bytes(path.read_bytes().replace(b"F", b"M"))


def _edit_data_and_reseal(run):
    _edit_data(run)
    seal(run / "synthesize", "synthesis", 1)


def _edit_model(run):
    _edit(run / "model" / "model.json", '"independent"', '"tree"')
    seal(run / "model", "model", 1)


def _remove_stamp(run):
    (run / "validate.stamp.json").unlink()


def _remove_validation(run):
    import shutil

    shutil.rmtree(run / "validate")


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (_edit_verdict, 2, "verdict.json: has been edited"),
        (_edit_verdict_and_reseal, 2, "the validation has been edited since it was made"),
        (_edit_data, 2, "people.parquet: has been edited"),
        (_edit_data_and_reseal, 3, "the synthesis is not the one that was judged"),
        (_edit_model, 3, "the model is not the one that was judged"),
        (_remove_stamp, 2, "the stamp is missing"),
        (_remove_validation, 3, "not measured"),
    ],
)
def test_what_was_touched_since_it_was_judged_is_not_released(made, veridical, tmp_path, change, code, words):
    run = _copied(made, tmp_path / "run")
    assert veridical("release", run).returncode == 0
    import shutil

    shutil.rmtree(run / "release")
    change(run)
    refused = veridical("release", run)
    assert refused.returncode == code, refused.stderr
    assert words in refused.stderr
    assert not (run / "release").exists()


def test_a_verdict_stamped_by_a_stranger_is_refused(made, veridical, tmp_path):
    run = _copied(made, tmp_path / "run")
    refused = veridical("release", run, keys="other-keys")
    assert refused.returncode == 2
    assert "not trusted" in refused.stderr


@pytest.mark.parametrize(
    ("gates", "words"),
    [
        ("hard.yaml", ("privacy.exact_copies: failed", "over by 1")),
        pytest.param("absent.yaml", ("privacy.never_measured: not measured",), marks=pytest.mark.slow),
    ],
)
def test_a_gate_that_fails_or_was_not_measured_refuses_with_code_3(home, veridical, gates, words):
    command = ("synth", "people.csv", "-o", f"refused-{gates}", "--rows", "300", "--engine", "independent", "-q")
    refused = veridical(*command, "--gates", gates)
    assert refused.returncode == 3, refused.stderr
    for word in words:
        assert word in refused.stderr
    assert not (home / f"refused-{gates}" / "release").exists()
    assert (home / f"refused-{gates}" / "validate" / "report.html").exists()
    assert veridical("release", f"refused-{gates}").returncode == 3
    check = words[0].split(":")[0]
    assert veridical("release", f"refused-{gates}", "--waive", check).returncode == 2
    waive = ("--by", "R. Lee", "--because", "used in one test | only")
    assert veridical("release", f"refused-{gates}", "--waive", "no.such", *waive).returncode == 2
    waived = veridical("release", f"refused-{gates}", "--waive", check, *waive)
    assert waived.returncode == 0, waived.stderr
    card = (home / f"refused-{gates}" / "release" / "README.md").read_text()
    assert card.index("Released under a waiver") < card.index("# people")
    assert "R. Lee" in card and r"one test \| only" in card
    assert "waived      " in veridical("verify", f"refused-{gates}").stdout


@pytest.mark.slow
def test_new_data_does_not_stand_beside_an_older_release(home, made, veridical):
    command = ("synth", "people.csv", "-o", "twice", "--engine", "independent", "-q", "--rows")
    assert veridical(*command, "300", "--gates", "easy.yaml").returncode == 0
    assert (home / "twice" / "release").exists()
    assert veridical(*command, "301", "--gates", "hard.yaml").returncode == 3
    assert not (home / "twice" / "release").exists()


@pytest.mark.slow
def test_a_run_file_says_the_same_and_can_be_tried_dry(home, veridical):
    (home / "run.yaml").write_text(
        "source: people.csv\noutput: declared\nrows: 1k\nengine: independent\ngates: easy.yaml\nformat: csv\n"
    )
    dry = veridical("run", "run.yaml", "--dry-run")
    assert dry.returncode == 0 and not (home / "declared").exists()
    assert "fit independent on 300 rows; 100 rows are kept back" in dry.stdout
    done = veridical("run", "run.yaml", "-q")
    assert done.returncode == 0, done.stderr
    assert pa_csv.read_csv(home / "declared" / "release" / "people.csv").num_rows == 1000


def test_sampling_from_the_shell(home, made, veridical):
    done = veridical("sample", "out", "--rows", "2k", "--where", 'age>=65 and sex=="F"', "--seed", "7", "-o", "old.csv")
    assert done.returncode == 0, done.stderr
    table = pa_csv.read_csv(home / "old.csv")
    assert table.num_rows == 2000
    assert min(table["age"].to_pylist()) >= 65 and set(table["sex"].to_pylist()) == {"F"}
    lines = veridical("sample", "out/model", "--rows", "3", "-o", "-").stdout.splitlines()
    assert len(lines) == 4 and lines[0] == '"age","height","sex"'
    balanced = veridical("sample", "out", "--rows", "1k", "--balance", "sex=F:0.9", "-o", "b.parquet")
    assert balanced.returncode == 0, balanced.stderr
    assert pq.read_table(home / "b.parquet")["sex"].to_pylist().count("F") == 900
    filled = veridical("sample", "out", "--impute", "people.csv", "-o", "filled.jsonl")
    assert filled.returncode == 0, filled.stderr
    rows = [json.loads(line) for line in (home / "filled.jsonl").read_text().splitlines()]
    assert len(rows) == 400
    assert veridical("sample", "out", "--impute", "people.csv", "--rows", "3").returncode == 2


def test_keys_from_the_shell(home, made, veridical):
    first = veridical("keys", "init", keys="friend")
    assert first.returncode == 0 and "made a signing key" in first.stdout
    assert "there is a key already" in veridical("keys", "init", keys="friend").stdout
    assert "own key" in veridical("keys", "show", keys="friend").stdout
    untrusted = veridical("verify", "out", keys="friend")
    assert untrusted.returncode == 2 and "not trusted" in untrusted.stderr
    assert veridical("keys", "trust", "out/release/signer.pub", "--name", "Ann", keys="friend").returncode == 0
    trusted = veridical("verify", "out", keys="friend")
    assert trusted.returncode == 0 and "signed by   Ann" in trusted.stdout
    assert veridical("verify", "out", "--key", "out/release/signer.pub", keys="nobody").returncode == 0
