"""Are sequences whole, ordered, lawful and like the real ones, and is odd input met with sense?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy.stats import ks_2samp

from sequence_data import schema_of, series, visits
from veridical.core.contracts import Generator, RunContext, SampleRequest, Shard
from veridical.core.dataset import Dataset
from veridical.core.errors import ArtifactError, DataError, SchemaError, SpecError
from veridical.core.schema import Column, Kind, Role, Schema, TableSchema
from veridical.engines.sequence.engine import SequenceEngine, SequenceGenerator
from veridical.engines.sequence.learning import fit_sequences


def fitted(table: pa.Table, schema: Schema) -> SequenceGenerator:
    return SequenceEngine().fit(Dataset.of(table), schema, RunContext())


def drawn(generator: SequenceGenerator, *, seed: int = 1, **asked: object) -> pd.DataFrame:
    request = SampleRequest(rows=int(str(asked.pop("rows", 700))), seed=seed, **asked)  # type: ignore[arg-type]
    parts = [generator.sample(request, shard).only for shard in generator.shards(request, 100_000)]
    return pa.concat_tables(parts).to_pandas()


@pytest.fixture(scope="module")
def real() -> pa.Table:
    return visits()


@pytest.fixture(scope="module")
def generator(real: pa.Table) -> SequenceGenerator:
    return fitted(real, schema_of(real))


@pytest.fixture(scope="module")
def made(generator: SequenceGenerator) -> pd.DataFrame:
    return drawn(generator, entities=150)


def test_it_is_a_generator(generator: SequenceGenerator) -> None:
    assert isinstance(generator, Generator)
    assert not generator.spent


def test_columns_and_types_are_the_schemas(real: pa.Table, generator: SequenceGenerator) -> None:
    request = SampleRequest(rows=100, seed=3)
    table = generator.sample(request, generator.shards(request, 1000)[0]).only
    assert table.schema.types == real.schema.types
    assert table.column_names == real.column_names


def test_entities_are_new_whole_and_static(real: pa.Table, made: pd.DataFrame) -> None:
    assert made["patient"].nunique() == 150
    shared = set(made["patient"]) & set(real["patient"].to_pylist())
    assert len(shared) < 12, "names are made by the pattern p9999, so a few are there by chance"
    assert (made.groupby("patient")["sex"].nunique() == 1).all()


def test_time_runs_forward_and_rules_hold(made: pd.DataFrame) -> None:
    assert (made.groupby("patient")["day"].diff().dropna() >= 1).all()
    assert (made["low"] <= made["high"]).all()
    assert (made["pulse"].round(1) == made["pulse"]).all()


def test_lengths_gaps_and_memory_are_like_the_real_ones(real: pa.Table, made: pd.DataFrame) -> None:
    frame = real.to_pandas()
    lengths = [table.groupby("patient").size() for table in (frame, made)]
    gaps = [table.groupby("patient")["day"].diff().dropna() for table in (frame, made)]
    assert ks_2samp(*lengths).statistic < 0.2
    assert ks_2samp(*gaps).statistic < 0.12
    assert abs(memory(frame) - memory(made)) < 0.15
    assert abs(frame["lab"].isna().mean() - made["lab"].isna().mean()) < 0.1
    stays = [(table["state"] == table.groupby("patient")["state"].shift(1)).mean() for table in (frame, made)]
    assert abs(stays[0] - stays[1]) < 0.1


def memory(frame: pd.DataFrame) -> float:
    before = frame.groupby("patient")["pulse"].shift(1)
    known = before.notna()
    return float(np.corrcoef(frame["pulse"][known], before[known])[0, 1])


def test_the_same_seed_gives_the_same_rows(generator: SequenceGenerator) -> None:
    one, two = (drawn(generator, entities=10, seed=5) for _ in range(2))
    pd.testing.assert_frame_equal(one, two)
    assert not one.equals(drawn(generator, entities=10, seed=6))


def test_rows_are_about_those_asked_for(generator: SequenceGenerator) -> None:
    assert 500 < len(drawn(generator, rows=700)) < 900


def test_names_differ_over_shards(generator: SequenceGenerator) -> None:
    request = SampleRequest(rows=1, seed=1, entities=40)
    shards = generator.shards(request, 90)
    assert len(shards) > 2
    names = [set(generator.sample(request, shard).only["patient"].to_pylist()) for shard in shards]
    assert sum(map(len, names)) == len(set().union(*names)) == 40


def test_saved_and_opened_it_draws_the_same(generator: SequenceGenerator, tmp_path: Path) -> None:
    generator.save(tmp_path / "generator")
    opened = SequenceGenerator.load(tmp_path / "generator")
    pd.testing.assert_frame_equal(drawn(opened, entities=12), drawn(generator, entities=12))
    law = tmp_path / "generator" / "law" / "sequences.json"
    law.write_text(law.read_text().replace('"day"', '"d"'))
    with pytest.raises(ArtifactError):
        SequenceGenerator.load(tmp_path / "generator")


def test_no_real_row_lies_in_the_artefact(generator: SequenceGenerator, real: pa.Table, tmp_path: Path) -> None:
    generator.save(tmp_path / "generator")
    text = b"".join(path.read_bytes() for path in (tmp_path / "generator").rglob("*") if path.is_file())
    held = sum(name.encode() in text for name in set(real["patient"].to_pylist()))
    assert held == 0


def test_whole_entities_can_be_chosen_by_what_they_are(generator: SequenceGenerator) -> None:
    assert set(drawn(generator, entities=20, where="sex == 'F'")["sex"]) == {"F"}
    with pytest.raises(SpecError, match="pulse"):
        drawn(generator, where="pulse > 70")
    with pytest.raises(SpecError, match="boost"):
        drawn(generator, boost={"pulse": 2.0})


def test_a_past_is_continued(generator: SequenceGenerator, real: pa.Table) -> None:
    past = real.slice(0, 60)
    after = generator.continued(past, 6, seed=2).only.to_pandas()
    before = past.to_pandas()
    assert (after.groupby("patient").size() == 6).all()
    assert set(after["patient"]) == set(before["patient"])
    last = before.groupby("patient")["day"].max()
    assert (after.groupby("patient")["day"].min() > last).all()
    assert (after.groupby("patient")["sex"].first() == before.groupby("patient")["sex"].first()).all()
    levels = before.groupby("patient")["pulse"].mean(), after.groupby("patient")["pulse"].mean()
    assert np.corrcoef(*levels)[0, 1] > 0.4, "a forecast stays near the entity's own level"


def test_a_past_that_does_not_fit_is_refused(generator: SequenceGenerator, real: pa.Table) -> None:
    with pytest.raises(DataError, match="pulse"):
        generator.continued(real.drop_columns(["pulse"]), 3)
    with pytest.raises(SpecError, match="1 or more"):
        generator.continued(real, 0)


def test_given_entities_get_given_counts_of_rows(real: pa.Table) -> None:
    schema = schema_of(real).only
    columns = [replace(c, role=Role.CONTEXT) if c.name in ("sex", "patient") else c for c in schema.columns]
    columns = [replace(c, role=Role.MODEL) if c.name == "patient" else c for c in columns]
    law = fit_sequences(real, replace(schema, columns=tuple(columns)), RunContext())
    given = pa.table({"patient": ["a", "b", "c", "d"], "sex": ["F", "M", "F", "M"]})
    table = law.draw(4, seed=1, given=given, lengths=np.array([4, 0, 7, 1])).to_pandas()
    assert table.groupby("patient").size().to_dict() == {"a": 4, "c": 7, "d": 1}
    assert table.groupby("patient")["sex"].first().to_dict() == {"a": "F", "c": "F", "d": "M"}
    assert law.draw(2, seed=1, given=given.slice(0, 2), lengths=np.array([0, 0])).num_rows == 0


@pytest.mark.slow
def test_one_long_series_keeps_its_day_and_does_not_drift() -> None:
    real = series(1200)
    made = drawn(fitted(real, schema_of(real, (), "time")), rows=1500)
    frame = real.to_pandas()
    assert len(made) == 1500
    assert (made["time"].diff().dropna() == pd.Timedelta(hours=1)).all()
    assert abs(made["load"].mean() - frame["load"].mean()) < 1.0
    thirds = [part["load"].std() for part in (made[:500], made[-500:])]
    assert 0.7 < thirds[1] / thirds[0] < 1.4
    assert 0.75 < made["load"].std() / frame["load"].std() < 1.3
    daily = [table.groupby(table["time"].dt.hour)["load"].mean() for table in (frame, made)]
    assert np.corrcoef(*daily)[0, 1] > 0.8
    assert abs(made["load"].autocorr(1) - frame["load"].autocorr(1)) < 0.1


@pytest.mark.slow
def test_thousands_of_steps_stay_as_they_are() -> None:
    real = series(3000)
    made = drawn(fitted(real, schema_of(real, (), "time")), rows=8000)["load"]
    spreads = made.groupby(np.arange(8000) // 1000).std()
    means = made.groupby(np.arange(8000) // 1000).mean()
    assert spreads.max() / spreads.min() < 1.6
    assert (means.max() - means.min()) < 1.5 * made.std()


@pytest.mark.parametrize("fault", ["unsorted", "duplicate", "gappy", "undated"])
def test_odd_times_are_met_with_sense(fault: str) -> None:
    frame = visits(40).to_pandas()
    if fault == "unsorted":
        frame = frame.sample(frac=1, random_state=0)
    if fault == "duplicate":
        frame = pd.concat([frame, frame.groupby("patient").head(2)])
    if fault == "gappy":
        frame = frame.sample(frac=0.6, random_state=0).sort_index()
    if fault == "undated":
        frame["day"] = frame["day"].astype("Int64").mask(np.arange(len(frame)) % 9 == 4)
    real = pa.Table.from_pandas(frame, preserve_index=False)
    made = drawn(fitted(real, schema_of(real)), entities=30)
    assert made["patient"].nunique() == 30
    assert made["day"].notna().all()
    assert (made.groupby("patient")["day"].diff().dropna() >= 0).all()


def test_one_entity_and_a_few_entities() -> None:
    real = visits(40).to_pandas()
    few = real[real["patient"].isin([f"p{n:04d}" for n in range(3)])]
    table = pa.Table.from_pandas(few, preserve_index=False)
    made = drawn(fitted(table, schema_of(table)), rows=60)
    assert made["patient"].nunique() == 3
    alone = pa.Table.from_pandas(real[real["patient"] == "p0003"], preserve_index=False)
    assert len(drawn(fitted(alone, schema_of(alone)), rows=20)) == 20


def test_columns_that_stand_still_or_are_empty() -> None:
    real = visits(40)
    real = real.append_column("same", pa.array([1] * real.num_rows))
    real = real.append_column("empty", pa.nulls(real.num_rows, pa.float64()))
    made = drawn(fitted(real, schema_of(real)), entities=15)
    assert (made["same"] == 1).all()
    assert made["empty"].isna().all()


def test_what_is_no_sequence_is_refused_with_a_remedy() -> None:
    real = visits(30)
    single = real.take(pa.array(np.unique(real["patient"].to_pylist(), return_index=True)[1]))
    with pytest.raises(DataError, match="one row"):
        fitted(single, schema_of(single))
    with pytest.raises(SchemaError, match="follow each other"):
        fitted(real, replace_series(schema_of(real), None))
    with pytest.raises(SchemaError, match="ordered"):
        fitted(real, schema_of(real, time="state"))


def replace_series(schema: Schema, series: tuple[str, ...] | None) -> Schema:
    return replace(schema, tables=(replace(schema.only, series=series),))


def test_two_columns_may_name_an_entity() -> None:
    frame = visits(60).to_pandas()
    number = frame["patient"].str[1:].astype(int)
    frame = frame.drop(columns=["patient"]).assign(ward=number // 10, bed=number % 10)
    real = pa.Table.from_pandas(frame, preserve_index=False)
    made = drawn(fitted(real, schema_of(real, ("ward", "bed"))), entities=40)
    assert len(made.groupby(["ward", "bed"])) == 40


def test_what_follows_from_the_time_is_the_same_for_all() -> None:
    rng = np.random.default_rng(0)
    days = np.datetime64("2024-01-01") + np.arange(60)
    frame = pd.DataFrame({
        "shop": np.repeat([f"shop{n}" for n in range(20)], 60),
        "date": np.tile(days.astype("datetime64[us]"), 20),
        "holiday": np.tile(np.arange(60) % 13 == 3, 20),
        "sales": np.round(rng.gamma(5, 20, 1200), 2),
    })  # fmt: skip
    real = pa.Table.from_pandas(frame, preserve_index=False)
    made = drawn(fitted(real, schema_of(real, ("shop",), "date")), entities=12)
    known = dict(zip(frame["date"], frame["holiday"], strict=True))
    assert (made["holiday"] == made["date"].map(known)).all()


def test_an_attribute_bounds_the_time() -> None:
    frame = visits(60).to_pandas()
    frame["until"] = frame.groupby("patient")["day"].transform("max") + 5
    real = pa.Table.from_pandas(frame, preserve_index=False)
    schema = schema_of(real)
    assert any(rule.columns == ("day", "until") for rule in schema.only.constraints)
    made = drawn(fitted(real, schema), entities=60)
    assert (made["day"] <= made["until"]).all()


def test_a_rare_category_of_one_entity_is_never_emitted() -> None:
    frame = visits(60).to_pandas()
    mine = frame["patient"] == "p0007"
    frame.loc[mine, "state"] = "a disease nobody else has"
    frame = pd.concat([frame, *[frame[mine].assign(day=frame[mine]["day"] + 1000 * n) for n in range(1, 6)]])
    real = pa.Table.from_pandas(frame, preserve_index=False)
    schema = schema_of(real)
    free = tuple(replace(c, categories=None) if c.name == "state" else c for c in schema.only.columns)
    schema = replace(schema, tables=(schema.only.with_columns(free),))
    assert "a disease nobody else has" not in set(drawn(fitted(real, schema), entities=100)["state"])


def test_a_shard_is_drawn_by_itself(generator: SequenceGenerator) -> None:
    request = SampleRequest(rows=1, seed=4, entities=30)
    first, second = Shard(0, 2, 0, 15), Shard(1, 2, 15, 15)
    assert generator.sample(request, second).only.equals(generator.sample(request, second).only)
    assert not generator.sample(request, first).only.equals(generator.sample(request, second).only)


def test_a_table_of_time_and_key_alone() -> None:
    columns = (
        Column(name="who", kind=Kind.IDENTIFIER, storage="int64"),
        Column(name="day", kind=Kind.INTEGER, storage="int64"),
    )
    schema = Schema(tables=(TableSchema(name="data", columns=columns, series=("who",), order_by="day"),))
    rng = np.random.default_rng(0)
    real = pa.table({"who": np.repeat(np.arange(40), 6), "day": np.cumsum(rng.integers(1, 9, (40, 6)), axis=1).ravel()})
    made = drawn(fitted(real, schema), entities=20)
    assert (made.groupby("who")["day"].diff().dropna() >= 1).all()
