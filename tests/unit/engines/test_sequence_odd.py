"""Do odd series give right data: a giant beside ones, runs of nulls, constants, equal times, zones, eleven entities?"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from sequence_data import schema_of, series, visits
from veridical.core.contracts import RunContext
from veridical.core.dataset import Dataset
from veridical.engines.sequence.learning import fit_sequences
from veridical.engines.sequence.model import Sequences
from veridical.stages.sequence import split_sequences


def fitted(frame: pd.DataFrame, keys: tuple[str, ...] = (), time: str = "time") -> Sequences:
    table = pa.Table.from_pandas(frame, preserve_index=False)
    return fit_sequences(table, schema_of(table, keys, time).only, RunContext())


def one_of(law: Sequences, rows: int) -> pd.DataFrame:
    return law.draw(1, seed=2, lengths=np.array([rows])).to_pandas()


def test_a_giant_beside_entities_of_one_row_is_never_made_again() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({
        "who": ["giant"] * 20_000 + [f"s{at}" for at in range(200)],
        "time": [*range(20_000), *rng.integers(0, 1000, 200)], "x": rng.normal(size=20_200).round(2),
    })  # fmt: skip
    made = fitted(frame, ("who",)).draw(300, seed=1).to_pandas()
    assert made.groupby("who").size().max() == 1  # its length is carried by one entity alone
    assert made["x"].std() == pytest.approx(1.0, abs=0.2)


def test_a_run_of_nulls_comes_back_as_runs() -> None:
    frame = series(800).to_pandas()
    frame.loc[100:180, "load"] = np.nan
    made = one_of(fitted(frame), 800)
    assert 0 < made["load"].isna().mean() < 0.4
    gone = made["load"].isna().to_numpy()
    assert gone[1:][gone[:-1]].mean() > 0.6
    assert made["load"].mean() == pytest.approx(frame["load"].mean(), abs=2.0)


def test_what_never_moves_stays() -> None:
    frame = series(300).to_pandas().assign(load=5.0, mode="on")
    made = one_of(fitted(frame), 200)
    assert (made["load"] == 5.0).all()
    panel = visits(40).to_pandas().assign(pulse=61.5, state="well", low=1.0, high=2.0, lab=3.0)
    drawn = fitted(panel, ("patient",), "day").draw(20, seed=0).to_pandas()
    assert (drawn["pulse"] == 61.5).all()
    assert drawn["patient"].nunique() == 20


def test_all_rows_at_one_time() -> None:
    frame = visits(40).to_pandas().assign(day=7)
    made = fitted(frame, ("patient",), "day").draw(20, seed=0).to_pandas()
    assert (made["day"] == 7).all()


def test_times_of_two_zones_are_one_line() -> None:
    frame = series(300).to_pandas()
    stamps = frame["time"].dt.tz_localize("UTC")
    local = [one.tz_convert("Europe/Berlin" if at % 2 else "UTC").isoformat() for at, one in enumerate(stamps)]
    made = one_of(fitted(frame.assign(time=pd.to_datetime(local, utc=True).astype("datetime64[us, UTC]"))), 100)
    assert (made["time"].diff().dropna() == pd.Timedelta(hours=1)).all()


@pytest.mark.parametrize(("entities", "learned"), [(10, 10), (11, 10), (13, 10), (20, 16)])
def test_enough_entities_are_left_to_make_a_law(entities: int, learned: int) -> None:
    table = visits(entities)
    parts = split_sequences(Dataset.of(table), 0.2, RunContext(), schema_of(table))
    assert len(parts.train.only["patient"].unique()) == learned
