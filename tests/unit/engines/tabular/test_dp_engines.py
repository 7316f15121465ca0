"""Does a private table keep its promise to the person, and its schema's to the user?"""

import datetime as dt
import json

import numpy as np
import pyarrow as pa
import pytest

from veridical.core.contracts import Allowed, RunContext, SampleRequest, Shard
from veridical.core.dataset import Dataset
from veridical.core.errors import BudgetError, ConstraintError, DataError, SchemaError, SpecError
from veridical.core.schema import Column, Constraint, Kind, Schema, TableSchema
from veridical.engines.tabular.dp.aim import AimModel
from veridical.engines.tabular.dp.engines import AimEngine, MstEngine, SinglesEngine
from veridical.engines.tabular.dp.mst import SinglesModel
from veridical.engines.tabular.dp.private import Terms, learn_private
from veridical.engines.tabular.dp.unit import bounded
from veridical.engines.tabular.generator import TableGenerator
from veridical.privacy.accountants import epsilon_of, total
from veridical.privacy.ledger import Budget
from veridical.privacy.noise import SecureNoise
from veridical.stages.private import skeleton

pytest.importorskip("opendp")
ENGINES = {"aim": AimEngine, "mst": MstEngine, "singles": SinglesEngine}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("VERIDICAL_HOME", str(tmp_path / "home"))


def people(rows=6000, seed=0):
    rng = np.random.default_rng(seed)
    sex = rng.choice(["f", "m"], rows)
    age = rng.integers(18, 90, rows)
    pay = np.where(sex == "m", 3000, 2500) + 20 * age + rng.normal(0, 200, rows)
    joined = [dt.date(2020, 1, 1) + dt.timedelta(days=int(d)) for d in rng.integers(0, 900, rows)]
    flag = np.where(rng.random(rows) < age / 120, "yes", "no")
    return pa.table(
        {
            "sex": pa.array(sex, mask=rng.random(rows) < 0.1),
            "age": age,
            "pay": np.round(pay, 2),
            "joined": joined,
            "flag": flag,
            "note": [f"text of {row}" for row in range(rows)],
        }
    )


def learned(table, *, model=None, epsilon=4.0, schema=None, **terms):
    known = skeleton(Dataset.of(table)).only if schema is None else schema
    told = Terms(budget=Budget(epsilon=epsilon), **terms)
    model = SinglesModel() if model is None else model
    return learn_private(table, known, model, told, told.lens(SecureNoise()), RunContext())


@pytest.mark.parametrize("name", sorted(ENGINES))
def test_a_table_comes_back_with_its_kinds_patterns_and_within_budget(name, tmp_path):
    table = people()
    data = Dataset.of(table)
    generator = ENGINES[name](epsilon=4.0).fit(data, skeleton(data), RunContext())
    kinds = {column.name: column.kind for column in generator.schema.only.columns}
    assert [kinds[n] for n in ("sex", "age", "pay", "joined")] == [Kind.CATEGORY, Kind.INTEGER, Kind.DECIMAL, Kind.DATE]
    assert epsilon_of(total(generator.spent), 1e-6) <= 4.0 * (1 + 1e-9)
    assert epsilon_of(total(generator.spent), 1e-6) > 3.9
    generator.save(tmp_path / "g")
    opened = TableGenerator.load(tmp_path / "g")
    assert opened.spent == tuple(generator.spent) and opened.noisy_rows == generator.noisy_rows
    made = opened.sample(SampleRequest(rows=6000), Shard(0, 1, 0, 6000)).only
    again = generator.sample(SampleRequest(rows=6000), Shard(0, 1, 0, 6000)).only
    assert made.equals(again)
    assert 40 < np.mean(made["age"].to_numpy()) < 65
    assert abs(made["sex"].null_count / 6000 - 0.1) < 0.03
    assert not set(made["note"].to_pylist()) & set(table["note"].to_pylist())
    if name != "singles":
        rows = made.to_pandas()
        means = rows.groupby("sex")["pay"].mean() if name == "aim" else rows.groupby(rows["age"] > 60)["pay"].mean()
        assert means.iloc[1] > means.iloc[0] + 50


def test_the_file_of_a_private_generator_holds_no_rare_value_and_no_exact_count(tmp_path):
    table = people()
    names = pa.array(["only one person has this"] + ["common"] * (table.num_rows - 1))
    table = table.append_column("rare", names)
    data = Dataset.of(table)
    generator = SinglesEngine(epsilon=8.0).fit(data, skeleton(data), RunContext())
    generator.save(tmp_path / "g")
    text = "".join(path.read_text() for path in (tmp_path / "g").rglob("*.json"))
    assert "only one person" not in text and "text of 17" not in text
    assert data.fingerprint not in text
    assert "common" in text


@pytest.mark.parametrize("rows", [1, 3])
def test_a_unit_counts_for_no_more_than_agreed_however_many_rows_it_has(rows):
    visits = pa.table({"who": ["big"] * 5000 + [f"p{i}" for i in range(5000)], "x": ["only big"] * 5000 + ["a"] * 5000})
    kept = bounded(visits, "who", rows)
    assert kept["who"].to_pylist().count("big") == rows
    assert kept.num_rows == 5000 + rows
    found = learned(visits, unit="who", rows_per_unit=rows, epsilon=2.0)
    assert found.schema.column("x").categories == ("a",)
    assert abs(found.rows - 5000) < 1000


def test_whose_rows_are_kept_does_not_depend_on_others():
    rng = np.random.default_rng(1)
    who = [f"p{i}" for i in rng.integers(0, 200, 2000)]
    visits = pa.table({"who": who, "x": range(2000)})
    without = visits.filter(pa.array([name != "p7" for name in who]))
    kept, fewer = bounded(visits, "who", 3), bounded(without, "who", 3)
    others = [x for name, x in zip(kept["who"].to_pylist(), kept["x"].to_pylist()) if name != "p7"]
    assert others == fewer["x"].to_pylist()


def test_a_unit_with_gaps_or_unknown_is_refused():
    table = pa.table({"who": ["a", None, "b"], "x": [1, 2, 3]})
    with pytest.raises(DataError, match="gaps"):
        learned(table, unit="who")
    with pytest.raises(SchemaError, match="no column 'nobody'"):
        learned(table, unit="nobody")


def test_one_odd_cell_turns_no_column_of_numbers_into_text():
    ages = [str(v) for v in np.random.default_rng(0).integers(18, 90, 5000)]
    clean, odd = pa.table({"age": ages}), pa.table({"age": [*ages[:-1], "unknown"]})
    assert learned(clean).schema.column("age").kind is learned(odd).schema.column("age").kind is Kind.INTEGER


def test_null_flags_and_digits_of_one_person_do_not_show():
    values = np.round(np.random.default_rng(0).normal(50, 10, 5000), 1)
    odd = values.copy()
    odd[0] = 50.123456
    column = learned(pa.table({"x": pa.array(odd, mask=np.arange(5000) == 1)}), epsilon=1.0).schema.column("x")
    assert column.decimals == 1 and not column.nullable


def test_one_extreme_value_moves_no_bound():
    values = np.random.default_rng(0).integers(0, 100, 5000)
    values[0] = 10**9
    made = learned(pa.table({"x": values}), epsilon=1.0).sampler.draw(3000, np.random.default_rng(0))
    assert max(made["x"].to_pylist()) < 1000


def declared(**column):
    return TableSchema(name="t", columns=(Column(name="x", public=True, **column),))


def test_a_public_domain_that_the_data_contradicts_is_clamped_never_learned():
    table = pa.table({"x": ["a"] * 3000 + ["z"] * 3000})
    schema = declared(kind=Kind.CATEGORY, categories=("a", "b"))
    found = learned(table, schema=schema, declared=True)
    assert found.schema.column("x").categories == ("a", "b")
    drawn = found.restore.apply(found.sampler.draw(500, np.random.default_rng(0)), np.random.default_rng(0))
    assert set(drawn["x"].to_pylist()) <= {"a", "b"}
    numbers = declared(kind=Kind.INTEGER, storage="int64", low=0, high=10)
    found = learned(pa.table({"x": [5] * 3000 + [99] * 3000}), schema=numbers, declared=True)
    assert set(found.sampler.draw(500, np.random.default_rng(0))["x"].to_pylist()) <= set(range(11))
    assert any("outside is moved into it" in event.what for event in found.events), "said, whether or not any does"


def test_what_learn_found_is_not_believed():
    """Categories, bounds and learned rules of a schema count only where a person declared them public."""
    x = Column(name="x", kind=Kind.CATEGORY, categories=("secret", "common"), low=3, high=4)
    rule = Constraint(type="forbidden", when="x == 'nothing'", source="learned")
    schema = TableSchema(name="t", columns=(x,), constraints=(rule,))
    found = learned(pa.table({"x": ["common"] * 4000 + ["secret"]}), schema=schema, declared=True)
    assert found.schema.column("x").categories == ("common",)
    assert found.schema.constraints == ()


def test_rules_of_the_user_are_kept_exactly():
    table = people()
    columns = tuple(Column(name=n, kind=k, storage=s) for n, k, s in
                    (("sex", Kind.CATEGORY, "string"), ("age", Kind.INTEGER, "int64"), ("flag", Kind.CATEGORY, "string")))  # fmt: skip
    rules = (
        Constraint(type="forbidden", when="sex == 'f' and flag == 'yes'"),
        Constraint(type="bounds", columns=("age",), low=21, high=70),
    )
    schema = Schema(tables=(TableSchema(name="data", columns=columns, constraints=rules),))
    data = Dataset.of(table.select(["sex", "age", "flag"]))
    generator = AimEngine(epsilon=4.0, declared_kinds=True).fit(data, schema, RunContext())
    rows = generator.sample(SampleRequest(rows=3000), Shard(0, 1, 0, 3000)).only.to_pandas()
    assert not ((rows.sex == "f") & (rows.flag == "yes")).any()
    assert rows.age.between(21, 70).all()


def test_rules_that_only_the_data_could_tell_are_refused():
    columns = (Column(name="a", kind=Kind.CATEGORY), Column(name="b", kind=Kind.CATEGORY))
    rule = Constraint(type="fixed_combinations", columns=("a", "b"))
    schema = TableSchema(name="t", columns=columns, constraints=(rule,))
    with pytest.raises(ConstraintError, match="fixed_combinations"):
        learned(pa.table({"a": ["x"] * 50, "b": ["y"] * 50}), schema=schema, declared=True)


@pytest.mark.parametrize("name", ["aim", "mst"])
def test_conditions_and_given_columns(name):
    data = Dataset.of(people())
    sampler = ENGINES[name](epsilon=8.0).fit(data, skeleton(data), RunContext()).sampler
    rng = np.random.default_rng(0)
    allowed = {"age": Allowed(low=30, high=35), "sex": Allowed(values=("m",))}
    drawn = sampler.draw(500, rng, allowed=allowed)
    assert set(drawn["age"].to_pylist()) <= set(range(30, 36))
    assert set(drawn["sex"].to_pylist()) == {"m"}
    given = pa.table({"flag": pa.array(["yes", "no"] * 1000).dictionary_encode()})
    ages = sampler.draw(2000, rng, given=given)
    old = [np.mean(ages["age"].to_numpy()[offset::2]) for offset in (0, 1)]
    assert ages["flag"].to_pylist() == ["yes", "no"] * 1000
    if name == "aim":
        assert old[0] > old[1] + 3
    with pytest.raises(DataError, match="condition"):
        sampler.draw(5, rng, allowed={"sex": Allowed(values=("nobody",))})


def test_a_delta_that_could_give_somebody_away_whole_is_refused():
    with pytest.raises(BudgetError, match="one over the number of rows"):
        learn_private(
            people(2000), skeleton(Dataset.of(people(5))).only, SinglesModel(),
            (terms := Terms(budget=Budget(epsilon=4.0, delta=2e-3))), terms.lens(SecureNoise()), RunContext(),
        )  # fmt: skip


def test_a_run_over_the_project_budget_stops_before_it_looks(tmp_path):
    from veridical.privacy.account import Account

    data = Dataset.of(people(500))
    account = Account.default()
    account.limit(account.keyed(data.fingerprint), Budget(epsilon=1.0))
    SinglesEngine(epsilon=0.9).fit(data, skeleton(data), RunContext())
    steps = []

    def watch(step, *, done, total):
        steps.append(step)

    with pytest.raises(BudgetError, match="project"):
        SinglesEngine(epsilon=0.9).fit(data, skeleton(data), RunContext(progress=watch))
    assert steps == []


def test_sources_under_one_project_share_a_budget():
    from veridical.privacy.account import Account

    account = Account.default()
    account.limit(account.keyed("project hospital"), Budget(epsilon=1.0))
    one, two = (Dataset.of(people(500, seed=seed)) for seed in (1, 2))
    SinglesEngine(epsilon=0.9, project="hospital").fit(one, skeleton(one), RunContext())
    with pytest.raises(BudgetError, match="project"):
        SinglesEngine(epsilon=0.9, project="hospital").fit(two, skeleton(two), RunContext())


def test_a_run_that_dies_stays_charged(monkeypatch):
    from veridical.privacy.account import Account

    table = pa.table({"who": ["a", None] * 100, "x": [1, 2] * 100})
    data = Dataset.of(table)
    with pytest.raises(DataError):
        SinglesEngine(epsilon=0.7, unit="who").fit(data, skeleton(data), RunContext())
    account = Account.default()
    assert account.standing(account.keyed(data.fingerprint)).epsilon(1e-6) == pytest.approx(0.7, rel=1e-3)


def test_noise_of_a_known_seed_brands_the_result():
    data = Dataset.of(people(500))
    generator = SinglesEngine(epsilon=1.0, noise_seed=3).fit(data, skeleton(data), RunContext())
    assert generator.spent[-1].mechanism == "seeded_noise"
    with pytest.raises(BudgetError):
        total(generator.spent)


@pytest.mark.parametrize("told", [{"epsilon": 0.0}, {"epsilon": float("inf")}, {"delta": 0.5}, {"rows_per_unit": 0}])
def test_terms_that_promise_nothing_are_refused_at_once(told):
    with pytest.raises(SpecError):
        AimEngine(**told)


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"x": [7] * 300}),
        pa.table({"x": pa.nulls(300, pa.string())}),
        pa.table({"x": pa.nulls(300, pa.float64()), "y": ["a", "b", "c"] * 100}),
        pa.table({"x": [f"id{i}" for i in range(300)]}),
        pa.table({"x": [True, False, None] * 100, "y": [1.5, -2.25, 1e12] * 100}),
        pa.table({"x": [1, 2]}),
    ],
    ids=["constant", "empty", "half empty", "all distinct", "odd", "two rows"],
)
@pytest.mark.parametrize("model", [AimModel(), SinglesModel()], ids=["aim", "singles"])
def test_hard_tables_still_give_rows(table, model):
    found = learned(table, model=model)
    rng = np.random.default_rng(0)
    drawn = found.sampler.draw(50, rng)
    made = found.restore.apply(drawn, rng, rows=50, total_rows=50)
    assert made.num_rows == 50 and made.column_names == table.column_names


def test_a_generator_says_in_json_only(tmp_path):
    data = Dataset.of(people(800))
    MstEngine(epsilon=2.0).fit(data, skeleton(data), RunContext()).save(tmp_path / "g")
    for path in (tmp_path / "g").rglob("*"):
        if path.is_file():
            json.loads(path.read_text())
