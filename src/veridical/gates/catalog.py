"""Which gate sets ship, and which one did the user mean?"""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import Path

from veridical.core.errors import SpecError
from veridical.spec.gates import GateSet, read_gates
from veridical.spec.marks import load, read

SEQUENCE = "sequence"  # joined to the others by `gates.sequence`, not asked for by name
BUILT_IN = ("share", "train", "test-data", "dp", "private", "text", "dialogue", "linked", "linked-test-data")


def load_gates(name_or_path: str | Path | GateSet) -> GateSet:
    """Return a gate set by its built-in name, or read one from a YAML file.

    Raises:
        SpecError: there is no such set or file, or the file is wrong.

    Example:
        >>> load_gates("share").audience
        'outside'
    """
    if isinstance(name_or_path, GateSet):
        return name_or_path
    if str(name_or_path) in BUILT_IN:
        return built_in(str(name_or_path))
    path = Path(name_or_path)
    if not path.exists() and path.suffix not in (".yaml", ".yml"):
        raise SpecError(f"no gate set is called {str(name_or_path)!r}", fix=f"use {', '.join(BUILT_IN)} or a YAML file")
    return read_gates(read(path), known={name: built_in(name) for name in BUILT_IN})


@cache
def built_in(name: str) -> GateSet:
    """Return one of the gate sets that ship; sets extend only those named before them in `BUILT_IN`."""
    text = resources.files("veridical.gates").joinpath("sets", f"{name}.yaml").read_text(encoding="utf-8")
    earlier = BUILT_IN[: BUILT_IN.index(name)] if name in BUILT_IN else ()
    return read_gates(load(text, name=f"{name}.yaml"), known={other: built_in(other) for other in earlier})
