"""Do the few records beyond a column's repeated values keep a range of their own, at each end?"""

import numpy as np
import pyarrow as pa
import pytest

from veridical.core.schema import Column, Kind
from veridical.encode.numeric import NumericCodec

COLUMN = Column(name="age", kind=Kind.INTEGER, storage="int64")
REPEATED = np.repeat(np.arange(40, 60), 100)
LOW, HIGH = np.arange(10, 22), np.arange(75, 87)


@pytest.mark.parametrize("tails", [(LOW,), (HIGH,), (LOW, HIGH)])
def test_a_tail_of_few_records_is_drawn_from_its_own_range(tails):
    values = np.concatenate([REPEATED, *tails])
    codec = NumericCodec.fit(pa.array(values), COLUMN, 5)
    codes = codec.encode(pa.array(values))
    drawn = np.asarray(codec.decode(codes, np.random.default_rng(0).random(len(codes))))
    for tail in tails:
        there = (drawn >= tail[0]) & (drawn <= tail[-1])
        assert there.sum() == len(tail)
    assert len(set(drawn[len(REPEATED) :]) & set(REPEATED)) == 0


def test_no_end_of_a_range_is_a_value_that_fewer_than_k_records_reach():
    values = np.concatenate([REPEATED, HIGH])
    codec = NumericCodec.fit(pa.array(values), COLUMN, 5)
    assert codec.high.max() == np.sort(values)[-5]


def test_fewer_records_than_are_safe_fall_to_their_neighbours():
    values = np.concatenate([REPEATED, [90, 91]])
    codec = NumericCodec.fit(pa.array(values), COLUMN, 5)
    assert codec.high.max() <= 59


def _spikes(values):
    codec = NumericCodec.fit(pa.array(values), COLUMN, 5)
    return set(codec.low[codec.low == codec.high].tolist())


def test_values_that_repeat_by_chance_are_drawn_from_ranges():
    # Thirty thousand days out of eight thousand: each is met 3.75 times on average, some five times and more.
    assert len(_spikes(np.random.default_rng(1).integers(0, 8_000, 30_000))) < 30


def test_values_that_stand_out_among_their_neighbours_are_kept():
    rng = np.random.default_rng(1)
    days, heaped = rng.integers(0, 8_000, 30_000), rng.integers(0, 80, 4_000) * 100
    assert set(range(0, 8_000, 100)) <= _spikes(np.concatenate([days, heaped]))
    lone = np.concatenate([rng.integers(0, 10**9, 5_000), np.repeat(np.arange(40) * 10**7, 6)])
    assert set((np.arange(40) * 10**7).tolist()) <= _spikes(lone)


def test_differences_on_a_grid_find_their_bins_whatever_their_last_digits() -> None:
    rng = np.random.default_rng(0)
    level = np.round(1000 + np.cumsum(np.round(rng.normal(0, 0.5, 20_000), 1)), 1)
    apart = np.diff(level)  # 0.1 and 0.10000000000002274 are one value
    column = Column(name="apart", kind=Kind.DECIMAL, storage="double", step=0.1)
    codec = NumericCodec.fit(pa.array(apart), column, 5)
    drawn = codec.decode_numbers(codec.encode_numbers(apart), rng.random(len(apart)))
    assert np.quantile(np.abs(drawn - apart), 0.99) < 0.25


def test_each_of_few_values_keeps_a_code_of_its_own():
    assert _spikes(np.random.default_rng(2).integers(1, 7, 100)) == set(range(1, 7))
