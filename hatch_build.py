"""How are the C kernels compiled, on a machine that may have no compiler?

A system compiler (`CC`, cc, gcc, clang) is used where there is one; otherwise `ziglang`, a compiler that installs
as a build requirement and leaves with the build environment. Run as a script, this compiles in place.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ModuleNotFoundError:  # run as a script, outside a build
    BuildHookInterface = object  # type: ignore[assignment,misc]

KERNELS = Path(__file__).parent / "src" / "veridical" / "kernel"
LIBRARY = "kernels.dylib" if sys.platform == "darwin" else "kernels.so"


def system_compiler() -> list[str] | None:
    """Return the command of a C compiler on this machine, or None."""
    for name in (os.environ.get("CC", ""), "cc", "gcc", "clang"):
        if name and shutil.which(name.split()[0]):
            command = name.split()
            if subprocess.run([*command, "--version"], capture_output=True, check=False).returncode == 0:
                return command
    return None


def compile_kernels() -> Path:
    """Compile every .c file of the kernel room into one shared library, and return its path."""
    target = KERNELS / LIBRARY
    compiler = system_compiler() or [sys.executable, "-m", "ziglang", "cc"]
    partial = target.with_suffix(f".{os.getpid()}.part")
    # -ffp-contract=off: no fused multiply-add, so every machine rounds alike and gives the same bytes.
    flags = ["-O3", "-std=c11", "-fPIC", "-shared", "-ffp-contract=off", "-Wall", "-Wextra", "-fvisibility=hidden"]
    sources = sorted(str(path) for path in KERNELS.glob("*.c"))
    subprocess.run([*compiler, *flags, "-o", str(partial), *sources, "-lm"], check=True)
    partial.replace(target)
    return target


class KernelBuildHook(BuildHookInterface):  # type: ignore[misc]
    """Compiles the kernels into the wheel, or in place for an editable install."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Return what the build needs: a compiler from the package index when the machine has none."""
        return [] if system_compiler() else ["ziglang>=0.13"]

    def initialize(
        self,
        version: str,  # noqa: ARG002
        build_data: dict[str, Any],
    ) -> None:
        """Compile, and mark the wheel as one for this platform and any Python 3."""
        if self.target_name != "wheel":
            return
        library = compile_kernels()
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"
        build_data["force_include"][str(library)] = f"veridical/kernel/{LIBRARY}"


if __name__ == "__main__":
    print(compile_kernels())
