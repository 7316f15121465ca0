"""How do accepted records and everybody's lineage get from the journal to files?

`synthesize/data.jsonl` holds whole records, `data.parquet` the same as a table: a column for each field and attribute,
and what is known of the making in columns that begin with an underscore. `rejected.jsonl` says of everything that was
paid for and not accepted what turned it away.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from veridical.stages.text_best import CHECK as BEST
from veridical.stages.text_best import unchosen
from veridical.store.journal import STATES, Journal, RecordRow
from veridical.store.runfolder import write_json, writing_folder

if TYPE_CHECKING:
    import pyarrow as pa

    from veridical.spec.text import TextSpec
    from veridical.stages.text import TextRun

FOLDER = "synthesize"
KIND = "text"
_ROWS = 8192


def write_output(run: TextRun, journal: Journal, spec: TextSpec) -> Path:
    """Write the sealed folder of what was accepted, whole or not at all, and return it; memory stays flat.

    Raises:
        VeridicalError: the place cannot be written.
    """
    from veridical.store.artifact import seal

    folder = run.folder / FOLDER
    source = f"synthetic:{spec.recipe.name}"
    with writing_folder(folder) as target:
        table = _TableFile(target / "data.parquet")
        left = unchosen(journal, spec)
        with (target / "data.jsonl").open("wb") as file:
            for row in journal.records("accepted"):
                if row.id in left:
                    continue
                record = _record(row, source, spec.seed)
                table.learn(record)
                file.write(orjson.dumps(record) + b"\n")
        with (target / "rejected.jsonl").open("wb") as file:
            for entry in lineage(journal, left):
                file.write(orjson.dumps(entry) + b"\n")
        table.write(target / "data.jsonl")
        about = {"recipe": spec.recipe.name, "seed": spec.seed, "run": run.to_dict()}
        write_json(target / "run.json", about)
        seal(target, KIND, 1)
    return folder


def lineage(journal: Journal, left: Mapping[str, str] | None = None) -> Iterator[dict[str, Any]]:
    """Yield what was turned away: candidates with the check and the reason, and tasks that were given up.

    `left` holds the accepted records that were not among the best, by id with the reason.
    """
    turned = left or {}
    for row in journal.records(*(STATES if turned else STATES[1:])):
        if row.id in turned:
            row = replace(row, state="rejected", check=BEST, reason=turned[row.id])
        if row.state == "accepted":
            continue
        body = orjson.loads(row.body)
        yield {
            "id": row.id, "task": row.task, "state": row.state, "check": row.check, "reason": row.reason,
            "fields": body["fields"], "attributes": body["attributes"], "scores": body["scores"],
            "steps": body["steps"], "models": body["models"], "cost": body["cost"],
        }  # fmt: skip
    for task, reason in journal.failed_tasks():
        yield {"id": f"task-{task}", "task": task, "state": "failed", "check": "task", "reason": reason}


def _record(row: RecordRow, source: str, seed: int) -> dict[str, Any]:
    body = orjson.loads(row.body)
    return {
        "id": row.id,
        "fields": body["fields"],
        "attributes": body["attributes"],
        "source": row.source or source,
        "steps": body["steps"],
        "models": body["models"],
        "seed": seed,
        "task": row.task,
        "cost": body["cost"],
        "scores": body["scores"],
    }


def _flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return one row of the table; attributes that repeat a field are left out."""
    made = {f"_{name}": record[name] for name in ("id", "source", "seed", "task", "cost")}
    made["_step"] = " > ".join(record["steps"])
    made["_model"] = ", ".join(dict.fromkeys(record["models"]))
    made["_scores"] = orjson.dumps(record["scores"]).decode()
    return {**record["attributes"], **record["fields"], **made}


_KINDS: Mapping[type, str] = {bool: "bool", int: "int", float: "float", str: "text"}


class _TableFile:
    """The table at `path`: first every record is shown to it, then it is written; memory holds one batch of rows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kinds: dict[str, str] = {}
        self._types: dict[str, type] = {}  # of the value last seen, where it needs no second look
        self._first: list[dict[str, Any]] = []
        self._count = 0

    def learn(self, record: Mapping[str, Any]) -> None:
        """Take note of the kinds of a record's values."""
        flat = _flat(record)
        self._count += 1
        if self._count <= _ROWS:
            self._first.append(flat)
        for name, value in flat.items():
            if self._types.get(name) is not type(value) or type(value) is int:
                self._see(name, value)

    def _see(self, name: str, value: Any) -> None:
        known = self._kinds.get(name, "")
        if value is None:
            self._kinds.setdefault(name, "")
            return
        kind = _KINDS.get(type(value), "json")
        if kind == "int" and not -(2**63) <= value < 2**63:
            kind = "json"
        if known and known != kind:
            kind = "float" if {known, kind} == {"int", "float"} else "json"
        self._kinds[name] = kind
        self._types[name] = type(value)

    def write(self, lines: Path) -> None:
        """Write the table; records beyond the first batch are read again from `lines`."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        kinds = self._kinds
        types = {"bool": pa.bool_(), "int": pa.int64(), "float": pa.float64(), "text": pa.string(), "json": pa.string()}
        ordered = sorted(kinds, key=lambda name: name.startswith("_"))
        schema = pa.schema([(name, types.get(kinds[name], pa.string())) for name in ordered])
        with pq.ParquetWriter(self._path, schema, compression="zstd") as writer:
            writer.write_table(_table(self._first, schema, kinds))
            if self._count == len(self._first):
                return
            with lines.open("rb") as file:
                rest = islice(file, len(self._first), None)
                while rows := [_flat(orjson.loads(line)) for line in islice(rest, _ROWS)]:
                    writer.write_table(_table(rows, schema, kinds))


def _table(rows: list[dict[str, Any]], schema: pa.Schema, kinds: Mapping[str, str]) -> pa.Table:
    """Return rows as a table, by way of JSON: converting Python's objects would import pandas where it is installed."""
    from pyarrow import BufferReader, json

    if not rows:
        return schema.empty_table()
    texts = [name for name, kind in kinds.items() if kind == "json"]
    for row in rows:
        row.update((name, _text(row[name])) for name in texts if row.get(name) is not None)
    lines = b"\n".join(map(orjson.dumps, rows))
    options = json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error")
    reading = json.ReadOptions(block_size=len(lines) + 1)  # one block: a line longer than a block is refused
    return json.read_json(BufferReader(lines), read_options=reading, parse_options=options)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
