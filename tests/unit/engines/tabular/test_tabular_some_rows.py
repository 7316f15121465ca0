"""Which rows of a long table are learned, however it lies in memory?"""

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from veridical.core.contracts import RunContext
from veridical.engines.tabular import generator

ROWS, MOST = 30_000, 7_000
TABLE = pa.table({"n": np.arange(ROWS), "word": pa.array([f"w{n % 40}" for n in range(ROWS)]).dictionary_encode()})


@pytest.fixture(autouse=True)
def _short_stretches(monkeypatch):
    monkeypatch.setattr(generator, "STRETCH", 4_096)


def test_the_same_rows_are_taken_whatever_the_chunks():
    cuts = [0, 1, 5_000, 5_003, 20_000, ROWS]
    pieces = pa.concat_tables([TABLE.slice(a, b - a) for a, b in pairwise(cuts)])
    apart = [
        part.set_column(1, "word", part["word"].cast(pa.string()).dictionary_encode())
        for part in (TABLE.slice(0, 777), TABLE.slice(777))
    ]
    found = [generator._at_most(t, MOST, RunContext(seed=3)) for t in (TABLE, pieces, pa.concat_tables(apart))]
    assert found[0].num_rows == MOST
    for other in found[1:]:
        assert other.to_pydict() == found[0].to_pydict()


def test_rows_are_taken_all_over_the_table_once_each_and_in_order():
    taken = generator._at_most(TABLE, MOST, RunContext()).column("n").to_numpy()
    assert np.all(np.diff(taken) > 0)
    shares = np.histogram(taken, bins=10, range=(0, ROWS))[0] / (ROWS / 10)
    assert np.all(np.abs(shares - MOST / ROWS) < 0.05)


def test_a_table_with_no_more_rows_is_taken_as_it_is():
    assert generator._at_most(TABLE, ROWS, RunContext()) is TABLE
    assert generator._at_most(TABLE, None, RunContext()) is TABLE
