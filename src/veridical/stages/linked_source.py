"""How is a part of linked tables read from one place and written whole to another?"""

from __future__ import annotations

from pathlib import Path

from veridical.connect import database
from veridical.connect.source import read
from veridical.core.contracts import RunContext
from veridical.core.dataset import Dataset
from veridical.core.errors import SpecError
from veridical.spec import schema_yaml
from veridical.stages.learn import learn
from veridical.stages.linked_cut import Cut, cut
from veridical.stages.synthesize import file_stem
from veridical.store.tablefile import writing_table


def cut_source(
    source: str, *, share: float, output: str, entity: str | None = None, schema: Path | None = None,
    form: str = "parquet", seed: int = 0,
) -> Cut:  # fmt: skip
    """Cut a share of the entities out of a folder of files or a database, and write it to a folder or a database.

    Raises:
        VeridicalError: the source cannot be read, or the target cannot be written.
    """
    ctx = RunContext(seed=seed)
    if database.is_url(source):
        found = database.read(source)
        known = found.schema if schema is None else schema_yaml.read(schema)
        made = cut(found.dataset, known, share=share, entity=entity, ctx=ctx)
        if database.is_url(output):
            database.write(output, found.structure, made.data)
            return made
    else:
        data = read(source)
        known = learn(data, ctx).schema if schema is None else schema_yaml.read(schema)
        made = cut(data, known, share=share, entity=entity, ctx=ctx)
        if database.is_url(output):
            raise SpecError("a folder of files has no declarations", where=output, fix="write to a folder")
    write_tables(made.data, Path(output), form)
    return made


def write_tables(data: Dataset, folder: Path, form: str) -> None:
    """Write each table to a file of its name."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in data.tables.items():
        with writing_table(folder / f"{file_stem(name)}.{form}", form, rows.schema) as write:
            write(rows)
