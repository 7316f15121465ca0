"""Does a long series with holes keep its law: no step over a hole is learned, and none is drawn?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from sequence_data import schema_of, series
from veridical.core.contracts import Evidence, RunContext, SampleRequest
from veridical.core.dataset import Dataset
from veridical.core.schema import Schema
from veridical.encode.hole import FEW
from veridical.engines.sequence.engine import SequenceEngine
from veridical.measures.sequence.side import sides_of
from veridical.measures.sequence.telling import Telling
from veridical.stages.sequence import split_sequences


def yearly(rows: int = 2500, seed: int = 0) -> pa.Table:
    """A noisy series whose last fifth lies in another season."""
    rng = np.random.default_rng(seed)
    at = np.arange(rows)
    level = np.where(at < 0.8 * rows, 0.0, 30.0) + np.round(rng.standard_normal(rows), 2)
    stamps = np.datetime64("2024-01-01T00") + at.astype("timedelta64[h]")
    return pa.table({"time": stamps.astype("datetime64[us]"), "level": level})


@pytest.fixture(scope="module")
def schema() -> Schema:
    return schema_of(yearly(), (), "time")


def real_on_real(train: pa.Table, holdout: pa.Table, schema: Schema) -> float:
    given = Evidence(train=Dataset.of(train), synthetic=Dataset.of(train), holdout=Dataset.of(holdout), schema=schema)
    return float(Telling(most_rows=1200, folds=2).measure(given, RunContext())[0].ceiling or 1.0)


def test_a_later_season_is_told_from_the_learned_ones_and_stretches_all_over_the_time_are_not(schema: Schema) -> None:
    table = yearly()
    late = real_on_real(table.slice(0, 2000), table.slice(2000), schema)
    parts = split_sequences(Dataset.of(table), 0.2, RunContext(), schema)
    assert parts.holdout is not None
    stretches = real_on_real(parts.train.only, parts.holdout.only, schema)
    assert late > 0.9
    assert 0.35 < stretches < 0.62


def test_the_split_is_the_same_for_the_same_seed_and_keeps_back_about_what_is_asked(schema: Schema) -> None:
    data = Dataset.of(yearly())
    one, two, other = (split_sequences(data, 0.2, RunContext(seed=seed), schema) for seed in (1, 1, 2))
    assert one.holdout is not None
    assert other.holdout is not None
    assert one.train.only.equals(two.train.only)
    assert not one.holdout.only.equals(other.holdout.only)
    assert 330 < one.holdout.rows < 510
    times = one.train.only["time"].to_pandas()
    assert times.iloc[[0, -1]].tolist() == data.only["time"].to_pandas().iloc[[0, -1]].tolist()


def test_short_series_are_cut_at_their_end(schema: Schema) -> None:
    parts = split_sequences(Dataset.of(yearly().slice(0, 80)), 0.2, RunContext(), schema)
    assert parts.holdout is not None
    assert parts.train.rows, parts.holdout.rows == (64, 16)
    assert parts.train.only["time"].to_pandas().max() < parts.holdout.only["time"].to_pandas().min()


@pytest.mark.slow
def test_no_step_over_a_hole_is_learned_or_drawn() -> None:
    """Behind each hole the series stands elsewhere: a law that stepped over holes would jump as far."""
    frame = series(2400).to_pandas()
    stretch = np.arange(2400) // 300
    frame = frame[np.arange(2400) % 300 < 240]
    frame["load"] += np.where(stretch % 2, 200.0, 0.0)[frame.index]
    table = pa.Table.from_pandas(frame, preserve_index=False)
    law = SequenceEngine().fit(Dataset.of(table), schema_of(table, (), "time"), RunContext())
    made = drawn(law, 1500)
    assert (made["time"].diff().dropna() == pd.Timedelta(hours=1)).all(), "no hole is drawn"
    real = frame["load"].diff()[frame["time"].diff() == pd.Timedelta(hours=1)].abs()
    assert made["load"].diff().abs().max() < 1.5 * real.max()
    over = frame.assign(time=np.sort(series(len(frame)).to_pandas()["time"]))
    tripped = pa.Table.from_pandas(over, preserve_index=False)
    wrong = SequenceEngine().fit(Dataset.of(tripped), schema_of(tripped, (), "time"), RunContext())
    assert drawn(wrong, 1500)["load"].diff().abs().max() > 2 * real.max(), "the same rows with their holes closed jump"


def drawn(law: object, rows: int) -> pd.DataFrame:
    request = SampleRequest(rows=rows, seed=1)
    return law.sample(request, law.shards(request, 100_000)[0]).only.to_pandas()  # type: ignore[attr-defined]


def test_a_series_with_holes_goes_on_from_its_end() -> None:
    table = series(2000)
    schema = schema_of(table, (), "time")
    parts = split_sequences(Dataset.of(table), 0.2, RunContext(), schema)
    law = SequenceEngine().fit(parts.train, schema, RunContext())
    after = law.continued(parts.train.only, 24, seed=1).only.to_pandas()
    last = table["time"].to_pandas().iloc[-1]
    assert after["time"].iloc[0] == last + pd.Timedelta(hours=1)
    assert len(after) == 24


def test_stations_hide_the_same_hours() -> None:
    frame = pd.concat([series(1500, seed=at).to_pandas().assign(station=f"s{at}") for at in range(3)])
    table = pa.Table.from_pandas(frame, preserve_index=False)
    schema = schema_of(table, ("station",), "time")
    few = replace(schema, tables=(replace(schema.only, unit=None),))
    parts = split_sequences(Dataset.of(table), 0.2, RunContext(), few)
    assert parts.holdout is not None
    hours = [set(part.to_pandas()["time"]) for part in (parts.train.only, parts.holdout.only)]
    assert not hours[0] & hours[1]
    given = Evidence(train=parts.train, synthetic=parts.train, holdout=parts.holdout, schema=few)
    sides = sides_of(given)
    assert sides is not None
    assert sides.train.layout.entities == 3 < FEW
    assert sides.train.runs.entities > 6
