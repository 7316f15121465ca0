"""Are holes in the time of long series seen, and are stretches kept back that lie all over it?"""

from __future__ import annotations

import numpy as np
import pytest

from veridical.encode.hole import LEAST_ROWS, SEEN, parts_of, runs, stretches, widest
from veridical.encode.panel import Layout

HOURS = np.arange(8000.0)
BUSINESS_DAYS = np.arange(2800.0)[np.arange(2800) % 7 < 5]
TRADED_MINUTES = np.concatenate([day * 1440 + np.arange(390.0) for day in range(90) if day % 7 < 5])


def alone(times: np.ndarray) -> Layout:
    return Layout.of_lengths(np.array([len(times)]))


def split(times: np.ndarray, share: float = 0.2) -> tuple[np.ndarray, np.ndarray]:
    found = stretches(times, alone(times), share, np.random.default_rng(1))
    assert found is not None
    return found


@pytest.mark.parametrize("times", [HOURS, BUSINESS_DAYS, TRADED_MINUTES], ids=["hours", "days", "minutes"])
def test_what_is_kept_back_lies_all_over_the_time_and_leaves_holes_that_are_seen(times: np.ndarray) -> None:
    learned, kept = split(times)
    assert 0.14 < kept.mean() < 0.21
    assert not (learned & kept).any()
    assert learned[0] and learned[-1]
    left, aside = times[learned], times[kept]
    holes = runs(left, alone(left)).entities - 1
    assert holes >= 1
    seen = runs(aside, alone(aside), beyond=widest(left, alone(left)))
    assert seen.entities == holes
    assert seen.lengths.min() > LEAST_ROWS * 0.7


def test_all_seasons_are_on_both_sides() -> None:
    learned, kept = split(HOURS)
    places = np.arange(8000) * 6 // 8000
    assert set(places[kept]) == set(places[learned]) == set(range(6))
    middles = [HOURS[mask].mean() for mask in (learned, kept)]
    assert abs(middles[0] - middles[1]) < 400


def test_rows_beside_a_learned_stretch_are_on_neither_side() -> None:
    learned, kept = split(HOURS)
    nearest = np.abs(HOURS[kept][:, None] - HOURS[learned][None, :]).min(axis=1)
    assert nearest.min() > 10
    assert nearest.min() <= SEEN + 1


def test_stretches_change_with_the_seed_and_are_the_same_for_all_series() -> None:
    times = np.tile(HOURS[:3000], 3)
    layout = Layout.of_lengths(np.array([3000, 3000, 3000]))
    one, two = (stretches(times, layout, 0.2, np.random.default_rng(seed)) for seed in (1, 2))
    assert one is not None
    assert two is not None
    assert not np.array_equal(one[1], two[1])
    assert all(np.array_equal(one[1][:3000], one[1][at : at + 3000]) for at in (3000, 6000))


def test_short_series_are_not_split_so() -> None:
    times = HOURS[:90]
    assert stretches(times, alone(times), 0.2, np.random.default_rng(0)) is None


def test_weekends_and_the_series_own_small_gaps_are_no_holes() -> None:
    for times in (BUSINESS_DAYS, TRADED_MINUTES, np.delete(HOURS, np.r_[100:110, 900:915])):
        assert runs(times, alone(times)).entities == 1


def test_a_hole_in_one_of_two_series_parts_that_one() -> None:
    gappy = np.delete(HOURS[:1000], np.r_[300:500])
    layout = Layout.of_lengths(np.array([1000, 800]))
    assert runs(np.concatenate([HOURS[:1000], gappy]), layout).lengths.tolist() == [1000, 300, 500]


def test_parts_are_equal() -> None:
    assert np.bincount(parts_of(alone(HOURS), 12)).tolist() == [667, 667, 666] * 4
