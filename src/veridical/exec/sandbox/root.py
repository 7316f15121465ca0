"""What does a sandbox with a root of its own hold? Python, the system's libraries, three devices and an empty /tmp."""

# Without pathlib: importing it takes longer than the rest of this process takes to start.
from __future__ import annotations

import os
from collections.abc import Iterable

from veridical.exec.sandbox import call

_LIBRARIES = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime")
DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")


def readable_paths(more: Iterable[str] = ()) -> list[str]:
    """Return what a program must be able to read in order to run at all, parents before children."""
    wanted = (os.path.dirname(os.path.realpath(os.__file__)), *_LIBRARIES, *more)
    return sorted(path for path in dict.fromkeys(wanted) if os.path.exists(path))


def enter_new_root(base: str, *, readable: Iterable[str], scratch_bytes: int) -> None:
    """Make `base` (an empty folder) the root of a new file system; needs a mount namespace of its own.

    Raises:
        OSError: the kernel refuses.
    """
    call.mount("", "/", "", call.MS_REC | call.MS_PRIVATE)
    call.mount("tmpfs", base, "tmpfs", call.MS_NOSUID | call.MS_NODEV, "size=1m,nr_inodes=4096,mode=0755")
    os.makedirs(f"{base}/tmp", exist_ok=True)
    options = f"size={scratch_bytes},nr_inodes=1024,mode=1777"
    call.mount("tmpfs", f"{base}/tmp", "tmpfs", call.MS_NOSUID | call.MS_NODEV, options)
    for path in (*readable, *DEVICES):
        _bind(path, base)
    call.pivot_root(base)
    call.mount("", "/", "", call.MS_REMOUNT | call.MS_BIND | call.MS_RDONLY | call.MS_NOSUID | call.MS_NODEV)
    os.chdir("/tmp")


def _bind(path: str, base: str) -> None:
    inside = base + path
    if os.path.islink(path):  # /lib -> usr/lib: a link in the new root too
        if not os.path.lexists(inside):
            os.makedirs(os.path.dirname(inside), exist_ok=True)
            os.symlink(os.readlink(path), inside)
        return
    if not os.path.exists(path) or os.path.exists(inside):
        return  # already there, below a folder that was bound before
    if os.path.isdir(path):
        os.makedirs(inside)
    else:
        os.makedirs(os.path.dirname(inside), exist_ok=True)
        with open(inside, "w"):
            pass
    call.mount(path, inside, "", call.MS_BIND | call.MS_REC)
    if not path.startswith("/dev/"):
        call.mount_read_only(inside)
