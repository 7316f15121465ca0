"""How does one run a Python program that may want anything, and learn what became of it?"""

from __future__ import annotations

import json
import os
import secrets
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from veridical.core.errors import SpecError, VeridicalError
from veridical.exec.sandbox.bubblewrap import wrapped
from veridical.exec.sandbox.level import Level

_REFUSED, _OUT_OF_TIME, _CPU = 97, 98, 128 + 24
_GRACE_S = 3.0  # beyond a program's own time, for starting and ending
_REPORT_BYTES = 1 << 18
_CODE = "import sys; sys.path.insert(0, sys.argv[1]); from veridical.exec.sandbox.enter import main; main()"


class Ended(StrEnum):
    """How a program ended."""

    DONE = "done"  # it ran to its end; its tests may have failed
    BROKEN = "broken"  # a source raised before its tests could run
    TIMEOUT = "timeout"
    CPU = "cpu"
    MEMORY = "memory"
    OUTPUT = "output"
    DISK = "disk"
    KILLED = "killed"  # by a signal, or by leaving before its end


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a program may use. `processes` 1 means: no further ones; output counts both streams."""

    wall_s: float = 10.0
    cpu_s: int = 5
    memory_bytes: int = 512 << 20
    output_bytes: int = 64 << 10
    scratch_bytes: int = 8 << 20
    processes: int = 1


@dataclass(frozen=True, slots=True)
class Test:
    """What one test came to; `error` is its traceback, "" where it passed."""

    name: str
    error: str = ""

    @property
    def passed(self) -> bool:
        """Whether it passed."""
        return not self.error


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a program: how it ended, what it said and which tests passed.

    `level` and `means` say what it was locked in by. `error` is the traceback of a source that raised, or the reason
    for which it was stopped; `result` is the repr of a global of that name.
    """

    ended: Ended
    level: Level
    means: str
    tests: tuple[Test, ...] = ()
    error: str = ""
    result: str = ""
    stdout: str = ""
    stderr: str = ""
    cpu_s: float = 0.0
    wall_s: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether it ran to its end, had tests, and passed them all."""
        return self.ended is Ended.DONE and bool(self.tests) and all(test.passed for test in self.tests)

    @property
    def told(self) -> str:
        """What went wrong, for whoever shall mend it; "" where nothing did."""
        failed = [f"{test.name}:\n{test.error}" for test in self.tests if not test.passed]
        return self.error or "\n".join(failed)


class SandboxError(VeridicalError):
    """The level of isolation that was demanded cannot be reached here; nothing was run."""

    exit_code = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """Runs programs at the strongest level that this machine reaches, and at no weaker one than `at_least`.

    `packages` are folders with modules that programs may import beside the standard library. Levels are not believed
    but tried: before the first program a probe attempts what the level must prevent.

    Example:
        >>> Sandbox().run("result = sum(range(5))").result
        '10'
    """

    at_least: Level = Level.FILTERED
    limits: Limits = field(default_factory=Limits)
    packages: tuple[str, ...] = ()

    def run(self, *sources: str, tests: str = "") -> Outcome:
        """Run sources one after the other, then each function of `tests` whose name begins with "test".

        Raises:
            SandboxError: the level cannot be reached here.
        """
        from veridical.exec.sandbox.reach import reached

        level, means = reached(self.packages)
        if level < self.at_least:
            raise SandboxError(
                f"programs can be locked in by {means} here (level {level.name.lower()}), "
                f"{self.at_least.name.lower()} is demanded",
                where="sandbox",
                fix="allow user namespaces, install bubblewrap, or demand less if you trust the programs",
            )
        return run_at(level, means, self, sources, tests)


def run_at(level: Level, means: str, sandbox: Sandbox, sources: Sequence[str], tests: str = "") -> Outcome:
    """Run sources at a level by given means.

    Raises:
        SandboxError: the level cannot be reached by these means.
    """
    named = [["solution" if len(sources) == 1 else f"part{n}", text] for n, text in enumerate(sources, 1)]
    if tests:
        named.append(["tests", tests])
    folder = Path(tempfile.mkdtemp(prefix="sandbox-"))
    try:
        scratch = folder / "scratch"
        scratch.mkdir()
        folder.chmod(0o711)  # whoever the program becomes must be able to enter its scratch folder, and list nothing
        scratch.chmod(0o777)
        return _Run(level, means, sandbox, named, scratch, has_tests=bool(tests)).outcome()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Run:
    """One program from start to end."""

    def __init__(
        self, level: Level, means: str, sandbox: Sandbox, sources: Sequence[Sequence[str]], scratch: Path, *,
        has_tests: bool,
    ) -> None:  # fmt: skip
        self.level, self.means, self.limits, self.scratch = level, means, sandbox.limits, scratch
        self.word = secrets.token_hex(16)
        self._orders: dict[str, Any] = {
            "level": int(level), "means": means, "base": str(scratch), "packages": list(sandbox.packages),
            "sources": list(sources), "tests": has_tests, "word": self.word,
            "wall_s": self.limits.wall_s, "cpu_s": self.limits.cpu_s, "memory_bytes": self.limits.memory_bytes,
            "scratch_bytes": self.limits.scratch_bytes, "processes": self.limits.processes,
        }  # fmt: skip
        self._said: dict[str, bytearray] = {"stdout": bytearray(), "stderr": bytearray(), "report": bytearray()}
        self._stopped: Ended | None = None

    def outcome(self) -> Outcome:
        """Start the program, wait for its end, and say what it was."""
        start = time.perf_counter()
        reading, writing = os.pipe()
        try:
            process = self._started(writing)
        finally:
            os.close(writing)
        try:
            self._listen(process, reading, start + self.limits.wall_s + _GRACE_S)
        finally:
            os.close(reading)
            code, cpu_s = _reaped(process)
        told = bytes(self._said["stderr"]).decode("utf-8", "replace")
        if code == _REFUSED:
            raise SandboxError(f"not to be had: {told.strip()}", where=f"{self.level.name.lower()} by {self.means}")
        return self._judged(code, told, cpu_s, time.perf_counter() - start)

    def _started(self, report: int) -> subprocess.Popen[bytes]:
        source = str(Path(__file__).parents[3])
        command = [sys.executable, "-I", "-S", "-B", "-c", _CODE, source]
        if self.means == "bubblewrap":
            command = wrapped(command, packages=self._orders["packages"], scratch_bytes=self.limits.scratch_bytes)
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=(report,),
            cwd=self.scratch, start_new_session=True,
            env={"PATH": "/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8", "PYTHONHASHSEED": "0"},
        )  # fmt: skip
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps({**self._orders, "report": report}).encode())
            process.stdin.close()
        except BrokenPipeError:
            pass  # it died at once; its exit code says why
        return process

    def _listen(self, process: subprocess.Popen[bytes], report: int, until: float) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        with selectors.DefaultSelector() as selector:
            for stream, name in ((process.stdout, "stdout"), (process.stderr, "stderr"), (report, "report")):
                selector.register(stream, selectors.EVENT_READ, name)
            while selector.get_map() and self._stopped is None:
                ready = selector.select(timeout=0.05)
                for key, _ in ready:
                    piece = os.read(key.fd, 1 << 16)
                    self._said[key.data] += piece
                    if not piece:
                        selector.unregister(key.fileobj)
                self._look(until)
        process.stdout.close()
        process.stderr.close()
        if self._stopped is not None:
            process.terminate()

    def _look(self, until: float) -> None:
        """Stop what says too much, writes too much or takes too long."""
        said = len(self._said["stdout"]) + len(self._said["stderr"])
        if said > self.limits.output_bytes or len(self._said["report"]) > _REPORT_BYTES:
            self._stopped = Ended.OUTPUT
        elif time.perf_counter() > until:
            self._stopped = Ended.TIMEOUT
        elif self.level is not Level.NAMESPACES and _size(self.scratch) > self.limits.scratch_bytes:
            self._stopped = Ended.DISK

    def _judged(self, code: int, stderr: str, cpu_s: float, wall_s: float) -> Outcome:
        report = _report(self._said["report"], self.word)
        ended = self._stopped or _ending(code, report)
        said = report if report is not None and ended in (Ended.DONE, Ended.BROKEN, Ended.MEMORY) else {}
        error = str(said.get("error", "")) or ("" if ended is Ended.DONE else _WHY[ended])
        return Outcome(
            ended=ended,
            level=self.level,
            means=self.means,
            tests=tuple(Test(str(t["name"]), str(t["error"])) for t in said.get("tests", ())),
            error=error,
            result=str(said.get("result", "")),
            stdout=bytes(self._said["stdout"][: self.limits.output_bytes]).decode("utf-8", "replace"),
            stderr=stderr[: self.limits.output_bytes],
            cpu_s=cpu_s,
            wall_s=wall_s,
        )


_WHY: Mapping[Ended, str] = {
    Ended.TIMEOUT: "it took too long and was stopped",
    Ended.CPU: "it used too much processor time and was stopped",
    Ended.MEMORY: "it wanted more memory than it may have",
    Ended.OUTPUT: "it printed more than it may and was stopped",
    Ended.DISK: "it wrote more than it may and was stopped",
    Ended.KILLED: "it ended before its end: by a signal, or by leaving the interpreter",
    Ended.BROKEN: "it raised",
}


def _ending(code: int, report: Mapping[str, Any] | None) -> Ended:
    if code == _OUT_OF_TIME:
        return Ended.TIMEOUT
    if report is None:
        return Ended.CPU if code == _CPU else Ended.KILLED
    if report.get("kind") == "MemoryError":
        return Ended.MEMORY
    return Ended.BROKEN if report.get("broken") else Ended.DONE


def _report(text: bytearray, word: str) -> dict[str, Any] | None:
    """Return the report, if it is whole and carries the word that only our harness was given."""
    try:
        value = json.loads(bytes(text))
    except ValueError:
        return None
    return value if isinstance(value, dict) and value.get("word") == word else None


def _reaped(process: subprocess.Popen[bytes]) -> tuple[int, float]:
    """Wait for the launcher, kill it if it does not go, and return its code and the CPU seconds of all it began."""
    until = time.monotonic() + _GRACE_S
    while True:
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        if ended:
            process.returncode = os.waitstatus_to_exitcode(status)
            return process.returncode, usage.ru_utime + usage.ru_stime
        if time.monotonic() > until:
            process.kill()
        time.sleep(0.001)


def _size(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_size
            except OSError:
                continue
    return total


def parse_limits(given: Mapping[str, Any]) -> Limits:
    """Return the limits that a spec names; the others stay as they are.

    Raises:
        SpecError: a limit is unknown or not positive.
    """
    from veridical.core.options import from_options

    limits = from_options(Limits, given, where="limits")
    if min(limits.wall_s, limits.cpu_s, limits.memory_bytes, limits.output_bytes, limits.processes) <= 0:
        raise SpecError("a limit is not above zero", where="limits", fix="leave it out for its default")
    return limits
