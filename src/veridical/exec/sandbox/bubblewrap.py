"""How is a program locked in where only bubblewrap may make namespaces (a hardened desktop, say)?"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from veridical.exec.sandbox.root import readable_paths


def wrapped(command: Sequence[str], *, packages: Sequence[str] = (), scratch_bytes: int) -> list[str]:
    """Return the command under `bwrap`: a root of its own, no network, no capabilities (bubblewrap 0.8 and later).

    Raises:
        OSError: there is no bubblewrap.
    """
    program = shutil.which("bwrap")
    if program is None:
        raise OSError(2, "bubblewrap is not installed")
    here = Path(__file__).parents[2]
    python = Path(command[0]).resolve()
    lines = [program, "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    lines += ["--size", str(scratch_bytes), "--tmpfs", "/tmp", "--chdir", "/tmp"]
    for path in readable_paths((*packages, str(python), str(here))):
        if Path(path).is_symlink():
            lines += ["--symlink", str(Path(path).readlink()), path]
        else:
            lines += ["--ro-bind", path, path]
    lines += ["--dev-bind", "/dev/null", "/dev/null", "--dev-bind", "/dev/urandom", "/dev/urandom", "--remount-ro", "/"]
    return [*lines, "--", str(python), *command[1:]]
