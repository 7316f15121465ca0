"""Do writes that share a commit all arrive, each row once, or none of them?"""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from veridical.core.errors import ArtifactError
from veridical.store.group_commit import GroupCommit, Statement, _merged
from veridical.store.journal import Journal, RecordRow

INSERT = Statement("INSERT INTO t VALUES ", "(?, ?)", " ON CONFLICT DO NOTHING")
MARK = Statement("UPDATE t SET word = 'marked' WHERE id IN (", "?", ")")


def _database(path: Path, said: list[str] | None = None) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    database.execute("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, word TEXT NOT NULL) STRICT")
    if said is not None:
        database.set_trace_callback(said.append)
    return database


def _commits(path: Path, said: list[str] | None = None) -> GroupCommit:
    return GroupCommit(lambda: _database(path, said), lambda failed: ArtifactError(type(failed).__name__, where="t"))


@pytest.mark.parametrize("count", [1, 2, 127, 128, 129, 1000])
def test_every_row_arrives_once_and_in_few_statements(tmp_path, count):
    said: list[str] = []

    async def write() -> None:
        await asyncio.gather(*(commits.put((INSERT, ((n, f"word {n}"),))) for n in range(count)))

    commits = _commits(tmp_path / "t", said)
    asyncio.run(write())
    commits.close()
    rows = _database(tmp_path / "t").execute("SELECT id, word FROM t ORDER BY id").fetchall()
    assert rows == [(n, f"word {n}") for n in range(count)]
    inserts = [text for text in said if text.startswith("INSERT")]
    assert len(inserts) <= 3 + count // 16
    assert sum(text == "COMMIT" for text in said) <= 3 + count // 16


def test_rows_of_one_kind_become_one_statement_and_kinds_keep_their_order():
    parts = [((INSERT, ((n, "w"),)), (MARK, ((n,),))) for n in range(3)]
    assert list(_merged(parts)) == [
        (INSERT.of(2), [0, "w", 1, "w"]),
        (INSERT.of(1), [2, "w"]),
        (MARK.of(2), [0, 1]),
        (MARK.of(1), [2]),
    ]


def test_parts_of_one_write_arrive_together_or_not_at_all(tmp_path):
    async def write() -> None:
        await commits.put((INSERT, ((1, "kept"),)))
        for wrong in (None, "again"):  # the first breaks the database's own rule; then nothing is written any more
            with pytest.raises(ArtifactError):
                await commits.put((INSERT, ((2, "half"), (3, wrong))), (MARK, ((1,),)))

    commits = _commits(tmp_path / "t")
    asyncio.run(write())
    commits.close()
    assert _database(tmp_path / "t").execute("SELECT * FROM t").fetchall() == [(1, "kept")]


@pytest.mark.parametrize("row", [(1, "half a \ud800 pair"), (2**70, "too large")])
def test_what_sqlite_cannot_hold_is_told_and_nobody_waits_for_ever(tmp_path, row):
    async def write() -> None:
        async with asyncio.timeout(20):
            with pytest.raises(ArtifactError):
                await commits.put((INSERT, (row,)))

    commits = _commits(tmp_path / "t")
    asyncio.run(write())
    commits.close()


def test_a_database_that_cannot_be_opened_is_told_to_whoever_writes(tmp_path):
    async def write() -> None:
        async with asyncio.timeout(20):
            with pytest.raises(ArtifactError, match="OperationalError"):
                await commits.put((INSERT, ((1, "w"),)))

    commits = _commits(tmp_path / "no folder" / "t")
    asyncio.run(write())
    commits.close()


def test_what_was_handed_in_before_the_end_is_written_though_nobody_waits(tmp_path):
    async def write() -> None:
        tasks = [asyncio.create_task(commits.put((INSERT, ((n, "w"),)))) for n in range(50)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    commits = _commits(tmp_path / "t")
    asyncio.run(write())
    commits.close()
    assert _database(tmp_path / "t").execute("SELECT count(*) FROM t").fetchone() == (50,)


def test_one_writer_serves_one_loop_after_the_other(tmp_path):
    commits = _commits(tmp_path / "t")
    for n in range(3):
        asyncio.run(commits.put((INSERT, ((n, "w"),))))
    commits.close()
    assert _database(tmp_path / "t").execute("SELECT count(*) FROM t").fetchone() == (3,)


def _row(seq: int, task: int, name: str) -> RecordRow:
    return RecordRow(id=name, seq=seq, task=task, state="accepted", check="", reason="", body="{}")


def test_a_record_handed_in_twice_is_there_once(tmp_path):
    async def write() -> None:
        await journal.begin(0, "{}")
        await journal.finish(0, [_row(1, 0, "a")])
        await journal.finish(0, [_row(2, 0, "a")])

    journal = Journal.open(tmp_path, run_key="k", about={})
    asyncio.run(write())
    assert [row.seq for row in journal.records()] == [1]
    journal.close()


def test_two_records_in_one_place_are_refused_and_neither_vanishes_silently(tmp_path):
    async def write() -> None:
        await journal.begin(0, "{}")
        await journal.finish(0, [_row(1, 0, "a")])
        with pytest.raises(ArtifactError):
            await journal.finish(1, [_row(1, 1, "b")])

    journal = Journal.open(tmp_path, run_key="k", about={})
    asyncio.run(write())
    assert [row.id for row in journal.records()] == ["a"]
    journal.close()
