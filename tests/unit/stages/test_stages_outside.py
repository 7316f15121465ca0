"""Can data that another tool made be released, and only the very data that was judged?"""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pytest

import veridical
from veridical.cli.main import run
from veridical.store.artifact import seal

GATES = """
name: {name}
summary: for tests
gates:
  - {{check: input.schema, at_most: {limit}, rule: value, why: columns differ}}
"""


def _people(rows, seed):
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 80, rows)
    return pa.table({"age": age, "job": rng.choice(["clerk", "nurse"], rows), "wage": age * 300 + rng.integers(0, 99)})


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    home = tmp_path_factory.mktemp("outside")
    patch = pytest.MonkeyPatch()
    patch.setenv("VERIDICAL_HOME", str(home / "keys"))
    for seed, name in enumerate(["real", "held", "fake"]):
        pa_csv.write_csv(_people(200, seed), home / f"{name}.csv")
    (home / "easy.yaml").write_text(GATES.format(name="easy", limit=0))
    (home / "hard.yaml").write_text(GATES.format(name="hard", limit=-1))
    assert _validate(home, "judged", "easy.yaml") == 0
    yield home
    patch.undo()


def _validate(home, output, gates, synthetic="fake.csv"):
    told = ["--real", home / "real.csv", "--holdout", home / "held.csv", "--synthetic", home / synthetic]
    return run(["validate", *map(str, [*told, "--gates", home / gates, "-o", home / output]), "-q"])


def _copied(home, place):
    shutil.copytree(home / "judged", place / "judged")
    shutil.copy(home / "judged.stamp.json", place)
    shutil.copy(home / "fake.csv", place)
    return place / "judged", place / "fake.csv", place / "out"


def _release(folder, data, output, *more):
    return run(["release", str(folder), "--data", str(data), "-o", str(output), *more])


def test_what_was_judged_goes_out_signed_and_says_who_made_it(judged, tmp_path, capsys):
    folder, data, output = _copied(judged, tmp_path)
    assert _release(folder, data, output) == 0
    assert (output / "fake.csv").read_bytes() == data.read_bytes()
    capsys.readouterr()
    assert run(["verify", str(output)]) == 0
    assert "by another tool\n" in capsys.readouterr().out
    assert "made by another tool" in (output / "README.md").read_text()
    assert json.loads((output / "croissant.json").read_text())["description"].startswith(
        "Synthetic data made with another"
    )
    assert str(tmp_path) not in (output / "README.md").read_text()
    (output / "fake.csv").write_bytes(data.read_bytes() + b"1,nurse,5\n")
    assert run(["verify", str(output)]) == 2


def _other_data(folder, data):
    data.write_bytes(data.read_bytes().replace(b"clerk", b"baker"))


def _edited_verdict(folder, data):
    path = folder / "verdict.json"
    path.write_text(path.read_text().replace('"easy"', '"share"'))


def _edited_verdict_sealed_again(folder, data):
    _edited_verdict(folder, data)
    seal(folder, "validation", 1)


def _no_stamp(folder, data):
    folder.with_name("judged.stamp.json").unlink()


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (_other_data, 3, "not the file that was judged"),
        (_edited_verdict, 2, "verdict.json: has been edited"),
        (_edited_verdict_sealed_again, 2, "edited since it was made"),
        (_no_stamp, 2, "the stamp is missing"),
    ],
)
def test_what_was_edited_by_hand_does_not_go_out(judged, tmp_path, capsys, change, code, words):
    folder, data, output = _copied(judged, tmp_path)
    change(folder, data)
    assert _release(folder, data, output) == code
    assert words in capsys.readouterr().err
    assert not output.exists()


def test_a_stranger_cannot_release_by_our_verdict(judged, tmp_path, monkeypatch, capsys):
    folder, data, output = _copied(judged, tmp_path)
    monkeypatch.setenv("VERIDICAL_HOME", str(tmp_path / "other"))
    assert _release(folder, data, output) == 2
    assert "not trusted" in capsys.readouterr().err


def test_a_failed_gate_stops_it_until_a_named_person_waives_it(judged, tmp_path, capsys):
    assert _validate(judged, "refused", "hard.yaml") == 3
    output = tmp_path / "out"
    assert _release(judged / "refused", judged / "fake.csv", output) == 3
    assert f"{judged / 'refused'}/report.html" in capsys.readouterr().err
    waive = ("--waive", "input.schema", "--by", "R. Lee", "--because", "a test")
    assert _release(judged / "refused", judged / "fake.csv", output, *waive) == 0
    assert "R. Lee" in (output / "README.md").read_text()


def test_columns_that_nobody_judged_do_not_go_out(judged, tmp_path, capsys):
    table = _people(200, 9).append_column("name", pa.array([f"Kim {i}" for i in range(200)]))
    pa_csv.write_csv(table, judged / "wide.csv")
    (judged / "loose.yaml").write_text(GATES.format(name="loose", limit=9))
    assert _validate(judged, "loose", "loose.yaml", "wide.csv") == 0
    assert _release(judged / "loose", judged / "wide.csv", tmp_path / "out") == 3
    assert "nobody judged: name" in capsys.readouterr().err


def test_wrong_words_are_told(judged, tmp_path, capsys):
    assert run(["release", str(judged / "judged")]) == 2
    assert "--data FILE" in capsys.readouterr().err
    assert _release(judged / "judged", tmp_path / "absent.csv", tmp_path / "out") == 2


def test_a_second_release_keeps_the_licence_unless_another_is_named(judged, tmp_path):
    folder, data, output = _copied(judged, tmp_path)
    for told, kept in (
        (["--licence", "CC0-1.0"], "CC0-1.0"),
        ([], "CC0-1.0"),
        (["--licence", "MIT"], "MIT"),
        (["--licence", ""], None),
    ):
        assert _release(folder, data, output, *told) == 0
        assert veridical.verify(output).predicate["licence"] == kept


def test_what_the_library_judged_from_files_can_be_released_too(judged, tmp_path):
    files = {side: shutil.copy(judged / name, tmp_path / name) for side, name in _SIDES.items()}
    data = files.pop("synthetic")
    veridical.validate(**files, synthetic=data, gates=judged / "easy.yaml", folder=tmp_path / "judged")
    assert _release(tmp_path / "judged", data, tmp_path / "out") == 0
    Path(data).write_text(Path(data).read_text() + "30,nurse,9000\n")
    assert _release(tmp_path / "judged", data, tmp_path / "again") == 3


_SIDES = {"train": "real.csv", "holdout": "held.csv", "synthetic": "fake.csv"}
