"""Is every kind of bad input told, is nothing unmeasured passed, and is what should fail failed?"""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from measured import adult
from veridical.cli.main import run
from veridical.core.contracts import Evidence, RunContext
from veridical.core.dataset import Dataset
from veridical.core.errors import DataError, SchemaError, VeridicalError
from veridical.core.finding import Outcome
from veridical.core.schema import Column, Kind, Schema, TableSchema
from veridical.gates.catalog import load_gates
from veridical.gates.judge import Fingerprints, judge
from veridical.stages.inputs import compare_inputs
from veridical.stages.overlap import holdout_overlap
from veridical.stages.validate import validate
from veridical.store.artifact import open_sealed

CTX = RunContext(seed=3)
PRINTS = Fingerprints(synthetic="s", real="r", schema="c")


def people(rows=800, seed=0):
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 80, rows)
    job = rng.choice(["clerk", "nurse", "smith"], rows)
    wage = (age * 300 + rng.normal(20_000, 4_000, rows)).round(1)
    rich = np.where(wage + rng.normal(0, 2_000, rows) > 36_000, "yes", "no")
    return pa.table({"age": age, "job": job, "wage": wage, "rich": rich})


def schema(table=None, **others):
    kinds = {"age": Kind.INTEGER, "wage": Kind.DECIMAL, "id": Kind.IDENTIFIER}
    names = (people(1) if table is None else table).column_names
    columns = tuple(Column(name=name, kind=kinds.get(name, Kind.CATEGORY)) for name in names)
    return Schema(tables=(TableSchema(name="people", columns=columns, **others),))


def found(synthetic, *, train=None, holdout=None, table_schema=None):
    train = people() if train is None else train
    evidence = Evidence(
        train=Dataset.of(train),
        synthetic=Dataset.of(synthetic),
        holdout=None if holdout is None else Dataset.of(holdout),
        schema=table_schema if table_schema is not None else schema(train),
    )
    inputs = compare_inputs(evidence)
    return inputs, {finding.check: finding for finding in inputs.findings}


def with_column(table, name, values):
    return table.set_column(table.column_names.index(name), name, pa.array(values))


def test_good_input_is_told_to_be_good():
    _, checks = found(people(seed=1), holdout=people(seed=2))
    assert {c: f.value for c, f in checks.items() if c in ("input.schema", "input.types", "input.empty_columns")} == {
        "input.schema": 0, "input.types": 0, "input.empty_columns": 0,
    }  # fmt: skip
    assert checks["input.holdout_overlap"].p_value > 0.01
    assert checks["input.synthetic_is_train"].value < 0.01


def test_missing_and_extra_columns_are_counted_and_left_out():
    inputs, checks = found(people(seed=1).drop_columns(["job"]).append_column("more", pa.array([1] * 800)))
    assert checks["input.schema"].value == 2
    assert "lacks job" in checks["input.schema"].sentence
    assert inputs.evidence.schema.only.names == ("age", "wage", "rich")


def test_another_type_is_read_where_it_can_be_and_told_where_not():
    synthetic = with_column(people(seed=1), "age", [f"{age}.0" for age in people(seed=1)["age"].to_pylist()])
    inputs, checks = found(with_column(synthetic, "wage", ["high"] * 800))
    assert checks["input.types"].value == 1 and "wage" in checks["input.types"].sentence
    assert inputs.evidence.synthetic.only["age"].type == pa.int64()


def test_unseen_categories_are_told_without_their_values():
    _, checks = found(with_column(people(seed=1), "job", ["Zebra"] * 400 + ["nurse"] * 400))
    finding = checks["input.unseen_categories"]
    assert finding.value == 0.5 and "Zebra" not in json.dumps(finding.to_dict())


def test_a_holdout_that_was_trained_on_is_caught_and_chance_repeats_are_not():
    train = people()
    leaky = pa.concat_tables([train.slice(0, 100), people(700, seed=5)])
    _, checks = found(people(seed=1), train=train, holdout=leaky)
    assert checks["input.holdout_overlap"].p_value < 1e-6
    narrow = train.select(["job", "rich"])
    _, checks = found(
        people(seed=1).select(["job", "rich"]), train=narrow, holdout=people(seed=2).select(["job", "rich"])
    )
    assert checks["input.holdout_overlap"].p_value > 0.01


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_rows_that_repeat_by_nature_raise_no_alarm_however_the_table_is_split(share):
    # Ages and answers only: some kinds of rows are common, many are met once, twice or a few times.
    rng = np.random.default_rng(8)
    for _ in range(20):
        rows = rng.integers(18, 80, 3_000) * 1_000 + rng.geometric(0.02, 3_000)
        keys = rows.astype(np.uint64)
        cut = round(share * len(keys))
        assert holdout_overlap(keys[cut:], keys[:cut]).p_value > 1e-4


def test_pairs_of_equal_rows_split_between_train_and_holdout_are_caught():
    keys = np.arange(4_000, dtype=np.uint64)
    assert holdout_overlap(keys[:3_000], np.concatenate([keys[3_000:], keys[:40]])).p_value < 1e-6


def test_a_second_sample_of_few_kinds_of_rows_is_not_the_training_table():
    def gate(synthetic):
        train = people(3_000).select(["age"])
        _, checks = found(synthetic, train=train, holdout=people(800, seed=2).select(["age"]))
        asked = load_gates("share")
        gates = tuple(gate for gate in asked.gates if gate.check == "input.synthetic_is_train")
        return judge([checks["input.synthetic_is_train"]], replace(asked, gates=gates), PRINTS)

    assert gate(people(3_000, seed=1).select(["age"])).outcome is Outcome.PASS
    assert gate(people(3_000).select(["age"]).take(np.random.default_rng(1).permutation(3_000))).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    "names",
    [["age"], ["sex", "income"], pytest.param(["sex", "race", "income"], marks=pytest.mark.slow),
     pytest.param(["age", "hours_per_week"], marks=pytest.mark.slow)],
)  # fmt: skip
def test_real_rows_of_a_narrow_table_pass_every_gate(names):
    train, holdout, synthetic = (Dataset.of(adult().select(names).slice(at * 1_500, 1_500)) for at in range(3))
    verdict = validate(train=train, synthetic=synthetic, holdout=holdout, ctx=CTX).verdict
    assert [r.gate.check for r in verdict.results if r.outcome is not Outcome.PASS and r.gate.required] == []


def test_synthetic_that_is_train_is_caught_in_any_order_and_with_fresh_keys():
    train = people().append_column("id", pa.array([f"a{i}" for i in range(800)]))
    shuffled = people().take(np.random.default_rng(0).permutation(800))
    synthetic = shuffled.append_column("id", pa.array([f"b{i}" for i in range(800)]))
    _, checks = found(synthetic, train=train)
    assert checks["input.synthetic_is_train"].value == 1.0


def test_leaked_identifiers_are_caught_and_row_numbers_are_not():
    def keyed(seed, keys):
        return people(seed=seed).append_column("id", pa.array(keys))

    def leak(keys, train_keys, holdout_keys):
        _, checks = found(keyed(1, keys), train=keyed(0, train_keys), holdout=keyed(2, holdout_keys))
        return checks["input.leaked_identifiers"].p_value

    own, others, fresh = ([f"{letter}{i}" for i in range(800)] for letter in "abc")
    assert leak([*own[:8], *fresh[8:]], own, others) < 0.01
    assert leak(fresh, own, others) > 0.5
    rng = np.random.default_rng(1)
    numbers = rng.permutation(1600)
    assert leak(list(range(800)), list(numbers[:800]), list(numbers[800:])) > 0.01


def test_null_columns_on_either_side():
    nulls = pa.nulls(800, pa.string())
    _, checks = found(with_column(people(seed=1), "job", nulls))
    assert checks["input.empty_columns"].value == 1
    inputs, checks = found(people(seed=1), train=with_column(people(), "job", nulls))
    assert checks["input.empty_columns"].value == 0 and "job" in checks["input.empty_columns"].sentence
    assert "job" not in inputs.evidence.schema.only.names


def test_one_class_only_in_the_target():
    rich = schema(target="rich")
    inputs, checks = found(people(seed=1), train=with_column(people(), "rich", ["yes"] * 800), table_schema=rich)
    assert not checks["input.target"].measured and inputs.evidence.schema.only.target is None
    _, checks = found(with_column(people(seed=1), "rich", ["yes"] * 800), table_schema=rich)
    assert checks["input.target"].value == 1


@pytest.mark.parametrize("gates", ["share", "train", "test-data", "dp"])
def test_a_named_target_of_one_class_or_out_of_reach_stops_a_release(gates):
    rich = schema(target="rich")
    same = with_column(people(), "rich", ["yes"] * 800)
    for real, made in ((same, people(seed=1)), (people(), same), (people(), people(seed=1).drop_columns("rich"))):
        _, checks = found(made, train=real, table_schema=rich)
        verdict = judge([checks["input.target"]], load_gates(gates), PRINTS)
        assert "input.target" in {result.gate.check for result in verdict.failures}, checks["input.target"]
    _, checks = found(people(seed=1))
    assert checks["input.target"].value == 0 and "No target" in checks["input.target"].sentence


def test_too_few_rows_are_not_measured():
    _, checks = found(people(20, seed=1))
    assert not checks["input.rows"].measured and "20 rows" in checks["input.rows"].reason


@pytest.mark.parametrize("synthetic", [people(0), pa.table({"other": [1, 2]})])
def test_nothing_to_compare_is_an_error(synthetic):
    with pytest.raises(DataError):
        found(synthetic)


def test_a_schema_of_other_columns_is_an_error():
    wrong = schema(people(1).append_column("ghost", pa.array([1])))
    with pytest.raises(SchemaError, match="ghost"):
        validate(train=Dataset.of(people()), synthetic=Dataset.of(people()), schema=wrong, ctx=CTX)


def test_tiny_data_never_passes():
    tiny = [Dataset.of(people(12, seed=seed)) for seed in range(3)]
    try:
        said = validate(train=tiny[0], synthetic=tiny[1], holdout=tiny[2], schema=schema(), ctx=CTX)
    except VeridicalError:
        return
    assert said.verdict.outcome is not Outcome.PASS


@pytest.mark.slow
def test_good_data_passes_and_copied_data_fails_through_the_command(tmp_path, capsys):
    train, holdout = people(2_000), people(2_000, seed=1)
    good, bad = people(2_000, seed=2), pa.concat_tables([train.slice(0, 200), people(1_800, seed=2)])
    for name, table in {"train": train, "holdout": holdout, "good": good, "bad": bad}.items():
        pq.write_table(table, tmp_path / f"{name}.parquet")
    sides = ["--real", str(tmp_path / "train.parquet"), "--holdout", str(tmp_path / "holdout.parquet"), "-q"]
    out = tmp_path / "report"
    command = ["validate", *sides, "--target", "rich"]
    assert run([*command, "--synthetic", str(tmp_path / "good.parquet"), "-o", str(out)]) == 0
    assert "PASS" in capsys.readouterr().out
    assert "report.html" in open_sealed(out, "validation").files
    junit = tmp_path / "junit.xml"
    assert run([*command, "--synthetic", str(tmp_path / "bad.parquet"), "--json", "--junit", str(junit)]) == 3
    said = json.loads(capsys.readouterr().out)
    failed = {r["gate"]["check"] for r in said["verdict"]["results"] if r["outcome"] == "fail"}
    assert "privacy.exact_copies" in failed
    assert "failure" in junit.read_text()


@pytest.mark.slow
def test_without_a_holdout_copying_is_not_measured_and_says_so(tmp_path, capsys):
    pq.write_table(people(1_500), tmp_path / "a.parquet")
    pq.write_table(people(1_500, seed=1), tmp_path / "b.parquet")
    code = run(["validate", "--real", str(tmp_path / "a.parquet"), "--synthetic", str(tmp_path / "b.parquet"), "-q"])
    said = capsys.readouterr().out
    assert code == 3 and "? privacy.exact_copies" in said
    assert (
        run(["validate", "--real", str(tmp_path / "a.parquet"), "--synthetic", "b.csv", "-q", "--gates", "nope"]) == 2
    )


@pytest.mark.slow
@pytest.mark.parametrize("gates", ["share", "dp"])
def test_no_measure_or_attack_lets_a_planted_person_onto_an_outsiders_page(tmp_path, gates):
    """One person with a unique job and an extreme wage, in train, holdout and even in the synthetic data."""
    sides = []
    for seed in range(3):
        values = people(1_500, seed=seed).to_pydict()
        values["job"][7], values["wage"][7] = "Xyzzyplugh", 987654321.5
        sides.append(Dataset.of(pa.table(values)))
    train, holdout, synthetic = sides
    rich = schema(target="rich", protected=("job",))
    validate(
        train=train, holdout=holdout, synthetic=synthetic, schema=rich, gates=gates, ctx=CTX, folder=tmp_path / "v"
    )
    for file in (tmp_path / "v").iterdir():
        text = file.read_text()
        for spelling in ("Xyzzyplugh", "987654321", "987,654,3", "9.8765", "9.877e+08"):
            assert spelling not in text, (file.name, spelling, text[max(0, text.index(spelling) - 200) :][:300])
