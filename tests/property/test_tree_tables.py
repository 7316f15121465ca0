"""Does a tree sampler keep its promises on any prepared table?"""

import numpy as np
import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from veridical.core.contracts import Allowed, RunContext
from veridical.core.schema import Column, Kind
from veridical.engines.tabular.tree.growing import Growth
from veridical.engines.tabular.tree.model import TreeModel

WHOLE = st.one_of(st.none(), st.integers(-3, 3), st.integers(-(2**63), 2**63 - 1))
REAL = st.one_of(st.none(), st.sampled_from([0.0, 0.5, 1e300]), st.floats(allow_nan=False, allow_infinity=False))
WORD = st.one_of(st.none(), st.sampled_from(["a", "b", ""]), st.text(max_size=3))
CASES = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
MODEL = TreeModel(growth=Growth(min_leaf=2, trees=2))


@st.composite
def tables(draw: st.DrawFn) -> tuple[pa.Table, list[Column]]:
    rows = draw(st.sampled_from([0, 1, 2, 7, 60, 80]))

    def column(values: st.SearchStrategy[object], kind: pa.DataType) -> pa.Array:
        pool = draw(st.lists(values, min_size=1, max_size=12))
        picks = np.random.default_rng(draw(st.integers(0, 99))).integers(0, len(pool), rows)
        return pa.array([pool[i] for i in picks], kind)

    table = pa.table(
        {
            "n": column(WHOLE, pa.int64()),
            "x": column(REAL, pa.float64()),
            "c": column(WORD, pa.string()).dictionary_encode(),
            "y": column(REAL, pa.float64()),
        }
    )
    columns = [
        Column(name="n", kind=Kind.INTEGER, storage="int64", nullable=True),
        Column(name="x", kind=Kind.DECIMAL, storage="float64", nullable=True),
        Column(name="c", kind=Kind.CATEGORY, nullable=True),
        Column(name="y", kind=Kind.DECIMAL, storage="float64", nullable=True),
    ]
    return table, columns


@CASES
@given(tables())
def test_rows_types_and_rare_values(case: tuple[pa.Table, list[Column]]) -> None:
    table, columns = case
    sampler = MODEL.fit(table, columns, RunContext(seed=1), rare_below=5)
    drawn = sampler.draw(50, np.random.default_rng(0))
    assert drawn.num_rows == 50
    assert drawn.schema.field("n").type == pa.int64()
    assert drawn.schema.field("x").type == pa.float64()
    counts = {v["values"]: v["counts"] for v in table.column("c").combine_chunks().value_counts().to_pylist()}
    emitted = {value for value in drawn.column("c").to_pylist() if value is not None}
    assert all(counts[value] >= 5 for value in emitted)
    real = drawn.column("x").drop_null().to_numpy()
    assert np.isfinite(real).all()
    assert len(sampler.log_likelihood(table)) == table.num_rows


@CASES
@given(tables(), st.integers(-5, 5), st.booleans())
def test_given_and_allowed_are_exact(case: tuple[pa.Table, list[Column]], low: int, nulls: bool) -> None:
    table, columns = case
    sampler = MODEL.fit(table, columns, RunContext(seed=1), rare_below=5)
    allowed = {
        "n": Allowed(low=low, high=low + 2, nulls=nulls),
        "x": Allowed(low=low, high=low + 0.25, low_open=True),
        "c": Allowed(values=("a", "zz"), nulls=nulls),
    }
    drawn = sampler.draw(table.num_rows, np.random.default_rng(0), given=table.select(["y"]), allowed=allowed)
    assert drawn.column("y").to_pylist() == table.column("y").to_pylist()
    assert all((v is None and nulls) or (v is not None and low <= v <= low + 2) for v in drawn.column("n").to_pylist())
    assert all(v is not None and low < v <= low + 0.25 for v in drawn.column("x").to_pylist())
    assert all((v is None and nulls) or v in ("a", "zz") for v in drawn.column("c").to_pylist())
