"""Do shops whose sizes lie a hundredfold apart stay each where it belongs, run freely for hundreds of weeks?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from sequence_data import schema_of
from veridical.core.contracts import RunContext
from veridical.encode.panel import Layout
from veridical.engines.sequence.frame import Frame, Home, measured_frame
from veridical.engines.sequence.learning import fit_sequences
from veridical.engines.sequence.model import Sequences

WEEKS, SHOPS = 120, 60


def shops(seed: int = 0) -> pa.Table:
    """Weekly sales: sizes far apart, noise in proportion that is soon forgotten, a rush once a year, a few returns."""
    rng = np.random.default_rng(seed)
    size = np.exp(rng.normal(7, 1.5, SHOPS))
    rows = []
    for shop in range(SHOPS):
        noise = np.zeros(WEEKS)
        for week in range(1, WEEKS):
            noise[week] = 0.3 * noise[week - 1] + 0.05 * rng.standard_normal()
        rush = np.where(np.arange(WEEKS) % 52 == 47, 1.8, 1.0)
        sales = np.round(size[shop] * np.exp(noise) * rush, 2)
        if shop % 12 == 0:
            sales[rng.random(WEEKS) < 0.05] = -5.0 - shop
        rows.append(sales)
    weeks = np.datetime64("2021-01-04") + 7 * np.arange(WEEKS).astype("timedelta64[D]")
    return pa.table({
        "shop": np.repeat([f"s{shop:02d}" for shop in range(SHOPS)], WEEKS),
        "week": np.tile(weeks, SHOPS), "sales": np.concatenate(rows),
    })  # fmt: skip


@pytest.fixture(scope="module")
def real() -> pa.Table:
    return shops()


@pytest.fixture(scope="module")
def law(real: pa.Table) -> Sequences:
    return fit_sequences(real, schema_of(real, ("shop",), "week").only, RunContext())


@pytest.fixture(scope="module")
def made(law: Sequences) -> pd.DataFrame:
    return law.draw(SHOPS, seed=3).to_pandas()


def wander(frame: pd.DataFrame) -> float:
    """Return how far, in logarithms, a shop's middle moves from its first to its last forty weeks."""
    held = frame[frame["sales"] > 0]
    place = held.groupby("shop").cumcount()
    first = held[place < 40].groupby("shop")["sales"].median()
    last = held[place >= WEEKS - 40].groupby("shop")["sales"].median()
    return float(np.log(last / first).abs().mean())


def memory(frame: pd.DataFrame) -> float:
    held = frame[frame["sales"] > 0]
    logs = np.log(held["sales"])
    centred = logs - logs.groupby(held["shop"]).transform("mean")
    return float(centred.corr(centred.groupby(held["shop"]).shift(1)))


def test_each_stays_at_its_own_level(real: pa.Table, made: pd.DataFrame) -> None:
    assert wander(made) < 1.3 * wander(real.to_pandas())
    assert abs(memory(made) - memory(real.to_pandas())) < 0.1


def test_on_one_scale_for_all_they_wander(real: pa.Table, law: Sequences, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("veridical.engines.sequence.trial.LONG", 10_000)
    plain = fit_sequences(real, schema_of(real, ("shop",), "week").only, RunContext())
    assert plain.values is not None
    assert not plain.values.tellings["sales"].own
    theirs, ours = (np.mean([wander(one.draw(SHOPS, seed=at).to_pandas()) for at in range(3)]) for one in (plain, law))
    assert theirs > 1.3 * ours


def test_sizes_are_as_far_apart_and_few_fall_below_zero(real: pa.Table, made: pd.DataFrame) -> None:
    theirs, ours = (np.log(one.groupby("shop")["sales"].median()) for one in (real.to_pandas(), made))
    assert 0.6 < ours.std() / theirs.std() < 1.6
    assert abs(ours.mean() - theirs.mean()) < 0.7
    below = real.to_pandas()["sales"].lt(0).mean()
    assert 0 <= made["sales"].lt(0).mean() < 3 * below
    assert made.groupby("shop")["sales"].min().lt(0).mean() < 0.35


def test_saved_and_opened_it_draws_the_same(law: Sequences, made: pd.DataFrame, tmp_path: Path) -> None:
    assert law.values is not None
    assert law.values.tellings["sales"].own
    law.save(tmp_path)
    assert Sequences.load(tmp_path).draw(SHOPS, seed=3).to_pandas().equals(made)


def test_a_past_goes_on_at_its_own_level_long_or_short(law: Sequences, real: pa.Table) -> None:
    past = real.to_pandas()
    large = past.groupby("shop")["sales"].median().nlargest(5).index
    for rows in (1, 60):
        given = past[past["shop"].isin(large)].groupby("shop").head(rows)
        after = law.go_on(pa.Table.from_pandas(given, preserve_index=False), 40, seed=1).to_pandas()
        apart = np.log(after.groupby("shop")["sales"].median() / given.groupby("shop")["sales"].median())
        assert apart.abs().mean() < (0.15 if rows > 1 else 1.2)


def test_of_few_rows_the_usual_spread_is_believed() -> None:
    home = Home(level=0.0, apart=5.0, spread=1.0, memory=0.0)
    one = Layout.of_lengths(np.ones(400, dtype=np.int64))
    found = home.believed(np.full(400, 3.0), np.full(400, 3.0), one, np.random.default_rng(0))
    assert found.level.mean() == pytest.approx(3.0, abs=0.25)
    assert found.level.std() == pytest.approx(1.0, abs=0.35)
    assert (found.spread > 0.8).all()
    many = Layout.of_lengths(np.full(2, 500))
    rows = np.random.default_rng(1).normal([[3.0], [9.0]], 0.1, (2, 500)).ravel()
    found = home.believed(rows, rows, many, np.random.default_rng(0))
    assert np.abs(found.level - [3, 9]).max() < 0.05
    assert (found.spread < 0.2).all()


def test_an_entity_that_never_falls_below_zero_is_turned() -> None:
    values = np.array([5.0, 6.0, 7.0, 6.0, -1.0, 3.0, 4.0, 2.0])
    frame = measured_frame(values, values, Layout.of_lengths(np.array([4, 4])))
    assert frame.signed is not None
    each = frame.of(np.array([0, 1]))
    assert each.turned(np.array([-2.0, -2.0]), np.array([-9.0, -9.0])).tolist() == [2.0, -2.0]
    assert replace(each, signed=None).turned(np.array([-2.0, -2.0]), np.zeros(2)).tolist() == [-2.0, -2.0]
    assert measured_frame(values + 2, values + 2, Layout.of_lengths(np.array([4, 4]))).signed is None
    assert isinstance(frame, Frame)
