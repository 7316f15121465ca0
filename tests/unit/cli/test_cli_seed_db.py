"""Is a database filled from the command line, in a test, and from the declarations alone?"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nasty_schema import POSTGRES, SQLITE
from postgres import Server, started
from shared_data import shared
from veridical.cli.main import run
from veridical.connect.database import read, write
from veridical.core.dataset import Dataset

NO_TRIGGER = SQLITE.replace("CREATE TRIGGER", "-- CREATE TRIGGER")


def empty(path: Path, script: str = NO_TRIGGER) -> str:
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()
    return f"sqlite:///{path}"


@pytest.mark.parametrize("extra", [[], ["--edge-cases"]])
def test_a_nasty_sqlite_database(tmp_path: Path, extra: list[str]) -> None:
    one, two = empty(tmp_path / "one.db"), empty(tmp_path / "two.db")
    for url in (one, two):
        assert run(["seed-db", url, "--rows", "150", "--seed", "1", "--quiet", *extra]) == 0
    first = read(one).dataset
    assert first.fingerprint == read(two).dataset.fingerprint
    assert all(table.num_rows == 150 for table in first.tables.values())
    assert sqlite3.connect(tmp_path / "one.db").execute("PRAGMA integrity_check; ").fetchone() == ("ok",)
    assert sqlite3.connect(tmp_path / "one.db").execute("PRAGMA foreign_key_check").fetchall() == []


def test_what_is_there_is_not_touched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = empty(tmp_path / "one.db")
    assert run(["seed-db", url, "--rows", "10", "-q"]) == 0
    before = read(url).dataset.fingerprint
    assert run(["seed-db", url, "--rows", "10", "-q"]) == 2
    assert "hold rows already" in capsys.readouterr().err and read(url).dataset.fingerprint == before


def test_a_schema_says_more(tmp_path: Path) -> None:
    url = empty(tmp_path / "one.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, size TEXT, n INTEGER, code TEXT UNIQUE)")
    (tmp_path / "schema.yaml").write_text(
        "tables:\n  - name: t\n    columns:\n      - {name: size, kind: category, categories: [S, M, L]}\n"
        "      - {name: n, kind: integer, storage: int64, low: 7, high: 9}\n      - {name: code, kind: text, pattern: AA-9999}\n"
    )
    assert (
        run(["seed-db", url, "--rows", "50", "-q", "--schema", str(tmp_path / "schema.yaml"), "--rows-of", "t=60"]) == 0
    )
    rows = read(url).dataset.only
    assert rows.num_rows == 60 and set(rows["size"].drop_null().to_pylist()) == {"S", "M", "L"}
    assert set(rows["n"].drop_null().to_pylist()) == {7, 8, 9}
    assert all(len(code) == 7 and code[2] == "-" for code in rows["code"].drop_null().to_pylist())


def test_a_condition_nobody_can_read_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = empty(
        tmp_path / "one.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL CHECK (substr(a, 2, 1) = '7' AND a <> trim(a, 'x')))",
    )
    assert run(["seed-db", url, "--rows", "20", "-q"]) == 2
    told = capsys.readouterr().err
    assert "t: no row that keeps this was found" in told and "substr(a, 2, 1) = '7'" in told
    assert read(url).dataset.rows == 0


def test_chinook_from_its_declarations(tmp_path: Path) -> None:
    source = read(f"sqlite:///{shared('chinook/chinook.sqlite')}")
    url = f"sqlite:///{tmp_path / 'dev.db'}"
    write(url, source.structure, Dataset({name: rows.slice(0, 0) for name, rows in source.dataset.tables.items()}))
    assert run(["seed-db", url, "--rows", "300", "--seed", "4", "-q"]) == 0
    made = read(url).dataset.tables
    assert made["Customer"].num_rows == 300 and "@" in made["Customer"]["Email"].to_pylist()[0]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with started() as running:
        yield running


@pytest.mark.postgres
@pytest.mark.parametrize("extra", [[], ["--edge-cases"]])
def test_a_nasty_postgres_database(server: Server, extra: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    url = server.url()
    more = "CREATE TABLE coded (id int PRIMARY KEY, code text UNIQUE CHECK (code ~ '^[A-Z]{3}-[0-9]{4}$'))"
    server.sql(POSTGRES + more, url.rsplit("/", 1)[1])
    assert run(["seed-db", url, "--rows", "200", "--seed", "1", "-q", *extra]) == 0, capsys.readouterr().err
    assert all(table.num_rows == 200 for table in read(url).dataset.tables.values())


@pytest.mark.slow
def test_the_pytest_fixture(tmp_path: Path) -> None:
    pytest.importorskip("sqlalchemy", reason="sqlalchemy is not installed: pip install 'veridical[sql]'")
    url = empty(tmp_path / "one.db")
    (tmp_path / "test_mine.py").write_text(f"""
import sqlalchemy as sa

def test_url(veridical):
    made = veridical.seed({url!r}, rows=20, seed=1)
    assert made.rows["person"] == 20 and made.tables["person"].num_rows == 20

def test_metadata(veridical):
    metadata = sa.MetaData()
    sa.Table("users", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("email", sa.String(40), unique=True, nullable=False))
    one, two = (veridical.seed(metadata, rows=30, seed=3).tables["users"] for _ in range(2))
    assert one == two and len(set(one["email"].to_pylist())) == 30

def test_table(veridical):
    from veridical.core.schema import Column, Kind, TableSchema
    schema = TableSchema(name="t", columns=(Column(name="city", kind=Kind.TEXT),))
    assert veridical.table(schema, 5, seed=1) == veridical.table(schema, 5, seed=1)
    assert veridical.tables(schema, 5)["t"].num_rows == 5
""")
    plugin = ["-p", "no:veridical", "-p", "veridical.integrations.pytest_plugin", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plugin, str(tmp_path / "test_mine.py")],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_patterns_of_conditions_are_kept(tmp_path: Path) -> None:
    url = empty(
        tmp_path / "one.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT CHECK (a GLOB '[A-Z][A-Z]-[0-9][0-9]'), "
        "b TEXT NOT NULL CHECK (b LIKE 'SKU-%'), email TEXT CHECK (email LIKE '%@%'))",
    )
    assert run(["seed-db", url, "--rows", "40", "-q", "--edge-cases"]) == 0
    assert all("@" in text for text in read(url).dataset.only["email"].drop_null().to_pylist())
