"""Does a tree sampler keep what is given and allowed, repeat itself, and survive a folder?"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from veridical.core.contracts import Allowed, RunContext, Sampler
from veridical.core.errors import ArtifactError, ConstraintError, SpecError
from veridical.core.schema import Column, Kind, Role
from veridical.engines.tabular.tree.model import TreeModel
from veridical.engines.tabular.tree.sampler import TreeSampler


def people(rows: int = 2000, seed: int = 0) -> tuple[pa.Table, list[Column]]:
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 90, rows)
    colour = np.where(age > 50, "red", "blue").astype(object)
    colour[rng.random(rows) < 0.1] = "green"
    income = np.round(age * 100 + rng.normal(0, 50, rows), 2)
    missing = rng.random(rows) < 0.2
    table = pa.table(
        {
            "age": pa.array(age, pa.int64()),
            "colour": pa.array(colour).dictionary_encode(),
            "income": pa.array(income, mask=missing),
        }
    )
    columns = [
        Column(name="age", kind=Kind.INTEGER, storage="int64"),
        Column(name="colour", kind=Kind.CATEGORY),
        Column(name="income", kind=Kind.DECIMAL, storage="float64", decimals=2, nullable=True),
    ]
    return table, columns


@pytest.fixture(scope="module")
def sampler() -> TreeSampler:
    table, columns = people()
    return TreeModel().fit(table, columns, RunContext(seed=1))


def test_it_is_a_sampler(sampler: TreeSampler) -> None:
    assert isinstance(sampler, Sampler)
    assert [column.name for column in sampler.columns] == ["age", "colour", "income"]


def test_it_finds_the_link_between_columns(sampler: TreeSampler) -> None:
    drawn = sampler.draw(2000, np.random.default_rng(0)).to_pandas()
    assert np.corrcoef(drawn["age"], drawn["income"].fillna(drawn["age"] * 100))[0, 1] > 0.97
    assert abs(drawn["income"].isna().mean() - 0.2) < 0.04
    assert ((drawn["age"] > 50) == (drawn["colour"] == "red"))[drawn["colour"] != "green"].mean() > 0.97


def test_given_columns_are_kept_and_conditioned_on(sampler: TreeSampler) -> None:
    given = pa.table({"income": pa.array([3000.0, 8000.0] * 200)})
    drawn = sampler.draw(400, np.random.default_rng(0), given=given)
    assert drawn.column("income").to_pylist() == given.column("income").to_pylist()
    ages = drawn.column("age").to_numpy()
    assert abs(np.median(ages[::2]) - 30) < 4
    assert abs(np.median(ages[1::2]) - 80) < 4


def test_null_cells_named_as_holes_are_drawn(sampler: TreeSampler) -> None:
    given = pa.table({"age": pa.array([20, None, 60], pa.int64()), "colour": ["blue", "red", None]})
    drawn = sampler.draw(3, np.random.default_rng(0), given=given, holes={"age", "colour"})
    assert drawn.column("age").to_pylist()[::2] == [20, 60]
    assert drawn.column("colour").to_pylist()[:2] == ["blue", "red"]
    assert drawn.column("age").null_count == 0
    assert drawn.column("colour").null_count == 0


@pytest.mark.parametrize(
    ("name", "asked", "holds"),
    [
        ("age", Allowed(low=30, high=31), lambda v: v in (30, 31)),
        ("age", Allowed(values=(30, 77)), lambda v: v in (30, 77)),
        ("age", Allowed(low=300, high=310), lambda v: 300 <= v <= 310),
        ("income", Allowed(low=2500.5, low_open=True), lambda v: v > 2500.5),
        ("income", Allowed(values=(1234.5,)), lambda v: v == 1234.5),
        ("income", Allowed(low=9e9, high=9e9, nulls=True), lambda v: v is None or v == 9e9),
        ("colour", Allowed(values=("red", "unknown")), lambda v: v in ("red", "unknown")),
        ("colour", Allowed(values=("never seen",)), lambda v: v == "never seen"),
    ],
)
def test_limits_hold_in_every_row(sampler: TreeSampler, name: str, asked: Allowed, holds: object) -> None:
    drawn = sampler.draw(300, np.random.default_rng(0), allowed={name: asked})
    assert all(holds(value) for value in drawn.column(name).to_pylist())  # type: ignore[operator]


def test_an_empty_limit_is_an_error(sampler: TreeSampler) -> None:
    with pytest.raises(ConstraintError, match="age"):
        sampler.draw(3, np.random.default_rng(0), allowed={"age": Allowed(low=5.2, high=5.8)})
    with pytest.raises(SpecError, match="wages"):
        sampler.draw(3, np.random.default_rng(0), allowed={"wages": Allowed(low=5)})


def test_the_same_seed_gives_the_same_rows_whatever_the_threads() -> None:
    table, columns = people()
    one = TreeModel().fit(table, columns, RunContext(seed=1, workers=1))
    two = TreeModel().fit(table, columns, RunContext(seed=1, workers=3))
    assert one.draw(99, np.random.default_rng(5)).equals(two.draw(99, np.random.default_rng(5)))


def test_a_saved_folder_draws_the_same(sampler: TreeSampler, tmp_path: Path) -> None:
    sampler.save(tmp_path / "model")
    again = TreeSampler.load(tmp_path / "model")
    assert again.draw(99, np.random.default_rng(5)).equals(sampler.draw(99, np.random.default_rng(5)))
    numbers = tmp_path / "model" / "numbers.arrow"
    numbers.write_bytes(numbers.read_bytes()[:-9])
    with pytest.raises(ArtifactError, match="numbers"):
        TreeSampler.load(tmp_path / "model")


def test_context_is_given_and_not_generated() -> None:
    table, columns = people()
    columns[0] = Column(name="age", kind=Kind.INTEGER, storage="int64", role=Role.CONTEXT)
    sampler = TreeModel().fit(table, columns, RunContext(seed=1))
    with pytest.raises(SpecError, match="age"):
        sampler.draw(3, np.random.default_rng(0))
    drawn = sampler.draw(500, np.random.default_rng(0), given=pa.table({"age": pa.array([30] * 500)}))
    assert drawn.column_names == ["colour", "income"]
    income = drawn.column("income").drop_null().to_numpy()
    assert abs(income.mean() - 3000) < 300


def test_likelier_rows_score_higher(sampler: TreeSampler) -> None:
    rows = pa.table({"age": [30, 30], "colour": ["blue", "blue"], "income": [3000.0, 8500.0]})
    likely, strange = sampler.log_likelihood(rows)
    assert likely > strange + 1


def test_columns_that_have_nothing_to_do_with_each_other_are_drawn_so() -> None:
    rng = np.random.default_rng(0)
    table = pa.table({name: rng.integers(0, 10, 12_000) for name in "abc"})
    columns = [Column(name=name, kind=Kind.INTEGER, storage="int64") for name in "abc"]
    drawn = TreeModel().fit(table, columns, RunContext(seed=1)).draw(12_000, np.random.default_rng(0)).to_pandas()
    for left, right in ("ab", "bc", "ac"):
        cells = np.histogram2d(drawn[left], drawn[right], bins=10)[0]
        expected = np.outer(cells.sum(1), cells.sum(0)) / 12_000
        assert ((cells - expected) ** 2 / expected).sum() < 81 + 5 * np.sqrt(2 * 81)
