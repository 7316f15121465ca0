"""Do rules across tables hold in all that is made of a shop: synthesized, sampled, seeded? Are impossible ones refused?"""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from veridical.cli.main import run
from veridical.connect.database import read
from veridical.spec import schema_yaml

DDL = """
CREATE TABLE customer (id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, signed_up DATE NOT NULL);
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customer, placed DATE NOT NULL,
  shipped DATE, status TEXT NOT NULL CHECK (status IN ('open', 'paid', 'void')),
  total NUMERIC(12,2) NOT NULL CHECK (total > 0), CHECK (shipped >= placed));
CREATE TABLE line (order_id INTEGER NOT NULL REFERENCES orders, no INTEGER NOT NULL,
  price NUMERIC(8,2) NOT NULL CHECK (price > 0), amount INTEGER NOT NULL CHECK (amount BETWEEN 1 AND 9),
  PRIMARY KEY (order_id, no));
"""
RULES = """
tables:
  - name: orders
    constraints:
      - {type: inequality, columns: [customer.signed_up, placed]}
      - {type: total, columns: [total], expression: "sum(line.price * line.amount)"}
      - {type: at_most_one, columns: [customer_id], when: "status == 'open'"}
"""
BROKEN = {
    "before sign-up": "SELECT count(*) FROM orders o JOIN customer c ON c.id = o.customer_id WHERE o.placed < c.signed_up",
    "wrong totals": "SELECT count(*) FROM orders o WHERE abs(total - "
    "(SELECT sum(price * amount) FROM line WHERE order_id = o.id)) > 0.005",
    "two open": "SELECT count(*) FROM (SELECT 1 FROM orders WHERE status = 'open' GROUP BY customer_id HAVING count(*) > 1)",
    "orphans": "SELECT count(*) FROM pragma_foreign_key_check",
}


def broken(path: Path) -> dict[str, int]:
    connection = sqlite3.connect(path)
    return {what: connection.execute(query).fetchone()[0] for what, query in BROKEN.items()}


NONE = dict.fromkeys(BROKEN, 0)


def seeded(folder: Path, name: str, *extra: str) -> Path:
    path = folder / name
    connection = sqlite3.connect(path)
    connection.executescript(DDL)
    connection.close()
    (folder / "rules.yaml").write_text(RULES)
    sizes = ["--rows", "150", "--rows-of", "line=600", "--rows-of", "customer=80", "-q"]
    assert run(["seed-db", f"sqlite:///{path}", "--schema", str(folder / "rules.yaml"), *sizes, *extra]) == 0
    return path


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("extra", [[], ["--edge-cases"]])
def test_seeding(place: Path, extra: list[str]) -> None:
    path = seeded(place, "dev.db", *extra)
    assert broken(path) == NONE
    orders = read(f"sqlite:///{path}").dataset.tables["orders"]
    assert orders.num_rows == 150 and orders["status"].to_pylist().count("open") > 15


@pytest.mark.slow
def test_rules_are_learned_and_hold_in_what_is_made(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    real = seeded(place, "real.db")
    assert run(["learn", f"sqlite:///{real}"]) == 0
    learned = {
        (rule.type, rule.columns)
        for rule in schema_yaml.read(place / "real.veridical" / "learn" / "schema.yaml").table("orders").constraints
        if rule.source == "learned"
    }
    assert {("inequality", ("customer.signed_up", "placed")), ("total", ("total",)), ("at_most_one", ("customer_id",))} <= learned  # fmt: skip
    # As learned, and as somebody declares them beside it.
    assert (
        run(["synth", f"sqlite:///{real}", "-o", f"sqlite:///{place / 'fake.db'}", "-q", "--gates", "test-data"]) == 0
    )
    assert broken(place / "fake.db") == NONE
    assert run(["sample", "real.veridical", "--scale", "2", "-o", "twice", "-q"]) == 0
    connection = sqlite3.connect(place / "twice.db")
    connection.executescript(DDL)
    import pyarrow.parquet as pq

    for name in ("customer", "orders", "line"):
        rows = [[v if isinstance(v, int | str | None) else str(v) for v in row.values()] for row in pq.read_table(place / "twice" / f"{name}.parquet").to_pylist()]  # fmt: skip
        connection.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(rows[0]))})", rows)
    connection.commit()
    assert broken(place / "twice.db") == NONE


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("{type: at_most_one, columns: [customer_id]}", "a parent has several rows in the source"),
        ("{type: at_most_one, columns: [customer_id], when: \"nope == 1\"}", "no column `nope`"),
        ("{type: at_most_one, columns: [customer_id], when: \"customer_id > 3\"}", "no column tells the kind"),
        ("{type: total, columns: [total], expression: \"sum(nothing.price)\"}", "cannot be read"),
        ("{type: total, columns: [total], expression: \"sum(line.cost)\"}", "no column `cost`"),
        ("{type: inequality, columns: [customer.nope, placed]}", "customer.nope"),
        ("{type: inequality, columns: [placed, customer.signed_up], strict: true}", "must be below"),
    ],
)  # fmt: skip
def test_what_cannot_be_kept_is_refused_before_anything_is_learned(
    place: Path, rule: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    real = seeded(place, "real.db")
    assert run(["learn", f"sqlite:///{real}", "-o", "found"]) == 0
    text = (place / "found" / "learn" / "schema.yaml").read_text()
    before, _, after = text.partition("- name: orders\n")
    (place / "mine.yaml").write_text(f"{before}- name: orders\n{after.replace('constraints:', f'constraints:{chr(10)}      - {rule}', 1)}")  # fmt: skip
    assert run(["synth", f"sqlite:///{real}", "--schema", "mine.yaml", "-o", "out", "-q"]) == 2
    assert said in capsys.readouterr().err
    assert not list((place / "out").rglob("generator.json"))


def test_seeding_refuses_a_rule_that_leaves_no_room(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    connection = sqlite3.connect(place / "dev.db")
    connection.executescript(DDL.replace("placed DATE NOT NULL", "placed DATE NOT NULL CHECK (placed < '2001-01-01')"))
    connection.close()
    text = RULES.replace("tables:\n", "tables:\n  - name: customer\n    columns:\n      - {name: signed_up, kind: date, low: '2020-01-01'}\n")  # fmt: skip
    (place / "rules.yaml").write_text(text)
    assert run(["seed-db", f"sqlite:///{place / 'dev.db'}", "--schema", "rules.yaml", "--rows", "40", "-q"]) == 2
    assert "veridical: error: orders: " in capsys.readouterr().err
    assert read(f"sqlite:///{place / 'dev.db'}").dataset.rows == 0
