"""Do measures of sequences leave good data alone, and does each planted fault trip the one that is there for it?"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from sequence_data import schema_of, series, visits
from veridical.core.contracts import Evidence, RunContext
from veridical.core.dataset import Dataset
from veridical.core.finding import Finding
from veridical.core.schema import Schema
from veridical.measures.sequence.dynamics import Dynamics
from veridical.measures.sequence.privacy import EntityPrivacy
from veridical.measures.sequence.telling import Telling

REAL = visits(240, seed=1).to_pandas()
SCHEMA = schema_of(visits(60))


def names(frame: pd.DataFrame, mark: str) -> pd.DataFrame:
    return frame.assign(patient=mark + frame["patient"])


def half(at: int) -> pd.DataFrame:
    return REAL[REAL["patient"].str[1:].astype(int) % 3 == at]


def evidence(made: pd.DataFrame, schema: Schema = SCHEMA) -> Evidence:
    def table(frame: pd.DataFrame) -> Dataset:
        return Dataset.of(pa.Table.from_pandas(frame, preserve_index=False))

    return Evidence(train=table(half(0)), synthetic=table(made), holdout=table(half(1)), schema=schema)


def found(made: pd.DataFrame, *measures: object) -> dict[str, Finding]:
    chosen = measures or (Dynamics(replicates=8), Telling(), EntityPrivacy())
    out: list[Finding] = []
    for measure in chosen:
        act = getattr(measure, "measure", None) or measure.run  # type: ignore[attr-defined]
        out += act(evidence(made), RunContext())
    return {finding.check: finding for finding in out}


def beyond(finding: Finding, margin: float) -> bool:
    assert finding.value is not None
    return finding.value > (finding.ceiling or 0.0) + margin


def test_good_data_trips_nothing() -> None:
    figures = found(names(half(2), "s"))
    assert not beyond(figures["sequence.lag_1"], 0.1)
    assert not beyond(figures["sequence.autocorrelation"], 0.15)
    assert not beyond(figures["sequence.cross_correlation"], 0.1)
    assert not beyond(figures["sequence.drift"], 0.3)
    assert not beyond(figures["sequence.length_ks"], 0.15)
    assert not beyond(figures["sequence.gap_ks"], 0.1)
    assert not beyond(figures["sequence.discriminative"], 0.15)
    assert not beyond(figures["sequence.predictive"], 0.1)
    assert figures["privacy.entity_copies"].value == 0
    assert abs((figures["privacy.entity_dcr_share"].value or 0) - 0.5) < 0.12
    assert figures["sequence.backward_time"].value == 0


def shuffled(frame: pd.DataFrame) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    moving = ["pulse", "state", "low", "high", "lab"]
    parts = []
    for _, rows in frame.groupby("patient"):
        mixed = rows[moving].iloc[rng.permutation(len(rows))].reset_index(drop=True)
        parts.append(pd.concat([rows[["patient", "sex", "day"]].reset_index(drop=True), mixed], axis=1))
    return pd.concat(parts)


@pytest.mark.slow
def test_shuffled_steps_lose_their_memory() -> None:
    figures = found(shuffled(names(half(2), "s")), Dynamics(replicates=8), Telling())
    good = found(names(half(2), "s"), Dynamics(replicates=8))
    assert (figures["sequence.lag_1"].value or 0) > (good["sequence.lag_1"].value or 0) + 0.05
    assert beyond(figures["sequence.discriminative"], 0.1)


def test_drift_is_seen() -> None:
    frame = names(half(2), "s")
    frame["pulse"] += 6.0 * frame.groupby("patient").cumcount()
    assert beyond(found(frame, Dynamics(replicates=8))["sequence.drift"], 0.3)


def test_a_collapse_is_seen() -> None:
    frame = names(half(2), "s")
    for name in ("pulse", "low", "high"):
        frame[name] = frame.groupby("patient")[name].transform("first")
    figures = found(frame, Dynamics(replicates=8), Telling())
    assert beyond(figures["sequence.lag_1"], 0.1)
    assert beyond(figures["sequence.discriminative"], 0.25)


def test_copied_entities_are_seen() -> None:
    mixed = pd.concat([names(half(2), "s"), names(half(0)[half(0)["patient"] < "p0060"], "c")])
    figures = found(mixed, EntityPrivacy())
    copies = figures["privacy.entity_copies"]
    assert beyond(copies, 0.02)
    assert (copies.p_value or 1) < 0.01


def test_jittered_copies_are_seen_by_nearness() -> None:
    rng = np.random.default_rng(0)
    frame = names(half(0), "c")
    frame["pulse"] += rng.normal(0, 0.2, len(frame))
    figures = found(frame, EntityPrivacy())
    assert figures["privacy.entity_copies"].value == 0
    nearness = figures["privacy.entity_dcr_share"]
    assert beyond(nearness, 0.1)
    assert (nearness.p_value or 1) < 0.01


def test_short_sequences_long_gaps_and_backward_time_are_seen() -> None:
    good = names(half(2), "s")
    assert beyond(found(good.groupby("patient").head(3), Dynamics(replicates=2))["sequence.length_ks"], 0.3)
    slow = found(good.assign(day=good["day"] * 2), Dynamics(replicates=2))["sequence.gap_ks"]
    assert beyond(slow, 0.3)
    assert (slow.p_value or 1) < 1e-6
    back = good.assign(day=good.groupby("patient")["day"].transform(lambda days: days.to_numpy()[::-1]))
    assert (found(back, Dynamics(replicates=2))["sequence.backward_time"].value or 0) > 0.9


def test_columns_that_no_longer_move_together_are_seen() -> None:
    frame = names(half(2), "s")
    rng = np.random.default_rng(0)
    low = frame["low"].to_numpy()
    frame["high"] = np.round(low[rng.permutation(len(low))] + 4, 1)
    assert beyond(found(frame, Dynamics(replicates=8))["sequence.cross_correlation"], 0.03)


def test_one_series_noise_in_place_of_waves() -> None:
    whole = series(2400).to_pandas()
    schema = schema_of(series(600), (), "time")
    rng = np.random.default_rng(0)
    noise = whole[:1200].assign(load=rng.permutation(whole["load"][:1200].to_numpy()))

    def measured(made: pd.DataFrame) -> dict[str, Finding]:
        parts = [
            Dataset.of(pa.Table.from_pandas(part, preserve_index=False)) for part in (whole[:1200], made, whole[1200:])
        ]
        given = Evidence(train=parts[0], synthetic=parts[1], holdout=parts[2], schema=schema)
        return {
            f.check: f
            for f in [*Dynamics(replicates=4).measure(given, RunContext()), *Telling().measure(given, RunContext())]
        }

    bad, good = measured(noise), measured(series(1200, seed=5).to_pandas())
    assert beyond(bad["sequence.lag_1"], 0.5)
    assert beyond(bad["sequence.spectrum"], 0.1)
    assert not beyond(good["sequence.lag_1"], 0.1)
    assert not beyond(good["sequence.spectrum"], 0.1)
    assert (bad["sequence.discriminative"].value or 0) > 0.8 > (good["sequence.discriminative"].value or 1)
    assert (bad["sequence.predictive"].value or 0) > (good["sequence.predictive"].value or 0)


@pytest.mark.parametrize("measure", [Dynamics(), Telling()])
def test_plain_tables_are_none_of_their_business(measure: Dynamics | Telling) -> None:
    plain = Schema(tables=(SCHEMA.only.__class__(name="data", columns=SCHEMA.only.columns),))
    assert measure.measure(evidence(half(2), plain), RunContext()) == ()


def test_without_a_holdout_privacy_is_not_measured() -> None:
    table = Dataset.of(pa.Table.from_pandas(half(0), preserve_index=False))
    figures = EntityPrivacy().run(Evidence(train=table, synthetic=table, schema=SCHEMA), RunContext())
    assert [figure.measured for figure in figures] == [False, False]


def test_times_in_nanoseconds_are_read() -> None:
    from veridical.core.schema import Column, Kind
    from veridical.encode.panel import times_of

    column = Column(name="at", kind=Kind.DATETIME, storage="timestamp[ns]")
    table = pa.table({"at": pa.array([1467331200000000001, 1467331201000000000], pa.timestamp("ns"))})
    assert times_of(table, column).tolist() == [1467331200.0, 1467331201.0]
