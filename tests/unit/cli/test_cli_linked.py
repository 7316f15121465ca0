"""Do several tables go from a database or a folder to a database or a folder, by the commands?"""

import json
import sqlite3

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.linked_data import shop

from veridical.cli import main as door


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _database(path):
    tables = shop(60).tables
    with sqlite3.connect(path) as connection:
        connection.executescript(
            """
            CREATE TABLE customer (customer_id TEXT PRIMARY KEY, email TEXT NOT NULL, size TEXT, signed_up DATE);
            CREATE TABLE product (product_id INTEGER PRIMARY KEY, price REAL NOT NULL);
            CREATE TABLE "orders" (order_id INTEGER PRIMARY KEY, customer_id TEXT NOT NULL REFERENCES customer,
                placed DATE, status TEXT, total REAL);
            CREATE TABLE line (order_id INTEGER NOT NULL REFERENCES "orders", line_no INTEGER NOT NULL,
                product_id INTEGER REFERENCES product, price REAL, amount INTEGER, PRIMARY KEY (order_id, line_no));
            """
        )
        for name, rows in tables.items():
            marks = ", ".join("?" * rows.num_columns)
            values = [[str(v) if hasattr(v, "isoformat") else v for v in row.values()] for row in rows.to_pylist()]
            connection.executemany(f'INSERT INTO "{name}" VALUES ({marks})', values)
    return tables


@pytest.mark.slow
def test_a_database_into_a_database(place, capsys):
    real = _database(place / "shop.db")
    code = door.run(["synth", "sqlite:///shop.db", "-o", "sqlite:///fake.db", "-q", "--gates", "test-data"])
    shown = capsys.readouterr()
    assert code == 0, shown.err
    assert "to the database" in shown.out
    with sqlite3.connect(place / "fake.db") as made:
        assert made.execute("PRAGMA foreign_key_check").fetchall() == []
        assert made.execute("SELECT count(*) FROM customer").fetchone()[0] == real["customer"].num_rows
        assert "PRIMARY KEY (order_id, line_no)" in made.execute(
            "SELECT sql FROM sqlite_master WHERE name='line'"
        ).fetchone()[0].replace('"', "")
    assert door.run(["sample", "shop.veridical", "--scale", "2", "-o", "twice", "-q"]) == 0
    assert pq.read_table(place / "twice" / "customer.parquet").num_rows == 120
    assert door.run(["verify", "shop.veridical/release"]) == 0


def test_a_folder_is_cut_and_what_is_wrong_is_told(place, capsys):
    (place / "real").mkdir()
    for name, rows in shop(60).tables.items():
        pq.write_table(rows, place / "real" / f"{name}.parquet")
    assert door.run(["cut", "real", "--share", "0.5", "-o", "half"]) == 0
    assert pq.read_table(place / "half" / "customer.parquet").num_rows == 30
    for wrong in (["--rows", "5"], ["--where", "total > 3"], ["--engine", "copula"], ["--keep", "nothing"]):
        assert door.run(["synth", "real", "-o", "out", "-q", *wrong]) == 2
    assert door.run(["synth", "real", "-o", "sqlite:///x.db", "-q", "--gates", "test-data"]) == 2
    (place / "half" / "orders.parquet").unlink()
    assert door.run(["validate", "--real", "real", "--synthetic", "half", "-q"]) == 2
    assert "missing: orders" in capsys.readouterr().err


def test_rows_torn_between_both_sides_of_the_holdout_are_told_of(place, capsys):
    # Every pair of towns comes once: a row cannot exchange an end with another one.
    (place / "bank").mkdir()
    people = {"customer_id": [f"C{i}" for i in range(60)], "age": np.random.default_rng(0).integers(18, 90, 60)}
    ends = [(f"C{i}", f"C{k}") for i in range(60) for k in range(60) if i != k]
    moved = {"payer": [one for one, _ in ends], "payee": [two for _, two in ends], "amount": range(len(ends))}
    pq.write_table(pa.table(people), place / "bank" / "customers.parquet")
    pq.write_table(pa.table(moved), place / "bank" / "transfers.parquet")
    door.run(["synth", "bank", "-o", "out", "-q", "--no-release"])
    told = capsys.readouterr().err
    assert "of the rows of transfers belong to two entities" in told
    source = json.loads((place / "out" / "model" / "model.json").read_text())["source"]
    assert source["holdout"]["torn"]["transfers"] > 0.05
