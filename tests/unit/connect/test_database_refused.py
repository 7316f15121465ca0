"""What is said, and what is left behind, when a real PostgreSQL refuses, breaks off or dies?"""

from __future__ import annotations

import datetime as dt
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from postgres import Server, started
from veridical.cli.main import run
from veridical.connect.database import fill, read, read_structure, snapshot, write
from veridical.connect.database.structure import Structure
from veridical.core.dataset import Dataset
from veridical.core.errors import ProviderError

pytestmark = pytest.mark.postgres
SECRET = "hunter2-secret"


def name_of(url: str) -> str:
    return url.rsplit("/", 1)[1]


def certificate(folder: Path, name: str) -> None:
    """Write a certificate that signs itself, for another host than the one tests reach."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder().subject_name(who).issuer_name(who).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "server.crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.TraditionalOpenSSL
    plain = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    (folder / "server.key").write_bytes(plain)
    (folder / "server.key").chmod(0o600)
    if os.geteuid() == 0:
        for file in ("server.key", "server.crt"):
            shutil.chown(folder / file, "postgres")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with started() as running:
        yield running


@pytest.fixture(scope="module")
def guarded() -> Iterator[tuple[Server, str]]:
    """A server that lets `clerk` in with a password and over TLS only, and the URL of a database with a table."""
    with started() as running:
        data = running.folder / "data"
        certificate(data, "db.example.org")
        url = running.url()
        running.sql("ALTER SYSTEM SET ssl = on")
        running.sql(f"CREATE ROLE clerk LOGIN PASSWORD '{SECRET}'")
        running.sql("CREATE TABLE t (id int PRIMARY KEY, x text)", name_of(url))
        running.sql("INSERT INTO t SELECT i, 'a' FROM generate_series(1, 30) i; GRANT SELECT ON t TO clerk", name_of(url))  # fmt: skip
        rules = ["local all all trust", "hostssl all clerk 127.0.0.1/32 scram-sha-256",
                 "hostnossl all clerk 127.0.0.1/32 reject", "host all postgres 127.0.0.1/32 trust"]  # fmt: skip
        (data / "pg_hba.conf").write_text("\n".join(rules) + "\n")
        running.sql("SELECT pg_reload_conf()")
        for _ in range(100):
            if running.sql("SHOW ssl") == [("on",)]:
                break
            time.sleep(0.05)
        yield running, f"postgresql://clerk:{SECRET}@127.0.0.1:{running.port}/{name_of(url)}"


def test_tls_is_used_when_the_server_requires_it(guarded: tuple[Server, str]) -> None:
    _, url = guarded
    with snapshot(f"{url}?sslmode=require") as opened:
        asked = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        assert opened.connection.execute(asked).fetchone() == (True,)
    assert read(f"{url}?sslmode=require").dataset.rows == 30


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda url, crt: f"{url}?sslmode=verify-full&sslrootcert={crt}", "does not pass sslmode=verify-full"),
        (lambda url, crt: f"{url}?sslmode=verify-ca&sslrootcert=/nowhere.crt", "does not pass sslmode=verify-ca"),
        (lambda url, crt: f"{url}?sslmode=disable", "where it lets in over TLS only, add ?sslmode=require"),
        (lambda url, crt: url.replace(SECRET, f"wrong-{SECRET}") + "?sslmode=require", "refuses the user or the password"),
        (lambda url, crt: url.replace(f":{SECRET}", "") + "?sslmode=require", "give it in PGPASSWORD"),
        (lambda url, crt: url.replace("127.0.0.1", "no-such-host.invalid"), "the host no-such-host.invalid is unknown"),
        (lambda url, crt: url.rsplit(":", 1)[0] + ":1/shop", "nothing answers at 127.0.0.1:1"),
        (lambda url, crt: f"{url}?sslmode=require&option_nobody_knows=1", "has an option that the driver does not know"),
    ],
)  # fmt: skip
def test_what_keeps_us_out_is_told_without_the_password(
    guarded: tuple[Server, str], change: Callable[[str, Path], str], said: str, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    running, url = guarded
    wrong = change(url, running.folder / "data" / "server.crt")
    for debug in ([], ["--debug"]):
        assert run([*debug, "learn", wrong, "-o", str(tmp_path / "out")]) == 5
        told = capsys.readouterr().err
        assert said in told and SECRET not in told and "clerk" not in told
    assert not (tmp_path / "out").exists()


def test_rights_that_are_missing_are_named(server: Server, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    url = server.url()
    server.sql("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); INSERT INTO a VALUES (1)", name_of(url))  # fmt: skip
    server.sql("CREATE ROLE reader LOGIN; GRANT SELECT ON a TO reader", name_of(url))
    lent = server.url(name_of(url), user="reader")
    assert run(["learn", lent, "-o", str(tmp_path / "out")]) == 5
    assert "no right to do this: read b" in capsys.readouterr().err
    server.sql("GRANT SELECT ON b TO reader; DELETE FROM a", name_of(url))
    assert run(["seed-db", lent, "--rows", "5", "-q"]) == 5  # no INSERT
    assert "no right to do this: write a" in capsys.readouterr().err
    assert read(url).dataset.rows == 0
    empty = server.url()
    server.sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC", name_of(empty))
    source = read(url)
    with pytest.raises(ProviderError, match=r"no right to do this: make the tables: table .a.") as told:
        write(server.url(name_of(empty), user="reader"), source.structure, source.dataset)
    assert told.value.exit_code == 5


def wide(rows: int) -> Dataset:
    return Dataset.of(pa.table({"id": pa.array(range(rows), pa.int64()), "x": ["x" * 900] * rows}), "t")


def when_copying(server: Server, database: str, then: Callable[[int], None]) -> threading.Thread:
    """Do something to the backend that copies into a database, as soon as it does."""

    def watch() -> None:
        query = f"SELECT pid FROM pg_stat_activity WHERE datname = '{database}' AND query LIKE 'COPY%'"
        for _ in range(3000):
            found = server.sql(query)
            if found:
                then(int(str(found[0][0])))
                return
            time.sleep(0.005)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


@pytest.fixture
def mortal() -> Iterator[tuple[Server, str, Structure]]:
    with started() as running:
        url = running.url()
        running.sql("CREATE TABLE t (id bigint PRIMARY KEY, x text)", name_of(url))
        yield running, url, read_structure(url)


def back(server: Server) -> None:
    """Wait until a server that lost a backend lets us in again."""
    import psycopg

    for _ in range(200):
        try:
            server.sql("SELECT 1")
            return
        except psycopg.OperationalError:  # it recovers
            time.sleep(0.05)


@pytest.mark.parametrize("what", ["backend", "server"])
def test_death_with_minus_nine_leaves_nothing(mortal: tuple[Server, str, Structure], what: str) -> None:
    running, url, structure = mortal
    empty = running.url()
    data = wide(250_000)
    die = (lambda pid: os.kill(pid, signal.SIGKILL)) if what == "backend" else (lambda pid: running.crash())
    for doing in (
        lambda: write(running.url(name_of(empty)), structure, data),
        lambda: fill(running.url(name_of(url)), data),
    ):
        target = name_of(empty if doing.__code__.co_names[0] == "write" else url)
        thread = when_copying(running, target, die)
        with pytest.raises(ProviderError) as told:
            doing()
        thread.join(timeout=30)
        assert told.value.exit_code == 5 and "xxx" not in str(told.value) and told.value.__cause__ is None
        if what == "server":
            running.start()
        back(running)
    assert running.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", name_of(empty)) == [(0,)]
    assert running.sql("SELECT count(*) FROM t", name_of(url)) == [(0,)]


def test_death_while_reading(mortal: tuple[Server, str, Structure]) -> None:
    running, url, _ = mortal
    running.sql("INSERT INTO t SELECT i, repeat('x', 900) FROM generate_series(1, 40000) i", name_of(url))
    with snapshot(url) as opened:
        batches = opened.batches("t")
        next(batches)
        running.crash()
        with pytest.raises(ProviderError, match=r"broke off .* while we read t") as told:
            list(batches)
    assert told.value.exit_code == 5
    running.start()
    assert read(url).dataset.rows == 40_000
