"""Does a long series that is drawn settle where the real one lies, and stay what it was as often?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from sequence_data import schema_of
from veridical.core.contracts import RunContext
from veridical.engines.sequence import telling as terms
from veridical.engines.sequence.learning import fit_sequences
from veridical.engines.sequence.model import Sequences
from veridical.engines.sequence.settling import settled
from veridical.engines.sequence.telling import Telling, choose


def gauges(rows: int = 1600, seed: int = 0) -> pa.Table:
    """A slow year, a level that nearly all of yesterday is in, one that follows it, a gauge that often stands still."""
    rng = np.random.default_rng(seed)
    at = np.arange(rows)
    anomaly, still = np.zeros(rows), np.zeros(rows)
    for row in range(1, rows):
        anomaly[row] = 0.97 * anomaly[row - 1] + rng.standard_normal()
        still[row] = still[row - 1] if rng.random() < 0.4 else 0.95 * still[row - 1] + rng.standard_normal()
    level = 20 + 8 * np.sin(2 * np.pi * at / rows) + anomaly
    stamps = np.datetime64("2024-01-01T00") + at.astype("timedelta64[h]")
    return pa.table({
        "time": stamps.astype("datetime64[us]"),
        "level": np.round(level, 2),
        "beside": np.round(0.5 * level + rng.standard_normal(rows), 2),
        "gauge": np.round(np.round(still / 0.067) * 0.067, 3),
    })  # fmt: skip


@pytest.fixture(scope="module")
def real() -> pa.Table:
    return gauges()


@pytest.fixture(scope="module")
def law(real: pa.Table) -> Sequences:
    return fit_sequences(real, schema_of(real, (), "time").only, RunContext())


@pytest.fixture(scope="module")
def made(law: Sequences, real: pa.Table) -> pd.DataFrame:
    return law.draw(1, seed=5, lengths=np.array([real.num_rows])).to_pandas()


def values_of(real: pa.Table) -> dict[str, np.ndarray]:
    return {name: real[name].to_numpy() for name in ("level", "beside", "gauge")}


def test_moved_constants_are_moved_back(law: Sequences, real: pa.Table) -> None:
    assert law.values is not None
    told = law.values.tellings["level"]
    assert told.form == terms.LINEAR
    assert told.weights is not None
    moved = replace(told.weights, constant=told.weights.constant - 0.4)
    wrong = replace(
        law, values=replace(law.values, tellings={**law.values.tellings, "level": replace(told, weights=moved)})
    )
    middle = real["level"].to_numpy().mean()
    off = mean_of(wrong, real) - middle
    back = mean_of(settled(wrong, values_of(real), layout_of(real), np.arange(real.num_rows), 0), real) - middle
    assert off < -1.0, "the planted fault"
    assert abs(back) < 0.5 * abs(off)


def layout_of(real: pa.Table):  # type: ignore[no-untyped-def]
    from veridical.encode.panel import Layout

    return Layout.of_lengths(np.array([real.num_rows]))


def mean_of(law: Sequences, real: pa.Table) -> float:
    made = law.draw(8, seed=3, lengths=np.full(8, 200), times=pa.concat_arrays([part_of(real, at) for at in range(8)]))
    return float(made["level"].to_numpy().mean())


def part_of(real: pa.Table, at: int) -> pa.Array:
    return real["time"].slice(at * 200, 200).combine_chunks()


def test_the_slow_year_is_followed(made: pd.DataFrame, real: pa.Table) -> None:
    months = [frame["level"].rolling(250).mean()[250::75] for frame in (real.to_pandas(), made)]
    assert np.corrcoef(*months)[0, 1] > 0.8


def test_a_gauge_stands_still_as_often_and_keeps_to_its_steps(
    law: Sequences, made: pd.DataFrame, real: pa.Table
) -> None:
    assert law.values is not None
    assert "gauge" in law.values.plan.stays
    gauges = [real.to_pandas()["gauge"], made["gauge"]]
    shares = [(one.diff() == 0).mean() for one in gauges]
    assert abs(shares[0] - shares[1]) < 0.06
    assert gauges[1].round(6).isin(gauges[0].round(6)).mean() > 0.9


def test_saved_and_opened_it_draws_the_same(law: Sequences, tmp_path) -> None:  # type: ignore[no-untyped-def]
    law.save(tmp_path / "law")
    one, two = (each.draw(1, seed=2, lengths=np.array([50])) for each in (law, Sequences.load(tmp_path / "law")))
    assert one.equals(two)


def test_beyond_its_end_a_trend_turns_back(law: Sequences) -> None:
    assert law.trend is not None
    ticks = np.array([1599, 1900, 10**6])
    seen = law.trend.levels["level"]
    found = law.trend.at("level", ticks, np.zeros(3, np.int64))
    assert seen.min() <= found.min() <= found.max() <= seen.max()


def test_a_column_missing_in_most_rows_steers_no_other(real: pa.Table) -> None:
    frame = real.to_pandas()
    frame["early"] = np.where(np.arange(len(frame)) < 300, np.round(frame["level"] * 3, 1), np.nan)
    table = pa.Table.from_pandas(frame, preserve_index=False)
    found = fit_sequences(table, schema_of(table, (), "time").only, RunContext())
    assert found.values is not None
    assert found.values.plan.sparse == ("early",)
    assert not any(past.series.startswith("early") for past in found.values.plan.linear)


def test_a_prediction_of_rounded_values_is_judged_by_what_rounds_to_them() -> None:
    """Degrees told in whole Fahrenheit: a prediction that misses by less than a degree is better than a tenth."""
    rng = np.random.default_rng(0)
    level = np.zeros(4000)
    for row in range(1, 4000):
        level[row] = 0.98 * level[row - 1] + 0.5 * rng.standard_normal()
    values = np.round(level / 0.9) * 0.9
    held = np.arange(4000) % 5 == 0
    before = np.where(np.arange(4000) > 0, np.arange(4000) - 1, -1)
    levels = tuple(np.unique(values))
    missed = np.concatenate([[0.0], values[1:] - 0.98 * values[:-1]])
    candidates = [(Telling(name="x", levels=levels), values), (Telling(name="x", form="linear", levels=levels), missed)]
    assert choose(candidates, values, before, held) == 1
    few = np.where(values > 0, 1.0, 0.0)
    assert choose([(Telling(name="x"), few), (Telling(name="x", form="linear"), few)], few, before, held) == 0


def test_the_measure_does_not_tell_products_by_their_last_digit() -> None:
    from veridical.measures.sequence.side import rounded

    assert len(np.unique(rounded(np.array([3 * 1.15078, 3.45234])))) == 1
    assert pd.Series(rounded(np.array([0.0, np.nan, -1e-9]))).isna().tolist() == [False, True, False]
