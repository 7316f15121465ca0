"""How does a fresh process lock itself in before it runs what nobody trusts?

The launcher reads its orders from standard input, goes into namespaces where it should, and forks a worker. The worker
gives up everything (user, capabilities, files, system calls), and only then runs the program. The launcher waits, and
when the worker or its time ends, nothing that was begun survives. Only the standard library is imported here.
"""

# Without pathlib: importing it takes longer than the rest of this process takes to start.
from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from typing import Any

from veridical.exec.sandbox import call, harness, landlock, root, seccomp
from veridical.exec.sandbox.level import Level

REFUSED = 97  # exit code: this level cannot be reached here; the reason is on standard error
OUT_OF_TIME = 98
_NOBODY = 65534
_FIRST_UID = 0x70000000  # as root: a user id that owns nothing, and that no other sandbox counts against
_THREADS = 32


def main() -> None:
    """Run the program that standard input orders; never returns."""
    orders: dict[str, Any] = json.loads(sys.stdin.buffer.read())
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    linux = sys.platform == "linux"
    if linux:
        call.prctl(call.PR_SET_PDEATHSIG, int(signal.SIGKILL))
        call.prctl(call.PR_SET_CHILD_SUBREAPER, 1)
    until = time.monotonic() + float(orders["wall_s"])
    try:
        child = _begun(orders)
        signal.signal(signal.SIGTERM, lambda *_: _end(child, OUT_OF_TIME))
        os._exit(_supervise(child, deadline=until))
    except OSError as refused:
        _refuse(refused)


def _begun(orders: dict[str, Any]) -> int:
    """Return the process that stands between us and the program: the program, or the first one of its namespace."""
    level, means = Level(orders["level"]), orders["means"]
    if level is not Level.NAMESPACES or means == "bubblewrap":
        return _forked(lambda: _work(orders))
    flags = call.CLONE_NEWNS | call.CLONE_NEWPID | call.CLONE_NEWNET | call.CLONE_NEWIPC | call.CLONE_NEWUTS
    uid, gid = os.geteuid(), os.getegid()
    if uid != 0:
        call.unshare(call.CLONE_NEWUSER | flags)
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{_NOBODY} {uid} 1")
        _write("/proc/self/gid_map", f"{_NOBODY} {gid} 1")
    else:
        call.unshare(flags)
    return _forked(lambda: _first_process(orders))


def _first_process(orders: dict[str, Any]) -> None:
    """Be process 1 of the namespace: when it ends, the kernel ends all others there."""
    root.enter_new_root(
        orders["base"], readable=root.readable_paths(orders["packages"]), scratch_bytes=int(orders["scratch_bytes"])
    )
    os._exit(_code(_waited(_forked(lambda: _work(orders)))))


def _work(orders: dict[str, Any]) -> None:
    """Give everything up, then run the program."""
    level = Level(orders["level"])
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if sys.platform == "linux":
        call.prctl(call.PR_SET_NO_NEW_PRIVS, 1)
        _become_nobody(level)
        if int(orders["processes"]) > 1 and os.getuid() == 0:
            raise OSError(1, "the kernel counts no processes of root's: run as another user, or allow one process")
    _set_limits(orders)
    run = harness.prepared(orders)  # what it imports must be there before files are out of reach
    if sys.platform == "linux":
        call.prctl(call.PR_SET_PDEATHSIG, int(signal.SIGKILL))  # a change of user clears it
        if level is Level.FILTERED:
            paths = root.readable_paths((*orders["packages"], *root.DEVICES))
            landlock.restrict_files(readable=paths, writable=[os.getcwd()])
        try:
            seccomp.refuse_system_calls(own_pid=os.getpid(), alone=int(orders["processes"]) <= 1)
        except OSError:
            if level is not Level.LIMITS:
                raise
    run()
    sys.stdout.flush()
    os._exit(0)


def _become_nobody(level: Level) -> None:
    if os.geteuid() == 0 and (level is Level.NAMESPACES or _others_may_enter(os.path.dirname(os.__file__))):
        for uid in (_FIRST_UID + os.getpid() % 0x100000 + int(time.monotonic_ns()) % 1000 * 0x100000, _NOBODY):
            try:
                os.setgroups([])
                os.setresgid(uid, uid, uid)
                os.setresuid(uid, uid, uid)
                break
            except OSError:
                continue  # a user namespace around us knows no such user
    call.drop_capabilities()


def _others_may_enter(path: str) -> bool:
    """Return whether a user who owns nothing could read a folder: /root often stands in the way."""
    while True:
        if not os.stat(path).st_mode & 0o001:
            return False
        if path == "/":
            return True
        path = os.path.dirname(path)


def _set_limits(orders: dict[str, Any]) -> None:
    cpu, processes = int(orders["cpu_s"]), int(orders["processes"])
    wanted = {
        "RLIMIT_CPU": (cpu, cpu + 1),
        "RLIMIT_AS": (int(orders["memory_bytes"]),) * 2,
        "RLIMIT_FSIZE": (int(orders["scratch_bytes"]),) * 2,
        "RLIMIT_NOFILE": (64, 64),
        "RLIMIT_CORE": (0, 0),
        "RLIMIT_MEMLOCK": (0, 0),
        "RLIMIT_MSGQUEUE": (0, 0),
        "RLIMIT_NPROC": (processes + _THREADS + _own_processes(),) * 2,
    }
    for name, limits in wanted.items():
        if (number := getattr(resource, name, None)) is not None:
            hard = resource.getrlimit(number)[1]
            soft, most = limits if hard == resource.RLIM_INFINITY else (min(limits[0], hard), min(limits[1], hard))
            try:
                resource.setrlimit(number, (soft, most))
            except (OSError, ValueError):
                if sys.platform == "linux":
                    raise


def _own_processes() -> int:
    """Return how many processes of our user run already: RLIMIT_NPROC counts them all, in a user namespace too."""
    uid = os.getuid()
    try:
        return sum(_owner(entry) == uid for entry in os.listdir("/proc") if entry.isdigit())
    except OSError:
        return 0 if sys.platform == "linux" else 2048  # a root of our own without /proc: nobody else is in it


def _owner(entry: str) -> int:
    try:
        return os.stat(f"/proc/{entry}").st_uid
    except OSError:
        return -1


# The launcher: it waits, and leaves nothing behind.


def _supervise(child: int, *, deadline: float) -> int:
    pause = 0.001
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            _kill_all(child)
            return _code(status)
        if time.monotonic() > deadline:
            _end(child, OUT_OF_TIME)
        time.sleep(pause)
        pause = min(pause * 1.5, 0.02)


def _end(child: int, code: int) -> None:
    _kill_all(child)
    os._exit(code)


def _kill_all(first: int) -> None:
    """Kill every descendant: orphans come back to us (subreaper), so that nothing escapes by forking twice.

    `first` is named because a new root has no /proc to find it in; all others of its namespace die with it.
    """
    until = time.monotonic() + 2
    while time.monotonic() < until:
        for child in {first, *_children()}:
            try:
                os.kill(child, signal.SIGKILL)
            except OSError:
                continue
        try:
            # Those whose parent we have just killed come to us only now: look again, never wait for one.
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except OSError:
            return  # nobody is left
        if not os.path.isdir("/proc/self"):
            return  # a root without /proc: what is left dies with our namespace's first process
        time.sleep(0.001)


def _children() -> list[int]:
    me = os.getpid()
    try:
        with open(f"/proc/self/task/{me}/children") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return _children_by_status(me)


def _children_by_status(me: int) -> list[int]:
    found = []
    for entry in os.listdir("/proc") if os.path.isdir("/proc") else ():
        try:
            with open(f"/proc/{entry}/stat") as file:
                parent = int(file.read().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        if parent == me and entry.isdigit():
            found.append(int(entry))
    return found


def _forked(then: Any) -> int:
    child = os.fork()
    if child == 0:
        try:
            if sys.platform == "linux":
                call.prctl(call.PR_SET_PDEATHSIG, int(signal.SIGKILL))
            then()
        except OSError as refused:
            _refuse(refused)
        finally:
            os._exit(1)
    return child


def _waited(child: int) -> int:
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == child:
            return status


def _code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _refuse(refused: OSError) -> None:
    os.write(2, f"{refused}\n".encode())
    os._exit(REFUSED)


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)
