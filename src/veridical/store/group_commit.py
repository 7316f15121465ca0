"""How do the writes of many tasks reach the disk together, and who is told when they are there?

SQLite gives up the interpreter's lock for every step of a statement, and each time it wants it back a busy event loop
makes it wait. So rows of one kind go in as one statement, and a commit is begun only every few milliseconds: what is
handed in meanwhile shares it, and its sync.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from veridical.core.errors import VeridicalError

_PACE_S = 0.004  # from the beginning of one commit to that of the next, at least
_GROUP = 2048  # writes a commit, at most
_SIZES = (128, 64, 32, 16, 8, 4, 2, 1)  # rows a statement: few texts, so that SQLite keeps them prepared

Row = Sequence[object]


@dataclass(frozen=True, slots=True, eq=False)  # a constant: told apart, and hashed, by identity
class Statement:
    """A statement that takes many rows at once: `head`, then `row` as often as there are rows, then `tail`."""

    head: str
    row: str
    tail: str = ""

    @cache  # noqa: B019 - statements live as long as the program
    def of(self, size: int) -> str:
        """Return the text for so many rows.

        Example:
            >>> Statement("INSERT INTO t VALUES ", "(?, ?)").of(2)
            'INSERT INTO t VALUES (?, ?), (?, ?)'
        """
        return f"{self.head}{', '.join([self.row] * size)}{self.tail}"


Part = tuple[Statement, Sequence[Row]]


class GroupCommit:
    """A thread that commits what many tasks hand in; `put` returns when it is on disk.

    `connect` opens the database in the thread; `explained` says what an error means. After one failure
    nothing is written any more, and everybody is told that failure.
    """

    def __init__(
        self, connect: Callable[[], sqlite3.Connection], explained: Callable[[Exception], VeridicalError]
    ) -> None:
        self._connect = connect
        self._explained = explained
        self._queue: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._broken: VeridicalError | None = None
        self._thread = threading.Thread(target=self._write, name="journal", daemon=True)
        self._thread.start()

    async def put(self, *parts: Part) -> None:
        """Write all the parts in one commit, or none.

        Raises:
            VeridicalError: nothing can be written.
        """
        if self._broken is not None:
            raise self._broken
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.put(_Write(parts, done))
        await done

    def close(self) -> None:
        """Write what is queued, and end."""
        self._queue.put(None)
        self._thread.join()

    def _write(self) -> None:
        database = self._opened()
        began_s, crowd = 0.0, 1
        while (first := self._queue.get()) is not None:
            early_s = began_s + _PACE_S - time.monotonic()
            if crowd > 1 and early_s > 0:  # who writes alone need not wait for company
                time.sleep(early_s)
            began_s = time.monotonic()
            group, last = self._gathered(first)
            crowd = len(group)
            _tell(group, self._broken if database is None else self._commit(database, group))
            if last:
                break
        if database is not None:
            database.close()

    def _opened(self) -> sqlite3.Connection | None:
        try:
            return self._connect()
        except sqlite3.Error as failed:
            self._broken = self._explained(failed)
            return None

    def _gathered(self, first: _Write) -> tuple[list[_Write], bool]:
        group = [first]
        while len(group) < _GROUP:
            try:
                following = self._queue.get_nowait()
            except queue.Empty:
                break
            if following is None:
                return group, True
            group.append(following)
        return group, False

    def _commit(self, database: sqlite3.Connection, group: Sequence[_Write]) -> VeridicalError | None:
        if self._broken is not None:
            return self._broken
        try:
            database.execute("BEGIN IMMEDIATE")
            for text, values in _merged(write.parts for write in group):
                database.execute(text, values)
            database.execute("COMMIT")
        except Exception as failed:  # noqa: BLE001 - a text that SQLite cannot hold too: nobody may wait for ever
            # Nothing of this group is on disk: everyone who waits is told, and the run stops.
            with suppress(sqlite3.Error):
                database.execute("ROLLBACK")
            self._broken = self._explained(failed)
        return self._broken


class _Write(NamedTuple):
    parts: Sequence[Part]
    done: asyncio.Future[None]


def _merged(writes: Iterable[Sequence[Part]]) -> Iterator[tuple[str, list[object]]]:
    """Yield statements with their values: rows of one kind together, in order."""
    rows: dict[Statement, list[Row]] = {}
    for parts in writes:
        for statement, more in parts:
            rows.setdefault(statement, []).extend(more)
    for statement, held in rows.items():
        at = 0
        for size in _SIZES:
            while len(held) - at >= size:
                yield statement.of(size), [value for row in held[at : at + size] for value in row]
                at += size


def _tell(group: Sequence[_Write], failure: VeridicalError | None) -> None:
    def tell(waiting: Sequence[asyncio.Future[None]]) -> None:
        for done in waiting:
            if done.done():
                continue
            if failure is None:
                done.set_result(None)
            else:
                done.set_exception(failure)

    by_loop: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for write in group:
        by_loop.setdefault(write.done.get_loop(), []).append(write.done)
    for loop, waiting in by_loop.items():
        with suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits any more
            loop.call_soon_threadsafe(tell, waiting)
