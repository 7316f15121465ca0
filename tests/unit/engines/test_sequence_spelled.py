"""Is a short series that grows, quarter by quarter, told in two columns of numbers, made and continued as such?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from veridical.core.contracts import Evidence, RunContext
from veridical.core.dataset import Dataset
from veridical.core.errors import DataError
from veridical.core.schema import Schema
from veridical.engines.sequence.learning import fit_sequences
from veridical.engines.sequence.model import Sequences
from veridical.measures.sequence.side import sides_of
from veridical.stages.learn import learn
from veridical.stages.sequence import split_sequences

QUARTERS = 200


def economy(seed: int = 0) -> pa.Table:
    """Fifty years of an economy that grows fivefold, with a rate that stays where it belongs."""
    rng = np.random.default_rng(seed)
    at = np.arange(QUARTERS)
    rate = np.zeros(QUARTERS)
    for row in range(1, QUARTERS):
        rate[row] = 0.9 * rate[row - 1] + 0.3 * rng.standard_normal()
    gdp = 2700 * np.exp(np.cumsum(0.008 + 0.009 * rng.standard_normal(QUARTERS)))
    return pa.table({"year": 1959.0 + at // 4, "quarter": at % 4 + 1.0, "gdp": np.round(gdp, 1),
                     "rate": np.round(6 + rate, 1)})  # fmt: skip


@pytest.fixture(scope="module")
def real() -> pa.Table:
    return economy()


@pytest.fixture(scope="module")
def schema(real: pa.Table) -> Schema:
    return learn(Dataset.of(real), RunContext()).schema


@pytest.fixture(scope="module")
def law(real: pa.Table, schema: Schema) -> Sequences:
    return fit_sequences(real, schema.only, RunContext())


def quarters(frame: pd.DataFrame) -> np.ndarray:
    return (frame["year"] * 4 + frame["quarter"]).to_numpy()


def test_years_and_quarters_run_on(law: Sequences, real: pa.Table, tmp_path: Path) -> None:
    made = law.draw(1, seed=1, lengths=np.array([QUARTERS]))
    assert made.schema.equals(real.schema)
    assert np.all(np.diff(quarters(made.to_pandas())) == 1)
    law.save(tmp_path)
    assert Sequences.load(tmp_path).draw(1, seed=1, lengths=np.array([QUARTERS])).equals(made)
    assert law.draw(1, seed=1, lengths=np.array([0])).column_names == real.column_names


def test_what_grows_begins_where_it_began(law: Sequences, real: pa.Table) -> None:
    made, theirs = law.draw(1, seed=2, lengths=np.array([QUARTERS]))["gdp"].to_numpy(), real["gdp"].to_numpy()
    thirds = [(one[:60].mean(), one[-60:].mean()) for one in (made, theirs)]
    assert np.abs(np.log(np.array(thirds[0]) / thirds[1])).max() < 0.15
    assert law.trend is not None
    level = replace(law, trend=replace(law.trend, told=(), levels={
        name: np.full_like(held, held.mean()) for name, held in law.trend.levels.items()
    }))  # fmt: skip
    flat = level.draw(1, seed=2, lengths=np.array([QUARTERS]))["gdp"].to_numpy()
    assert abs(np.log(flat[:60].mean() / theirs[:60].mean())) > 0.15


def test_the_next_quarters_follow(law: Sequences, real: pa.Table) -> None:
    after = law.go_on(real.slice(0, 150), 8, seed=1).to_pandas()
    assert quarters(after).tolist() == list(quarters(real.to_pandas())[150:158])
    assert np.abs(np.log(after["gdp"] / real["gdp"].to_numpy()[149])).max() < 0.25
    last = law.go_on(real, 4, seed=1)["gdp"].to_numpy()
    assert last.min() > 0.97 * real["gdp"][-1].as_py()  # not held below what few rows reach
    with pytest.raises(DataError, match="quarter"):
        law.go_on(real.drop_columns(["quarter"]), 2, seed=1)


def test_it_is_split_and_judged_by_its_quarters(real: pa.Table, schema: Schema) -> None:
    mixed = real.take(pa.array(np.random.default_rng(0).permutation(QUARTERS)))
    parts = split_sequences(Dataset.of(mixed), 0.2, RunContext(), schema)
    assert parts.holdout is not None
    assert parts.holdout.rows >= 50
    assert parts.train.only.column_names == real.column_names
    assert np.all(np.diff(quarters(parts.train.only.to_pandas())) > 0)
    given = Evidence(train=parts.train, synthetic=Dataset.of(real), holdout=parts.holdout, schema=schema)
    sides = sides_of(given)
    assert sides is not None
    assert set(sides.synthetic.moving) == {"gdp", "rate"}
    assert np.all(sides.synthetic.gaps < 93 * 86_400)


def test_a_year_of_days_starts_each_month_on_its_first() -> None:
    dates = (np.datetime64("2010-01") + np.arange(90)).astype("datetime64[D]")
    table = pa.table({"date": dates, "x": np.round(np.sin(np.arange(90) / 2), 2)})
    law = fit_sequences(table, learn(Dataset.of(table), RunContext()).schema.only, RunContext())
    made = pd.to_datetime(law.draw(1, seed=0, lengths=np.array([150])).to_pandas()["date"])
    assert (made.dt.day == 1).all()
    assert (made.dt.to_period("M").astype("int64").diff().dropna() == 1).all()
