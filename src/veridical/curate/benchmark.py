"""Which benchmark, in which version, holds which texts?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from veridical.core import digest
from veridical.core.errors import DataError
from veridical.curate.setting import read_records

_SUFFIXES = (".jsonl", ".json", ".csv", ".tsv", ".parquet")
# Keys that name or sort an item and hold none of its text.
_NOT_TEXT = frozenset(
    {"id", "index", "task_id", "type", "category", "subject", "source", "license", "entry_point", "answer_key", "label"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """A benchmark's items as texts; `version` is the head of its file's SHA-256.

    `questions[i]` is the first text field of item i, `items[i]` all its text.
    """

    name: str
    version: str
    questions: tuple[str, ...]
    items: tuple[str, ...]


def read_benchmarks(places: Mapping[str, Path]) -> list[Benchmark]:
    """Return the benchmarks of named files; a folder gives one for each of its data files.

    Raises:
        DataError: a place is not there, or holds no texts.
    """
    found: list[Benchmark] = []
    for name, place in places.items():
        if place.is_dir():
            files = sorted(path for path in place.iterdir() if path.name.removesuffix(".gz").endswith(_SUFFIXES))
            found += [read_benchmark(_stem(path), path) for path in files]
        else:
            found.append(read_benchmark(name, place))
    if not found:
        raise DataError("no benchmark was found", where="decontamination", fix="name files or a folder of them")
    return found


def read_benchmark(name: str, path: Path) -> Benchmark:
    """Return one benchmark of a JSON-lines, CSV or Parquet file (.gz too).

    Raises:
        DataError: there is no such file, or no texts in it.
    """
    records = read_records(path)
    return _benchmark(name, path, len(records), path.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _benchmark(name: str, path: Path, count: int, stamp: int) -> Benchmark:  # noqa: ARG001 - part of the key
    texts = [_texts(record) for record in read_records(path)]
    kept = [parts for parts in texts if parts]
    if not kept:
        raise DataError("no item has a text", where=path.name, fix="each item needs a text field")
    return Benchmark(
        name=name,
        version=digest.of_file(path)[:12],
        questions=tuple(parts[0] for parts in kept),
        items=tuple("\n".join(parts) for parts in kept),
    )


def _texts(record: Mapping[str, Any]) -> list[str]:
    parts: list[str] = []
    for key, value in record.items():
        if str(key).lower().replace(" ", "_") in _NOT_TEXT:
            continue
        parts += _flat(value)
    return parts


def _flat(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value] if value.strip() else []
    if isinstance(value, Mapping):
        return [text for item in value.values() for text in _flat(item)]
    if isinstance(value, list | tuple):
        return [text for item in value for text in _flat(item)]
    return []


def _stem(path: Path) -> str:
    name = path.name.removesuffix(".gz")
    return name.rpartition(".")[0]
