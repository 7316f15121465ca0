"""What is in this data set, written down so that a person can correct it?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from veridical.core.contracts import RunContext
from veridical.core.dataset import Dataset
from veridical.core.errors import ArtifactError, DataError
from veridical.core.profile import TableProfile
from veridical.core.schema import Column, Kind, Schema, TableSchema
from veridical.kernel.memory import sparing

STAGE = "learn"
SCHEMA_FILE = "schema.yaml"
PROFILE_FILE = "profile.json"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Learned:
    """A guessed schema, and by table what may be told of the source without its rows."""

    schema: Schema
    profiles: Mapping[str, TableProfile]


@sparing()
def learn(
    dataset: Dataset, ctx: RunContext | None = None, *, folder: Path | None = None, rare_below: int = 5
) -> Learned:
    """Return the schema and profiles of a data set; with a folder, write `learn/schema.yaml` and `learn/profile.json`.

    Example:
        >>> import pyarrow as pa
        >>> learned = learn(Dataset.of(pa.table({"age": [31, 45, 62] * 9})))
        >>> learned.schema.only.column("age").kind
        <Kind.INTEGER: 'integer'>

    Raises:
        DataError: a table has no row, or there is no table.
    """
    from veridical.profile import learn_table
    from veridical.profile.link import with_links
    from veridical.profile.linked_rule import with_linked_rules

    ctx = RunContext() if ctx is None else ctx
    if not dataset.tables:
        raise DataError("there is no table", fix="give at least one")
    tables, profiles = [], {}
    for name, table in dataset.tables.items():
        if table.num_rows == 0 and len(dataset.tables) > 1:
            tables.append(_unseen(name, table))
            profiles[name] = TableProfile(name=name, rows=0, columns=())
            continue
        schema, profile = learn_table(table, name=name, rare_below=rare_below, ctx=ctx)
        tables.append(schema)
        profiles[name] = profile
    whole = Schema(tables=tuple(tables), rare_below=rare_below)
    learned = Learned(with_linked_rules(with_links(whole, dataset), dataset) if len(tables) > 1 else whole, profiles)
    if folder is not None:
        save(learned, folder)
    return learned


def _unseen(name: str, table: pa.Table) -> TableSchema:
    """What the types of a table without rows say."""
    kinds = (
        (pa.types.is_boolean, Kind.BOOLEAN), (pa.types.is_integer, Kind.INTEGER), (pa.types.is_floating, Kind.DECIMAL),
        (pa.types.is_decimal, Kind.DECIMAL), (pa.types.is_date, Kind.DATE), (pa.types.is_timestamp, Kind.DATETIME),
        (pa.types.is_time, Kind.TIME),
    )  # fmt: skip
    columns = tuple(
        Column(
            name=field.name, kind=next((kind for fits, kind in kinds if fits(field.type)), Kind.TEXT),
            storage=str(field.type), nullable=True, reason="the table has no row",
        )
        for field in table.schema
    )  # fmt: skip
    return TableSchema(name=name, columns=columns)


def save(learned: Learned, folder: Path) -> Path:
    """Write the schema and the profiles into the folder's `learn` part and return the schema's path.

    Each file appears under its name only when it is whole.
    """
    from veridical.spec import schema_yaml
    from veridical.store.runfolder import write_bytes, write_json

    part = folder / STAGE
    part.mkdir(parents=True, exist_ok=True)
    profiles = {name: profile.to_dict() for name, profile in learned.profiles.items()}
    write_json(part / PROFILE_FILE, {"version": VERSION, "tables": profiles})
    write_bytes(part / SCHEMA_FILE, schema_yaml.dump(learned.schema).encode())
    return part / SCHEMA_FILE


def load(folder: Path) -> Learned:
    """Return what a folder's `learn` part holds, with the schema as it was edited.

    Raises:
        ArtifactError: the profile is absent, truncated or of another version.
        SchemaError: the edited schema is wrong; every mistake is named with its line.
    """
    from veridical.spec import schema_yaml

    part = folder / STAGE
    path = part / PROFILE_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["version"] != VERSION:
            raise ArtifactError(
                f"version {content['version']} is unknown", where=str(path), fix="learn the source again"
            )
        profiles = {name: TableProfile.from_dict(table) for name, table in content["tables"].items()}
    except FileNotFoundError as absent:
        raise ArtifactError("nothing was learned here", where=str(part), fix="run `veridical learn` first") from absent
    except (ValueError, KeyError, TypeError, AttributeError) as broken:
        raise ArtifactError("the profile is broken", where=str(path), fix="learn the source again") from broken
    return Learned(schema_yaml.read(part / SCHEMA_FILE), profiles)
