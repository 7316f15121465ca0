"""Are rules and conditions kept by values that were moved to be unique, and by keys?"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from veridical.core.contracts import RunContext, SampleRequest, Shard
from veridical.core.dataset import Dataset
from veridical.core.errors import ConstraintError
from veridical.core.schema import Column, Constraint, Kind, Schema, TableSchema
from veridical.engines.tabular.engines import IndependentEngine
from veridical.prepare import violations


def _fitted(*rules, high=2000, key="int64"):
    rng = np.random.default_rng(0)
    seat, top = rng.integers(0, 1000, 500), rng.integers(0, 2000, 500)
    table = pa.table({"id": np.arange(1, 501), "seat": seat, "top": np.maximum(seat, top), "odd": seat % 2})
    columns = (
        Column(name="id", kind=Kind.IDENTIFIER, storage=key, unique=True),
        Column(name="seat", kind=Kind.INTEGER, storage="int64", low=0, high=high),
        Column(name="top", kind=Kind.INTEGER, storage="int64", low=0, high=2000),
        Column(name="odd", kind=Kind.INTEGER, storage="int64", low=0, high=1),
    )
    unique = Constraint(type="unique", columns=("seat",))
    schema = Schema(tables=(TableSchema(name="data", columns=columns, constraints=(unique, *rules)),))
    return IndependentEngine().fit(Dataset.of(table), schema, RunContext(seed=1)), schema


def _rows(fitted, rows, shards=1, **asked):
    ends = np.linspace(0, rows, shards + 1).astype(int)
    request = SampleRequest(rows=rows, seed=3, **asked)
    parts = [Shard(i, shards, int(ends[i]), int(ends[i + 1] - ends[i])) for i in range(shards)]
    return pa.concat_tables([fitted.sample(request, part).only for part in parts])


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("high", [2000, 640])  # moved apart, and dealt out
@pytest.mark.parametrize(
    "rule",
    [
        Constraint(type="inequality", columns=("seat", "top")),
        Constraint(type="forbidden", when="seat % 7 == 0 and odd == 1"),
        Constraint(type="conditional", when="odd == 1", then="seat >= 40"),
    ],
    ids=lambda rule: rule.type,
)
def test_moved_values_keep_the_rules(rule, high, shards):
    fitted, schema = _fitted(rule, high=high)
    drawn = _rows(fitted, 240, shards)
    assert [v for v in violations(drawn, schema.only) if v.rows] == []
    assert pc.count_distinct(drawn["seat"]).as_py() == 240


@pytest.mark.parametrize("shards", [1, 2])
def test_moved_values_stay_within_the_condition(shards):
    fitted, _ = _fitted()
    seats = np.sort(_rows(fitted, 80, shards, where="seat >= 300 and seat < 390")["seat"].to_numpy())
    assert seats.min() >= 300
    assert seats.max() < 390
    assert len(np.unique(seats)) == 80


def test_a_key_that_a_rule_reads_stays_unique_and_keeps_it():
    fitted, schema = _fitted(Constraint(type="conditional", when="odd == 1", then="id >= 20"))
    drawn = _rows(fitted, 200, 2)
    assert pc.count_distinct(drawn["id"]).as_py() == 200
    assert [v for v in violations(drawn, schema.only) if v.rows] == []


def test_what_cannot_be_both_is_refused_by_name():
    fitted, _ = _fitted(Constraint(type="forbidden", when="seat > 100"))
    with pytest.raises(ConstraintError) as refused:
        _rows(fitted, 300)
    assert "unique" in str(refused.value) and "seat" in str(refused.value)
    with pytest.raises(ConstraintError, match="300"):
        _rows(_fitted()[0], 300, where="seat < 100")
