"""Are conditional, balanced, boosted and completed rows exactly what was asked, from every table engine?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import veridical.data
from veridical.core.contracts import Engine, Generator, RunContext, SampleRequest
from veridical.core.dataset import Dataset
from veridical.core.errors import ArtifactError, SpecError
from veridical.core.expression import parse
from veridical.core.schema import Column, Constraint, Kind, Role, Schema, TableSchema
from veridical.engines.catalog import ENGINES
from veridical.engines.tabular.engines import IndependentEngine
from veridical.engines.tabular.generator import TableGenerator
from veridical.exec.shards import plan

METHODS = ["independent", "copula", "tree"]


@cache
def adult() -> pa.Table:
    table = pq.read_table(Path(veridical.data.__file__).parent / "adult.parquet").slice(0, 4000)
    rng = np.random.default_rng(2)
    days = pa.array(rng.integers(15_000, 19_000, 4000) * 86_400 + rng.integers(28_800, 64_800, 4000))
    table = table.append_column("seen", days.cast(pa.timestamp("s")))
    married = pc.equal(table["marital_status"], "Married-civ-spouse")
    table = table.append_column("is_married", married.cast(pa.int8()))
    table = table.append_column("is_single", pc.invert(married).cast(pa.int8()))
    week = pc.multiply(table["hours_per_week"].cast(pa.int64()), 52)
    return table.append_column("hours_per_year", week).append_column("email", pa.array(["x@y.z"] * 4000))


@cache
def schema() -> Schema:
    kinds = {"seen": Kind.DATETIME, "email": Kind.PERSONAL}
    columns = tuple(
        Column(
            name=field.name,
            kind=kinds.get(field.name, Kind.INTEGER if pa.types.is_integer(field.type) else Kind.CATEGORY),
            storage=str(field.type),
            nullable=adult()[field.name].null_count > 0,
            personal="email" if field.name == "email" else None,
        )
        for field in adult().schema
    )
    rules = (
        Constraint(type="fixed_combinations", columns=("education", "education_num")),
        Constraint(type="one_hot", columns=("is_married", "is_single")),
        Constraint(type="formula", columns=("hours_per_year",), expression="hours_per_week * 52"),
    )
    return Schema(tables=(TableSchema(name="data", columns=columns, constraints=rules),))


@cache
def fitted(method: str) -> Generator:
    engine: Engine = ENGINES.load(method)()
    return engine.fit(Dataset.of(adult()), schema(), RunContext(seed=1))


def sample(generator: Generator, request: SampleRequest, shard_rows: int = 10_000) -> pa.Table:
    return pa.concat_tables(
        [generator.sample(request, shard).only for shard in plan(request.rows, shard_rows=shard_rows)]
    )


WHERES = [
    'age >= 65 and sex == "Female"',
    "education in ('Bachelors', 'Masters') and age < 30",
    "education_num >= 13",
    "17 < age <= 20 and hours_per_week != 40",
    "workclass is null",
    "workclass is not null and native_country == 'United-States'",
    "seen >= '2015-01-01' and seen < '2015-02-01 12:00'",
    "month(seen) == 2",
    "is_married == 1 and sex == 'Male'",
    "is_single != 1",
    "hours_per_year > 3000",
    "age > hours_per_week + 30",
    "not (sex == 'Male' or age > 40)",
    "sex == 'Female' or income == '>50K'",
    "email == 'someone@example.org' and age == 30",
    "age == 90 or education == 'Preschool'",
    "capital_gain > 10000 and capital_loss == 0",
    "fnlwgt % 1000 == 7",
]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("where", WHERES)
def test_every_row_satisfies_the_condition(method: str, where: str) -> None:
    drawn = sample(fitted(method), SampleRequest(rows=60, where=where, seed=7), shard_rows=40)
    assert drawn.schema == adult().schema
    assert drawn.num_rows == 60
    assert parse(where, schema().only.columns).evaluate(drawn).to_pylist() == [True] * 60
    pairs = set(zip(*adult().select(["education", "education_num"]).to_pydict().values()))
    assert set(zip(*drawn.select(["education", "education_num"]).to_pydict().values())) <= pairs


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "where",
    [
        "sex == 'X'",
        "age > 3 and age < 3",
        "age > 2000",
        "age > 5 * hours_per_year + 900",
        "education == 'Masters' and education_num == 3",
    ],
)
def test_what_cannot_be_is_refused_by_name(method: str, where: str) -> None:
    with pytest.raises(SpecError) as error:
        sample(fitted(method), SampleRequest(rows=20, where=where))
    assert where in str(error.value)


def test_a_mistake_in_a_condition_is_explained() -> None:
    with pytest.raises(SpecError, match="did you mean `age`"):
        sample(fitted("independent"), SampleRequest(rows=20, where="ag > 3"))


@pytest.mark.parametrize("method", METHODS)
def test_shards_and_order_change_nothing(method: str) -> None:
    request = SampleRequest(rows=50, where="age > 40", seed=9)
    shards = plan(50, shard_rows=20)
    forward = [fitted(method).sample(request, shard).only for shard in shards]
    backward = [fitted(method).sample(request, shard).only for shard in reversed(shards)][::-1]
    assert all(one.equals(two) for one, two in zip(forward, backward, strict=True))


@pytest.mark.parametrize("method", METHODS)
def test_gaps_are_filled_and_known_cells_stay(method: str) -> None:
    rng = np.random.default_rng(0)
    names = ["age", "workclass", "education", "education_num", "sex", "seen", "email"]
    real = adult().slice(0, 200)
    holes = {
        name: pa.array([None if rng.random() < 0.3 else v for v in real[name].to_pylist()], real[name].type)
        for name in names
    }
    drawn = sample(fitted(method), SampleRequest(rows=200, context=pa.table(holes)), shard_rows=128)
    for name in names:
        assert drawn[name].null_count == 0
        known = holes[name].is_valid()
        assert drawn[name].filter(known).to_pylist() == [v for v in holes[name].to_pylist() if v is not None]
    pairs = set(zip(*adult().select(["education", "education_num"]).to_pydict().values()))
    assert set(zip(*drawn.select(["education", "education_num"]).to_pydict().values())) <= pairs


def test_known_columns_shape_what_is_filled() -> None:
    """Planted dependence: the tree must fill sex from relationship, the independent engine cannot."""
    given = pa.table({"relationship": ["Husband"] * 300})
    share: Mapping[str, Any] = {
        method: pc.mean(pc.equal(sample(fitted(method), SampleRequest(rows=300, context=given))["sex"], "Male")).as_py()
        for method in ("tree", "independent")
    }
    assert share["tree"] > 0.97
    assert share["independent"] < 0.8


@pytest.mark.parametrize("method", METHODS)
def test_balance_is_exact_over_shards(method: str) -> None:
    balance = {"income": {">50K": 0.5, "<=50K": 0.5}, "sex": {"Male": 0.3}}
    drawn = sample(fitted(method), SampleRequest(rows=301, balance=balance), shard_rows=100)
    assert pc.sum(pc.equal(drawn["income"], ">50K")).as_py() in (150, 151)
    assert pc.sum(pc.equal(drawn["sex"], "Male")).as_py() == 90


def test_balance_that_adds_up_to_more_than_one_is_refused() -> None:
    with pytest.raises(SpecError, match="add up"):
        sample(fitted("independent"), SampleRequest(rows=10, balance={"sex": {"Male": 0.9, "Female": 0.3}}))


@pytest.mark.parametrize("method", METHODS)
def test_edge_cases_come_at_the_stated_multiple_and_labelled(method: str) -> None:
    generator = fitted(method)
    assert isinstance(generator, TableGenerator)
    drawn = sample(generator, SampleRequest(rows=800, boost={"tails": 2.0, "rare": 1.5}), shard_rows=300)
    label = np.asarray(drawn["veridical_boosted"].to_pylist())
    tails, rare = generator.tails.tail_rows(drawn), generator.tails.rare_rows(drawn, schema().only)
    assert (label == "tails").sum() == round(800 * generator.tails.shares["tails"] * 2.0)
    assert abs((label == "rare").sum() - 800 * generator.tails.shares["rare"] * 1.5) < 1
    assert tails[label == "tails"].all()
    assert rare[label == "rare"].all()
    assert not (tails | rare)[label == ""].any()


@pytest.mark.parametrize("boost", [{"magic": 2.0}, {"tails": 500.0}, {"tails": -1.0}])
def test_a_boost_that_cannot_be_is_refused(boost: dict[str, float]) -> None:
    with pytest.raises(SpecError):
        sample(fitted("independent"), SampleRequest(rows=10, boost=boost))


@pytest.mark.parametrize("method", METHODS)
def test_context_columns_are_given_never_generated(method: str) -> None:
    from dataclasses import replace

    columns = [replace(c, role=Role.CONTEXT) if c.name in ("sex", "seen") else c for c in schema().only.columns]
    asked = Schema(tables=(schema().only.with_columns(columns),))
    generator = ENGINES.load(method)().fit(Dataset.of(adult()), asked, RunContext(seed=1))
    context = adult().slice(100, 50).select(["sex", "seen"])
    drawn = sample(generator, SampleRequest(rows=50, context=context), shard_rows=30)
    assert drawn.select(["sex", "seen"]).to_pydict() == context.to_pydict()
    assert drawn.schema == adult().schema
    with pytest.raises(SpecError, match="context is missing"):
        sample(generator, SampleRequest(rows=50))


@pytest.mark.parametrize("method", METHODS)
def test_saved_and_loaded_gives_the_same_rows(method: str, tmp_path: Path) -> None:
    fitted(method).save(tmp_path / "g")
    loaded = TableGenerator.load(tmp_path / "g")
    request = SampleRequest(rows=80, seed=4)
    assert sample(loaded, request).equals(sample(fitted(method), request))
    assert loaded.schema == schema()


def test_a_truncated_or_edited_folder_is_refused_by_name(tmp_path: Path) -> None:
    fitted("independent").save(tmp_path / "g")
    file = tmp_path / "g" / "restore.json"
    whole = file.read_bytes()
    file.write_bytes(whole[:-20])
    with pytest.raises(ArtifactError, match=r"restore\.json"):
        TableGenerator.load(tmp_path / "g")
    file.write_bytes(whole.replace(b'"lead": 1', b'"lead": 0'))
    with pytest.raises(ArtifactError, match=r"restore\.json"):
        TableGenerator.load(tmp_path / "g")


def test_a_folder_cannot_name_code(tmp_path: Path) -> None:
    from veridical.store.artifact import seal

    fitted("independent").save(tmp_path / "g")
    file = tmp_path / "g" / "generator.json"
    plain = json.loads(file.read_text())
    file.write_text(json.dumps({**plain, "method": "os:system"}))
    seal(tmp_path / "g", "table generator", 1)
    with pytest.raises(ArtifactError, match="no sampler"):
        TableGenerator.load(tmp_path / "g")


def test_no_real_row_of_what_is_made_up_lies_in_the_folder(tmp_path: Path) -> None:
    secret = [f"Zebulon{i} Quixano" for i in range(40)]
    table = pa.table({"who": secret, "key": [f"K-{i * 7919 % 10007:05d}" for i in range(40)], "town": secret})
    columns = tuple(
        Column(name=name, kind=kind, storage="string")
        for name, kind in {"who": Kind.PERSONAL, "key": Kind.IDENTIFIER, "town": Kind.CATEGORY}.items()
    )
    asked = Schema(tables=(TableSchema(name="data", columns=columns),))
    generator = IndependentEngine().fit(Dataset.of(table), asked, RunContext())
    generator.save(tmp_path / "g")
    stored = b"".join(file.read_bytes() for file in (tmp_path / "g").rglob("*") if file.is_file())
    assert b"Zebulon" not in stored
    assert not any(key.encode() in stored for key in table["key"].to_pylist())
    drawn = sample(generator, SampleRequest(rows=100))
    assert not set(drawn["town"].to_pylist()) & set(secret)
    assert pc.count_distinct(drawn["key"]).as_py() == 100
