"""Which words are no names, and which are places? The lists of `words.json`."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files


@cache
def listed(language: str, name: str) -> frozenset[str]:
    """Return a list of "korean" or "english" words.

    Example:
        >>> "Hospital" in listed("english", "not_lasts")
        True
    """
    content = str(_file()[language][name])
    return frozenset(content.split(", ") if ", " in content else content.split())


@cache
def _file() -> dict[str, dict[str, str]]:
    return dict(json.loads((files("veridical.deidentify") / "words.json").read_text(encoding="utf-8")))
