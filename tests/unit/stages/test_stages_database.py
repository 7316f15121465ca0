"""Does the spine begin and end in a database, with its law and without its secrets?"""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pyarrow as pa
import pytest

import veridical
from nasty_schema import SQLITE, SQLITE_ROWS
from postgres import started
from veridical.cli.main import run
from veridical.connect.database import read
from veridical.core.schema import Kind
from veridical.stages import database
from veridical.stages.learn import load


@pytest.fixture
def nasty(tmp_path: Path) -> str:
    connection = sqlite3.connect(tmp_path / "nasty.db")
    connection.executescript(f"BEGIN; {SQLITE} {SQLITE_ROWS} COMMIT;")
    connection.close()
    return f"sqlite:///{tmp_path / 'nasty.db'}"


def test_rows_say_what_and_declarations_say_what_must(nasty: str, tmp_path: Path) -> None:
    found = database.learn(nasty, folder=tmp_path / "out", rare_below=1)
    order = found.learned.schema.table("Order")
    assert order.primary_key == ("Id",) and not order.column("placed").nullable
    assert order.column("placed").kind is Kind.DATETIME and order.column("placed").datetime_format
    assert found.learned.schema.table("hollow").names == ("id", "what")  # no row, all law
    assert load(tmp_path / "out").schema == found.learned.schema
    assert database.structure_in(tmp_path / "out") == found.structure
    assert database.structure_in(tmp_path) is None


def test_the_command_learns_a_database(nasty: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["learn", nasty, "-o", str(tmp_path / "out"), "--include-views"]) == 0
    shown = capsys.readouterr().out
    assert "person (country, region_code) -> region (country, code)" in shown and "rich: 1 rows" in shown
    assert {"person", "rich"} <= {table.name for table in veridical.learn(nasty).schema.tables} | {"rich"}
    assert set(veridical.read(nasty).tables) >= {"person", "Order"}


def test_no_secret_reaches_a_file(tmp_path: Path) -> None:
    with started() as server:
        server.sql("CREATE ROLE clerk LOGIN PASSWORD 'hunter2-secret'")
        url = server.url()
        name = url.rsplit("/", 1)[1]
        server.sql("CREATE TABLE t (id int PRIMARY KEY, x text)", name)
        server.sql("INSERT INTO t SELECT i, 'a' FROM generate_series(1, 30) i; GRANT SELECT ON t TO clerk", name)
        secret = server.url(name, user="clerk", password="hunter2-secret")
        assert run(["learn", secret, "-o", str(tmp_path / "out")]) == 0
    written = [path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert written and not any(b"hunter2" in content or b"clerk" in content for content in written)


def test_texts_too_long_are_cut(nasty: str, tmp_path: Path) -> None:
    source = read(nasty)
    longer = source.dataset.tables["Order"]
    longer = longer.set_column(1, "select", pa.array(["x" * 99] * 3))
    from veridical.core.dataset import Dataset

    target = f"sqlite:///{tmp_path / 'new.db'}"
    database.write(target, source.structure, Dataset({**source.dataset.tables, "Order": longer}))
    assert read(target).dataset.tables["Order"]["select"].to_pylist() == ["x" * 30] * 3
