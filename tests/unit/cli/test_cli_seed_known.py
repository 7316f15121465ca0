"""Are schemas that everybody knows filled from their declarations alone, and refused with sense where they cannot be?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from known_schema import RENTALS, TRADERS
from postgres import Server, started
from veridical.cli.main import run
from veridical.connect.database import read

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with started() as running:
        yield running


def name_of(url: str) -> str:
    return url.rsplit("/", 1)[1]


@pytest.mark.parametrize("extra", [[], ["--edge-cases"]])
@pytest.mark.parametrize("script", [TRADERS, RENTALS])
def test_every_table_is_full(server: Server, script: str, extra: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    prints = []
    for _ in range(2):
        url = server.url()
        server.sql(script, name_of(url))
        assert run(["seed-db", url, "--rows", "150", "--seed", "9", "-q", *extra]) == 0, capsys.readouterr().err
        made = read(url).dataset
        prints.append(made.fingerprint)
        assert {name: rows.num_rows for name, rows in made.tables.items() if rows.num_rows != 150} == {}
    assert prints[0] == prints[1]


def refused(server: Server, script: str, capsys: pytest.CaptureFixture[str], *extra: str) -> str:
    url = server.url()
    server.sql(script, name_of(url))
    assert run(["seed-db", url, "--rows", "50", "-q", *extra]) == 2
    assert all(rows.num_rows == 0 for rows in read(url).dataset.tables.values())
    return capsys.readouterr().err


def test_what_cannot_be_is_named_with_how_to_mend_it(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = refused(server, "CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL CHECK (n > 5 AND n < 3))", capsys)
    assert "n: the conditions allow no whole number" in told
    told = refused(server, "CREATE TABLE t (id int PRIMARY KEY, a text NOT NULL CHECK (md5(a) = 'x'))", capsys)
    assert "t: no row that keeps this was found" in told and "md5(a)" in told and "to mend:" in told
    told = refused(server, "CREATE TABLE t (id int PRIMARY KEY, x pg_lsn NOT NULL)", capsys)
    assert "no values are known for the type pg_lsn" in told and "to mend:" in told
    guard = (
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'never'; END $$; "
        "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); "
        "CREATE TRIGGER t BEFORE INSERT ON b FOR EACH ROW EXECUTE FUNCTION no()"
    )
    url = server.url()
    server.sql(guard, name_of(url))
    assert run(["seed-db", url, "--rows", "50", "-q"]) in (2, 5)
    assert "write b" in capsys.readouterr().err and read(url).dataset.rows == 0  # a's rows are gone, too


def test_a_typing_error_in_the_schema_is_told(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "s.yaml").write_text("tables:\n  - name: nope\n    columns: [{name: id, kind: integer}]\n")
    told = refused(server, "CREATE TABLE t (id int PRIMARY KEY)", capsys, "--schema", str(tmp_path / "s.yaml"))
    assert "no table nope" in told
    told = refused(server, "CREATE TABLE t (id int PRIMARY KEY)", capsys, "--rows-of", "tt=5")
    assert "no table tt" in told
