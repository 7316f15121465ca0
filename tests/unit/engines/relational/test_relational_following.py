"""Are rows of one parent that follow each other drawn as sequences, and others not?"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from veridical.core.contracts import RunContext, SampleRequest, Shard
from veridical.core.dataset import Dataset
from veridical.engines.relational.engine import LinkedEngine
from veridical.engines.relational.following import Runs, memory, rhythm
from veridical.engines.relational.generator import LinkedGenerator
from veridical.prepare.link import point
from veridical.stages.learn import learn

ONE = Shard(0, 1, 0, 1)
PATIENTS = 150


def clinic(*, shuffled: bool = False, seed: int = 0) -> Dataset:
    """Patients, and visits whose weight moves slowly; `shuffled` ones stand in no order and at any time."""
    rng = np.random.default_rng(seed)
    count = rng.integers(2, 12, PATIENTS)
    owner = np.repeat(np.arange(PATIENTS), count)
    heavy = rng.random(PATIENTS) < 0.4
    place = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    gaps = np.where(rng.random(len(owner)) < 0.8, 28, 56)
    since = np.cumsum(gaps) - np.repeat((np.cumsum(gaps) - gaps)[place == 0], count)
    day = (np.datetime64("2020-01-01") + np.repeat(rng.integers(0, 500, PATIENTS), count) + since).astype(
        "datetime64[D]"
    )
    steps = rng.normal(0, 1.0, len(owner))
    weight = np.zeros(len(owner))
    for row in range(len(owner)):
        middle = 90.0 if heavy[owner[row]] else 65.0
        weight[row] = (
            middle + 6 * steps[row] if place[row] == 0 else middle + 0.9 * (weight[row - 1] - middle) + 2 * steps[row]
        )
    if shuffled:
        order = np.lexsort((rng.random(len(owner)), owner))
        weight = weight[order]
        day = np.datetime64("2020-01-01") + rng.integers(0, 3000, len(owner))
    visits = pa.table({
        "visit": np.arange(len(owner)) + 1000, "patient": [f"P{o:04}" for o in owner], "day": pa.array(day, pa.date32()),
        "until": pa.array(day + rng.integers(0, 5, len(owner)), pa.date32()), "weight": np.round(weight, 1),
    })  # fmt: skip
    patients = pa.table({"patient": [f"P{i:04}" for i in range(PATIENTS)], "build": np.where(heavy, "heavy", "light")})
    return Dataset({"patients": patients, "visits": visits})


@pytest.fixture(scope="module")
def data() -> Dataset:
    return clinic()


@pytest.fixture(scope="module")
def fitted(data: Dataset) -> LinkedGenerator:
    return LinkedEngine().fit(data, learn(data).schema, RunContext(seed=1))


@pytest.fixture(scope="module")
def made(fitted: LinkedGenerator) -> Dataset:
    return fitted.sample(SampleRequest(rows=1, seed=3), ONE)


def _sorted(data: Dataset) -> pd.DataFrame:
    return (
        data.tables["visits"]
        .to_pandas()
        .assign(day=lambda one: pd.to_datetime(one.day))
        .sort_values(["patient", "day"])
    )


def _lag(frame: pd.DataFrame) -> float:
    held = frame.weight - frame.groupby("patient").weight.transform("mean")
    before = held.groupby(frame.patient).shift()
    return float(held.corr(before))


def test_visits_follow_each_other(data: Dataset, fitted: LinkedGenerator, made: Dataset) -> None:
    assert fitted.tables["visits"].order == "day"
    real, ours = _sorted(data), _sorted(made)
    assert abs(_lag(real) - _lag(ours)) < 0.15
    gaps = [frame.groupby("patient").day.diff().dropna().dt.days for frame in (real, ours)]
    assert abs((gaps[0] == 28).mean() - (gaps[1] == 28).mean()) < 0.12
    assert (gaps[1] > 0).all()


def test_what_the_parents_say_still_holds(made: Dataset) -> None:
    frame = made.tables["visits"].to_pandas().merge(made.tables["patients"].to_pandas(), on="patient")
    means = frame.groupby("build").weight.mean()
    assert means["heavy"] - means["light"] > 15


def test_numbers_of_rows_and_ends_hold(data: Dataset, fitted: LinkedGenerator, made: Dataset) -> None:
    link = fitted.schema.foreign_keys[0]
    one, two = (np.sort(point(side.tables, link).counts) for side in (data, made))
    assert np.abs(one - two).max() <= 1
    frame = made.tables["visits"].to_pandas()
    assert (frame.until >= frame.day).all()
    assert frame.visit.is_unique


def test_a_saved_law_draws_the_same(fitted: LinkedGenerator, made: Dataset, tmp_path) -> None:
    fitted.save(tmp_path / "model")
    again = LinkedGenerator.load(tmp_path / "model").sample(SampleRequest(rows=1, seed=3), ONE)
    assert again.fingerprint == made.fingerprint


def test_twice_the_patients_have_twice_the_visits(fitted: LinkedGenerator, data: Dataset) -> None:
    twice = fitted.sample(SampleRequest(rows=1, seed=3, scale=2.0), ONE)
    assert twice.tables["patients"].num_rows == 2 * PATIENTS
    assert twice.tables["visits"].num_rows == pytest.approx(2 * data.tables["visits"].num_rows, rel=0.03)


def test_rows_in_no_order_are_no_sequences() -> None:
    data = clinic(shuffled=True)
    assert LinkedEngine().fit(data, learn(data).schema, RunContext()).tables["visits"].order is None


def test_memory_and_rhythm_are_none_where_there_is_none() -> None:
    rng = np.random.default_rng(0)
    runs = Runs(np.arange(2000), np.repeat(np.arange(100), 20))
    assert memory(np.repeat(rng.integers(0, 5, 100), 20), runs) == 0  # of one parent all alike
    assert abs(memory(rng.integers(0, 5, 2000), runs)) < 0.1
    assert memory(np.tile(np.repeat([0, 1], 10), 100), runs) > 0.5
    times = np.sort(rng.integers(0, 10**6, (100, 20)), axis=1).ravel()
    assert rhythm(times, runs) < 0.1
    assert rhythm(np.tile(np.arange(20) * 50, 100), runs) > 0.2
