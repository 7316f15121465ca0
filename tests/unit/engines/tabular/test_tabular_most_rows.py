"""Of a table with more rows than an engine takes, a random part is learned from, whole rows and in their order."""

from dataclasses import replace

import numpy as np
import pyarrow as pa

import veridical
from veridical.core.contracts import RunContext, SampleRequest, Shard
from veridical.core.dataset import Dataset
from veridical.engines.tabular.engines import TreeEngine
from veridical.engines.tabular.tree.model import TreeModel

ROWS, MOST = 4_000, 1_000


def _table() -> pa.Table:
    rng = np.random.default_rng(3)
    first = rng.integers(0, 40, ROWS)
    return pa.table(
        {"first": first, "second": first * 2 + rng.integers(0, 2, ROWS), "part": np.repeat(["a", "b"], ROWS // 2)}
    )


def test_rows_are_learned_whole_from_all_parts_of_the_table():
    table = _table()
    engine = TreeEngine(model=replace(TreeModel(), most_rows=MOST))
    fitted = engine.fit(Dataset.of(table), veridical.learn(table).schema, RunContext(seed=5))
    drawn = fitted.sample(SampleRequest(rows=ROWS, seed=1), Shard(0, 1, 0, ROWS)).only
    gap = np.asarray(drawn["second"]) - 2 * np.asarray(drawn["first"])
    assert np.mean((gap >= 0) & (gap <= 1)) > 0.9
    assert 0.4 < np.mean(np.asarray(drawn["part"]) == "a") < 0.6


def test_the_same_seed_takes_the_same_rows_and_a_smaller_table_all_of_its_own():
    table, engine = _table(), TreeEngine(model=replace(TreeModel(), most_rows=MOST))
    schema, asked = veridical.learn(table).schema, (SampleRequest(rows=50, seed=1), Shard(0, 1, 0, 50))
    one, two = (engine.fit(Dataset.of(table), schema, RunContext(seed=5)).sample(*asked).only for _ in range(2))
    assert one.equals(two)
    short = table.slice(0, MOST)
    within = engine.fit(Dataset.of(short), schema, RunContext(seed=5)).sample(*asked).only
    assert within.equals(TreeEngine().fit(Dataset.of(short), schema, RunContext(seed=5)).sample(*asked).only)
