"""In which forms do trainers want the accepted records?"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from veridical.core.errors import SpecError
from veridical.integrations.classification import classification
from veridical.integrations.embedding import label_triplets, pair, triplet
from veridical.integrations.huggingface import write_dataset_folder
from veridical.integrations.preference import preference
from veridical.integrations.records import Accepted, read_accepted
from veridical.integrations.sft import alpaca, messages, sharegpt
from veridical.integrations.tool_calls import hermes, tool_messages
from veridical.store.runfolder import write_bytes, writing_folder

Form = Callable[[Mapping[str, Any]], dict[str, Any]]
FORMS: Mapping[str, Form] = {
    "messages": messages,
    "alpaca": alpaca,
    "sharegpt": sharegpt,
    "preference": preference,
    "classification": classification,
    "pairs": pair,
    "triplets": triplet,
    "tool_messages": tool_messages,
    "hermes": hermes,
}
WHOLE = ("jsonl", "parquet", "huggingface")


def export(run: Path, folder: Path, names: Sequence[str], *, licence: str = "", seed: int = 0) -> list[Path]:
    """Write the accepted records of a run in each form, and return what was written.

    A form is one of `FORMS` (JSON lines; add ".parquet" for a table: "messages.parquet"), or one of `WHOLE`: all fields
    as `jsonl`, `parquet` or a `huggingface` data set folder. Every row also says how it was made.

    Raises:
        SpecError: there is no such form. DataError: the records cannot take it.
    """
    for name in names:
        if name.removesuffix(".parquet") not in (*FORMS, *WHOLE):
            raise SpecError(f"no form is called {name!r}", where="export", fix=f"use {', '.join((*FORMS, *WHOLE))}")
    records = list(read_accepted(run))
    written = []
    with writing_folder(folder) as target:
        for name in names:
            written.append(folder / _write(name, records, target, licence=licence, seed=seed))
    return written


def rows_of(name: str, records: Sequence[Accepted], *, seed: int = 0) -> list[dict[str, Any]]:
    """Return the rows of one form, each with the columns that say how it was made."""
    if name == "triplets" and records and "rejected" not in records[0].fields:
        made = label_triplets([record.fields for record in records], seed=seed)
        return [{**row, **records[place].making} for place, row in made]
    shape = FORMS.get(name, dict)
    return [{**shape(record.fields), **record.making} for record in records]


def _write(name: str, records: Sequence[Accepted], target: Path, *, licence: str, seed: int) -> str:
    form = name.removesuffix(".parquet")
    rows = rows_of(form, records, seed=seed)
    if name == "huggingface":
        write_dataset_folder(rows, target / name, licence=licence)
        return name
    if name == "parquet" or name.endswith(".parquet"):
        file = "records.parquet" if name == "parquet" else name
        pq.write_table(pa.Table.from_pylist(rows), target / file, compression="zstd")
        return file
    file = "records.jsonl" if name == "jsonl" else f"{name}.jsonl"
    write_bytes(target / file, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())
    return file
