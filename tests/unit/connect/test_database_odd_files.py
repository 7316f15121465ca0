"""Do odd SQLite and DuckDB databases come back with all they enforce, from real rows, synthetic ones and none?"""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from odd_schema import DUCKDB_ODD, DUCKDB_ODD_ROWS, SQLITE_ODD, SQLITE_ODD_ROWS
from veridical.cli.main import run
from veridical.connect.database import read, write

LAW = "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY 1, 2"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lite(path: Path, script: str) -> str:
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()
    return f"sqlite:///{path}"


def duck(path: Path, script: str) -> str:
    duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed: pip install 'veridical[sql]'")
    connection = duckdb.connect(str(path))
    connection.execute(script)
    connection.close()
    return f"duckdb:///{path}"


def law(path: Path) -> list[tuple[str, str, str]]:
    return sqlite3.connect(path).execute(LAW).fetchall()


def test_sqlite_word_for_word(place: Path) -> None:
    real = lite(place / "real.db", SQLITE_ODD + SQLITE_ODD_ROWS)
    source = read(real)
    assert write(f"sqlite:///{place / 'copy.db'}", source.structure, source.dataset).lost == ()
    assert law(place / "copy.db") == law(place / "real.db")
    assert read(f"sqlite:///{place / 'copy.db'}").dataset.fingerprint == source.dataset.fingerprint


def test_sqlite_synthetic(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    real = lite(place / "real.db", SQLITE_ODD + SQLITE_ODD_ROWS)
    code = run(["synth", real, "-o", f"sqlite:///{place / 'fake.db'}", "-q", "--gates", "test-data"])
    assert code == 0, capsys.readouterr().err
    assert law(place / "fake.db") == law(place / "real.db")
    made = sqlite3.connect(place / "fake.db")
    assert made.execute("PRAGMA foreign_key_check").fetchall() == []
    assert made.execute("SELECT count(*) FROM hen").fetchone() == (30,)  # a circle that may not be null on either side
    key = made.execute("INSERT INTO strict_one (n) VALUES (1) RETURNING id").fetchone()[0]
    assert key == made.execute("SELECT max(id) FROM strict_one").fetchone()[0]


@pytest.mark.parametrize("extra", [[], ["--edge-cases"]])
def test_sqlite_seeded(place: Path, extra: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("one", "two"):
        url = lite(place / f"{name}.db", SQLITE_ODD)
        code = run(["seed-db", url, "--rows", "100", "--seed", "4", "-q", *extra])
        assert code == 0, capsys.readouterr().err
    assert (place / "one.db").read_bytes() == (place / "two.db").read_bytes()
    made = sqlite3.connect(place / "one.db")
    assert made.execute("PRAGMA foreign_key_check").fetchall() == []
    assert made.execute("SELECT count(*) FROM mess WHERE typeof(flag) NOT IN ('integer', 'null')").fetchone() == (0,)


@pytest.mark.slow
def test_duckdb_synthetic_and_seeded(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    real = duck(place / "real.duckdb", DUCKDB_ODD + DUCKDB_ODD_ROWS)
    target, empty = f"duckdb:///{place / 'fake.duckdb'}", duck(place / "dev.duckdb", DUCKDB_ODD)
    code = run(["synth", real, "-o", target, "-q", "--gates", "test-data"])
    shown = capsys.readouterr()
    assert code == 0, shown.err
    assert "note: the database does not keep view v" in shown.err
    assert run(["seed-db", empty, "--rows", "80", "-q"]) == 0, capsys.readouterr().err
    query = "SELECT sql FROM duckdb_tables() ORDER BY 1"
    import duckdb

    for url in (target, empty):
        with (
            duckdb.connect(url.removeprefix("duckdb:///")) as made,
            duckdb.connect(str(place / "real.duckdb")) as first,
        ):
            assert made.execute(query).fetchall() == first.execute(query).fetchall()
            made.execute('INSERT INTO "Order" ("select") VALUES (\'a new one\')')  # past the last key
    edges = duck(place / "edges.duckdb", DUCKDB_ODD)
    assert run(["seed-db", edges, "--rows", "80", "-q", "--edge-cases"]) == 0, capsys.readouterr().err


def test_dirty_cells_are_told(place: Path) -> None:
    schema = read(lite(place / "real.db", SQLITE_ODD + SQLITE_ODD_ROWS)).schema
    mess = schema.table("mess")
    assert mess.column("whole").storage == "string"  # one cell of 80 says n/a
    assert any(note == "mess: h is computed by the database" for note in schema.notes)
    assert not any(rule.type == "formula" and rule.columns == ("h",) for rule in mess.constraints)
