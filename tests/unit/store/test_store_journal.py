"""Does the journal keep what it said it kept, and refuse what it cannot keep?"""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from veridical.core.errors import ArtifactError
from veridical.store import journal as journal_module
from veridical.store.journal import FILE, Journal, RecordRow

ABOUT = {"recipe": "r", "models": {"teacher": "m"}}


def _open(folder: Path, key: str = "k", about=ABOUT) -> Journal:
    return Journal.open(folder, run_key=key, about=about)


def _row(number: int, state: str = "accepted", check: str = "") -> RecordRow:
    return RecordRow(id=f"r{number}", seq=number, task=number, state=state, check=check, reason="", body="{}")


def test_what_is_written_is_read_again(tmp_path):
    async def write() -> None:
        for number in range(3):
            await journal.begin(number, f'{{"n":{number},"source":"seed-{number}"}}')
            await journal.reply(f"k{number}", number, f'"reply {number}"', 0.5)
        await journal.finish(0, [_row(0)])
        await journal.finish(1, [], failed_because="broken")

    journal = _open(tmp_path)
    asyncio.run(write())
    run_id = journal.run_id
    journal.close()
    journal = _open(tmp_path)
    assert journal.run_id == run_id
    assert [task for task, _ in journal.open_tasks()] == [2]
    assert list(journal.replies()) == [(2, "k2", '"reply 2"', 0.5)]
    assert journal.paid() == (3, 1.5)
    assert journal.failed_tasks() == [(1, "broken")]
    assert [(row.id, row.source) for row in journal.records("accepted")] == [("r0", "seed-0")]
    assert journal.task_count() == 3
    assert journal.reopen_failed() == 1
    assert [task for task, _ in journal.open_tasks()] == [1, 2]
    journal.close()


def test_a_task_ends_with_all_its_records_or_none(tmp_path):
    async def write() -> None:
        await journal.begin(0, "{}")
        with pytest.raises(ArtifactError):
            await journal.finish(
                0, [_row(0), RecordRow(id="x", seq="no", task=0, state="a", check="", reason="", body="")]
            )

    journal = _open(tmp_path)
    asyncio.run(write())
    journal.close()
    journal = _open(tmp_path)
    assert list(journal.records()) == []
    assert len(journal.open_tasks()) == 1
    journal.close()


def test_another_run_is_refused_and_the_difference_named(tmp_path):
    _open(tmp_path).close()
    with pytest.raises(ArtifactError, match="models changed"):
        _open(tmp_path, key="other", about={**ABOUT, "models": {"teacher": "n"}})
    _open(tmp_path).close()


def test_a_second_process_is_refused_and_may_look(tmp_path):
    first = _open(tmp_path)
    code = f"from veridical.store.journal import Journal; from pathlib import Path; Journal.open(Path({str(tmp_path)!r}), run_key='k', about={ABOUT!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "another process is running in this folder" in done.stderr
    look = Journal.open_to_read(tmp_path)
    assert look.paid() == (0, 0.0)
    look.close()
    first.close()
    _open(tmp_path).close()


@pytest.mark.parametrize("damage", ["truncate", "garbage", "middle"])
def test_a_damaged_journal_is_refused_and_left_alone(tmp_path, damage):
    async def write() -> None:
        for number in range(400):
            await journal.begin(number, '{"x": "' + "y" * 400 + '"}')

    journal = _open(tmp_path)
    asyncio.run(write())
    journal.close()
    path = tmp_path / FILE
    content = path.read_bytes()
    if damage == "truncate":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "garbage":
        path.write_bytes(b"\0" * 4096)
    else:
        # Page 3 onwards holds rows: scribble over the headers of a run of pages.
        path.write_bytes(content[:8192] + b"\xff" * 16384 + content[24576:])
    before = path.read_bytes()
    with pytest.raises(ArtifactError, match="damaged"):
        _open(tmp_path)
    assert path.read_bytes() == before


def test_a_torn_write_ahead_log_loses_nothing_that_was_confirmed(tmp_path):
    """Kill -9 leaves a log; cutting its tail in mid-frame must cost only what was never confirmed."""
    code = textwrap.dedent(f"""
        import asyncio, os, signal
        from pathlib import Path
        from veridical.store.journal import Journal
        journal = Journal.open(Path({str(tmp_path)!r}), run_key="k", about={ABOUT!r})
        async def go():
            for number in range(20):
                await journal.begin(number, "{{}}")
            print("confirmed", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        asyncio.run(go())
    """)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    log = tmp_path / f"{FILE}-wal"
    with log.open("ab") as file:
        file.write(os.urandom(2000))  # a frame that was being written
    journal = _open(tmp_path)
    assert journal.task_count() == 20
    journal.close()


def test_a_full_disk_stops_the_run_and_keeps_what_was_kept(tmp_path):
    code = textwrap.dedent(f"""
        import asyncio, resource, signal
        from pathlib import Path
        from veridical.core.errors import DataError
        from veridical.store.journal import Journal
        journal = Journal.open(Path({str(tmp_path)!r}), run_key="k", about={ABOUT!r})
        kept = 0
        async def go():
            global kept
            await journal.begin(0, "{{}}")
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
            try:
                for number in range(1, 10_000):
                    await journal.begin(number, '"' + "x" * 2000 + '"')
                    kept = number
            except DataError as full:
                print(kept, full)
        asyncio.run(go())
        journal.close()
    """)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    kept, _, message = done.stdout.partition(" ")
    assert "the disk is full" in message, done.stderr
    journal = _open(tmp_path)
    assert journal.task_count() >= int(kept) + 1
    journal.close()


def test_writers_that_were_cancelled_do_not_break_the_others(tmp_path):
    async def write() -> None:
        tasks = [asyncio.create_task(journal.begin(number, "{}")) for number in range(100)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    journal = _open(tmp_path)
    asyncio.run(write())
    assert len(journal.open_tasks()) >= 50
    journal.close()


def test_the_file_is_on_disk_at_every_commit(tmp_path):
    """Power loss: SQLite must be told to sync every commit."""
    journal = _open(tmp_path)
    assert journal._read.execute("PRAGMA synchronous").fetchone()[0] == 2
    assert journal._read.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    journal.close()


def test_looking_at_no_run(tmp_path):
    with pytest.raises(ArtifactError, match="no journal"):
        Journal.open_to_read(tmp_path)
    assert not (tmp_path / FILE).exists()


def _killed_after(folder: Path, code: str) -> None:
    """Run code with `database` open on the folder's journal in a process of its own, and kill it -9 there."""
    program = "import os, signal, sqlite3, sys\ndatabase = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
    program += textwrap.dedent(code) + "\nos.kill(os.getpid(), signal.SIGKILL)"
    done = subprocess.run([sys.executable, "-c", program, str(folder / FILE)], check=False)
    assert done.returncode == -signal.SIGKILL


def test_a_look_mends_what_a_kill_left_half_written(tmp_path):
    _open(tmp_path).close()
    _killed_after(
        tmp_path,
        """
        database.execute("PRAGMA journal_mode=DELETE")
        database.execute("PRAGMA cache_size=1")
        database.execute("BEGIN")
        for number in range(2000):
            database.execute("INSERT INTO events (kind, body) VALUES ('doubtful', ?)", ("x" * 500,))
        """,
    )
    assert (tmp_path / f"{FILE}-journal").stat().st_size, "the planted fault is a hot rollback journal"
    journal = Journal.open_to_read(tmp_path)
    assert journal.about()["run_key"] == "k" and list(journal.records()) == []
    journal.close()


def test_a_run_killed_before_its_tables_were_there_is_no_run_yet(tmp_path):
    _killed_after(tmp_path, 'database.execute("PRAGMA journal_mode=WAL")')
    with pytest.raises(ArtifactError, match="before it began"):
        Journal.open_to_read(tmp_path)
    _open(tmp_path).close()
    Journal.open_to_read(tmp_path).close()


def test_who_the_journal_belongs_to_is_written_all_at_once(tmp_path, monkeypatch):
    """A kill between two of these would leave a folder that no run may use."""
    said: list[str] = []
    connect = journal_module._connect

    def spied(path: Path):
        database = connect(path)
        database.set_trace_callback(said.append)
        return database

    monkeypatch.setattr(journal_module, "_connect", spied)
    _open(tmp_path).close()
    rows = [place for place, words in enumerate(said) if words.startswith("INSERT INTO about")]
    assert len(rows) == 4
    tables = [place for place, words in enumerate(said) if words.lstrip().startswith("CREATE")]
    begun = next(place for place, words in enumerate(said) if words.startswith("BEGIN"))
    assert begun < tables[0] < rows[0] and said.index("COMMIT") > rows[-1]
