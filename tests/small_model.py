"""A small real model that many tests draw from."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pyarrow as pa

from veridical.core.contracts import RunContext
from veridical.core.dataset import Dataset
from veridical.core.schema import Column, Kind, Schema, TableSchema
from veridical.stages.model import Recipe, model

SCHEMA = Schema(
    tables=(
        TableSchema(
            name="people",
            columns=(
                Column(name="age", kind=Kind.INTEGER, storage="int64"),
                Column(name="height", kind=Kind.DECIMAL, storage="double", decimals=1, nullable=True),
                Column(name="sex", kind=Kind.CATEGORY, storage="string", categories=("F", "M")),
            ),
        ),
    )
)


def people(rows: int = 600, seed: int = 0) -> Dataset:
    """Return real-looking rows in which height leans on sex."""
    rng = np.random.default_rng(seed)
    sex = rng.choice(["F", "M"], rows)
    height = np.round(rng.normal(165, 6, rows) + 12 * (sex == "M"), 1)
    gaps = rng.random(rows) < 0.1
    table = pa.table(
        {"age": rng.integers(18, 90, rows), "height": pa.array(height, mask=gaps), "sex": sex},
    )
    return Dataset.of(table, "people")


@cache
def small_model(engine: str = "independent") -> Path:
    """Return the folder of a model of `people`."""
    folder = Path(mkdtemp(prefix="small-model-")) / "model"
    model(people(), SCHEMA, Recipe(engine=engine), RunContext(), folder, source={"name": "people.csv"})
    return folder
