"""Do the independent, copula and profile samplers keep shares, links, conditions and rare values?"""

import importlib.resources as resources

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from veridical.core.contracts import Allowed, RunContext, Sampler
from veridical.core.errors import ArtifactError, DataError
from veridical.core.profile import ColumnProfile, TableProfile
from veridical.core.schema import Column, Kind, Role
from veridical.engines.tabular.copula import CopulaModel, CopulaSampler
from veridical.engines.tabular.from_profile import ProfileEngine
from veridical.engines.tabular.independent import IndependentModel, IndependentSampler

MODELS = [IndependentModel(), CopulaModel()]


def _adult(rows: int = 12_000) -> tuple[pa.Table, list[Column]]:
    path = resources.files("veridical.data") / "adult.parquet"
    table = pq.read_table(str(path)).slice(0, rows)
    arrays, columns = {}, []
    for name in table.column_names:
        values = table[name].combine_chunks()
        if pa.types.is_integer(values.type):
            arrays[name] = values.cast(pa.int64())
            columns.append(Column(name=name, kind=Kind.INTEGER, storage="int64"))
        else:
            arrays[name] = values.cast(pa.string()).dictionary_encode()
            columns.append(Column(name=name, kind=Kind.CATEGORY, nullable=values.null_count > 0))
    return pa.table(arrays), columns


@pytest.fixture(scope="module")
def adult():
    return _adult()


@pytest.fixture(scope="module", params=MODELS, ids=["independent", "copula"])
def sampler(request, adult):
    return request.param.fit(*adult, RunContext(seed=1))


def _rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_shares_means_and_types_are_kept(sampler, adult):
    table, columns = adult
    drawn = sampler.draw(12_000, _rng())
    assert isinstance(sampler, Sampler)
    assert drawn.column_names == [column.name for column in columns]
    for name in table.column_names:
        assert abs(drawn[name].null_count - table[name].null_count) < 150
        if pa.types.is_dictionary(table[name].type):
            assert drawn.schema.field(name).type == pa.dictionary(pa.int32(), pa.string())
            top = table[name].combine_chunks().dictionary[_top(table, name)]
            real, made = (pc.mean(pc.equal(t[name].cast(pa.string()), top)).as_py() for t in (table, drawn))
            assert abs(real - made) < 0.02, name
        else:
            assert drawn.schema.field(name).type == pa.int64()
            assert (
                abs(pc.mean(table[name]).as_py() - pc.mean(drawn[name]).as_py()) < 0.1 * pc.stddev(table[name]).as_py()
            )


def _top(table, name):
    return pc.mode(table[name].combine_chunks().indices)[0]["mode"].as_py()


def test_conditions_hold_for_every_row(sampler):
    limits = {
        "age": Allowed(low=65, low_open=True),
        "sex": Allowed(values=("Female",)),
        "hours_per_week": Allowed(values=(7, 40, 99)),
        "workclass": Allowed(values=("Private",), nulls=False),
        "fnlwgt": Allowed(low=150_000.5, high=150_003, high_open=True),
        "education_num": Allowed(low=1000),
    }
    drawn = sampler.draw(3000, _rng(), allowed=limits)
    assert pc.min(drawn["age"]).as_py() > 65
    assert drawn["sex"].unique().to_pylist() == ["Female"]
    assert set(drawn["hours_per_week"].unique().to_pylist()) <= {7, 40, 99}
    assert drawn["workclass"].unique().to_pylist() == ["Private"]
    assert set(drawn["fnlwgt"].unique().to_pylist()) <= {150_001, 150_002}
    assert pc.min(drawn["education_num"]).as_py() >= 1000  # beyond the data: still kept


def test_nulls_alone_and_impossible_conditions(sampler):
    drawn = sampler.draw(50, _rng(), allowed={"workclass": Allowed(values=(), nulls=True)})
    assert drawn["workclass"].null_count == 50
    with pytest.raises(DataError, match="sex: no value satisfies"):
        sampler.draw(5, _rng(), allowed={"sex": Allowed(values=("Dragon",))})


def test_given_columns_stay_as_they_are(sampler, adult):
    given = adult[0].select(["age", "workclass"]).slice(0, 700)
    drawn = sampler.draw(700, _rng(), given=given, allowed={"sex": Allowed(values=("Male",))})
    assert drawn["age"].equals(given["age"]) and drawn["workclass"].equals(given["workclass"])
    assert drawn["sex"].unique().to_pylist() == ["Male"]


def test_same_seed_same_rows_and_saving_changes_nothing(sampler, tmp_path):
    sampler.save(tmp_path)
    again = type(sampler).load(tmp_path)
    assert again.draw(300, _rng(4)).equals(sampler.draw(300, _rng(4)))
    other = IndependentSampler if isinstance(sampler, CopulaSampler) else CopulaSampler
    with pytest.raises(ArtifactError, match="another kind"):
        other.load(tmp_path)
    (tmp_path / "marginals.json").write_text("[")
    with pytest.raises(ArtifactError, match="cannot be read"):
        type(sampler).load(tmp_path)


def test_the_copula_keeps_correlations_and_the_baseline_does_not(adult):
    table, columns = adult
    real = np.corrcoef(table["age"].to_numpy(), table["education_num"].to_numpy())[0, 1]
    assert abs(real) > 0.01

    def married_men(t):
        married = pc.equal(t["relationship"].cast(pa.string()), "Husband")
        return pc.mean(pc.equal(pc.filter(t["sex"].cast(pa.string()), married), "Male")).as_py()

    copula = CopulaModel().fit(table, columns, RunContext()).draw(12_000, _rng())
    alone = IndependentModel().fit(table, columns, RunContext()).draw(12_000, _rng())
    assert married_men(table) > 0.99
    assert married_men(copula) > married_men(alone) + 0.15


def test_the_copula_finds_known_correlations():
    rng = _rng(2)
    rho = np.array([[1.0, 0.7, -0.5], [0.7, 1.0, 0.0], [-0.5, 0.0, 1.0]])
    z = rng.standard_normal((60_000, 3)) @ np.linalg.cholesky(rho).T
    levels = np.array(["low", "mid", "high"], dtype=object)
    table = pa.table(
        {
            "number": pa.array(np.exp(z[:, 0])),
            "level": pa.array(levels[np.digitize(z[:, 1], [-0.5, 1.0])].tolist()).dictionary_encode(),
            "holes": pa.array(np.rint(10 * z[:, 2]), mask=z[:, 2] > 1.5).cast(pa.int64()),
        }
    )
    columns = [
        Column(name="number", kind=Kind.DECIMAL, storage="float64"),
        Column(name="level", kind=Kind.ORDINAL, categories=("low", "mid", "high")),
        Column(name="holes", kind=Kind.INTEGER, storage="int64", nullable=True),
    ]
    sampler = CopulaModel().fit(table, columns, RunContext())
    assert sampler.rho[0, 1] == pytest.approx(0.7, abs=0.03)
    assert sampler.rho[0, 2] == pytest.approx(-0.45, abs=0.08)  # the largest are null
    assert sampler.rho[0, 3] > 0.2  # low numbers are null more often
    given = pa.table({"level": pa.array(["high"] * 4000 + ["low"] * 4000).dictionary_encode()})
    drawn = sampler.draw(8000, _rng(), given=given)["number"].to_numpy()
    assert np.log(drawn[:4000]).mean() == pytest.approx(0.7 * 1.525, abs=0.08)
    assert np.log(drawn[4000:]).mean() == pytest.approx(-0.7 * 1.141, abs=0.08)


def test_rare_values_are_never_emitted(sampler):
    values = [*["a"] * 40, *["b"] * 40, *["secret"] * 4]
    numbers = [*[1.0] * 40, *[2.0] * 40, 777.25, 888.5, 999.75, 555.125]
    table = pa.table({"c": pa.array(values).dictionary_encode(), "x": pa.array(numbers)})
    columns = [Column(name="c", kind=Kind.CATEGORY), Column(name="x", kind=Kind.DECIMAL, storage="float64")]
    model = CopulaModel() if isinstance(sampler, CopulaSampler) else IndependentModel()
    drawn = model.fit(table, columns, RunContext(), rare_below=5).draw(5000, _rng())
    assert set(drawn["c"].unique().to_pylist()) == {"a", "b"}
    assert set(drawn["x"].unique().to_pylist()) == {1.0, 2.0}
    planted = model.fit(table, columns, RunContext(), rare_below=4).draw(5000, _rng())
    assert "secret" in planted["c"].unique().to_pylist()


@pytest.mark.parametrize("model", MODELS, ids=["independent", "copula"])
@pytest.mark.parametrize(
    "table",
    [
        pa.table({"x": pa.array([3], pa.int64())}),
        pa.table({"x": pa.array([None, None], pa.float64())}),
        pa.table({"x": pa.array([7] * 50, pa.int64())}),
        pa.table({"x": pa.array([-(2**63), 2**63 - 1] * 10, pa.int64())}),
        pa.table({"x": pa.array([0.0, float("nan"), float("inf")] * 10)}),
        pa.table({"x": pa.array([], pa.float64())}),
        pa.table({"x": pa.array([str(i) for i in range(300)]).dictionary_encode()}),
    ],
    ids=["one", "null", "constant", "extreme", "not-finite", "empty", "all-rare"],
)
def test_odd_tables(model, table):
    number = not pa.types.is_dictionary(table.schema.field("x").type)
    kind = Kind.DECIMAL if number else Kind.CATEGORY
    drawn = model.fit(table, [Column(name="x", kind=kind, nullable=True)], RunContext()).draw(20, _rng())
    assert drawn.num_rows == 20 and drawn.schema.field("x").type == table.schema.field("x").type


def test_context_columns_condition_and_are_not_generated(adult):
    table, columns = adult
    part = table.select(["age", "hours_per_week", "income"])
    kept = [
        Column(name="age", kind=Kind.INTEGER, storage="int64", role=Role.CONTEXT),
        *(column for column in columns if column.name in ("hours_per_week", "income")),
    ]
    sampler = CopulaModel().fit(part, kept, RunContext())
    drawn = sampler.draw(12_000, _rng(), given=part.select(["age"]))
    assert drawn.column_names == ["hours_per_week", "income"]
    rich = pc.equal(drawn["income"].cast(pa.string()), ">50K").to_numpy(zero_copy_only=False)
    ages = part["age"].to_numpy()
    assert rich[ages > 40].mean() > rich[ages < 30].mean() + 0.1


def test_a_profile_alone_is_enough():
    profile = TableProfile(
        name="people",
        rows=1000,
        columns=(
            ColumnProfile(
                name="pay", rows=1000, null_share=0.0, distinct=900, quantiles=(0.0, 0.0, 0.0, 100.0, 1000.0),
                spikes=((0.0, 0.6),),
            ),
            ColumnProfile(name="age", rows=1000, null_share=0.2, distinct=60, quantiles=(18.0, 40.0, 80.0)),
            ColumnProfile(name="sex", rows=1000, null_share=0.0, distinct=2, categories=(("F", 0.7), ("M", 0.3))),
        ),
        correlations={"pay|age": 0.8},
    )  # fmt: skip
    columns = [
        Column(name="pay", kind=Kind.DECIMAL, storage="float64"),
        Column(name="age", kind=Kind.INTEGER, storage="int64", nullable=True),
        Column(name="sex", kind=Kind.CATEGORY),
    ]
    drawn = ProfileEngine().sampler(profile, columns).draw(20_000, _rng())
    pay, age = drawn["pay"].to_numpy(), drawn["age"].to_numpy()
    assert (pay == 0).mean() == pytest.approx(0.6, abs=0.02)
    assert pay.max() <= 1000 and np.median(pay[pay > 0]) > 40
    assert np.nanmedian(age) == pytest.approx(40, abs=1.5)
    assert drawn["age"].null_count / 20_000 == pytest.approx(0.2, abs=0.02)
    known = ~np.isnan(age)
    assert np.corrcoef(pay[known], age[known])[0, 1] > 0.4
    assert pc.mean(pc.equal(drawn["sex"].cast(pa.string()), "F")).as_py() == pytest.approx(0.7, abs=0.02)
    with pytest.raises(DataError, match="tells nothing of height"):
        ProfileEngine().sampler(profile, [Column(name="height", kind=Kind.DECIMAL)])
