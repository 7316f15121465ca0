"""Which level does this machine reach, and by what means? Tried, not believed."""

from __future__ import annotations

import os
import secrets
import socket
import tempfile
from functools import cache
from pathlib import Path

from veridical.exec.sandbox.level import Level
from veridical.exec.sandbox.run import Ended, Sandbox, SandboxError, run_at

_MEANS = (
    (Level.NAMESPACES, "namespaces and seccomp"),
    (Level.NAMESPACES, "bubblewrap"),
    (Level.FILTERED, "landlock and seccomp"),
    (Level.LIMITS, "resource limits"),
)
_PROBE = """
import os, socket
escaped = []

def tried(name, attempt):
    try:
        attempt()
    except Exception:
        return
    escaped.append(name)

tried("file", lambda: open({secret!r}).read())
tried("environment", lambda: open("/proc/{pid}/environ", "rb").read())
tried("network", lambda: socket.create_connection(("127.0.0.1", {port}), 1))
tried("signal", lambda: os.kill({pid}, 0))
tried("write", lambda: open({outside!r}, "w").write("x"))
tried("process", os.fork)
result = escaped
"""


@cache
def reached(packages: tuple[str, ...] = ()) -> tuple[Level, str]:
    """Return the strongest level whose probe could neither read, write, connect, signal nor fork; and by what means.

    The probe looks for a file, a listening port and the environment of this process, all of which are there.

    Example:
        >>> reached()[0] >= Level.LIMITS
        True
    """
    for level, means in _MEANS:
        if level is Level.LIMITS:
            break
        try:
            if not escapes(level, means, packages):
                return level, means
        except (SandboxError, OSError):
            continue
    return Level.LIMITS, "resource limits"


def escapes(level: Level, means: str, packages: tuple[str, ...] = ()) -> list[str]:
    """Return what a probe at this level could do that it must not: "file", "network", "signal" ...

    Raises:
        SandboxError: the level cannot be set up by these means.
    """
    with tempfile.TemporaryDirectory(prefix="probe-") as name, socket.create_server(("127.0.0.1", 0)) as server:
        folder = Path(name)
        secret = folder / "secret"
        secret.write_text(secrets.token_hex(8))
        probe = _PROBE.format(
            secret=str(secret), outside=str(folder / "written"), port=server.getsockname()[1], pid=os.getpid()
        )
        outcome = run_at(level, means, Sandbox(packages=packages), [probe])
    if outcome.ended is not Ended.DONE:
        raise SandboxError(f"the probe did not end: {outcome.ended}", where=means)
    return [str(name) for name in _listed(outcome.result)]


def _listed(text: str) -> list[str]:
    import ast

    value = ast.literal_eval(text or "['nothing was said']")
    return list(value)
