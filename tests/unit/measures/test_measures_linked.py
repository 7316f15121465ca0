"""Does each measure of linked tables see the fault that it is there for, and pass what is good?"""

import numpy as np
import pyarrow as pa
import pytest
from tests.linked_data import shop, shop_schema

from veridical.core.contracts import Evidence, RunContext
from veridical.core.dataset import Dataset
from veridical.core.finding import Outcome
from veridical.measures.linked.belonging import Belonging
from veridical.measures.linked.key import Keys
from veridical.measures.linked.rule import LinkedRules
from veridical.measures.linked.telling import LinkedTwoSample
from veridical.measures.linked.trend import Trends
from veridical.stages.learn import learn
from veridical.stages.linked_cut import cut, entity_of, split
from veridical.stages.linked_validate import validate_linked

CTX = RunContext(seed=1)


@pytest.fixture(scope="module")
def data():
    return shop(600)


@pytest.fixture(scope="module")
def schema(data):
    return shop_schema(data)


@pytest.fixture(scope="module")
def good(data, schema):
    parts = split(data, schema, 0.3, CTX)
    return Evidence(train=parts.train, holdout=parts.holdout, synthetic=shop(600, seed=9), schema=schema)


def _with(evidence, **tables):
    from dataclasses import replace

    return replace(evidence, synthetic=Dataset({**evidence.synthetic.tables, **tables}))


def _column(table, name, values):
    return table.set_column(table.column_names.index(name), name, pa.array(values, table.schema.field(name).type))


def _found(findings, check, *scope):
    return next(one for one in findings if one.check == check and one.scope[: len(scope)] == scope)


def _shuffled(table, name, seed=0):
    order = np.random.default_rng(seed).permutation(table.num_rows)
    return _column(table, name, table[name].take(pa.array(order)).to_pylist())


def test_customers_are_the_entities(data, schema):
    assert entity_of(schema, data) == "customer"


def test_entities_are_kept_back_with_all_that_is_theirs(data, schema, good):
    for side in (good.train, good.holdout):
        owners = set(side.tables["customer"]["customer_id"].to_pylist())
        assert set(side.tables["orders"]["customer_id"].to_pylist()) <= owners
        assert set(side.tables["line"]["order_id"].to_pylist()) <= set(side.tables["orders"]["order_id"].to_pylist())
        assert side.tables["product"].num_rows == 12
    assert good.train.tables["customer"].num_rows == 420


def test_a_part_is_cut_whole(data, schema):
    part = cut(data, schema, share=0.1, ctx=CTX)
    assert (part.entity, part.rows) == ("customer", 60)
    findings = Keys().measure(Evidence(train=data, synthetic=part.data, schema=schema), CTX)
    assert all(one.value == 0 for one in findings if one.check == "linked.integrity")
    lines, products = part.data.tables["line"], part.data.tables["product"]
    assert set(products["product_id"].to_pylist()) == set(lines["product_id"].to_pylist())


def test_broken_keys_are_seen(good):
    assert _found(Keys().measure(good, CTX), "linked.integrity", "orders").value == 0
    orders = good.synthetic.tables["orders"]
    ids = ["gone" if i % 10 == 0 else one for i, one in enumerate(orders["customer_id"].to_pylist())]
    worse = Keys().measure(_with(good, orders=_column(orders, "customer_id", ids)), CTX)
    found = _found(worse, "linked.integrity", "orders")
    assert found.value == pytest.approx(0.1, abs=0.01)
    assert found.p_value < 0.01


def test_other_numbers_of_children_are_seen(good):
    assert _found(Keys().measure(good, CTX), "linked.cardinality", "orders").value < 0.1
    orders = good.synthetic.tables["orders"]
    customers = good.synthetic.tables["customer"]["customer_id"].to_pylist()
    evenly = [customers[i % len(customers)] for i in range(orders.num_rows)]
    worse = Keys().measure(_with(good, orders=_column(orders, "customer_id", evenly)), CTX)
    found = _found(worse, "linked.cardinality", "orders")
    assert found.value > 0.3
    assert found.p_value < 1e-6


def test_repeated_keys_are_seen(good):
    lines = good.synthetic.tables["line"]
    twice = pa.concat_tables([lines, lines.slice(0, 7)])
    assert _found(Keys().measure(_with(good, line=twice), CTX), "linked.unique", "line").value == 7


def test_children_that_do_not_go_with_their_parents_are_seen(good):
    def figure(evidence):
        return _found(Trends().measure(evidence, CTX), "linked.trends", "line", "hop 2").value

    worse = _with(good, orders=_shuffled(good.synthetic.tables["orders"], "customer_id"))
    assert figure(worse) > figure(good) + 0.03


@pytest.mark.slow
def test_two_sample_tests_see_what_single_tables_hide(good):
    worse = _with(good, orders=_shuffled(good.synthetic.tables["orders"], "customer_id"))
    ours, theirs = (LinkedTwoSample().measure(one, CTX) for one in (good, worse))
    for check, table in (("linked.joined", "line"), ("linked.aggregated", "customer")):
        one, two = _found(ours, check, table), _found(theirs, check, table)
        assert one.value < 0.65
        assert two.value > one.value + 0.05


def _dealt_anew(evidence, share, seed=0):
    """A share of the lines changes orders among themselves: each order keeps its number of lines."""
    rng = np.random.default_rng(seed)
    lines = evidence.synthetic.tables["line"]
    keys = lines["order_id"].to_numpy(zero_copy_only=False).copy()
    some = np.flatnonzero(rng.random(len(keys)) < share)
    keys[some] = keys[rng.permutation(some)]
    return _with(evidence, line=_column(lines, "order_id", keys.tolist()))


def test_a_part_of_the_keys_dealt_anew_is_seen(good):
    def found(evidence):
        return _found(Belonging().measure(evidence, CTX), "linked.belonging", "line", "order_id")

    held, some, many = (found(one) for one in (good, _dealt_anew(good, 0.15), _dealt_anew(good, 0.3)))
    assert held.value < 0.15
    assert held.p_value > 0.01
    assert some.value > held.value + 0.1
    assert many.value > 0.4  # the gate's limit
    assert many.p_value < 1e-6


def test_links_that_tell_nothing_are_not_measured(good):
    lines = good.synthetic.tables["line"]
    free = {side: _shuffled(data.tables["line"], "order_id", 3) for side, data in
            (("train", good.train), ("holdout", good.holdout), ("synthetic", good.synthetic))}  # fmt: skip
    from dataclasses import replace

    blind = replace(good, **{
        side: Dataset({**getattr(good, side).tables, "line": rows}) for side, rows in free.items()
    })  # fmt: skip
    found = _found(Belonging().measure(blind, CTX), "linked.belonging", "line", "order_id")
    assert not found.measured
    assert lines.num_rows > 500


def test_an_only_child_has_no_siblings_to_go_with():
    def sides(seed):
        rng = np.random.default_rng(seed)
        who = pa.table({"people_id": [f"P{i}" for i in range(300)], "age": rng.integers(20, 80, 300)})
        held = pa.table({"people_id": who["people_id"], "size": who["age"].to_numpy() + rng.normal(0, 5, 300)})
        return Dataset({"people": who, "dogs": held})

    schema = learn(sides(0)).schema
    assert schema.foreign_keys
    found = Belonging().measure(Evidence(train=sides(1), synthetic=sides(2), schema=schema), CTX)
    assert all(abs(one.value) < 0.3 for one in found if one.measured)


def test_broken_rules_across_tables_are_seen(good):
    orders = good.synthetic.tables["orders"]
    assert all(one.value == 0 for one in LinkedRules().measure(good, CTX))
    worse = LinkedRules().measure(_with(good, orders=_column(orders, "status", ["open"] * orders.num_rows)), CTX)
    assert _found(worse, "linked.rules", "orders", "customer_id").value > 0.3


@pytest.mark.slow
def test_copied_entities_are_refused_and_fresh_ones_are_not(good):
    def outcomes(synthetic):
        judged = validate_linked(
            train=good.train, holdout=good.holdout, synthetic=synthetic, schema=good.schema, gates="share", ctx=CTX
        )
        return {result.gate.check: result.outcome for result in judged.verdict.results}

    copied = outcomes(good.train)
    assert Outcome.FAIL in (copied["privacy.exact_copies"], copied["privacy.near_copies"], copied["privacy.dcr_share"])
    fresh = outcomes(good.synthetic)
    assert [check for check, outcome in fresh.items() if outcome is Outcome.FAIL] == []
