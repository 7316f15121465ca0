"""Does memory stay flat while a large table of a real PostgreSQL is read?"""

from __future__ import annotations

import subprocess
import sys

import pytest

from postgres import started

pytestmark = [pytest.mark.postgres, pytest.mark.slow]
READ = """
import sys
from veridical.connect.database import snapshot

def held():
    return next(int(line.split()[1]) // 1024 for line in open("/proc/self/status") if line.startswith("VmRSS"))

rows, most = 0, 0
with snapshot(sys.argv[1]) as opened:
    for batch in opened.batches("t"):
        rows += batch.num_rows
        most = max(most, held())
print(rows, most)
"""


def test_twelve_times_the_rows_take_no_more_memory() -> None:
    with started() as server:
        seen = {}
        for rows in (250_000, 3_000_000):
            url = server.url()
            name = url.rsplit("/", 1)[1]
            server.sql("CREATE TABLE t (id bigint PRIMARY KEY, a int, b numeric(8,2), c timestamptz, d text)", name)
            server.sql(
                f"INSERT INTO t SELECT i, i %% 100, i / 7.0 %% 1000, now(), 'w' || i %% 50 FROM generate_series(1, {rows}) i".replace(
                    "%%", "%"
                ),
                name,
            )
            done = subprocess.run([sys.executable, "-c", READ, url], capture_output=True, text=True, check=True)
            found, seen[rows] = map(int, done.stdout.split())
            assert found == rows
    # 3 million rows are about 120 MB as they are sent; batches of 8 MB are what is held.
    assert seen[3_000_000] - seen[250_000] < 60, seen
