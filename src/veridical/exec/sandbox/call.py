"""How does Python ask Linux for what `os` does not offer: namespaces, mounts, capabilities, landlock, seccomp?

Runs in the sandboxed process: nothing but the standard library may be imported here.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Sequence
from typing import Any

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
MNT_DETACH = 2
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38
PR_SET_CHILD_SUBREAPER, PR_SET_SECCOMP = 36, 22
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_CAPSET = {"x86_64": 126, "aarch64": 91}
_MOUNT_SETATTR = 442
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000


def machine() -> str:
    """Return the processor's name as the kernel's tables have it."""
    return os.uname().machine if sys.platform == "linux" else ""


def prctl(option: int, *values: Any) -> None:
    """Call prctl(2).

    Raises:
        OSError: the kernel refuses.
    """
    _checked(_libc().prctl(option, *[_word(v) for v in values], *[ctypes.c_ulong(0)] * (4 - len(values))), "prctl")


def unshare(flags: int) -> None:
    """Leave namespaces for new ones.

    Raises:
        OSError: the kernel refuses.
    """
    _checked(_libc().unshare(flags), "unshare")


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    """Mount a file system, or a folder a second time.

    Raises:
        OSError: the kernel refuses.
    """
    words = [text.encode() if text else None for text in (source, target, kind)]
    done = _libc().mount(*words, ctypes.c_ulong(flags), data.encode() if data else None)
    _checked(done, f"mount {target}")


def mount_read_only(target: str) -> None:
    """Make a mount and all below it read-only.

    Raises:
        OSError: the kernel refuses.
    """
    # struct mount_attr: attr_set, attr_clr, propagation, userns_fd
    attributes = (ctypes.c_uint64 * 4)(MS_RDONLY | MS_NOSUID | MS_NODEV, 0, 0, 0)
    done = _libc().syscall(
        _MOUNT_SETATTR, _AT_FDCWD, target.encode(), _AT_RECURSIVE, ctypes.byref(attributes), ctypes.c_size_t(32)
    )
    if done == 0:
        return
    # Before Linux 5.12. Flags that the mount already has must be named again: a user namespace may not drop them.
    now = os.statvfs(target).f_flag
    kept = (now & 0x40E) | (now & 0x800) | ((1 << 21) if now & 0x1000 else 0)
    mount("", target, "", MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | kept)


def pivot_root(folder: str) -> None:
    """Make a folder the root, and forget the old one.

    Raises:
        OSError: the kernel refuses.
    """
    os.chdir(folder)
    _checked(_libc().syscall(_PIVOT_ROOT[machine()], b".", b"."), "pivot_root")
    _checked(_libc().umount2(b".", MNT_DETACH), "umount of the old root")
    os.chdir("/")


def drop_capabilities() -> None:
    """Give up every capability, for good.

    Raises:
        OSError: the kernel refuses.
    """
    for capability in range(64):
        try:
            prctl(PR_CAPBSET_DROP, capability)
        except OSError:
            break  # past the last one, or not ours to drop: then there is none to drop
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    nothing = (ctypes.c_uint32 * 6)()
    _checked(_libc().syscall(_CAPSET[machine()], ctypes.byref(header), ctypes.byref(nothing)), "capset")


def syscall(number: int, *values: Any) -> int:
    """Call the kernel by number and return what it returned; for tables of our own."""
    return int(_libc().syscall(number, *[_word(value) for value in values]))


def last_error() -> str:
    """Return the words for the latest refusal."""
    return os.strerror(ctypes.get_errno())


def _word(value: Any) -> Any:
    return ctypes.c_ulong(value) if isinstance(value, int) else value


def _checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


_LIBC: Sequence[Any] = []


def _libc() -> Any:
    global _LIBC
    if not _LIBC:
        _LIBC = [ctypes.CDLL(None, use_errno=True)]
    return _LIBC[0]
