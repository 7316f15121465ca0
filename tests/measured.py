"""Real evidence that the tests of measures share: Adult, a second real sample, and planted faults."""

from functools import cache
from importlib import resources

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from veridical.core.contracts import Evidence, RunContext
from veridical.core.dataset import Dataset
from veridical.core.schema import Column, Kind, Schema, TableSchema


@cache
def adult() -> pa.Table:
    table = pq.read_table(resources.files("veridical.data").joinpath("adult.parquet")).replace_schema_metadata(None)
    return table.take(np.random.default_rng(0).permutation(table.num_rows))


def adult_schema() -> Schema:
    columns = tuple(
        Column(
            name=field.name,
            kind=Kind.INTEGER if pa.types.is_integer(field.type) else Kind.CATEGORY,
            storage=str(field.type),
            nullable=True,
        )
        for field in adult().schema
    )
    table = TableSchema(name="data", columns=columns, target="income", protected=("sex", "race"))
    return Schema(tables=(table,))


@cache
def samples(rows: int = 6000, held: int = 3000) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Train, holdout, and a second real sample to play synthetic; they share no row."""
    return adult().slice(0, rows), adult().slice(rows, held), adult().slice(rows + held, rows)


def evidence(synthetic: pa.Table, *, rows: int = 6000, held: int = 3000, holdout: bool = True) -> Evidence:
    train, kept, _ = samples(rows, held)
    return Evidence(
        train=Dataset.of(train),
        synthetic=Dataset.of(synthetic),
        holdout=Dataset.of(kept) if holdout else None,
        schema=adult_schema(),
    )


def clean(rows: int = 6000, held: int = 3000) -> pa.Table:
    return samples(rows, held)[2]


def replaced(table: pa.Table, name: str, values) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, pa.array(values, table[name].type))


def shuffled(table: pa.Table, *names: str) -> pa.Table:
    rng = np.random.default_rng(5)
    for name in names or table.column_names:
        table = table.set_column(
            table.column_names.index(name), name, table[name].take(rng.permutation(table.num_rows))
        )
    return table


def figures(measure, found: Evidence, seed: int = 0) -> dict:
    """Findings by check and scope."""
    return {(item.check, *item.scope): item for item in measure.measure(found, RunContext(seed=seed))}
