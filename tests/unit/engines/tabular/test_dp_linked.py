"""Do private linked tables keep their links, their counts and their promise to a unit?"""

import numpy as np
import pyarrow as pa
import pytest

from veridical.core.contracts import RunContext, SampleRequest, Shard
from veridical.core.dataset import Dataset
from veridical.core.errors import ConstraintError, DataError, SchemaError, SpecError
from veridical.core.schema import Column, Constraint, ForeignKey, Kind, Schema, TableSchema
from veridical.engines.tabular.dp.family import family_of
from veridical.engines.tabular.dp.kinship import used_rows
from veridical.engines.tabular.dp.linked_engine import LinkedPrivateEngine
from veridical.engines.tabular.dp.linked_generator import LinkedPrivateGenerator
from veridical.engines.tabular.dp.relevant import relevant
from veridical.privacy.accountants import cost_of, epsilon_of, total
from veridical.privacy.ledger import Budget, Ledger
from veridical.privacy.mechanisms import Lens
from veridical.stages.linked_private import skeleton

pytest.importorskip("opendp")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("VERIDICAL_HOME", str(tmp_path / "home"))


def table(name, *columns, key=(), rules=()):
    made = tuple(c if isinstance(c, Column) else Column(name=c, kind=Kind.CATEGORY) for c in columns)
    return TableSchema(name=name, columns=made, primary_key=key, constraints=rules)


def link(child, column, parent, key):
    return ForeignKey(table=child, columns=(column,), parent=parent, parent_columns=(key,))


def hospital(units=3000, seed=0):
    rng = np.random.default_rng(seed)
    age, sex = rng.integers(18, 90, units), rng.choice(["f", "m"], units)
    owner = np.repeat(np.arange(units), rng.poisson(age / 30))
    lab_of = np.repeat(np.arange(len(owner)), rng.poisson(1.0, len(owner)))
    names = np.array([f"P{i}" for i in range(units)])
    return Dataset({
        "patients": pa.table({"patient_id": names, "age": age, "sex": sex}),
        "visits": pa.table({
            "visit_id": np.arange(len(owner)), "patient_id": names[owner],
            "ward": np.where(age[owner] > 60, "old", "young"), "cost": np.round(rng.gamma(2, 100, len(owner)), 2),
        }),
        "labs": pa.table({
            "lab_id": np.arange(len(lab_of)), "visit_id": lab_of, "patient_id": names[owner[lab_of]],
            "value": rng.normal(5, 1, len(lab_of)).round(1),
        }),
    })  # fmt: skip


def fitted(data, *, schema=None, **more):
    schema = skeleton(data, "patients", tuple(more.get("keep", ()))) if schema is None else schema
    engine = LinkedPrivateEngine(**{"epsilon": 6.0, "unit": "patients", **more})
    return engine.fit(data, schema, RunContext())


def drawn(generator, **more):
    return generator.sample(SampleRequest(rows=1, **more), Shard(0, 1, 0, 1)).tables


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VERIDICAL_HOME", str(tmp_path_factory.mktemp("home")))
        data = hospital()
        return data, fitted(data)


def test_every_key_points_to_a_row_of_its_own_line(learned):
    made = {name: rows.to_pandas() for name, rows in drawn(learned[1]).items()}
    patients, visits, labs = made["patients"], made["visits"], made["labs"]
    assert patients.patient_id.is_unique and visits.visit_id.is_unique and labs.lab_id.is_unique
    assert visits.patient_id.isin(patients.patient_id).all() and labs.visit_id.isin(visits.visit_id).all()
    both = labs.merge(visits, on="visit_id")
    assert (both.patient_id_x == both.patient_id_y).all() and len(labs) > 500
    for name, rows in learned[0].tables.items():
        assert list(made[name].columns) == rows.column_names
    assert not set(patients.patient_id) & set(learned[0].tables["patients"]["patient_id"].to_pylist())


def test_numbers_of_rows_and_attributes_follow_the_parent(learned):
    made = {name: rows.to_pandas() for name, rows in drawn(learned[1]).items()}
    counts = made["patients"].patient_id.map(made["visits"].patient_id.value_counts()).fillna(0)
    old = made["patients"].age > 60
    assert counts[old].mean() > counts[~old].mean() + 0.5
    assert len(made["visits"]) == pytest.approx(learned[0].tables["visits"].num_rows, rel=0.2)
    joined = made["visits"].merge(made["patients"], on="patient_id")
    ages = joined.groupby("ward").age.mean()
    assert ages["old"] > ages["young"] + 15


def test_all_tables_write_into_one_ledger_that_holds(learned):
    events = learned[1].spent
    assert 5.5 < epsilon_of(total(events), 1e-6) <= 6.0 * (1 + 1e-9)
    charged = {event.what.split(":")[0] for event in events if event.mechanism not in ("public", "noted")}
    assert charged == {"patients", "visits", "labs"}
    # What noise leaves untold of a column is noted, too, now and then.
    chosen = [event.what for event in events if event.mechanism == "noted" and "used at most" in event.what]
    assert [words.split(":")[0] for words in chosen] == ["visits", "labs"]


def test_looks_at_tables_below_count_with_all_rows_of_a_unit():
    generator = fitted(hospital(), rows_per_unit={"visits": 3, "labs": 5})
    for table_name, most in (("patients", 1), ("visits", 3), ("labs", 5)):
        found = [e.parameters for e in generator.spent if e.what.startswith(f"{table_name}: marginal")]
        assert {p["sensitivity"] for p in found} <= {float(most)}
        single = [e.parameters["sensitivity"] for e in generator.spent if e.what.startswith(f"{table_name}: ")
                  and "categories that many" in e.what]  # fmt: skip
        assert set(single) <= {float(most)}


def test_a_saved_generator_draws_the_same(learned, tmp_path):
    learned[1].save(tmp_path / "g")
    opened = LinkedPrivateGenerator.load(tmp_path / "g")
    assert opened.spent == tuple(learned[1].spent)
    for name, rows in drawn(learned[1], seed=3).items():
        assert rows.equals(drawn(opened, seed=3)[name])
    text = b"".join(path.read_bytes() for path in (tmp_path / "g").rglob("*") if path.is_file())
    assert b"P17" not in text and b"P2999" not in text


def test_twice_the_scale_is_twice_the_units(learned):
    one, two = drawn(learned[1]), drawn(learned[1], scale=2.0)
    assert two["patients"].num_rows == 2 * one["patients"].num_rows
    with pytest.raises(SpecError, match="where"):
        drawn(learned[1], where="age > 3")


def test_of_each_unit_no_more_rows_are_used_than_agreed_whoever_else_is_there():
    data = hospital(units=400)
    schema = skeleton(data, "patients")
    family = family_of(schema, "patients")
    most = {"visits": 2, "labs": 3}
    used = used_rows(data.tables, family, lambda name, numbers: most[name])
    for name, bound in most.items():
        assert np.bincount(used[name].unit).max() <= bound
    labs = used["labs"].rows.to_pandas().merge(used["visits"].rows.to_pandas(), on="visit_id")
    assert len(labs) == used["labs"].rows.num_rows  # none without its visit
    without = Dataset(
        {n: t.filter(pa.array([p != "P7" for p in t["patient_id"].to_pylist()])) for n, t in data.tables.items()}
    )
    fewer = used_rows(without.tables, family, lambda name, numbers: most[name])
    for name in family.tables:
        rows = used[name].rows.to_pandas()
        assert rows[rows.patient_id != "P7"].reset_index(drop=True).equals(fewer[name].rows.to_pandas())


def test_a_unit_that_stands_twice_counts_once_and_rows_of_nobody_are_left_out():
    tables = {
        "people": pa.table({"id": ["a", "a", "b"], "x": [1, 2, 3]}),
        "notes": pa.table({"people_id": ["a", "b", "ghost"], "y": [1, 2, 3]}),
    }
    schema = skeleton(Dataset(tables), "people")
    used = used_rows(tables, family_of(schema, "people"), lambda name, numbers: 5)
    assert used["people"].rows.num_rows == 2
    assert sorted(used["notes"].rows["people_id"].to_pylist()) == ["a", "b"]


def test_a_key_with_gaps_is_refused():
    data = hospital(units=200)
    visits = data.tables["visits"].set_column(
        1, "patient_id", pa.array([None] + ["P1"] * (data.tables["visits"].num_rows - 1))
    )
    with pytest.raises(DataError, match="gaps"):
        fitted(Dataset({**data.tables, "visits": visits}))


def test_what_cannot_be_told_apart_by_units_is_refused_by_name():
    people, mail = table("people", "id", key=("id",)), table("mail", "sender", "receiver")
    two = Schema(
        tables=(people, mail),
        foreign_keys=(link("mail", "sender", "people", "id"), link("mail", "receiver", "people", "id")),
    )
    with pytest.raises(SchemaError, match=r"two units.*sender.*receiver|two units"):
        family_of(two, "people")
    with pytest.raises(SchemaError, match="rows of mail belong to no row"):
        family_of(Schema(tables=(people, mail)), "people.id")
    boss = Schema(
        tables=(table("people", "id", "boss", key=("id",)),), foreign_keys=(link("people", "boss", "people", "id"),)
    )
    with pytest.raises(SchemaError, match="point to each other"):
        family_of(boss, "people")
    with pytest.raises(SchemaError, match="no table 'nobody'"):
        family_of(two, "nobody")
    ring = Schema(
        tables=(people, table("a", "pid", "b"), table("b", "a", "id")),
        foreign_keys=(link("a", "pid", "people", "id"), link("a", "b", "b", "id"), link("b", "a", "a", "pid")),
    )
    with pytest.raises(SchemaError, match="circle"):
        family_of(ring, "people")


def test_a_public_table_goes_out_as_it_is_and_keys_to_it_stay_sound():
    rng = np.random.default_rng(1)
    tables = {
        "users": pa.table({"user_id": [f"u{i}" for i in range(800)], "plan": rng.choice(["a", "b"], 800)}),
        "orders": pa.table({
            "user_id": [f"u{i}" for i in rng.integers(0, 800, 3000)], "product_id": rng.integers(1, 20, 3000),
        }),
        "products": pa.table({"product_id": range(1, 21), "price": range(20)}),
    }  # fmt: skip
    data = Dataset(tables)
    with pytest.raises(SchemaError, match="products"):
        LinkedPrivateEngine(unit="users").fit(data, skeleton(data, "users"), RunContext())
    generator = LinkedPrivateEngine(epsilon=6.0, unit="users", keep=("products",)).fit(
        data, skeleton(data, "users", ("products",)), RunContext()
    )
    made = drawn(generator)
    assert made["products"].equals(tables["products"])
    assert made["orders"]["product_id"].type == pa.int64()
    assert set(made["orders"]["product_id"].to_pylist()) <= set(range(1, 21))
    assert any("every row of products" in event.what for event in generator.spent)


def test_a_numbering_key_counts_from_one_and_a_key_that_is_its_parents_stands_once():
    rng = np.random.default_rng(2)
    owner = np.repeat(np.arange(600), rng.integers(0, 5, 600))
    number = np.arange(len(owner)) - np.searchsorted(owner, owner) + 1
    data = Dataset({
        "people": pa.table({"id": range(600), "x": rng.choice(["a", "b"], 600)}),
        "tests": pa.table({"person_id": owner, "number": number, "y": rng.choice(["c", "d"], len(owner))}),
        "details": pa.table({"person_id": np.arange(0, 600, 2), "z": rng.choice(["e", "f"], 300)}),
    })  # fmt: skip
    schema = Schema(
        tables=(
            table("people", Column(name="id", kind=Kind.IDENTIFIER, storage="int64"), "x", key=("id",)),
            table("tests", Column(name="person_id", kind=Kind.IDENTIFIER, storage="int64"),
                  Column(name="number", kind=Kind.INTEGER, storage="int64"), "y", key=("person_id", "number")),
            table("details", Column(name="person_id", kind=Kind.IDENTIFIER, storage="int64"), "z", key=("person_id",)),
        ),
        foreign_keys=(link("tests", "person_id", "people", "id"), link("details", "person_id", "people", "id")),
    )  # fmt: skip
    engine = LinkedPrivateEngine(epsilon=8.0, unit="people", declared_kinds=True)
    made = drawn(engine.fit(data, schema, RunContext()))
    tests = made["tests"].to_pandas()
    assert tests.groupby("person_id").number.apply(lambda n: list(n) == list(range(1, len(n) + 1))).all()
    assert made["details"].to_pandas().person_id.is_unique
    assert 150 < made["details"].num_rows < 450


def test_rules_are_kept_and_a_rule_on_keys_is_refused():
    data = hospital(units=1500)
    bare = skeleton(data, "patients")
    rule = Constraint(type="forbidden", when="ward == 'old' and cost > 100")
    kinds = {
        "ward": Column(name="ward", kind=Kind.CATEGORY),
        "cost": Column(name="cost", kind=Kind.DECIMAL, storage="double"),
    }

    def with_rule(rule):
        tables = []
        for one in bare.tables:
            columns = tuple(kinds.get(c.name, c) for c in one.columns)
            tables.append(TableSchema(name=one.name, columns=columns, primary_key=one.primary_key,
                                      constraints=(rule,) if one.name == "visits" else ()))  # fmt: skip
        return Schema(tables=tuple(tables), foreign_keys=bare.foreign_keys)

    visits = drawn(fitted(data, schema=with_rule(rule), declared_kinds=True))["visits"].to_pandas()
    assert not ((visits.ward == "old") & (visits.cost > 100)).any() and len(visits) > 300
    with pytest.raises(ConstraintError, match="reads a key"):
        fitted(data, schema=with_rule(Constraint(type="forbidden", when="patient_id == 'P1'")), declared_kinds=True)


@pytest.mark.parametrize("told", [{"rows_per_unit": 0}, {"rows_per_unit": {"visits": -1}}, {"rows_per_unit": "many"},
                                  {"epsilon": 0.0}, {"told_columns": -1}])  # fmt: skip
def test_terms_that_promise_nothing_are_refused_at_once(told):
    with pytest.raises(SpecError):
        LinkedPrivateEngine(unit="patients", **told)


def test_a_bound_for_a_table_that_is_not_there_and_a_missing_unit_are_refused():
    data = hospital(units=100)
    with pytest.raises(SpecError, match="no table 'nothing'"):
        fitted(data, rows_per_unit={"nothing": 3})
    with pytest.raises(SpecError, match="without a unit"):
        fitted(data, unit=None)


def test_names_tell_keys_only_where_they_are_alike():
    tables = {"patients": pa.table({"id": [1], "age": [4]}), "visits": pa.table({"visit_id": [1], "patient_id": [1]}),
              "labs": pa.table({"VisitID": [1], "value": [2.0]})}  # fmt: skip
    found = skeleton(Dataset(tables), "patients")
    assert {(k.table, k.columns[0], k.parent) for k in found.foreign_keys} == {
        ("visits", "patient_id", "patients"), ("labs", "VisitID", "visits")
    }  # fmt: skip
    assert all(column.kind is Kind.CATEGORY for one in found.tables for column in one.columns)
    assert skeleton(Dataset(tables), "patients.id").table("patients").primary_key == ("id",)
    with pytest.raises(SchemaError, match="names no table"):
        skeleton(Dataset(tables), "nobody")


def test_the_columns_that_children_follow_are_chosen_and_charged():
    rng = np.random.default_rng(0)
    rows = 5000
    given = {f"c{i}": rng.integers(0, 5, rows) for i in range(10)}
    child = pa.table({"y": [f"v{v}" for v in given["c6"]], "z": given["c3"] * 10.0 + 1})
    ledger = Ledger(Budget(epsilon=4.0))
    chosen = relevant(Lens(ledger=ledger), given, child, rho=0.1, most=2)
    assert set(chosen) == {"c3", "c6"} or "c6" in chosen
    assert ledger.spent.rho == pytest.approx(0.1)
    assert sum(cost_of(event).rho > 0 for event in ledger.events) == 2
