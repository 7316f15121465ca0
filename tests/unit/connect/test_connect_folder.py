"""Are folders of odd files met with sense: a table without rows, an empty file, two of one name, a release?"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from veridical.cli.main import run
from veridical.connect import read


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    rng = random.Random(1)
    place = tmp_path / "real"
    place.mkdir()
    (place / "people.csv").write_text("id,kind\n" + "".join(f"{i},{rng.choice('ab')}\n" for i in range(1, 101)))
    lines = "".join(f"{i},{rng.randint(1, 100)},{rng.random():.3f}\n" for i in range(1, 301))
    (place / "orders.csv").write_text("id,people_id,size\n" + lines)
    (place / "returns.csv").write_text("order_id,why\n")
    return place


def test_a_table_without_rows_goes_all_the_way(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["synth", "real", "-o", "out", "-q", "--gates", "test-data"]) == 0
    assert "returns                                0 rows" in capsys.readouterr().out
    made = read(folder.parent / "out" / "release")  # records beside the tables are no tables
    assert set(made.tables) == {"people", "orders", "returns"}
    assert made.tables["returns"].num_rows == 0 and made.tables["returns"].column_names == ["order_id", "why"]
    assert run(["validate", "--real", "real", "--synthetic", "out/release", "-q", "--gates", "test-data"]) == 0


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("zero.csv", "", "zero.csv: the file is empty"),
        ("people.jsonl", '{"id": 1}\n', "two files are called people"),
        ("odd.parquet", "no parquet", "odd.parquet"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(
    folder: Path, name: str, text: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / name).write_text(text)
    assert run(["learn", "real", "-o", "out"]) == 2
    assert said in capsys.readouterr().err


def test_a_folder_of_nothing_but_headers(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("people.csv", "orders.csv"):
        (folder / name).write_text("id,x\n")
    assert run(["learn", "real", "-o", "out"]) == 2
    assert "no table has a row" in capsys.readouterr().err


def test_a_database_named_as_a_file_is_told_how(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "shop.sqlite").write_bytes(b"")
    assert run(["learn", str(tmp_path / "shop.sqlite")]) == 2
    assert f"name it as one: sqlite:///{tmp_path}/shop.sqlite" in capsys.readouterr().err
