"""Is a MySQL or MariaDB database read and written back with everything it enforces?"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
import pytest
from test_database_sqlite import made

from mysql import Server, started
from nasty_schema import SQLITE, SQLITE_ROWS
from odd_schema import MYSQL_ODD
from veridical.cli.main import run
from veridical.connect.database import read, read_structure, write
from veridical.core.dataset import Dataset
from veridical.core.errors import DataError, ProviderError

SCHEMA = """
CREATE TABLE `Order` (`Id` bigint unsigned NOT NULL AUTO_INCREMENT, `select` varchar(30) NOT NULL DEFAULT 'it''s',
  `Customer Name` text, total decimal(12,2) NOT NULL, paid decimal(12,2) NOT NULL DEFAULT 0.00,
  owed decimal(12,2) GENERATED ALWAYS AS (total - paid) STORED, mood enum('sad','ok','it''s fine') DEFAULT 'ok',
  moods set('a','b'), placed datetime(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6), stamp timestamp NULL, t time, y year,
  flag tinyint(1), j json, b blob, bits bit(3), f float, d double, u int unsigned, PRIMARY KEY (`Id`),
  CONSTRAINT paid_range CHECK (paid between 0 and 1000000), CHECK (mood <> 'sad' or paid > 0),
  KEY by_name (`Customer Name`(10)), KEY placed_at (placed));
CREATE TABLE region (country char(2), code int, label varchar(50) UNIQUE, PRIMARY KEY (country, code));
CREATE TABLE person (id int AUTO_INCREMENT PRIMARY KEY, boss int, country char(2), region_code int,
  email varchar(80) NOT NULL, state varchar(10) NOT NULL CHECK (state in ('new','gone')), born date, died date,
  UNIQUE KEY es (email, state), CONSTRAINT r FOREIGN KEY (country, region_code) REFERENCES region(country, code)
  ON UPDATE CASCADE, CONSTRAINT bossy FOREIGN KEY (boss) REFERENCES person(id) ON DELETE SET NULL, CHECK (born < died));
CREATE TABLE passport (person_id int PRIMARY KEY, number varchar(20) NOT NULL,
  FOREIGN KEY (person_id) REFERENCES person(id) ON DELETE CASCADE);
CREATE TABLE team (id int PRIMARY KEY, captain int NOT NULL);
CREATE TABLE player (id int PRIMARY KEY, team int NOT NULL, FOREIGN KEY (team) REFERENCES team(id));
ALTER TABLE team ADD CONSTRAINT tc FOREIGN KEY (captain) REFERENCES player(id);
CREATE TABLE hollow (id int PRIMARY KEY, what text);
CREATE VIEW rich AS SELECT `Id` FROM `Order` WHERE total > 100
"""
ROWS = """
SET FOREIGN_KEY_CHECKS = 0;
INSERT INTO `Order` (`select`, `Customer Name`, total, paid, mood, moods, placed, stamp, t, y, flag, j, b, bits, f, d, u)
VALUES ('a', 'Ann "the" O''Neil', 10.10, 10, 'it''s fine', 'a,b', '2024-02-29 23:59:59.123456', '2024-01-01 00:00:00',
  '23:59:59', 2024, 1, '{"a": 1}', x'00ff', b'101', 0.5, 0.1, 4000000000),
  ('', NULL, 99999999.99, 0, NULL, NULL, '1999-12-31', NULL, '-01:00:00', NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO region VALUES ('KR', 1, '서울'), ('KR', 2, NULL);
INSERT INTO person VALUES (1, 2, 'KR', 1, 'a@x', 'new', '1950-01-01', '2020-02-29'),
  (2, 1, NULL, NULL, 'b@x', 'gone', NULL, NULL);
INSERT INTO passport VALUES (1, 'P'); INSERT INTO team VALUES (1, 1); INSERT INTO player VALUES (1, 1)
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with started() as running:
        yield running


@pytest.fixture(scope="module")
def nasty(server: Server) -> str:
    url = server.url()
    server.sql(SCHEMA, url)
    server.sql(ROWS, url)
    return url


def test_every_word_and_row_comes_back(server: Server, nasty: str) -> None:
    source, target = read(nasty), server.url()
    write(target, source.structure, source.dataset)
    copy = read(target)
    assert copy.structure.tables == source.structure.tables
    assert copy.dataset.fingerprint == source.dataset.fingerprint


def test_types_and_rules(nasty: str) -> None:
    source = read(nasty)
    order = source.dataset.tables["Order"]
    assert order["bits"].to_pylist() == [5, None] and order["t"].to_pylist() == ["23:59:59", "-01:00:00"]
    assert order.schema.field("Id").type == pa.uint64() and order["flag"].to_pylist() == [True, False]
    rules = {(table.name, rule.type, rule.columns) for table in source.schema.tables for rule in table.constraints}
    assert {
        ("Order", "bounds", ("paid",)), ("Order", "conditional", ("mood", "paid")), ("Order", "formula", ("owed",)),
        ("person", "inequality", ("born", "died")), ("person", "unique", ("email", "state")),
    } <= rules  # fmt: skip
    assert len(source.schema.foreign_keys) == 5


def test_orphans_leave_nothing(server: Server, nasty: str) -> None:
    source, target = read(nasty), server.url()
    orphan = pa.table({"person_id": [77], "number": ["secret"]})
    with pytest.raises(DataError, match="1 rows of passport without a row of person"):
        write(target, source.structure, Dataset({**source.dataset.tables, "passport": orphan}))
    with pytest.raises(DataError, match="there is no table"):
        read(target)


def test_another_dialect(server: Server, tmp_path: Path) -> None:
    source, target = read(made(tmp_path / "nasty.db", SQLITE, SQLITE_ROWS)), server.url()
    write(target, source.structure, source.dataset)
    assert read(target).dataset.tables["person"].num_rows == 3


@pytest.mark.parametrize("extra", [[], ["--edge-cases"]])
def test_seeding(server: Server, extra: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    url = server.url()
    server.sql(SCHEMA, url)
    assert run(["seed-db", url, "--rows", "80", "-q", *extra]) == 0, capsys.readouterr().err
    assert all(table.num_rows == 80 for table in read(url).dataset.tables.values())


def test_a_wrong_password_is_not_repeated(server: Server) -> None:
    host = server.base.rsplit("@", 1)[1]
    with pytest.raises(ProviderError) as told:
        read(f"mysql://nobody:hunter2@{host}/x")
    assert "hunter2" not in str(told.value) and "nobody" not in str(told.value)


@pytest.mark.slow
def test_an_odd_schema_seeded_and_synthesized(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    prints = []
    for _ in range(2):
        url = server.url()
        server.sql(MYSQL_ODD, url)
        assert run(["seed-db", url, "--rows", "80", "--seed", "1", "-q"]) == 0, capsys.readouterr().err
        prints.append(read(url).dataset.fingerprint)
    assert prints[0] == prints[1]
    target = server.url()
    code = run(["synth", url, "-o", target, "-q", "--gates", "test-data"])
    assert code == 0, capsys.readouterr().err
    one, two = read(url).structure, read(target).structure
    assert two.tables == one.tables
    server.sql("INSERT INTO `Order` (`select`, price) VALUES ('zzzzzzzzzz', 1)", target)  # past the last key


@pytest.mark.parametrize(
    ("user", "name", "said"),
    [
        ("clerk:wrong-hunter2", "", "refuses the user or the password"),
        ("clerk:hunter2", "", "has no right to this database"),
        ("", "nowhere", "no database of this name"),
    ],
)
def test_what_keeps_us_out_is_told(
    server: Server, user: str, name: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    url = server.url()
    for host in ("%", "localhost"):
        server.sql(f"CREATE USER IF NOT EXISTS clerk@'{host}' IDENTIFIED BY 'hunter2'")
    base, _, database = url.rpartition("/")
    where = f"mysql://{user}@{base.rpartition('@')[2]}" if user else base
    assert run(["learn", f"{where}/{name or database}"]) == 5
    told = capsys.readouterr().err
    assert said in told and "hunter2" not in told and "clerk" not in told


def test_a_connection_that_is_killed_leaves_nothing(server: Server) -> None:
    import pymysql

    url = server.url()
    server.sql("CREATE TABLE t (id bigint PRIMARY KEY, x text)", url)
    structure, target = read_structure(url), server.url()
    parts = urlsplit(server.base)
    killer = pymysql.connect(host=parts.hostname, port=parts.port or 3306, user=parts.username, password=parts.password or "", autocommit=True)  # fmt: skip

    def kill() -> None:
        query = f"SELECT id FROM information_schema.processlist WHERE db = '{target.rsplit('/', 1)[1]}' AND info LIKE 'INSERT%'"
        for _ in range(3000):
            with killer.cursor() as cursor:
                cursor.execute(query)
                found = cursor.fetchall()
                if found:
                    cursor.execute(f"KILL {found[0][0]}")
                    return
            time.sleep(0.005)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    rows = Dataset.of(pa.table({"id": range(60_000), "x": ["x" * 900] * 60_000}), "t")
    with pytest.raises(ProviderError, match="broke off") as told:
        write(target, structure, rows)
    thread.join(timeout=20)
    assert told.value.exit_code == 5 and "xxx" not in str(told.value)
    with killer.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM information_schema.tables WHERE table_schema = '{target.rsplit('/', 1)[1]}'"
        )
        assert cursor.fetchone() == (0,)
