"""Is a SQLite database read and written back with everything it enforces?"""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pyarrow as pa
import pytest

from nasty_schema import SQLITE, SQLITE_ROWS
from shared_data import shared
from veridical.connect.database import Database, fill, read, read_structure, write
from veridical.connect.database.structure import Structure
from veridical.core.dataset import Dataset
from veridical.core.errors import DataError
from veridical.core.schema import Kind


def made(path: Path, *scripts: str) -> str:
    connection = sqlite3.connect(path)
    for script in scripts:
        connection.executescript(f"BEGIN; {script} COMMIT;")
    connection.close()
    return f"sqlite:///{path}"


@pytest.fixture
def nasty(tmp_path: Path) -> str:
    return made(tmp_path / "nasty.db", SQLITE, SQLITE_ROWS)


def test_every_word_and_row_comes_back(nasty: str, tmp_path: Path) -> None:
    source = read(nasty)
    written = write(f"sqlite:///{tmp_path / 'copy.db'}", source.structure, source.dataset)
    copy = read(f"sqlite:///{tmp_path / 'copy.db'}")
    assert copy.structure.tables == source.structure.tables
    assert copy.dataset.fingerprint == source.dataset.fingerprint
    assert written.rows["person"] == 3 and written.lost == ()


def test_the_schema_says_what_the_database_enforces(nasty: str) -> None:
    schema = read(nasty).schema
    order, person = schema.table("Order"), schema.table("person")
    assert (
        order.primary_key == ("Id",) and not order.column("select").nullable and order.column("Customer Name").nullable
    )
    found = {(rule.type, rule.columns) for rule in order.constraints}
    assert {("bounds", ("total",)), ("inequality", ("paid", "total")), ("formula", ("owed",))} <= found
    assert person.column("state").categories == ("new", "active") and person.column("state").kind is Kind.CATEGORY
    assert ("unique", ("email", "state")) in {(rule.type, rule.columns) for rule in person.constraints}
    assert any("person_lower" in note for note in schema.notes) and any("rich" in note for note in schema.notes)
    keys = {(key.table, key.columns, key.parent, key.parent_columns) for key in schema.foreign_keys}
    assert ("person", ("boss",), "person", ("id",)) in keys  # written PERSON, without columns
    assert ("person", ("country", "region_code"), "region", ("country", "code")) in keys
    assert ("passport", ("person_id",), "person", ("id",)) in keys
    assert sum(table == "transfer" for table, *_ in keys) == 2
    assert {("team", ("captain",), "player", ("id",)), ("player", ("team",), "team", ("id",))} <= keys


def test_cells_are_read_by_what_they_hold(nasty: str) -> None:
    order = read(nasty).dataset.tables["Order"]
    assert order.schema.field("total").type == pa.decimal128(12, 2)
    assert order.schema.field("flag").type == pa.bool_()
    assert order["mixed"].to_pylist() == ["1", "one", "2"]
    assert order["photo"].to_pylist() == [b"\x00\xff", None, b""]
    assert order["Customer Name"].to_pylist() == ['Ann "the" O\'Neil', None, ""]


def test_a_table_without_rows_and_views(nasty: str) -> None:
    assert read(nasty).dataset.tables["hollow"].num_rows == 0
    with_views = read(nasty, include_views=True)
    assert with_views.dataset.tables["rich"].column_names == ["Id"]


def test_a_full_target_is_refused_unless_replaced(nasty: str, tmp_path: Path) -> None:
    source = read(nasty)
    target = made(
        tmp_path / "full.db", "CREATE TABLE person (x); INSERT INTO person VALUES (1); CREATE TABLE other (y);"
    )
    with pytest.raises(DataError, match="not empty"):
        write(target, source.structure, source.dataset)
    assert read(target).dataset.tables["person"].column_names == ["x"]
    write(target, source.structure, source.dataset, replace=True)
    after = read(target).dataset.tables
    assert after["person"].num_rows == 3 and "other" in after


def test_orphans_leave_nothing_behind(nasty: str, tmp_path: Path) -> None:
    source = read(nasty)
    orphan = pa.table({"person_id": [99], "number": ["P"]})
    target = tmp_path / "new.db"
    with pytest.raises(DataError, match="1 rows of passport without a row of person"):
        write(f"sqlite:///{target}", source.structure, Dataset({**source.dataset.tables, "passport": orphan}))
    assert list(tmp_path.glob("*new.db*")) == []


def test_a_broken_rule_rolls_back_and_shows_no_value(nasty: str, tmp_path: Path) -> None:
    target = made(tmp_path / "empty.db", SQLITE)
    rows = pa.table({"id": [1, 1], "what": ["secret-value", "secret-value"]})
    structure = read(nasty).structure
    copy = tmp_path / "copy.db"
    with pytest.raises(DataError) as told:
        write(
            f"sqlite:///{copy}",
            Structure(dialect="sqlite", tables=(structure.table("hollow"),)),
            Dataset.of(rows, "hollow"),
        )
    assert "secret" not in str(told.value) and "write hollow" in str(told.value)
    assert not copy.exists()
    assert read(target).dataset.rows == 0


def test_filling_tables_that_are_there(tmp_path: Path, nasty: str) -> None:
    script = SQLITE.replace("CREATE TRIGGER", "-- CREATE TRIGGER")
    target = made(tmp_path / "empty.db", script)
    source = read(nasty).dataset
    fill(target, source)
    assert read(target).dataset.fingerprint == source.fingerprint
    with pytest.raises(DataError, match="hold rows already"):
        fill(target, source)


def test_what_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such database file"):
        read(f"sqlite:///{tmp_path / 'absent.db'}")
    (tmp_path / "text.db").write_text("these are no pages of a database " * 100)
    with pytest.raises(DataError, match="cannot be used"):
        read(f"sqlite:///{tmp_path / 'text.db'}")
    with pytest.raises(DataError, match="there is no table"):
        read(made(tmp_path / "empty.db", "CREATE VIEW v AS SELECT 1;"))


def test_a_file_cut_in_the_middle(nasty: str, tmp_path: Path) -> None:
    path = tmp_path / "cut.db"
    made(path, "CREATE TABLE t (a TEXT);" + "INSERT INTO t VALUES ('" + "x" * 900 + "');" * 1)
    connection = sqlite3.connect(path)
    connection.executemany("INSERT INTO t VALUES (?)", [("y" * 900,)] * 500)
    connection.commit()
    connection.close()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match="cannot be used"):
        read(f"sqlite:///{path}")


def test_the_structure_survives_json(nasty: str) -> None:
    structure = read_structure(nasty)
    import json

    assert Structure.from_dict(json.loads(json.dumps(structure.to_dict()))) == structure


def test_chinook_comes_back(tmp_path: Path) -> None:
    source: Database = read(f"sqlite:///{shared('chinook/chinook.sqlite')}")
    assert len(source.schema.foreign_keys) == 11
    write(f"sqlite:///{tmp_path / 'copy.db'}", source.structure, source.dataset)
    copy = read(f"sqlite:///{tmp_path / 'copy.db'}")
    assert (copy.structure, copy.schema) == (source.structure, source.schema)
    assert copy.dataset.fingerprint == source.dataset.fingerprint


def test_chinook_through_duckdb(tmp_path: Path) -> None:
    pytest.importorskip("duckdb", reason="duckdb is not installed: pip install 'veridical[sql]'")
    source = read(f"sqlite:///{shared('chinook/chinook.sqlite')}")
    there, back = f"duckdb:///{tmp_path / 'c.duckdb'}", f"duckdb:///{tmp_path / 'back.duckdb'}"
    assert write(there, source.structure, source.dataset).lost == ()
    first = read(there)
    assert first.dataset.rows == source.dataset.rows and len(first.schema.foreign_keys) == 11
    write(back, first.structure, first.dataset)
    assert read(back).dataset.fingerprint == first.dataset.fingerprint


def test_orphans_of_the_source_are_counted(tmp_path: Path) -> None:
    script = (
        "CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER REFERENCES a);"
        "INSERT INTO a VALUES (1); INSERT INTO b VALUES (1, 1), (2, 5), (3, NULL), (4, 1), (5, 1);"
    )
    source = read(made(tmp_path / "orphans.db", script))
    assert source.schema.foreign_keys[0].broken_share == 0.25
    assert any("b (a): 1 of 4 rows have no row of a" in note for note in source.schema.notes)
    with pytest.raises(DataError, match="orphan keys: 1 rows of b"):
        write(f"sqlite:///{tmp_path / 'copy.db'}", source.structure, source.dataset)
