"""Does every executor run every shard once, pass errors on, and end its workers?"""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from veridical.core.contracts import Executor, Shard
from veridical.core.errors import BudgetError, DataError, SpecError
from veridical.exec.local import InProcess, Processes, Threads, available_workers, executor
from veridical.exec.shards import plan

EXECUTORS = [InProcess(), Threads(workers=2), Processes(workers=2)]


def square(shard: Shard) -> int:
    return shard.index**2


def refuse(shard: Shard) -> int:
    raise DataError("bad shard", where=f"shard {shard.index}", fix="none")


def die(shard: Shard) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


@pytest.mark.parametrize("who", EXECUTORS, ids=lambda who: type(who).__name__)
def test_every_shard_is_run_once(who):
    assert isinstance(who, Executor)
    shards = plan(95, shard_rows=10)
    results = sorted((result.shard.index, result.value) for result in who.run(square, shards))
    assert results == [(index, index**2) for index in range(10)]


@pytest.mark.parametrize("who", EXECUTORS, ids=lambda who: type(who).__name__)
def test_an_error_comes_back_as_it_was(who):
    with pytest.raises(DataError) as refused:
        list(who.run(refuse, plan(1)))
    assert (refused.value.what, refused.value.where, refused.value.fix) == ("bad shard", "shard 0", "none")


def test_a_killed_worker_is_a_budget_error_not_a_hang():
    with pytest.raises(BudgetError, match="want of memory"):
        list(Processes(workers=1).run(die, plan(1)))


def test_workers_end_when_their_parent_is_killed(tmp_path):
    code = textwrap.dedent(
        f"""
        import os, sys, time
        sys.path.insert(0, {str(tmp_path)!r})
        from veridical.exec.local import Processes
        from veridical.exec.shards import plan
        import slow
        if __name__ == "__main__":
            list(Processes(workers=2).run(slow.sleep, plan(20, shard_rows=10)))
        """
    )
    (tmp_path / "slow.py").write_text(
        "import os, pathlib, time\n"
        "def sleep(shard):\n"
        f"    pathlib.Path({str(tmp_path)!r}, f'pid{{shard.index}}').write_text(str(os.getpid()))\n"
        "    time.sleep(60)\n"
    )
    (tmp_path / "main.py").write_text(code)
    parent = subprocess.Popen([sys.executable, str(tmp_path / "main.py")])
    try:
        _wait_until(lambda: len([p for p in tmp_path.glob("pid*") if p.read_text()]) == 2)
    finally:
        parent.kill()
        parent.wait()
    workers = [int(path.read_text()) for path in tmp_path.glob("pid*")]
    _wait_until(lambda: not any(_alive(worker) for worker in workers))


def _wait_until(true, patience_s: float = 50.0) -> None:
    end = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie whose new parent has not reaped it yet is dead enough.
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")


def test_a_script_without_a_guard_may_use_workers(tmp_path):
    (tmp_path / "square.py").write_text("def square(shard):\n    return shard.index**2\n")
    (tmp_path / "main.py").write_text(
        "import square\n"
        "from veridical.exec.local import Processes\n"
        "from veridical.exec.shards import plan\n"
        "print(sum(result.value for result in Processes(workers=2).run(square.square, plan(40, shard_rows=10))))\n"
    )
    done = subprocess.run([sys.executable, "main.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout == "14\n", done.stderr


def test_the_plan_covers_all_rows_whatever_the_workers():
    shards = plan(1_000_001, shard_rows=131_072)
    assert sum(shard.rows for shard in shards) == 1_000_001
    assert [shard.start for shard in shards] == [index * 131_072 for index in range(8)]
    assert {shard.count for shard in shards} == {8}
    with pytest.raises(SpecError, match="0 rows"):
        plan(0)


def test_few_shards_start_no_processes():
    assert isinstance(executor(8, 1), InProcess)
    assert executor(8, 3) == Threads(workers=3)
    assert executor(2, 100) == Processes(workers=2)
    assert available_workers() >= 1
