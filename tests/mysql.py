"""Which MySQL or MariaDB can a test use? A real server: the one that VERIDICAL_TEST_MYSQL names, or MariaDB started here."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest


@dataclass
class Server:
    """A running server, reached by `base` (mysql://user:password@host:port)."""

    base: str
    made: int = 0

    def url(self) -> str:
        """Return the URL of a fresh, empty database."""
        self.made += 1
        name = f"veridical_test_{os.getpid()}_{self.made}"
        self.sql(f"DROP DATABASE IF EXISTS {name}; CREATE DATABASE {name} CHARACTER SET utf8mb4")
        return f"{self.base}/{name}"

    def sql(self, text: str, url: str | None = None) -> None:
        """Run statements, parted by semicolons."""
        import pymysql

        parts = urlsplit(self.base)
        database = None if url is None else url.rsplit("/", 1)[1]
        connection = pymysql.connect(
            host=parts.hostname, port=parts.port or 3306, user=parts.username, password=parts.password or "",
            database=database, autocommit=True,
        )  # fmt: skip
        with connection, connection.cursor() as cursor:
            for statement in filter(str.strip, text.split(";")):
                cursor.execute(statement)

    def drop_all(self) -> None:
        """Drop the databases that were made."""
        for number in range(1, self.made + 1):
            self.sql(f"DROP DATABASE IF EXISTS veridical_test_{os.getpid()}_{number}")


@contextmanager
def started() -> Iterator[Server]:
    """Yield a server; skip where there is none."""
    pytest.importorskip("pymysql", reason="pymysql is not installed: pip install 'veridical[sql]'")
    given = os.environ.get("VERIDICAL_TEST_MYSQL")
    if given:
        server = Server(given.rstrip("/"))
        yield server
        server.drop_all()
        return
    binary, installer = shutil.which("mariadbd"), shutil.which("mariadb-install-db")
    if binary is None or installer is None:
        pytest.skip(
            "MariaDB is not installed (apt-get install mariadb-server), and VERIDICAL_TEST_MYSQL names no server"
        )
    folder = Path(tempfile.mkdtemp(prefix="veridical-mariadb-"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    who = ["--user=root"] if os.geteuid() == 0 else []
    data = f"--datadir={folder / 'data'}"
    options = ["--no-defaults", data, *who]
    subprocess.run(
        [installer, *options, "--auth-root-authentication-method=normal"], check=True, capture_output=True, timeout=120
    )
    process = subprocess.Popen(
        [binary, *options, f"--port={port}", "--bind-address=127.0.0.1", f"--socket={folder / 'socket'}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait(port)
        yield Server(f"mysql://root@127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(timeout=60)
        shutil.rmtree(folder, ignore_errors=True)


def _wait(port: int) -> None:
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError("MariaDB did not start")
