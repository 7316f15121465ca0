"""How do a check's or a recipe's options, the run's seed records and its seed become one object?"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from veridical.core.errors import DataError
from veridical.core.options import from_options
from veridical.llm.candidate import Setting

T = TypeVar("T")


def configured(kind: type[T]) -> type[T]:
    """Give a dataclass the class method `from_options(options, setting)`.

    Fields called `seed`, `beside`, `records` and `seeds` that the options leave out come from the setting.
    `seeds` in the options is a path, or records written out.
    """

    def made(cls: type[T], options: Mapping[str, Any], setting: Setting) -> T:
        names = {field.name for field in fields(cls) if field.init}  # type: ignore[arg-type]
        values = dict(options)
        for name in ("seed", "beside", "records"):
            if name in names:
                values.setdefault(name, getattr(setting, name))
        if "seeds" in names:
            values["seeds"] = _seeds(values.get("seeds"), setting)
        return from_options(cls, values, where=cls.__name__)

    kind.from_options = classmethod(made)  # type: ignore[attr-defined]
    return kind


def read_records(path: Path) -> tuple[Mapping[str, Any], ...]:
    """Return the records of a JSON-lines, CSV, TSV or Parquet file (.gz too).

    Raises:
        DataError: the file is not there, or holds no records.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "a.jsonl").write_text('{"text": "hi"}')
        ...     read_records(Path(folder, "a.jsonl"))
        ({'text': 'hi'},)
    """
    try:
        stamp = path.stat().st_mtime_ns
    except OSError:
        raise DataError(
            "there is no such file", where=str(path), fix="paths are taken from the spec's folder"
        ) from None
    return _read(path, stamp)


def _seeds(given: Any, setting: Setting) -> Any:
    if given is None:
        return () if setting.seeds is None else read_records(setting.seeds)
    return read_records(setting.beside / given) if isinstance(given, str) else given


@lru_cache(maxsize=16)
def _read(path: Path, stamp: int) -> tuple[Mapping[str, Any], ...]:  # noqa: ARG001 - part of the key
    kind = path.name.removesuffix(".gz").rpartition(".")[2].lower()
    if kind == "parquet":
        import pyarrow.parquet as pq

        return tuple({name: _plain(v) for name, v in row.items()} for row in pq.read_table(path).to_pylist())
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8-sig")
    try:
        if kind in ("csv", "tsv"):
            return tuple(csv.DictReader(io.StringIO(text), delimiter="," if kind == "csv" else "\t"))
        values = json.loads(text) if kind == "json" else [json.loads(line) for line in text.split("\n") if line.strip()]
    except ValueError:
        raise DataError("these are no JSON lines", where=path.name, fix="write one JSON object a line") from None
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise DataError("a record is no JSON object", where=path.name, fix="write one JSON object a line")
    return tuple(values)


def _plain(value: Any) -> Any:
    """Return a value that JSON can hold: decimals as numbers, durations and bytes in words."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return str(value) if isinstance(value, timedelta | bytes) else value
