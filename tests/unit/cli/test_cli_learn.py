"""Does `veridical learn` say what it found, write whole files, and end with 2 on bad input?"""

from pathlib import Path

import pytest

from veridical.cli.main import run
from veridical.stages import learn as stage


def test_learn_writes_schema_and_profile(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "customers.csv"
    source.write_text("이름,나이,sex\n" + "김민준,31,M\n이서연,42,F\n" * 30)
    assert run(["learn", str(source), "-o", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "customers: 60 rows, 3 columns" in said and "schema.yaml" in said
    learned = stage.load(tmp_path / "out")
    assert learned.schema.only.names == ("이름", "나이", "sex")
    assert set(learned.profiles) == {"customers"}
    assert "김민준" not in (tmp_path / "out" / "learn" / "schema.yaml").read_text()


def test_bad_input_ends_with_2_and_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "broken.csv"
    source.write_text("a,b\n1,2,3\n4,5\n")
    assert run(["learn", str(source), "-o", str(tmp_path / "out")]) == 2
    assert "line 2" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert run(["learn", str(tmp_path / "absent.csv")]) == 2
