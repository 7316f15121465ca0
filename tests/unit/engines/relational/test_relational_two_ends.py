"""Rows with two parents in one table: do both ends' rules, copies and differences hold?"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from linked_data import bank
from veridical.core.contracts import RunContext, SampleRequest
from veridical.core.dataset import Dataset
from veridical.core.schema import Constraint
from veridical.engines.relational.engine import LinkedEngine
from veridical.engines.relational.pairing import apart, never_alike
from veridical.prepare.linked_rule import broken_rows, seen_from
from veridical.stages import model as models
from veridical.stages import synthesize as syntheses
from veridical.stages.learn import learn


@pytest.fixture(scope="module")
def made():
    data = bank()
    schema = learn(data).schema
    generator = models.fit(data, schema, models.Recipe(engine="linked"), RunContext(seed=3))
    return schema, generator, syntheses.draw(generator, SampleRequest(rows=1, seed=3))


def test_each_end_has_a_rule_of_its_own(made):
    schema, _, drawn = made
    rules = [rule for rule in schema.table("transfers").constraints if rule.type == "inequality"]
    assert {rule.columns for rule in rules} == {("accounts.opened", "made"), ("payee.opened", "made")}
    for rule in rules:
        assert not broken_rows(drawn.tables, schema, "transfers", rule).any()


def test_a_rule_broken_at_the_second_end_is_found():
    data = bank()
    schema = learn(data).schema
    rule = Constraint(type="inequality", columns=("payee.opened", "made"))
    rows = data.tables["transfers"]
    days = pa.array(rows["made"].cast("int32").to_numpy() - 2000).cast("date32")
    early = rows.set_column(rows.column_names.index("made"), "made", days)
    assert broken_rows({**data.tables, "transfers": early}, schema, "transfers", rule).mean() > 0.9


def test_what_repeats_a_parent_under_another_name_still_does(made):
    _, _, drawn = made
    country = drawn.tables["accounts"].to_pandas().set_index("account_id")["country"]
    rows = drawn.tables["transfers"].to_pandas()
    assert (rows["payee_country"] == rows["payee"].map(country)).all()
    assert (rows["payer"].map(country) == rows["payee_country"]).mean() > 0.6


def test_nobody_pays_themselves_where_nobody_did(made):
    _, generator, drawn = made
    assert (drawn.tables["transfers"]["payer"].to_numpy() != drawn.tables["transfers"]["payee"].to_numpy()).all()
    assert any(link.unlike for link in generator.links.values())


def test_a_saved_model_still_knows_it(made, tmp_path):
    _, generator, drawn = made
    generator.save(tmp_path / "g")
    again = syntheses.draw(LinkedEngine.generator.load(tmp_path / "g"), SampleRequest(rows=1, seed=3))
    assert again.tables["transfers"].equals(drawn.tables["transfers"])


def test_where_somebody_did_it_is_no_rule():
    ends = np.arange(600) % 20
    other = (ends + 1) % 20
    assert never_alike(ends, other, 20)
    other[0] = ends[0]
    assert not never_alike(ends, other, 20)
    assert not never_alike(np.arange(20), (np.arange(20) + 1) % 20, 20)


def test_rows_come_apart_from_what_they_never_have_and_from_repeats():
    rng = np.random.default_rng(0)
    payer, payee = rng.integers(0, 40, 500), rng.integers(0, 40, 500)
    found, wrong = apart(payee, payer, np.zeros(40, dtype=np.int64), rng, [payer])
    assert not len(wrong)
    assert (found != payer).all()
    assert len(np.unique(np.stack([found, payer]), axis=1).T) == 500


def test_a_rule_of_another_parent_is_not_told_to_the_first(made):
    schema, _, _ = made
    first, second = schema.foreign_keys
    own = schema.table("transfers")
    rule = Constraint(type="inequality", columns=("payee.opened", "made"))
    assert seen_from(first, schema.foreign_keys, own, rule) is None
    seen = seen_from(second, schema.foreign_keys, own, rule)
    assert seen is not None
    assert seen.columns == ("accounts.opened", "made")


def test_days_spelled_as_text_stay_in_order_with_both_ends():
    data = bank(120, 1200)
    spelled = {
        name: rows.set_column(rows.column_names.index(day), day, rows[day].cast(pa.string()))
        for (name, rows), day in zip(data.tables.items(), ("opened", "made"), strict=True)
    }
    data = Dataset(spelled)
    schema = learn(data).schema
    rules = [rule for rule in schema.table("transfers").constraints if rule.type == "inequality"]
    assert len(rules) == 2
    made = syntheses.draw(
        models.fit(data, schema, models.Recipe(engine="linked"), RunContext(seed=3)), SampleRequest(rows=1)
    )
    for rule in rules:
        assert not broken_rows(made.tables, schema, "transfers", rule).any()
    assert made.tables["transfers"]["made"].to_pylist()[0].count("-") == 2
