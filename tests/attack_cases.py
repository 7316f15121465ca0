"""Adult, dealt into train, holdout and a third real sample, with faults planted in it."""

from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import veridical
from veridical.core.contracts import Evidence
from veridical.core.dataset import Dataset
from veridical.core.schema import Column, Kind, Schema, TableSchema


@cache
def adult() -> pa.Table:
    return pq.read_table(Path(veridical.__file__).parent / "data" / "adult.parquet")


def schema_of(table: pa.Table) -> Schema:
    columns = tuple(
        Column(
            name=f.name,
            kind=Kind.CATEGORY if pa.types.is_large_string(f.type) or pa.types.is_string(f.type) else Kind.INTEGER,
        )
        for f in table.schema
    )
    return Schema(tables=(TableSchema(name="data", columns=columns, target="income"),))


def deal(seed: int, *sizes: int) -> list[pa.Table]:
    """Disjoint random samples of Adult, of the sizes given."""
    rows = np.random.default_rng(seed).permutation(len(adult()))
    edges = np.cumsum([0, *sizes])
    return [adult().take(rows[a:b]) for a, b in pairwise(edges)]


def evidence(train: pa.Table, holdout: pa.Table | None, synthetic: pa.Table) -> Evidence:
    return Evidence(
        train=Dataset.of(train),
        synthetic=Dataset.of(synthetic),
        holdout=None if holdout is None else Dataset.of(holdout),
        schema=schema_of(train),
    )


def with_copies(clean: pa.Table, train: pa.Table, share: float, seed: int, noise: float | None = None) -> pa.Table:
    """`clean` with that share of its rows replaced by rows of train, their numbers moved by `noise` deviations."""
    rng = np.random.default_rng(seed)
    count = round(share * len(clean))
    copies = train.take(rng.choice(len(train), count, replace=False))
    return pa.concat_tables([clean.slice(count), copies if noise is None else noisy(copies, noise, rng)])


def noisy(table: pa.Table, noise: float, rng: np.random.Generator) -> pa.Table:
    columns = {}
    for name in table.column_names:
        cells = table[name]
        if pa.types.is_integer(cells.type):
            numbers = cells.to_numpy().astype(float)
            cells = pa.array(np.round(numbers + rng.normal(0, noise * numbers.std(), len(numbers))).astype(np.int32))
        columns[name] = cells
    return pa.table(columns)


def of(findings, check, scope=None):
    """The one finding of a check."""
    (found,) = [f for f in findings if f.check == check and (scope is None or f.scope == scope)]
    return found
