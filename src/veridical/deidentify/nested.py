"""Which values lie within a nested one, and by which path is each reached? Places in a list share the list's own."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pyarrow as pa

_NOTES, _FOLDED = b"veridical:notes", b"kept as text"


def leaves(value: Any, path: str) -> Iterator[tuple[str, str | int]]:
    """Yield every text and whole number within a value, with its path.

    Example:
        >>> list(leaves({"who": {"name": "Lee"}, "said": ["hi", 3]}, "talk"))
        [('talk.who.name', 'Lee'), ('talk.said', 'hi'), ('talk.said', 3)]
    """
    if isinstance(value, dict):
        for name, item in value.items():
            yield from leaves(item, f"{path}.{name}")
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item, path)
    elif isinstance(value, str | int) and not isinstance(value, bool):
        yield path, value


def changed(value: Any, path: str, change: Callable[[Any, str], Any]) -> Any:
    """Return a value of the same shape with every text and whole number as `change` makes it of value and path."""
    if isinstance(value, dict):
        return {name: changed(item, f"{path}.{name}", change) for name, item in value.items()}
    if isinstance(value, list):
        return [changed(item, path, change) for item in value]
    return change(value, path) if isinstance(value, str | int) and not isinstance(value, bool) else value


def columns_within(name: str, values: Iterable[Any]) -> dict[str, pa.ChunkedArray]:
    """Return what lies at each path of nested values, as columns: whole numbers where there is nothing else."""
    found: dict[str, list[str | int]] = defaultdict(list)
    for value in values:
        for path, leaf in leaves(value, name):
            found[path].append(leaf)
    return {path: pa.chunked_array([_alike(each)]) for path, each in found.items()}


def _alike(values: list[str | int]) -> pa.Array:
    if all(isinstance(value, int) and abs(value) < 2**63 for value in values):
        return pa.array(values, pa.int64())
    return pa.array([str(value) for value in values], pa.string())


def unfolded(field: pa.Field, column: pa.ChunkedArray) -> list[Any] | None:
    """Return the values of a nested column, also of one that JSON lines were read into as text; None for no such.

    Example:
        >>> field = pa.field("who", pa.string(), metadata={"veridical:notes": "kept as text"})
        >>> unfolded(field, pa.chunked_array([['{"name": "Lee"}', None]]))
        [{'name': 'Lee'}, None]
    """
    if pa.types.is_nested(field.type):
        return column.to_pylist()
    if _FOLDED not in (field.metadata or {}).get(_NOTES, b"") or not pa.types.is_string(field.type):
        return None
    try:
        return [json.loads(text) if text and text[0] in "{[" else text for text in column.to_pylist()]
    except ValueError:
        return None


def folded(values: list[Any]) -> pa.Array:
    """Return nested values as JSON text, as JSON lines are read."""
    texts = [json.dumps(v, ensure_ascii=False) if isinstance(v, dict | list) else v for v in values]
    return pa.array(texts, pa.string())
