"""Does a stranger's project, in a folder of its own, get realistic rows from the fixture as the docs show it?"""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs" / "databases.md"
PROJECT = '''
import sqlite3
import pytest

DDL = """
CREATE TABLE customer (id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, joined DATE NOT NULL);
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customer, total NUMERIC(8,2) CHECK (total > 0));
"""

@pytest.fixture
def url(tmp_path):
    path = tmp_path / "test.db"
    sqlite3.connect(path).executescript(DDL)
    return f"sqlite:///{path}"

def test_totals(veridical, url):
    made = veridical.seed(url, rows=100, seed=1)
    assert made.rows["orders"] == 100

def test_same(veridical, url, tmp_path):
    a = veridical.seed(url, rows=10, seed=1).tables["orders"].to_pylist()
    other = tmp_path / "b.db"; sqlite3.connect(other).executescript(DDL)
    assert a == veridical.seed(f"sqlite:///{other}", rows=10, seed=1).tables["orders"].to_pylist()

def test_report(veridical, tmp_path):
    (tmp_path / "schema.yaml").write_text("tables:\\n  - name: people\\n    columns:\\n      - {name: id, kind: identifier, storage: int64, unique: true}\\n      - {name: email, kind: text, storage: string}\\n      - {name: token, kind: identifier, pattern: uuid}\\n")
    people = veridical.table(tmp_path / "schema.yaml", rows=50)
    assert people.num_rows == 50 and len(people["token"][0].as_py()) == 36

def test_edges(veridical, url):
    made = veridical.seed(url, rows=100, edge_cases=True, rows_of={"orders": 300}, locale="de_DE")
    assert made.rows["orders"] == 300

def test_wrong(veridical):
    with pytest.raises(Exception, match="no such database file"):
        veridical.seed("sqlite:////nowhere/x.db")
'''
DDL = """
CREATE TABLE customer (id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE);
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customer);
"""


def done_in(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run pytest as a stranger would: nothing is said of a plug-in, where the package is installed."""
    known = any(point.name == "veridical" for point in entry_points(group="pytest11"))
    extra = [] if known else ["-p", "veridical.integrations.pytest_plugin"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *extra]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_a_strangers_project(tmp_path: Path) -> None:
    (tmp_path / "test_shop.py").write_text(PROJECT)
    done = done_in(tmp_path)
    assert done.returncode == 0 and "5 passed" in done.stdout, done.stdout + done.stderr


def test_what_the_docs_show(tmp_path: Path) -> None:
    shown = re.search(r"## In tests\n+```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert shown is not None
    (tmp_path / "test_docs.py").write_text(shown[1])
    connection = sqlite3.connect(tmp_path / "test.db")
    connection.executescript(DDL)
    connection.close()
    (tmp_path / "schema.yaml").write_text(
        "tables:\n  - name: people\n    columns:\n      - {name: email, kind: text, storage: string}\n"
    )
    done = done_in(tmp_path)
    assert done.returncode == 0 and "2 passed" in done.stdout, done.stdout + done.stderr


def test_the_command_is_as_the_docs_say(tmp_path: Path) -> None:
    from veridical.cli.main import run

    connection = sqlite3.connect(tmp_path / "dev.db")
    connection.executescript(DDL)
    connection.close()
    url = f"sqlite:///{tmp_path / 'dev.db'}"
    assert run(["seed-db", url, "--rows", "50", "--seed", "1", "--rows-of", "orders=200", "--edge-cases", "-q"]) == 0
    assert sqlite3.connect(tmp_path / "dev.db").execute("SELECT count(*) FROM orders").fetchone() == (200,)
