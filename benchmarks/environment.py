"""How does each peer run in an environment of its own, and what did the run cost?

A peer's script lives in `benchmarks/peers/` and imports nothing of ours. It gets its job as a JSON file's path
and writes its answer beside it; the harness reads CPU seconds of the child from the kernel, and peak memory as it runs.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
ENVIRONMENTS = ROOT / ".peers"
RESULTS = Path(__file__).parent / "results"
LOOK_S = 0.1  # between looks at a child's peak memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A tool to run beside ours: what to install, and which script drives it."""

    name: str
    requirements: tuple[str, ...]
    script: str  # a file under benchmarks/peers
    options: dict[str, Any] = field(default_factory=dict)
    no_dependencies: tuple[str, ...] = ()  # installed without what they ask for
    removed: tuple[str, ...] = ()  # pulled in by the peer, of no use to it here, and broken


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What became of one child process."""

    ok: bool
    cpu_s: float
    wall_s: float
    peak_mb: float
    note: str = ""
    answer: dict[str, Any] = field(default_factory=dict)


def python_of(peer: Peer) -> Path:
    """Return the interpreter of a peer's environment, made and filled on the first call.

    Raises:
        RuntimeError: the installation failed; the message holds its last line.
    """
    folder = ENVIRONMENTS / peer.name
    python = folder / "bin" / "python"
    mark = folder / "requirements.txt"
    wanted = "\n".join([*peer.requirements, *peer.no_dependencies])
    if python.exists() and mark.exists() and mark.read_text() == wanted:
        return python
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
    for extra, packages in (([], peer.requirements), (["--no-deps"], peer.no_dependencies)):
        if packages:
            done = subprocess.run(
                [str(python), "-m", "pip", "install", "--quiet", *extra, *packages], capture_output=True, text=True
            )
            if done.returncode != 0:
                raise RuntimeError((done.stderr.strip().splitlines() or ["pip failed"])[-1])
    if peer.removed:
        subprocess.run([str(python), "-m", "pip", "uninstall", "--quiet", "--yes", *peer.removed], check=True)
    mark.write_text(wanted)
    return python


def run_script(
    python: Path, script: Path, job: dict[str, Any], *, timeout_s: float, most_cpu_s: float | None = None
) -> Run:
    """Run `python script job.json` and return its cost and its answer (the JSON it wrote to job["answer"]).

    It is stopped after `timeout_s` of the clock, or after `most_cpu_s` of computing, fairer on a busy machine.
    """
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        job_file = Path(folder) / "job.json"
        job_file.write_text(json.dumps({**job, "answer": str(answer)}))
        log = Path(folder) / "log.txt"
        start = time.perf_counter()
        with log.open("w") as output:
            child = subprocess.Popen(
                [str(python), str(script), str(job_file)],
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "OMP_NUM_THREADS": "2", "TOKENIZERS_PARALLELISM": "false"},
                start_new_session=True,
            )
            done = threading.Event()
            seen: dict[int, float] = {}
            watch = threading.Thread(target=_watch, args=(child.pid, done, timeout_s, most_cpu_s, seen))
            watch.start()
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            done.set()
            watch.join()
        wall_s = time.perf_counter() - start
        lines = log.read_text(errors="replace").strip().splitlines()
        note = "" if child.returncode == 0 else (lines or ["no output"])[-1][:300]
        cpu_s = usage.ru_utime + usage.ru_stime  # of the process and of children that it waited for
        if child.returncode == -9 and wall_s >= timeout_s:
            note = f"not finished after {timeout_s:.0f} s"
        elif most_cpu_s is not None and child.returncode in (-9, -24):
            note, cpu_s = f"not finished after {most_cpu_s:.0f} CPU-seconds", max(cpu_s, most_cpu_s)
        return Run(
            ok=child.returncode == 0,
            cpu_s=cpu_s,
            wall_s=wall_s,
            peak_mb=max(seen.values(), default=usage.ru_maxrss / 1024),
            note=note,
            answer=json.loads(answer.read_text()) if answer.exists() else {},
        )


def _watch(
    leader: int, done: threading.Event, timeout_s: float, most_cpu_s: float | None, seen: dict[int, float]
) -> None:
    """Stop a process and all that it started once they took too long, or computed too much together.

    `seen` is told the peak memory of each, in MiB. What the kernel tells of a child that ended holds the peak of the
    process that started it too.
    """
    start, look = time.perf_counter(), 0
    while not done.wait(min(LOOK_S, timeout_s)):
        for process, peak in _peaks_mb(leader, others=look % 10 == 0):
            seen[process] = peak
        look += 1
        if look % 10:
            continue
        late = time.perf_counter() - start >= timeout_s
        if late or (most_cpu_s is not None and _cpu_s(leader) > most_cpu_s):
            os.killpg(leader, 9)
            return


def _peaks_mb(leader: int, *, others: bool) -> Iterator[tuple[int, float]]:
    """Yield the peak memory so far of a session's first process, and of its others."""
    rest = [int(stat.parent.name) for stat, held in _session(leader)] if others else []
    for process in {leader, *rest}:
        try:
            lines = Path(f"/proc/{process}/status").read_text().splitlines()
        except OSError:  # it ended meanwhile
            continue
        for line in lines:
            if line.startswith("VmHWM:"):
                yield process, int(line.split()[1]) / 1024


def _session(leader: int) -> Iterator[tuple[Path, list[str]]]:
    """Yield the living processes of a session, with what the kernel tells of each from its state on."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            held = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        if held[3] == str(leader):
            yield stat, held


def _cpu_s(leader: int) -> float:
    """Return the CPU seconds of all living processes of a session, with those of children that they waited for."""
    ticks = sum(int(one) for _, held in _session(leader) for one in held[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def write_result(name: str, content: dict[str, Any]) -> Path:
    """Write `results/<name>-<date>.json` with the machine's description, and return its path."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}-{dt.date.today().isoformat()}.json"
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.system()}
    path.write_text(json.dumps({"date": dt.date.today().isoformat(), "machine": machine, **content}, indent=1) + "\n")
    return path


def read_result(name: str) -> dict[str, Any]:
    """Return today's result of that name, or nothing."""
    path = RESULTS / f"{name}-{dt.date.today().isoformat()}.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found
