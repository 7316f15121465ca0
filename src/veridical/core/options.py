"""How do options written in YAML become a frozen dataclass, with every problem told at once?"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from veridical.core.errors import SpecError

T = TypeVar("T")


def from_options(kind: type[T], values: Mapping[str, Any], *, where: str) -> T:
    """Return `kind(**values)` with each value checked against, and brought to, its field's type.

    Raises:
        SpecError: a name is unknown, a value is missing or of the wrong type, or the class refuses it.

    Example:
        >>> from veridical.core.contracts import Shard
        >>> from_options(Shard, {"index": "0", "count": 1, "start": 0, "rows": 5}, where="shard").rows
        5
    """
    known = [field.name for field in fields(kind) if field.init]  # type: ignore[arg-type]
    unknown = [name for name in values if name not in known]
    if unknown:
        near = difflib.get_close_matches(unknown[0], known, n=1)
        fix = f"did you mean {near[0]!r}?" if near else f"use one of: {', '.join(known)}"
        raise SpecError(f"there is no option {', '.join(map(repr, unknown))}", where=where, fix=fix)
    try:
        return TypeAdapter(kind).validate_python(dict(values))
    except ValidationError as wrong:
        problems = [f"{_place(error['loc'])}: {error['msg'].removeprefix('Value error, ')}" for error in wrong.errors()]
        raise SpecError("; ".join(problems), where=where) from None


def _place(loc: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in loc) or "options"
