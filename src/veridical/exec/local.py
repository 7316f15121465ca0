"""Who runs the shards on this machine?"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.context import SpawnContext, SpawnProcess
from types import ModuleType
from typing import Any

from veridical.core.contracts import Executor as ShardExecutor
from veridical.core.contracts import Result, Shard, Task
from veridical.core.errors import BudgetError

_FEW = 16  # shards per worker below which threads are done before processes have started
_AHEAD = 2  # shards handed out per worker: enough to keep it busy, few enough to stop soon


@dataclass(frozen=True, slots=True)
class InProcess:
    """Runs one shard after the other, here.

    Example:
        >>> [result.value for result in InProcess().run(lambda shard: shard.rows, [Shard(0, 1, 0, 5)])]
        [5]
    """

    def run(self, task: Task, shards: Sequence[Shard]) -> Iterator[Result]:
        """Yield each shard's result in order."""
        for shard in shards:
            yield Result(shard, task(shard))


@dataclass(frozen=True, slots=True, kw_only=True)
class Threads:
    """Runs shards on threads: for tasks that spend their time in compiled code."""

    workers: int

    def run(self, task: Task, shards: Sequence[Shard]) -> Iterator[Result]:
        """Yield results as they come."""
        with ThreadPoolExecutor(self.workers, thread_name_prefix="shard") as pool:
            yield from _run_on(pool, task, shards, self.workers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Processes:
    """Runs shards on fresh processes; the task travels by reference, the data through the disk."""

    workers: int

    def run(self, task: Task, shards: Sequence[Shard]) -> Iterator[Result]:
        """Yield results as they come.

        Raises:
            BudgetError: a worker was killed from outside, most often for want of memory.
        """
        # A fork would copy locks that threads of Arrow or OpenMP hold; a spawned process starts clean.
        pool = ProcessPoolExecutor(self.workers, mp_context=_CleanSpawn(), initializer=_prepare_worker)
        try:
            yield from _run_on(pool, task, shards, self.workers)
        except BrokenProcessPool as broken:
            raise BudgetError(
                "a worker process was killed, most often for want of memory",
                where=f"{self.workers} workers",
                fix="use fewer workers; finished shards are kept",
            ) from broken
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def executor(workers: int, shards: int) -> ShardExecutor:
    """Return who runs this many shards with up to this many workers.

    Example:
        >>> executor(4, 1), executor(4, 8), executor(4, 1000)
        (InProcess(), Threads(workers=4), Processes(workers=4))
    """
    useful = min(workers, shards)
    if useful <= 1:
        return InProcess()
    # A process takes over a second to start; compiled code lets threads run side by side until then.
    return Threads(workers=useful) if shards <= _FEW * useful else Processes(workers=useful)


def available_workers() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return max(1, os.cpu_count() or 1)


class _CleanProcess(SpawnProcess):
    """A process that does not run the caller's script again: none of our tasks lives there."""

    @staticmethod
    def _Popen(process_obj: Any) -> Any:
        caller = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            return SpawnProcess._Popen(process_obj)
        finally:
            sys.modules["__main__"] = caller


class _CleanSpawn(SpawnContext):
    """Spawned processes that a script needs no `if __name__ == "__main__"` for."""

    Process = _CleanProcess


def _run_on(pool: Executor, task: Task, shards: Sequence[Shard], workers: int) -> Iterator[Result]:
    waiting = list(reversed(shards))
    running: dict[Future[object], Shard] = {}
    try:
        while waiting or running:
            while waiting and len(running) < workers * _AHEAD:
                shard = waiting.pop()
                running[pool.submit(task, shard)] = shard
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield Result(running.pop(future), future.result())
    finally:
        for future in running:
            future.cancel()


def _prepare_worker() -> None:
    # Ctrl-C reaches the whole group; the parent lets shards in hand finish and then says so once.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_leave_with, args=(parent.sentinel,), daemon=True).start()


def _leave_with(sentinel: int) -> None:
    # A parent that was killed cannot end its workers, and they hold both ends of the queue they wait on.
    multiprocessing.connection.wait([sentinel])
    os._exit(1)
