"""How are classes of which there are few filled up with made-up rows, for training?"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from veridical.core.contracts import Generator, SampleRequest, Shard
from veridical.core.errors import SpecError
from veridical.core.expression import quote


def oversample(generator: Generator, table: pa.Table, target: str, *, ratio: float = 1.0, seed: int = 0) -> pa.Table:
    """Return the real rows followed by made-up ones, until each class has `ratio` times the largest one's rows.

    The rows of a class are drawn conditional on it, so they follow the whole model rather than the line between two
    neighbours as in SMOTE (Chawla and others, 2002). Classes already large enough stay as they are.

    Raises:
        SpecError: the column is not there, or `ratio` is not between 0 and 1.

    Example:
        >>> from veridical.core.contracts import RunContext
        >>> from veridical.core.dataset import Dataset
        >>> from veridical.core.schema import Column, Kind, Schema, TableSchema
        >>> from veridical.engines.tabular.engines import IndependentEngine
        >>> table = pa.table({"size": range(100), "fraud": ["no"] * 90 + ["yes"] * 10})
        >>> size = Column(name="size", kind=Kind.INTEGER, storage="int64")
        >>> columns = (size, Column(name="fraud", kind=Kind.CATEGORY))
        >>> schema = Schema(tables=(TableSchema(name="data", columns=columns),))
        >>> fitted = IndependentEngine().fit(Dataset.of(table), schema, RunContext())
        >>> pc.value_counts(oversample(fitted, table, "fraud", ratio=0.5)["fraud"]).to_pylist()
        [{'values': 'no', 'counts': 90}, {'values': 'yes', 'counts': 45}]
    """
    if target not in table.column_names:
        raise SpecError(f"no column {target!r}", where="oversample", fix="name the class column")
    if not 0 < ratio <= 1:
        raise SpecError(f"the ratio is {ratio:g}", where="oversample", fix="give more than 0, and 1 or less")
    counted = pc.value_counts(table[target].drop_null().combine_chunks())
    classes = [str(value) for value in counted.field("values").cast(pa.string()).to_pylist()]
    counts = counted.field("counts").to_numpy()
    wanted = int(np.ceil(ratio * counts.max(initial=0)))
    parts = [table]
    for value, count in zip(classes, counts, strict=True):
        rows = wanted - int(count)
        if rows > 0:
            request = SampleRequest(rows=rows, seed=seed, where=f"{quote(target)} == {value!r}")
            parts.append(generator.sample(request, Shard(0, 1, 0, rows)).only.select(table.column_names))
    return pa.concat_tables(parts, promote_options="permissive")
