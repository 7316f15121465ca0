"""Does a command take a database of linked tables to an empty one, every key and every rule held by the database?"""

from __future__ import annotations

import datetime as dt
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from postgres import started
from veridical.cli.main import run
from veridical.connect.database import read

TRAVEL = """
CREATE TABLE airline (carrier text PRIMARY KEY, name text NOT NULL);
CREATE TABLE airport (faa text PRIMARY KEY, name text NOT NULL, altitude integer);
CREATE TABLE weather (origin text NOT NULL REFERENCES airport (faa), time_hour timestamp NOT NULL, temp numeric(5,1),
                      PRIMARY KEY (origin, time_hour));
CREATE TABLE flight (id integer PRIMARY KEY, carrier text NOT NULL REFERENCES airline (carrier), origin text NOT NULL,
                     time_hour timestamp NOT NULL, dest text REFERENCES airport (faa), delay integer,
                     FOREIGN KEY (origin, time_hour) REFERENCES weather (origin, time_hour));
"""
MUSIC = """
CREATE TABLE "Employee" ("EmployeeId" integer PRIMARY KEY, "ReportsTo" integer REFERENCES "Employee" ("EmployeeId"),
                         "Title" varchar(30) NOT NULL);
CREATE TABLE "Customer" ("CustomerId" integer PRIMARY KEY, "Country" varchar(40) NOT NULL,
                         "SupportRepId" integer REFERENCES "Employee" ("EmployeeId"));
CREATE TABLE "Invoice" ("InvoiceId" integer PRIMARY KEY,
                        "CustomerId" integer NOT NULL REFERENCES "Customer" ("CustomerId"),
                        "InvoiceDate" date NOT NULL, "Total" numeric(10,2) NOT NULL CHECK ("Total" >= 0));
CREATE TABLE "Track" ("TrackId" integer PRIMARY KEY, "Milliseconds" integer NOT NULL);
CREATE TABLE "Playlist" ("PlaylistId" integer PRIMARY KEY, "Order" varchar(20));
CREATE TABLE "PlaylistTrack" ("PlaylistId" integer NOT NULL REFERENCES "Playlist" ("PlaylistId"),
                              "TrackId" integer NOT NULL REFERENCES "Track" ("TrackId"),
                              PRIMARY KEY ("PlaylistId", "TrackId"));
"""
Rows = dict[str, list[tuple[object, ...]]]


def travel(seed: int = 0) -> Rows:
    """Three origins with 200 hours of weather each, and 1,500 flights."""
    rng = np.random.default_rng(seed)
    names = ["EWR", "JFK", "LGA", *(f"A{i:02}" for i in range(25))]
    hours = [dt.datetime(2023, 1, 1) + dt.timedelta(hours=h) for h in range(200)]
    weather = [
        (o, h, round(float(40 + 10 * np.sin(i / 24) + rng.normal()), 1)) for o in names[:3] for i, h in enumerate(hours)
    ]
    picked = rng.integers(0, len(weather), 1500)
    flights = [
        (i + 1, f"C{rng.integers(4)}", weather[w][0], weather[w][1], str(rng.choice(names[3:])), int(rng.poisson(9)))
        for i, w in enumerate(np.sort(picked))
    ]
    return {
        "airline": [(f"C{i}", f"Airline {i}") for i in range(4)],
        "airport": [(n, f"Airport of {n}", int(rng.integers(0, 4000))) for n in names],
        "weather": weather, "flight": flights,
    }  # fmt: skip


def music(seed: int = 0) -> Rows:
    """Employees under each other, customers and their invoices, and tracks on playlists."""
    rng = np.random.default_rng(seed)
    employees = [
        (i, None if i == 0 else int(rng.integers(0, i)), str(rng.choice(["Agent", "Manager"]))) for i in range(30)
    ]
    customers = [(i, str(rng.choice(["Brazil", "Korea", "France"])), int(rng.integers(30))) for i in range(1, 121)]
    invoices: list[tuple[object, ...]] = []
    for number in rng.integers(1, 121, 500):
        day = dt.date(2022, 1, 1) + dt.timedelta(days=int(rng.integers(700)))
        invoices.append((len(invoices) + 1, int(number), day, round(float(rng.gamma(2, 4)), 2)))
    pairs = {(int(rng.integers(1, 13)), int(rng.integers(1, 201))) for _ in range(700)}
    return {
        "Employee": employees, "Customer": customers, "Invoice": invoices,
        "Track": [(i, int(rng.integers(100_000, 400_000))) for i in range(1, 201)],
        "Playlist": [(i, f"list {i}") for i in range(1, 13)], "PlaylistTrack": sorted(pairs),
    }  # fmt: skip


def fill_postgres(url: str, ddl: str, rows: Rows) -> None:
    import psycopg

    with psycopg.connect(url) as connection:
        connection.execute(ddl)
        for name, held in rows.items():
            with connection.cursor() as cursor:
                cursor.executemany(f'INSERT INTO "{name}" VALUES ({", ".join(["%s"] * len(held[0]))})', held)


@pytest.mark.postgres
@pytest.mark.slow
@pytest.mark.parametrize(("ddl", "make", "keep"), [(TRAVEL, travel, ["--keep", "airline,airport"]), (MUSIC, music, [])])
def test_from_one_postgresql_to_another(
    ddl: str, make: object, keep: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows: Rows = make()  # type: ignore[operator]
    with started() as server:
        source, target = server.url(), server.url()
        fill_postgres(source, ddl, rows)
        assert run(["synth", source, "-o", target, "-q", "--gates", "test-data", *keep]) == 0
        real, made = read(source), read(target)
        assert made.structure.tables == real.structure.tables
        for name, held in rows.items():
            assert made.dataset.tables[name].num_rows == pytest.approx(len(held), rel=0.05)
        # The database itself refuses a wrong key from now on, as it did while rows came in.
        child = "flight" if "flight" in rows else "Invoice"
        key = "carrier" if child == "flight" else "CustomerId"
        wrong = "'nobody'" if child == "flight" else "99999999"
        with pytest.raises(Exception, match="foreign key"):
            server.sql(f'UPDATE "{child}" SET "{key}" = {wrong}', target.rsplit("/", 1)[1])


@pytest.mark.slow
def test_from_sqlite_to_duckdb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed")
    monkeypatch.chdir(tmp_path)
    connection = sqlite3.connect(tmp_path / "music.db")
    connection.executescript(MUSIC)
    for name, held in music().items():
        connection.executemany(f'INSERT INTO "{name}" VALUES ({", ".join("?" * len(held[0]))})', [
            tuple(str(cell) if isinstance(cell, dt.date) else cell for cell in row) for row in held
        ])  # fmt: skip
    connection.commit()
    connection.close()
    target = tmp_path / "fake.duckdb"
    source = f"sqlite:///{tmp_path / 'music.db'}"
    assert run(["synth", source, "-o", f"duckdb:///{target}", "-q", "--gates", "test-data"]) == 0
    with duckdb.connect(str(target)) as made:
        orphans = made.execute(
            'SELECT count(*) FROM "Invoice" LEFT JOIN "Customer" USING ("CustomerId") WHERE "Country" IS NULL'
        ).fetchall()
        assert orphans == [(0,)]
        circles = made.execute('SELECT count(*) FROM "Employee" WHERE "ReportsTo" = "EmployeeId"').fetchall()
        assert circles == [(0,)]
        twice = made.execute(
            'SELECT count(*) FROM (SELECT 1 FROM "PlaylistTrack" GROUP BY "PlaylistId", "TrackId" HAVING count(*) > 1)'
        ).fetchall()
        assert twice == [(0,)]


def test_a_dead_target_leaves_the_run_and_no_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    connection = sqlite3.connect(tmp_path / "music.db")
    connection.executescript(
        "CREATE TABLE a (id integer PRIMARY KEY, x text); CREATE TABLE b (id integer REFERENCES a (id));"
    )
    connection.executemany("INSERT INTO a VALUES (?, ?)", [(i, f"word {i % 3}") for i in range(60)])
    connection.executemany("INSERT INTO b VALUES (?)", [(i % 60,) for i in range(120)])
    connection.commit()
    connection.close()
    source = f"sqlite:///{tmp_path / 'music.db'}"
    assert run(["synth", source, "-o", "postgresql://nobody@127.0.0.1:9/none", "-q", "--gates", "test-data"]) != 0
    assert run(["synth", source, "-o", source, "-q", "--gates", "test-data"]) != 0  # the source itself is not empty
    assert read(source).dataset.tables["a"].num_rows == 60
