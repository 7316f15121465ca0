import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from veridical.core.errors import DataError
from veridical.core.schema import Column, Kind, Role, TableSchema
from veridical.encode.neighbours import Space, build

SCHEMA = TableSchema(
    name="t",
    columns=(
        Column(name="number", kind=Kind.DECIMAL, nullable=True),
        Column(name="whole", kind=Kind.INTEGER, nullable=True),
        Column(name="flag", kind=Kind.BOOLEAN, nullable=True),
        Column(name="text", kind=Kind.CATEGORY, nullable=True),
        Column(name="key", kind=Kind.IDENTIFIER),
    ),
)


def tables(least, most):
    row = st.tuples(
        st.none() | st.floats(allow_nan=False, allow_infinity=True, width=32),
        st.none() | st.integers(-3, 3),
        st.none() | st.booleans(),
        st.none() | st.sampled_from("abcdefg"),
    )
    return st.lists(row, min_size=least, max_size=most).map(
        lambda rows: pa.table(
            {
                "number": pa.array([r[0] for r in rows], pa.float64()),
                "whole": pa.array([r[1] for r in rows], pa.int32()),
                "flag": pa.array([r[2] for r in rows], pa.bool_()),
                "text": pa.array([r[3] for r in rows], pa.string()),
                "key": pa.array([str(i) for i in range(len(rows))]),
            }
        )
    )


def brute_force(reference, queries, k, skip=None):
    """Distances added column by column in float32, as the kernel does; ties to the lower row."""
    total = np.zeros((len(queries), len(reference)), np.float32)
    for j in range(reference.shape[1]):
        total += np.minimum(np.abs(queries[:, j : j + 1] - reference[None, :, j]), np.float32(1))
    if skip is not None:
        total[np.arange(len(queries)), skip] = np.inf
    order = np.argsort(total, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(total, order, 1), order


@given(tables(1, 300), tables(1, 30), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_the_tree_answers_as_the_full_scan(reference, queries, k):
    space = Space.learn([reference], SCHEMA)
    known, asked = space.encode(reference), space.encode(queries)
    found = build(known).nearest(asked, k)
    distances, rows = brute_force(known.values, asked.values, k)
    have = min(k, len(known))
    assert np.array_equal(found.distances[:, :have], distances)
    assert np.array_equal(found.rows[:, :have], rows)
    assert (found.rows[:, have:] == -1).all() and np.isinf(found.distances[:, have:]).all()


@pytest.mark.parametrize("seed", range(4))
def test_the_tree_answers_as_the_full_scan_on_larger_tables(seed):
    rng = np.random.default_rng(seed)
    rows = np.column_stack(
        [rng.normal(size=3000), rng.integers(0, 4, 3000), rng.integers(0, 30, 3000), rng.exponential(size=3000) ** 3]
    )
    from veridical.encode.neighbours import Encoded

    known = Encoded(values=rows.astype(np.float32), names=("a", "b", "c", "d"))
    skip = np.arange(3000)
    found = build(known).nearest(known, 3, skip=skip, workers=2)
    distances, order = brute_force(known.values, known.values, 3, skip)
    assert np.array_equal(found.rows, order)
    assert np.array_equal(found.distances, distances)


def test_missing_equals_missing_only_and_unseen_equals_nothing():
    reference = pa.table(
        {"number": [1.0, None], "whole": [1, 1], "flag": [True, True], "text": ["a", None], "key": ["1", "2"]}
    )
    query = pa.table(
        {"number": pa.array([None], pa.float64()), "whole": [1], "flag": [True], "text": ["never seen"], "key": ["9"]}
    )
    space = Space.learn([reference], SCHEMA)
    found = build(space.encode(reference)).nearest(space.encode(query), 2)
    assert found.rows.tolist() == [[1, 0]]
    assert found.distances.tolist() == [[1.0, 2.0]]


def test_keys_personal_data_and_dropped_columns_do_not_count():
    schema = TableSchema(
        name="t",
        columns=(
            Column(name="a", kind=Kind.INTEGER),
            Column(name="b", kind=Kind.PERSONAL),
            Column(name="c", kind=Kind.INTEGER, role=Role.DROP),
        ),
    )
    assert [c.name for c in Space.learn([pa.table({"a": [1], "b": ["x"], "c": [2]})], schema).columns] == ["a"]


def test_a_missing_column_is_named():
    space = Space.learn([pa.table({"number": [1.0], "whole": [1], "flag": [True], "text": ["a"]})], SCHEMA)
    with pytest.raises(DataError, match="whole"):
        space.encode(pa.table({"number": [1.0]}))


def test_storage_of_equal_values_does_not_matter():
    one = pa.table(
        {"number": [1.0, 2.0], "whole": [1, 2], "flag": [True, False], "text": pa.array(["a", "b"]).dictionary_encode()}
    )
    two = pa.table(
        {"number": [1, 2], "whole": [1.0, 2.0], "flag": [True, False], "text": pa.array(["a", "b"], pa.large_string())}
    )
    space = Space.learn([one], SCHEMA)
    assert np.array_equal(space.encode(one).values, space.encode(two).values)
