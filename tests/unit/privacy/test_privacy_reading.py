"""Does anything of a source reach a private run before it is paid for: types, marks, names, figures?"""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import veridical
from veridical.connect.source import read
from veridical.core.contracts import RunContext
from veridical.core.dataset import Dataset
from veridical.core.errors import BudgetError, SpecError
from veridical.core.schema import Column, Constraint, Kind, Schema, TableSchema
from veridical.engines.tabular.dp.engines import SinglesEngine
from veridical.engines.tabular.dp.law import private_schema
from veridical.engines.tabular.dp.mst import SinglesModel
from veridical.engines.tabular.dp.private import Terms, learn_private
from veridical.engines.tabular.dp.shape import MARK, NULL, NUMBER, OTHER, shapes_of
from veridical.privacy.accountants import epsilon_of, total
from veridical.privacy.ledger import Budget, Ledger
from veridical.privacy.mechanisms import Lens
from veridical.privacy.noise import SecureNoise
from veridical.stages.private import read_source, skeleton

pytest.importorskip("opendp")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("VERIDICAL_HOME", str(tmp_path / "home"))


def learned(table, epsilon=4.0):
    terms = Terms(budget=Budget(epsilon=epsilon))
    return learn_private(
        table, skeleton(Dataset.of(table)).only, SinglesModel(), terms, terms.lens(SecureNoise()), RunContext()
    )


def csv_of(path, cells, last):
    path.write_text("x,y\n" + "".join(f"{cell},a\n" for cell in [*cells, last]))
    return path


@pytest.mark.parametrize("last", ["3.5", "unknown", "007", "NA", "1e400", "2020-01-01T00:00:00"])
def test_one_cell_decides_nothing_for_the_others_of_its_column(tmp_path, last):
    numbers = np.random.default_rng(0).integers(0, 90, 5000).tolist()
    found = [
        learned(read_source(csv_of(tmp_path / f"{name}.csv", numbers, cell)).only).schema.column("x")
        for name, cell in (("plain", "42"), ("odd", last))
    ]
    assert found[0] == found[1]
    assert found[0].kind is Kind.INTEGER and not found[0].nullable


def test_the_cells_of_text_files_stay_text_and_each_is_read_alone(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("x,y\n1,NA\n?,NULL\n,nan\n2.5,KR\n")
    table = read_source(path).only
    assert table["x"].to_pylist() == ["1", None, None, "2.5"]
    assert table["y"].to_pylist() == ["NA", None, None, "KR"]  # NA may be Namibia
    lines = tmp_path / "t.jsonl"
    lines.write_text("".join(json.dumps({"x": x}) + "\n" for x in (1, 2.5, None, True, "t", [1])))
    assert read(lines, cells="text").only["x"].to_pylist() == ["1", "2.5", None, "true", "t", "[1]"]


def test_marks_for_missing_count_as_gaps_of_numbers_alone():
    shapes = shapes_of(pa.array(["7", "NA", "", None, "1e-3", "x"])).tolist()
    assert shapes[:4] == [NUMBER, MARK, MARK, NULL] and shapes[4] > NUMBER and shapes[5] == OTHER
    cells = [*(str(v) for v in range(40)), "NA"] * 200
    column = learned(pa.table({"x": cells})).schema.column("x")
    assert column.kind is Kind.INTEGER and column.nullable


def test_columns_of_jsonl_are_named_by_a_schema_or_not_at_all(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text('{"x": 1}\n{"x": 2, "only mine": 3}\n')
    with pytest.raises(SpecError, match="JSONL has no header"):
        read_source(path)
    assert read_source(path, named=True).only.column_names == ["x", "only mine"]


def test_values_of_equal_noisy_counts_stand_in_no_order_of_rows():
    def look(values):
        return list(values), np.full(len(values), 1000)

    class Still(SecureNoise):
        def gaussian(self, counts, sigma):
            return counts.copy()

    found = []
    for values in ("abc", "cba"):
        lens = Lens(ledger=Ledger(Budget(epsilon=4.0)), noise=Still())
        found.append(lens.stable("x", lambda v=values: look(v), rho=0.1, delta=1e-7)[0])
    assert found[0] == found[1] == ["a", "b", "c"]


def test_a_schema_that_nobody_declared_is_not_believed_but_for_names():
    """What `learn` found (an identifier, a personal name, a text) is of the rows too."""
    columns = tuple(Column(name=name, kind=kind, unique=True, low=1) for name, kind in
                    (("a", Kind.IDENTIFIER), ("b", Kind.PERSONAL), ("c", Kind.INTEGER)))  # fmt: skip
    rule = Constraint(type="unique", columns=("a",), source="learned")
    schema = TableSchema(name="t", columns=columns, constraints=(rule,), primary_key=("a",))
    header = pa.schema([(name, pa.string()) for name in "abc"])
    law = private_schema(schema, header, Terms(budget=Budget(epsilon=1.0)))
    assert {column.kind for column in law.columns} == {Kind.CATEGORY}
    assert law.constraints == () and law.primary_key == () and law.columns[2].low is None


def test_the_python_functions_keep_the_promise_too():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.integers(18, 90, 3217), "ward": ["north"] * 3216 + ["the-only-one"]})
    made = veridical.synth(frame, engine="dp-independent", options={"epsilon": 4.0})
    assert 3000 < len(made.data) < 3430
    assert "the-only-one" not in set(made.data["ward"])
    measured = {finding.check for finding in made.findings if finding.value is not None}
    assert measured <= {"privacy.ledger", "privacy.epsilon", "validity.rules", "validity.columns",
                        "fidelity.noise", "fidelity.noisy_columns", "fidelity.noisy_pairs"}  # fmt: skip
    assert made.verdict.gate_set == "private"
    generator = veridical.fit(frame, engine="dp-independent", options={"epsilon": 4.0})
    assert generator.schema.only.column("ward").categories == ("north",)


def test_what_a_caller_says_in_a_schema_is_declared_by_name():
    frame = pd.DataFrame({"x": ["a"] * 2000 + ["b"] * 2000})
    schema = Schema(tables=(TableSchema(name="data", columns=(
        Column(name="x", kind=Kind.CATEGORY, categories=("a", "b"), public=True),)),))  # fmt: skip
    generator = veridical.fit(frame, schema=schema, engine="dp-independent", options={"epsilon": 1.0})
    assert any("domain of x: declared public" in event.what for event in generator.spent)


def test_one_user_who_owns_half_of_the_rows_counts_once():
    names = ["big"] * 4000 + [f"p{i}" for i in range(4000)]
    table = pa.table({"who": names, "x": ["mine"] * 4000 + ["a", "b"] * 2000})
    data = Dataset.of(table)
    generator = SinglesEngine(epsilon=2.0, unit="who").fit(data, skeleton(data), RunContext())
    assert generator.schema.only.column("x").categories is not None
    assert set(generator.schema.only.column("x").categories) == {"a", "b"}
    assert 3500 < generator.noisy_rows < 4500


def test_empty_marginals_still_give_rows():
    table = pa.table(
        {"x": pa.array([None] * 2000, pa.string()), "y": [f"only {i}" for i in range(2000)], "z": ["a"] * 2000}
    )
    found = learned(table)
    drawn = found.restore.apply(
        found.sampler.draw(40, np.random.default_rng(0)), np.random.default_rng(0), rows=40, total_rows=40
    )
    assert drawn.num_rows == 40 and not set(drawn["y"].to_pylist()) & set(table["y"].to_pylist())


class Greedy(SinglesModel):
    """Looks once more than its budget allows."""

    def learn(self, rows, singles, *, rho, total):
        done = SinglesModel.learn(self, rows, singles, rho=rho, total=total)
        rows.measure((0,), rho=rho)
        return done


def test_a_look_too_many_ends_the_run_before_it_is_made():
    table = pa.table({"x": ["a", "b"] * 1000})
    terms = Terms(budget=Budget(epsilon=1.0))
    lens = terms.lens(SecureNoise())
    with pytest.raises(BudgetError, match="this look would spend"):
        learn_private(table, skeleton(Dataset.of(table)).only, Greedy(), terms, lens, RunContext())
    assert lens.ledger.epsilon <= 1.0


def test_finding_domains_and_kinds_is_part_of_the_budget_and_never_beside_it():
    table = pa.table({"x": ["a", "b"] * 1000, "y": range(2000)})
    found = learned(table, epsilon=1.0)
    charged = [event for event in found.events if event.mechanism not in ("public", "noted")]
    kinds = [event for event in charged if "kinds, gaps" in event.what]
    domains = [event for event in charged if event.mechanism == "stability" or "bounds, by powers" in event.what]
    assert len(kinds) == 1
    told = sorted(event.what.partition(":")[0] for event in domains)
    assert told in (["x", "y"], ["x", "x", "y"])  # noise decides whether a second look at the categories is worth it
    assert epsilon_of(total(charged), 1e-6) <= 1.0 * (1 + 1e-9)
    assert total(kinds + domains).rho > 0
