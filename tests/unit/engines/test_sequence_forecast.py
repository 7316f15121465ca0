"""Does a forecast go on from where its past stands, and do its intervals hold what comes?"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from sequence_data import schema_of
from veridical.core.contracts import RunContext
from veridical.engines.sequence import forecast
from veridical.engines.sequence.learning import fit_sequences
from veridical.engines.sequence.model import Sequences

LEARNED, LATER = 1200, 600


def warming(seed: int = 0) -> pa.Table:
    """Hours of a level with days in it, which lies six higher from the 900th hour on, and higher again after 1,400."""
    rng = np.random.default_rng(seed)
    at = np.arange(LEARNED + LATER)
    noise = np.zeros(len(at))
    for row in range(1, len(at)):
        noise[row] = 0.8 * noise[row - 1] + 0.5 * rng.standard_normal()
    level = 10 + 6 * (at > 900) + 6 * (at > 1400)
    stamps = np.datetime64("2024-01-01T00") + at.astype("timedelta64[h]")
    return pa.table({"time": stamps.astype("datetime64[us]"),
                     "x": np.round(level + 2 * np.sin(2 * np.pi * at / 24) + noise, 2)})  # fmt: skip


@pytest.fixture(scope="module")
def real() -> pa.Table:
    return warming()


@pytest.fixture(scope="module")
def law(real: pa.Table) -> Sequences:
    learned = real.slice(0, LEARNED)
    return fit_sequences(learned, schema_of(learned, (), "time").only, RunContext())


def test_the_slow_level_is_that_of_the_past(law: Sequences, real: pa.Table, monkeypatch: pytest.MonkeyPatch) -> None:
    assert law.trend is not None
    past = real.slice(0, 1380)
    after = law.go_on(past, 96, seed=1)["x"].to_numpy()
    assert after.mean() == pytest.approx(16.0, abs=1.5)
    monkeypatch.setattr(forecast, "_raised", lambda law, around, *rest: dict(around.slow))
    told_by_time = law.go_on(past, 96, seed=1)["x"].to_numpy()
    assert abs(told_by_time.mean() - 16.0) > abs(after.mean() - 16.0)


@pytest.mark.slow
def test_intervals_of_many_forecasts_hold_what_comes() -> None:
    rng = np.random.default_rng(5)
    parts = []
    for name in range(120):
        level, x = 50 + 10 * rng.standard_normal(), np.zeros(80)
        for row in range(1, 80):
            x[row] = 0.7 * x[row - 1] + rng.standard_normal()
        parts.append(pd.DataFrame({"who": f"w{name:03d}", "day": np.arange(80), "x": np.round(level + x, 2)}))
    learned = pa.Table.from_pandas(pd.concat(parts[:80]), preserve_index=False)
    law = fit_sequences(learned, schema_of(learned, ("who",), "day").only, RunContext())
    known = pd.concat([part.iloc[: 10 + 3 * (at % 10)] for at, part in enumerate(parts[80:])])
    past = pa.Table.from_pandas(known, preserve_index=False)
    drawn = np.stack([law.go_on(past, 8, seed=seed)["x"].to_numpy() for seed in range(100)])
    true = np.concatenate([part["x"].to_numpy()[10 + 3 * (at % 10) :][:8] for at, part in enumerate(parts[80:])])
    low, high = np.quantile(drawn, (0.1, 0.9), axis=0)
    assert 0.70 < ((true >= low) & (true <= high)).mean() < 0.90
    narrow = np.quantile(drawn, (0.4, 0.6), axis=0)  # a generator that is too sure of itself
    assert ((true >= narrow[0]) & (true <= narrow[1])).mean() < 0.70
