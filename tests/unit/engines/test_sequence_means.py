"""Do short series keep their memory, ends their distance, numbers their few values, and lengths their law?"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from veridical.core.contracts import RunContext
from veridical.core.schema import Column, Constraint, Kind, TableSchema
from veridical.encode.lattice import levels, snap
from veridical.encode.panel import Layout
from veridical.engines.sequence.learning import fit_sequences
from veridical.engines.sequence.model import Sequences
from veridical.engines.sequence.season import comes_back

ENTITIES, EACH = 300, 6


def _memory(frame: pd.DataFrame, name: str) -> float:
    held = frame[name] - frame.groupby("who")[name].transform("mean")
    return float(held.corr(held.groupby(frame.who).shift()))


@pytest.fixture(scope="module")
def real() -> pa.Table:
    rng = np.random.default_rng(0)
    owner = np.repeat(np.arange(ENTITIES), EACH)
    middle = rng.normal(0, 3, ENTITIES)[owner]
    start = np.datetime64("2021-01-01") + np.cumsum(
        np.where(np.arange(len(owner)) % EACH, rng.integers(20, 40, len(owner)), 0)
    )
    start = (
        start - (start[::EACH] - np.datetime64("2021-01-01"))[owner].astype(int) + rng.integers(0, 900, ENTITIES)[owner]
    )
    return pa.table({
        "who": [f"w{o:04}" for o in owner], "day": pa.array(start.astype("datetime64[D]"), pa.date32()),
        "until": pa.array((start + rng.integers(0, 4, len(owner))).astype("datetime64[D]"), pa.date32()),
        "noise": np.round(50 + middle + rng.normal(0, 2, len(owner)), 2),
        "gauge": rng.choice([0.0, 1.15, 2.3, 5.75, 11.5], len(owner)),
    })  # fmt: skip


@pytest.fixture(scope="module")
def law(real: pa.Table) -> Sequences:
    columns = (
        Column(name="who", kind=Kind.IDENTIFIER, storage="string"), Column(name="day", kind=Kind.DATE, storage="date32[day]"),
        Column(name="until", kind=Kind.DATE, storage="date32[day]"), Column(name="noise", kind=Kind.DECIMAL, storage="double"),
        Column(name="gauge", kind=Kind.DECIMAL, storage="double"),
    )  # fmt: skip
    rule = Constraint(type="inequality", columns=("day", "until"), source="learned")
    schema = TableSchema(name="t", columns=columns, constraints=(rule,), series=("who",), order_by="day")
    return fit_sequences(real, schema, RunContext())


@pytest.fixture(scope="module")
def made(law: Sequences) -> pd.DataFrame:
    return law.draw(600, seed=1).to_pandas()


def test_noise_around_an_entitys_own_level_does_not_swing_back(real: pa.Table, made: pd.DataFrame) -> None:
    # Told the mean with the row in it, steps would lean away from the last one twice as much as they do.
    assert abs(_memory(real.to_pandas(), "noise") - _memory(made, "noise")) < 0.1


def test_an_end_lies_as_long_after_its_start_as_real_ones(law: Sequences, real: pa.Table, made: pd.DataFrame) -> None:
    assert law.columns.since == ("until",)
    stays = [(pd.to_datetime(f.until) - pd.to_datetime(f.day)).dt.days for f in (real.to_pandas(), made)]
    assert stays[1].between(0, 3).all()
    assert abs(stays[0].mean() - stays[1].mean()) < 0.2


def test_numbers_of_few_values_keep_to_them(real: pa.Table, made: pd.DataFrame) -> None:
    assert set(made.gauge) <= set(real["gauge"].to_pylist())


def test_a_saved_law_is_the_same(law: Sequences, made: pd.DataFrame, tmp_path) -> None:
    law.save(tmp_path)
    assert Sequences.load(tmp_path).draw(600, seed=1).to_pandas().equals(made)


def test_times_that_are_given_come_out(law: Sequences, real: pa.Table) -> None:
    names = pa.table({"who": [f"v{i}" for i in range(ENTITIES)]})
    lengths = np.full(ENTITIES, EACH)
    drawn = law.draw(ENTITIES, seed=2, given=names, lengths=lengths, times=real["day"].combine_chunks())
    assert drawn["day"].to_pylist() == real["day"].to_pylist()


def test_levels_are_carried_by_many() -> None:
    values = np.concatenate([np.repeat([0.0, 1.15, 2.3, 5.75], 50), np.repeat(9.9, 8)])
    owners = np.concatenate([np.tile(np.arange(50), 4), np.zeros(8, dtype=np.int64)])
    assert 9.9 in levels(values, 5)
    assert 9.9 not in levels(values, 5, owners)
    assert levels(np.random.default_rng(0).normal(size=500), 5) is None
    holes = np.concatenate([np.repeat(np.arange(9.0, 13.0, 0.1), 40), np.repeat([17.3, 19.9], 6)])
    assert levels(np.round(holes, 1), 5) is None, "an even grid with a thin end is a grid"
    assert snap(np.array([0.4, 7.5]), np.array([0.0, 1.0, 3.0])).tolist() == [0.0, 7.5]
    assert np.isnan(snap(np.array([np.nan]), np.array([0.0, 1.0, 3.0]))[0])


def test_wanderers_are_told_from_what_comes_back() -> None:
    rng = np.random.default_rng(1)
    layout = Layout.of_lengths(np.full(20, 200))
    wander = np.cumsum(rng.normal(size=(20, 200)), axis=1).ravel()
    assert not comes_back(wander, layout)
    assert comes_back(rng.normal(size=4000), layout)
