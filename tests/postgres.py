"""Which PostgreSQL can a test use? A real server, started here, gone when the tests end."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

_ACCOUNT = "postgres"


@dataclass
class Server:
    """A running server; `url(name)` is a fresh database's."""

    port: int
    folder: Path
    binaries: Path
    made: int = 0
    running: bool = field(default=True)

    def url(self, name: str | None = None, *, user: str = _ACCOUNT, password: str = "") -> str:
        """Return the URL of a database, made empty when no name is given."""
        if name is None:
            self.made += 1
            name = f"test_{self.made}"
            self.sql(f'CREATE DATABASE "{name}"')
        who = f"{user}:{password}" if password else user
        return f"postgresql://{who}@127.0.0.1:{self.port}/{name}"

    def sql(self, text: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run statements, each on its own, and return the last one's rows."""
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(text)
            while cursor.nextset():
                pass
            return cursor.fetchall() if cursor.description else []

    def crash(self) -> None:
        """Kill the whole server with -9, its backends too."""
        first = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        for pid in (first, *map(int, children)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.running = False

    def start(self) -> None:
        """Start the server, or start it again after it crashed."""
        data = self.folder / "data"
        # A lock file that a crash left behind would be taken for a server that runs.
        for left in (data / "postmaster.pid", *self.folder.glob(".s.PGSQL.*.lock")):
            left.unlink(missing_ok=True)
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=20"
        _as_account(
            [
                str(self.binaries / "pg_ctl"),
                "-D",
                str(data),
                "-l",
                str(self.folder / "log"),
                "-w",
                "-o",
                options,
                "start",
            ]
        )
        self.running = True

    def stop(self, mode: str = "fast") -> None:
        """Stop the server; "immediate" is as if it died."""
        if self.running:
            _as_account([str(self.binaries / "pg_ctl"), "-D", str(self.folder / "data"), "-m", mode, "stop"])
            self.running = False


def binaries() -> Path | None:
    """Return the folder of PostgreSQL's programs, the newest version's."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    on_path = shutil.which("postgres")
    if not found and on_path:
        found = [Path(on_path).resolve().parent]
    return max(found, key=lambda path: path.parent.name, default=None)


@contextmanager
def started() -> Iterator[Server]:
    """Start a server on a free port with its data in a temporary folder; skip where there is none."""
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'veridical[sql]'")
    programs = binaries()
    if programs is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="veridical-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(folder, _ACCOUNT)
    data, port = folder / "data", _free_port()
    _as_account(
        [
            str(programs / "initdb"),
            "-D",
            str(data),
            "-U",
            _ACCOUNT,
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
            "--locale=C",
        ]
    )
    server = Server(port, folder, programs, running=False)
    server.start()
    try:
        yield server
    finally:
        server.stop("immediate")
        shutil.rmtree(folder, ignore_errors=True)


def _as_account(command: list[str]) -> None:
    # The server refuses to run as root.
    prefix = ["runuser", "-u", _ACCOUNT, "--"] if os.geteuid() == 0 else []
    subprocess.run([*prefix, *command], check=True, capture_output=True, timeout=120, cwd="/")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
