"""Does a PostgreSQL schema of odd things come back with all that it enforces, real rows, synthetic ones, and made-up ones?"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from odd_schema import ODD, ROWS
from postgres import Server, started
from veridical.cli.main import run
from veridical.connect.database import read, read_structure, write
from veridical.connect.database.structure import Structure
from veridical.core.dataset import Dataset

pytestmark = pytest.mark.postgres

CONSTRAINTS = """
SELECT c.relname::text, k.conname::text, k.contype::text, pg_get_constraintdef(k.oid), k.condeferrable, k.condeferred
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' ORDER BY 1, 2"""
INDEXES = "SELECT tablename::text, indexname::text, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2"
COLUMNS = """
SELECT c.relname::text, c.relpersistence::text, a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull,
       a.attidentity::text, a.attgenerated::text, pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum),
       obj_description(c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm') AND a.attnum > 0 ORDER BY 1, a.attnum"""
SEQUENCES = """
SELECT sequencename::text, data_type::text, start_value, min_value, max_value, increment_by, cycle
FROM pg_sequences WHERE schemaname = 'public' ORDER BY 1"""
DOMAINS = """
SELECT t.typname::text, pg_get_constraintdef(k.oid) FROM pg_constraint k JOIN pg_type t ON t.oid = k.contypid
ORDER BY 1, 2"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with started() as running:
        yield running


def name_of(url: str) -> str:
    return url.rsplit("/", 1)[1]


def odd(server: Server, *, rows: bool) -> str:
    url = server.url()
    server.sql(ODD, name_of(url))
    if rows:
        server.sql(ROWS, name_of(url))
    return url


@pytest.fixture(scope="module")
def source(server: Server) -> str:
    return odd(server, rows=True)


def same_law(server: Server, one: str, two: str, *queries: str) -> None:
    for query in queries:
        left, right = server.sql(query, name_of(one)), server.sql(query, name_of(two))
        assert right == left


def test_all_that_the_server_enforces_comes_back(server: Server, source: str) -> None:
    found, target = read(source), server.url()
    assert write(target, found.structure, found.dataset).lost == ()
    same_law(server, source, target, CONSTRAINTS, INDEXES, COLUMNS, SEQUENCES, DOMAINS)
    copy = read(target)
    assert copy.dataset.fingerprint == found.dataset.fingerprint
    assert Structure.from_dict(found.structure.to_dict()) == found.structure


def test_rows_beyond_every_part_get_a_part_of_their_own(server: Server, source: str) -> None:
    found, target = read(source), server.url()
    rows = found.dataset.tables["reading"]
    late = rows.set_column(0, "at", pc.add(rows["at"].cast("timestamp[s]"), pa.scalar(9 * 365 * 86_400, "duration[s]")))
    late = late.set_column(0, "at", late["at"].cast("date32"))
    lost = write(target, found.structure, Dataset({**found.dataset.tables, "reading": late})).lost
    assert any("reading: that all rows belong to a part" in one for one in lost)
    assert read(target).dataset.tables["reading"].num_rows == rows.num_rows


def test_rows_can_be_added_after_it(server: Server, source: str) -> None:
    found, target = read(source), server.url()
    write(target, found.structure, found.dataset)
    added = server.sql(
        'INSERT INTO "User" ("order", login) VALUES (\'x\', \'new one\') RETURNING "userID"', name_of(target)
    )
    assert added == [(1600,)]  # past the last key, by the step of its sequence
    bill = "INSERT INTO bill (payer, net, state, issued) VALUES (1000, 5, 'void', '2024-01-01') RETURNING id, no; "
    assert server.sql(bill, name_of(target)) == [(201, 7000)]
    assert server.sql("INSERT INTO scratch (note) VALUES (NULL) RETURNING id, note", name_of(target)) == [(41, None)]
    with pytest.raises(Exception, match="no partition"):
        server.sql("INSERT INTO reading VALUES ('2030-01-01', 1, 1)", name_of(target))


def test_notes_say_what_is_left_out(source: str) -> None:
    notes = " ".join(read(source).schema.notes)
    for said in ("1 triggers are not copied", "schema elsewhere holds 1 tables", "view Open Bills", "view sums", "inet",
                 "seat_during_excl", "1 tables without a column", "user_lower"):  # fmt: skip
        assert said in notes
    rules = {(r.type, r.columns, r.when) for r in read(source).schema.table("bill").constraints}
    assert ("at_most_one", ("payer",), "state == 'open'") in rules


def test_views_are_read_on_demand(source: str) -> None:
    tables = read(source, include_views=True).dataset.tables
    assert tables["Open Bills"].num_rows == 60 and tables["sums"].column_names == ["payer", "total"]


def test_synthetic_rows_into_an_empty_database(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    real, target = odd(server, rows=True), server.url()
    # What no rule of ours can say (no two stretches overlap) is the server's to refuse: see the next test.
    server.sql("DROP TABLE seat", name_of(real))
    code = run(["synth", real, "-o", target, "-q", "--gates", "test-data"])
    shown = capsys.readouterr()
    assert code == 0, shown.err
    # The dates of a partitioned table stay where its parts are, so that none has to be added.
    same_law(server, real, target, CONSTRAINTS, SEQUENCES, DOMAINS)
    made = read(target).dataset.tables
    assert made["User"].num_rows == 60 and made["bill"].num_rows == 200 and made["child_empty"].num_rows == 0
    assert all(":" in mac for mac in made["User"]["mac"].drop_null().to_pylist())
    assert "does not keep" not in shown.err
    server.sql("INSERT INTO \"User\" (\"order\", login) VALUES ('x', 'new one')", name_of(target))


def test_what_nobody_but_the_server_knows_is_refused_by_name(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    real, target = server.url(), server.url()
    script = (
        "CREATE TABLE seat (id serial PRIMARY KEY, during int4range NOT NULL, EXCLUDE USING gist (during WITH &&));"
    )
    server.sql(
        script + "INSERT INTO seat (during) SELECT int4range(i * 10, i * 10 + 5) FROM generate_series(1, 60) i",
        name_of(real),
    )
    assert run(["synth", real, "-o", target, "-q", "--gates", "test-data"]) == 2
    assert "seat seat_during_excl: rows break a constraint" in capsys.readouterr().err
    assert server.sql("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace", name_of(target)) == [
        (0,)
    ]


def contents(server: Server, url: str) -> str:
    digest = hashlib.sha256()
    for table in read_structure(url).tables:
        name = table.name.replace('"', '""')
        for row in server.sql(f'SELECT t::text FROM "{name}" t ORDER BY 1', name_of(url)):
            digest.update(repr(row).encode())
    return digest.hexdigest()


@pytest.mark.slow
@pytest.mark.parametrize("extra", [[], ["--edge-cases"]])
def test_seeding_keeps_every_rule_and_is_the_same_twice(
    server: Server, extra: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    made = []
    for seed in ("1", "1") if extra else ("1", "1", "2"):
        url = odd(server, rows=False)
        server.sql("DELETE FROM elsewhere.ledger", name_of(url))
        code = run(["seed-db", url, "--rows", "120", "--seed", seed, "-q", *extra])
        assert code == 0, capsys.readouterr().err
        made.append(contents(server, url))
        assert all(table.num_rows == 120 for table in read(url).dataset.tables.values())
    assert made[0] == made[1] and made[0] != (made[2] if made[2:] else "")
    both = "SELECT count(*) FILTER (WHERE state = 'open'), count(DISTINCT payer) < count(*) FROM bill"
    opened, repeated = server.sql(both, name_of(url))[0]
    assert opened > 10 and repeated  # one open bill each, not one bill each
    server.sql("INSERT INTO scratch (note) VALUES ('later')", name_of(url))
    server.sql("INSERT INTO bill (payer, net, state, issued) SELECT min(\"userID\"), 5, 'void', '2024-01-01' FROM \"User\"", name_of(url))  # fmt: skip


def test_another_schema_is_read_and_written(server: Server, source: str) -> None:
    script = (
        "CREATE SCHEMA sales; CREATE FUNCTION sales.ok(n int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT n > 0'; "
        "CREATE TYPE sales.mood AS ENUM ('a', 'b'); CREATE TABLE public.other (id int PRIMARY KEY); "
        "CREATE TABLE sales.t (id serial PRIMARY KEY, m sales.mood, n int CHECK (sales.ok(n)), o int REFERENCES public.other); "
        "CREATE INDEX here ON sales.t (n); INSERT INTO sales.t (m, n) VALUES ('a', 1), ('b', 2)"
    )
    url, target = server.url(), server.url()
    server.sql(script, name_of(url))
    server.sql("CREATE SCHEMA copy", name_of(target))
    found = read(f"{url}?options=-csearch_path%3Dsales")
    assert "t: the link t_o_fkey leads to another schema, and is left out" in found.schema.notes
    write(f"{target}?options=-csearch_path%3Dcopy", found.structure, found.dataset)
    assert server.sql("INSERT INTO copy.t (n) VALUES (3) RETURNING id", name_of(target)) == [(3,)]
    assert server.sql("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace", name_of(target)) == [
        (0,)
    ]
    with pytest.raises(Exception, match="t_n_check"):
        server.sql("INSERT INTO copy.t (n) VALUES (-1)", name_of(target))
