"""What was asked, answered, accepted and rejected, so that nothing is paid twice and nothing is lost?

One SQLite file (WAL, synchronous=FULL) per run folder. Writes from many tasks are committed in groups by one thread
(`store.group_commit`); a write counts only when its group is on disk, and only then does the writer go on. So after a
power cut, what was in flight is asked again and nothing else.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from veridical.core import digest
from veridical.core.errors import ArtifactError, DataError, VeridicalError
from veridical.store.group_commit import GroupCommit, Part, Statement
from veridical.store.runfolder import make_folder

FILE = "journal.sqlite"
_LOCK = "journal.lock"
_FORMAT = 2
Written = Coroutine[Any, Any, None]
STATES = ("accepted", "rejected", "surplus")
# Tasks end about in the order they began, so rows that lie by task lie beside the newest: a commit touches few pages.
_TABLES = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS tasks (
  id INTEGER PRIMARY KEY, spec TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'open', reason TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE TABLE IF NOT EXISTS replies (
  task INTEGER NOT NULL, key TEXT NOT NULL, reply TEXT NOT NULL, cost REAL NOT NULL, PRIMARY KEY (task, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS records (
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL, task INTEGER NOT NULL, state TEXT NOT NULL, check_name TEXT NOT NULL,
  reason TEXT NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS records_by_task ON records (task, id);
CREATE TABLE IF NOT EXISTS events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, body TEXT NOT NULL
) STRICT;
"""


_BEGIN = Statement("INSERT INTO tasks (id, spec) VALUES ", "(?, ?)", " ON CONFLICT (id) DO NOTHING")
_REPLY = Statement("INSERT INTO replies VALUES ", "(?, ?, ?, ?)", " ON CONFLICT (task, key) DO NOTHING")
_RECORD = Statement("INSERT INTO records VALUES ", "(?, ?, ?, ?, ?, ?, ?)", " ON CONFLICT (task, id) DO NOTHING")
_DONE = Statement("UPDATE tasks SET state = 'done', reason = '' WHERE id IN (", "?", ")")
# The task is there: only its fate changes. As an INSERT, so that many go in at once.
_FAILED = Statement(
    "INSERT INTO tasks VALUES ", "(?, '', 'failed', ?)",
    " ON CONFLICT (id) DO UPDATE SET state = excluded.state, reason = excluded.reason",
)  # fmt: skip
_EVENT = Statement("INSERT INTO events (kind, body) VALUES ", "(?, ?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRow:
    """One candidate's fate: state is "accepted", "rejected" or "surplus"; `check` and `reason` say why not."""

    id: str
    seq: int
    task: int
    state: str
    check: str
    reason: str
    body: str  # JSON
    source: str = ""  # the seed its task started from, where it had one


class Journal:
    """The journal of one run; one process at a time may hold it.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     journal = Journal.open(Path(folder), run_key="k", about={"recipe": "r"})
        ...     journal.close()
        ...     Journal.open(Path(folder), run_key="k", about={"recipe": "r"}).close()
    """

    def __init__(self, folder: Path, database: sqlite3.Connection, lock: TextIO | None) -> None:
        self.folder = folder
        self._read = database
        self._lock = lock
        self._commits = None if lock is None else GroupCommit(lambda: _connect(folder / FILE), _explained)

    @classmethod
    def open_to_read(cls, folder: Path) -> Journal:
        """Open the journal of a run folder for reading only; a run may go on there meanwhile.

        Raises:
            ArtifactError: there is no journal, or it is damaged.
        """
        path = folder / FILE
        if not path.exists():
            raise ArtifactError("there is no journal here", where=str(folder), fix="give the folder of a text run")
        try:
            database = _connect_to_read(path)
            _check_integrity(database, folder)
            begun = database.execute("SELECT count(*) FROM sqlite_master WHERE name = 'events'").fetchone()[0]
        except sqlite3.DatabaseError as torn:
            raise _damaged(folder) from torn
        if not begun:
            database.close()
            raise ArtifactError("this run was stopped before it began", where=str(folder), fix="run it again")
        return cls(folder, database, None)

    @classmethod
    def open(cls, folder: Path, *, run_key: str, about: Mapping[str, Any]) -> Journal:
        """Open or make the journal of a run folder.

        `run_key` stands for everything that decides what a reply means (recipe, checks, model, endpoint, parameters,
        code version); a folder made with another key is refused.

        Raises:
            DataError: another process holds the folder, or it cannot be made.
            ArtifactError: the journal is torn or of another run.
        """
        lock = _locked(make_folder(folder))
        try:
            database = _connect(folder / FILE)
            _check_integrity(database, folder)
            _begin(database, run_key, about)
        except sqlite3.DatabaseError as torn:
            lock.close()
            if _is_full(torn):
                raise _explained(torn) from torn
            raise _damaged(folder) from torn
        except BaseException:
            lock.close()
            raise
        return cls(folder, database, lock)

    # Reading: before the run starts, or for inspection.

    def about(self) -> dict[str, str]:
        """Return what was written when the run began."""
        return dict(self._read.execute("SELECT name, value FROM about"))

    @property
    def run_id(self) -> str:
        """What tells this run from every other run of the same spec."""
        return self.about()["run_id"]

    def doubtful(self) -> float:
        """Return the most that replies which never arrived whole may have cost."""
        query = "SELECT coalesce(sum(json_extract(body, '$.cost')), 0) FROM events WHERE kind = 'doubtful'"
        return float(self._read.execute(query).fetchone()[0])

    def replies(self) -> Iterator[tuple[int, str, str, float]]:
        """Yield (task, key, reply as JSON, cost) of every finished request of an unfinished task."""
        yield from self._read.execute(
            "SELECT r.task, r.key, r.reply, r.cost FROM replies r JOIN tasks t ON t.id = r.task WHERE t.state = 'open'"
        )

    def paid(self) -> tuple[int, float]:
        """Return how many requests were answered, and what they cost."""
        count, cost = self._read.execute("SELECT count(*), coalesce(sum(cost), 0) FROM replies").fetchone()
        return int(count), float(cost)

    def ended_tasks(self) -> list[tuple[float, int, int]]:
        """Return (cost, candidates, accepted) of every task that has ended."""
        return self._read.execute(
            "SELECT coalesce((SELECT sum(cost) FROM replies WHERE task = t.id), 0), "
            "(SELECT count(*) FROM records WHERE task = t.id), "
            "(SELECT count(*) FROM records WHERE task = t.id AND state <> 'rejected') "
            "FROM tasks t WHERE t.state <> 'open' ORDER BY t.id"
        ).fetchall()

    def open_tasks(self) -> list[tuple[int, str]]:
        """Return (id, spec as JSON) of every task that was begun and not finished, in order."""
        return self._read.execute("SELECT id, spec FROM tasks WHERE state = 'open' ORDER BY id").fetchall()

    def reopen_failed(self) -> int:
        """Open the tasks that were given up once more, and return how many; before the run starts."""
        return self._read.execute("UPDATE tasks SET state = 'open', reason = '' WHERE state = 'failed'").rowcount

    def task_count(self) -> int:
        """Return how many tasks were begun."""
        return int(self._read.execute("SELECT coalesce(max(id) + 1, 0) FROM tasks").fetchone()[0])

    def failed_tasks(self) -> list[tuple[int, str]]:
        """Return (id, reason) of every task given up."""
        return self._read.execute("SELECT id, reason FROM tasks WHERE state = 'failed' ORDER BY id").fetchall()

    def records(self, *states: str) -> Iterator[RecordRow]:
        """Yield the candidates' fates in the order they were decided: those in some of the states, or all."""
        wanted = states or STATES
        rows = self._read.execute(
            "SELECT r.id, r.seq, r.task, r.state, r.check_name, r.reason, r.body, "
            "coalesce(json_extract(t.spec, '$.source'), '') FROM records r JOIN tasks t ON t.id = r.task "
            f"WHERE r.state IN ({', '.join('?' for _ in wanted)}) ORDER BY r.seq",
            wanted,
        )
        for row in rows:
            yield RecordRow(
                id=row[0], seq=row[1], task=row[2], state=row[3], check=row[4], reason=row[5], body=row[6],
                source=str(row[7]),
            )  # fmt: skip

    def events(self, kinds: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
        """Return (kind, body) of every event of some kinds, in order."""
        marks = ", ".join("?" for _ in kinds)
        rows = self._read.execute(f"SELECT kind, body FROM events WHERE kind IN ({marks}) ORDER BY seq", tuple(kinds))
        return [(kind, json.loads(body)) for kind, body in rows]

    def counts(self) -> dict[tuple[str, str], int]:
        """Return how many records have each (state, check)."""
        rows = self._read.execute("SELECT state, check_name, count(*) FROM records GROUP BY 1, 2")
        return {(state, check): count for state, check, count in rows}

    # Writing: each ends when the write is on disk. What is awaited is the group's own coroutine, with none in between.

    def begin(self, task: int, spec: str) -> Written:
        """Note that a task begins, with everything needed to begin it again."""
        return self._put((_BEGIN, ((task, spec),)))

    def reply(self, key: str, task: int, reply: str, cost: float) -> Written:
        """Note a paid reply."""
        return self._put((_REPLY, ((task, key, reply, cost),)))

    def finish(self, task: int, records: Sequence[RecordRow], *, failed_because: str = "") -> Written:
        """Note a task's end and its candidates' fates, in one commit: both or neither."""
        rows = [(r.seq, r.id, r.task, r.state, r.check, r.reason, r.body) for r in records]
        end: Part = (_FAILED, ((task, failed_because),)) if failed_because else (_DONE, ((task,),))
        return self._put((_RECORD, rows), end)

    def event(self, kind: str, body: Mapping[str, Any]) -> Written:
        """Note something worth telling (a breaker opened, a budget reached)."""
        return self._put((_EVENT, ((kind, digest.canonical_json(body)),)))

    def close(self) -> None:
        """Write what is queued, close the file and free the folder."""
        if self._commits is not None and self._lock is not None:
            self._commits.close()
            self._lock.close()
        self._read.close()

    def _put(self, *parts: Part) -> Written:
        if self._commits is None:
            raise ArtifactError("the journal was opened to look", where=FILE, fix="open it to write")
        return self._commits.put(*parts)


def _is_full(failed: Exception) -> bool:
    code = getattr(failed, "sqlite_errorcode", 0) & 0xFF  # the high bits say which call failed
    return code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


def _explained(failed: Exception) -> VeridicalError:
    if _is_full(failed):
        return DataError(
            "the disk is full, or cannot be written: the run stopped, and all that was accepted is kept",
            where=FILE,
            fix="free space, then run the same command again: it resumes",
        )
    return ArtifactError(f"the journal cannot be written ({type(failed).__name__})", where=FILE, fix="check the disk")


def _locked(folder: Path) -> TextIO:
    lock = (folder / _LOCK).open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise DataError(
            "another process is running in this folder", where=folder.name, fix="wait for it, or use another folder"
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def _connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    return database


def _connect_to_read(path: Path) -> sqlite3.Connection:
    address = path.absolute().as_uri()
    database = sqlite3.connect(f"{address}?mode=ro", uri=True, isolation_level=None)
    try:
        database.execute("SELECT count(*) FROM sqlite_master")
    except sqlite3.OperationalError as refused:
        if refused.sqlite_errorcode & 0xFF != sqlite3.SQLITE_READONLY:
            raise
        # Killed in the middle of a commit: the log must be rolled up first, which takes a writer.
        database.close()
        database = sqlite3.connect(f"{address}?mode=rw", uri=True, isolation_level=None, timeout=30)
        database.execute("SELECT count(*) FROM sqlite_master")
        database.execute("PRAGMA query_only=ON")
    return database


def _check_integrity(database: sqlite3.Connection, folder: Path) -> None:
    if database.execute("PRAGMA quick_check").fetchone()[0] != "ok":
        raise _damaged(folder)


def _damaged(folder: Path) -> ArtifactError:
    return ArtifactError(
        "the journal is damaged and was left as it is",
        where=f"{folder.name}/{FILE}",
        fix="restore it from a copy, or start in a new folder",
    )


def _begin(database: sqlite3.Connection, run_key: str, about: Mapping[str, Any]) -> None:
    """Lay out a new journal, or see that an older one is this run's: all in one commit, and one wait for the disk.

    A kill between two of these rows would leave the journal of nobody's run.
    """
    try:
        database.executescript(f"BEGIN;{_TABLES}")
        _check_run(database, run_key, about)
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise


def _check_run(database: sqlite3.Connection, run_key: str, about: Mapping[str, Any]) -> None:
    wanted = {"run_key": run_key, "format": str(_FORMAT), "about": digest.canonical_json(about)}
    known = dict(database.execute("SELECT name, value FROM about"))
    if not known:
        rows = [*wanted.items(), ("run_id", os.urandom(16).hex())]
        database.executemany("INSERT INTO about VALUES (?, ?)", rows)
        return
    if known.get("format") != wanted["format"] or known.get("run_key") != run_key:
        raise ArtifactError(
            f"this folder holds another run: {_difference(known.get('about', '{}'), about)}",
            where=FILE,
            fix="use the spec it was begun with, or a new folder",
        )


def _difference(known: str, about: Mapping[str, Any]) -> str:
    before, now = json.loads(known), json.loads(digest.canonical_json(about))
    changed = [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]
    return f"{', '.join(changed) or 'its format'} changed since it was begun"
