"""Do eight thousand steps of one series stay what the source is, tenth by tenth, and is a series that drifts seen?"""

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

STEPS, PARTS = 8000, 10
NAMES = ("load", "spare", "oil")


def transformer(rows: int = 4000, seed: int = 0) -> pa.Table:
    """Hourly loads and the temperature of oil that follows them slowly: days, weeks, a season, and noise that stays."""
    rng = np.random.default_rng(seed)
    hour = np.arange(rows)
    noise, oil = np.zeros((2, rows)), np.zeros(rows)
    for row in range(1, rows):
        noise[:, row] = 0.9 * noise[:, row - 1] + rng.standard_normal(2)
    load = 8 + 3 * np.sin(2 * np.pi * hour / 24) + np.sin(2 * np.pi * hour / 168) + noise[0]
    season = 15 + 6 * np.sin(2 * np.pi * hour / 4000)
    for row in range(rows):
        oil[row] = season[row] + (0 if row == 0 else 0.97 * (oil[row - 1] - season[row - 1])) + 0.05 * (load[row] - 8)
        oil[row] += 0.4 * rng.standard_normal()
    stamps = np.datetime64("2016-07-01T00") + hour.astype("timedelta64[h]")
    return pa.table({"time": stamps.astype("datetime64[us]"), "load": np.round(load, 2),
                     "spare": np.round(0.4 * load + noise[1], 2), "oil": np.round(oil, 2)})  # fmt: skip


@pytest.fixture(scope="module")
def real() -> pd.DataFrame:
    return transformer().to_pandas()


@pytest.fixture(scope="module")
def law() -> Sequences:
    table = transformer()
    return fit_sequences(table, schema_of(table, (), "time").only, RunContext())


def drawn(law: Sequences) -> pd.DataFrame:
    return law.draw(1, seed=4, lengths=np.array([STEPS])).to_pandas()


def strays(made: pd.DataFrame, real: pd.DataFrame) -> list[str]:
    """Return what of a tenth of the made series lies outside the band that parts of the source span."""
    found = []
    for name in NAMES:
        parts = [real[name].iloc[at : at + STEPS // PARTS] for at in range(0, len(real), STEPS // PARTS)]
        spread = real[name].std()
        for at in range(PARTS):
            part = made[name].iloc[at * STEPS // PARTS : (at + 1) * STEPS // PARTS]
            middles = [one.mean() for one in parts]
            if not min(middles) - 0.5 * spread < part.mean() < max(middles) + 0.5 * spread:
                found.append(
                    f"mean of {name} in tenth {at}: {part.mean():.2f} beside {min(middles):.2f} to {max(middles):.2f}"
                )
            spreads = [one.std() for one in parts]
            if not 0.6 * min(spreads) < part.std() < 1.6 * max(spreads):
                found.append(f"spread of {name} in tenth {at}: {part.std():.2f}")
            memory = [one.autocorr(1) for one in parts]
            if not min(memory) - 0.1 < part.autocorr(1) < max(memory) + 0.1:
                found.append(f"memory of {name} in tenth {at}: {part.autocorr(1):.2f}")
    return found


@pytest.mark.slow
def test_eight_thousand_steps_neither_drift_nor_collapse(law: Sequences, real: pd.DataFrame) -> None:
    assert strays(drawn(law), real) == []


@pytest.mark.slow
def test_a_law_that_adds_up_changes_is_seen_to_drift(law: Sequences, real: pd.DataFrame) -> None:
    assert law.values is not None
    tellings = {
        name: replace(told, form=terms.LAST, weights=None, low=-np.inf, high=np.inf)
        for name, told in law.values.tellings.items()
    }
    wanders = replace(law, values=replace(law.values, tellings=tellings))
    assert any(said.startswith("mean of") for said in strays(drawn(wanders), real))


@pytest.mark.slow
def test_a_series_that_dies_down_is_seen(real: pd.DataFrame) -> None:
    fading = np.linspace(1.0, 0.05, STEPS)
    made = pd.DataFrame(
        {name: np.resize(real[name], STEPS) * fading + real[name].mean() * (1 - fading) for name in NAMES}
    )
    assert any(said.startswith("spread of") for said in strays(made, real))
