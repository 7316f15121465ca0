"""Is there a map of any table, also of one column or of one row?"""

import numpy as np
import pyarrow as pa
import pytest

from veridical.core.contracts import Evidence
from veridical.core.dataset import Dataset
from veridical.core.schema import Column, Kind, Schema, TableSchema
from veridical.reports.audience import Audience
from veridical.reports.embedding import GRID, map_view


@pytest.mark.parametrize("rows", [1, 300])
@pytest.mark.parametrize("kind", [Kind.INTEGER, Kind.CATEGORY])
def test_one_column_is_mapped_onto_a_line(rows, kind):
    values = pa.array(np.arange(rows) % 7) if kind is Kind.INTEGER else pa.array([f"v{i % 2}" for i in range(rows)])
    table = Dataset.of(pa.table({"a": values}), "t")
    schema = Schema(tables=(TableSchema(name="t", columns=(Column(name="a", kind=kind, storage="int64"),)),))
    inside = Audience(name="inside", k=1)
    found = map_view(
        Evidence(train=table, synthetic=table, holdout=table, schema=schema), inside, np.random.default_rng(0)
    )
    assert found is not None
    assert len(found.synthetic) == GRID * GRID
    assert sum(found.synthetic) == pytest.approx(1, abs=1e-3)
