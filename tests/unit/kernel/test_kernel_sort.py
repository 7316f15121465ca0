"""Are rows sorted by their codes as a stable sort does it?"""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from veridical.engines.tabular.tree.growing import Target, by_code


@given(st.lists(st.integers(0, 6), min_size=1, max_size=60), st.randoms(use_true_random=False))
def test_rows_of_equal_code_stay_as_they_stood(codes, random):
    rows = list(range(len(codes)))
    random.shuffle(rows)
    rows = np.array(rows[: len(rows) // 2 + 1], dtype=np.int32)
    target = Target(np.array(codes, dtype=np.uint16), np.zeros(8), ordered=True)
    assert by_code(target, rows).tolist() == sorted(rows.tolist(), key=lambda row: codes[row])


def test_a_part_of_other_rows_is_sorted_too():
    codes = np.random.default_rng(0).integers(0, 60_000, 5_000).astype(np.uint16)
    rows = np.arange(5_000, dtype=np.int64)[::3]
    found = by_code(Target(codes, np.zeros(60_001), ordered=False), rows)
    assert found.dtype == np.int32
    assert np.array_equal(found, rows[np.argsort(codes[rows], kind="stable")])
