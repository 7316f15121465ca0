from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from tests.linked_data import shop, shop_schema

from veridical.core.contracts import RunContext, SampleRequest, Shard
from veridical.core.dataset import Dataset
from veridical.core.errors import ArtifactError, SchemaError, SpecError
from veridical.core.schema import Column, Constraint, ForeignKey, Kind, Schema, TableSchema
from veridical.engines.relational.engine import LinkedEngine, completed
from veridical.engines.relational.generator import LinkedGenerator
from veridical.prepare.link import point
from veridical.prepare.linked_rule import broken_rows, linked_rules
from veridical.prepare.linked_ruling import ruled
from veridical.prepare.violation import repeated

ONE = Shard(0, 1, 0, 1)


@pytest.fixture(scope="module")
def data():
    return shop()


@pytest.fixture(scope="module")
def schema(data):
    return shop_schema(data)


@pytest.fixture(scope="module")
def fitted(data, schema):
    return LinkedEngine().fit(data, schema, RunContext(seed=1))


@pytest.fixture(scope="module")
def made(fitted):
    return fitted.sample(SampleRequest(rows=1, seed=5), ONE)


def test_the_rules_across_tables_are_found(schema):
    found = {(table, rule.type, rule.columns) for table, rule in linked_rules(schema)}
    assert ("orders", "inequality", ("customer.signed_up", "placed")) in found
    assert ("orders", "total", ("total",)) in found
    assert ("orders", "at_most_one", ("customer_id",)) in found


def test_rules_across_tables_hold_in_every_row(made, schema):
    rules = list(linked_rules(schema))
    assert rules
    for table, rule in rules:
        assert not broken_rows(made.tables, schema, table, rule).any(), (table, rule)


def test_a_broken_rule_is_seen(made, schema):
    orders = made.tables["orders"]
    worse = orders.set_column(orders.column_names.index("total"), "total", pa.array(np.zeros(orders.num_rows)))
    rule = next(rule for _, rule in linked_rules(schema) if rule.type == "total")
    assert broken_rows({**made.tables, "orders": worse}, schema, "orders", rule).mean() > 0.9


def test_keys_and_numbers_of_children(data, made, fitted):
    assert [table.num_rows for table in made.tables.values()] == [table.num_rows for table in data.tables.values()]
    for link in fitted.schema.foreign_keys:
        real, ours = point(data.tables, link), point(made.tables, link)
        assert ours.missing == 0
        levels = np.arange(max(real.counts.max(), ours.counts.max()) + 1)
        one = np.searchsorted(np.sort(real.counts), levels, side="right") / real.parents
        two = np.searchsorted(np.sort(ours.counts), levels, side="right") / ours.parents
        assert np.abs(one - two).max() <= 0.03
    assert repeated(made.tables["line"], ("order_id", "line_no")) == 0


def _prices_by_size(made):
    customers = made.tables["customer"].to_pandas().set_index("customer_id")
    orders = made.tables["orders"].to_pandas()
    lines = made.tables["line"].to_pandas().merge(orders, on="order_id").join(customers, on="customer_id")
    per = orders.groupby("customer_id").size().reindex(customers.index, fill_value=0)
    assert per[customers["size"] == "big"].mean() > 2 * per[customers["size"] == "small"].mean()
    return lines[lines["size"] == "big"].price.mean(), lines[lines["size"] == "small"].price.mean()


def test_children_know_their_parents_by_two_links(made):
    big, small = _prices_by_size(made)
    assert big < small - 1  # prices of twelve made-up products are made up, their order is not


def test_children_of_a_kept_table_know_it(data, schema):
    made = LinkedEngine(keep=("product",)).fit(data, schema, RunContext()).sample(SampleRequest(rows=1), ONE)
    big, small = _prices_by_size(made)
    assert big < small - 8


def test_no_real_key_or_address_comes_out(data, made):
    real = set(data.tables["customer"]["email"].to_pylist())
    assert not real & set(made.tables["customer"]["email"].to_pylist())


def test_scale(fitted, data):
    twice = fitted.sample(SampleRequest(rows=1, seed=5, scale=2.0), ONE)
    assert twice.tables["customer"].num_rows == 2 * data.tables["customer"].num_rows
    assert twice.tables["orders"].num_rows == pytest.approx(2 * data.tables["orders"].num_rows, rel=0.02)
    assert twice.tables["product"].num_rows == data.tables["product"].num_rows


def test_saved_and_loaded_gives_the_same(fitted, made, tmp_path):
    fitted.save(tmp_path / "model")
    again = LinkedGenerator.load(tmp_path / "model").sample(SampleRequest(rows=1, seed=5), ONE)
    assert again.fingerprint == made.fingerprint


def test_an_edited_folder_is_refused(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    file = tmp_path / "model" / "generator.json"
    file.write_text(file.read_text().replace("customer", "costumer"))
    with pytest.raises(ArtifactError, match="edited"):
        LinkedGenerator.load(tmp_path / "model")
    assert not list((tmp_path / "model").rglob("*.pkl"))


def test_kept_tables_stay_as_they_are(data, schema):
    kept = LinkedEngine(keep=("product",)).fit(data, schema, RunContext())
    made = kept.sample(SampleRequest(rows=1, seed=5), ONE)
    assert made.tables["product"].equals(data.tables["product"].cast(made.tables["product"].schema))


def test_what_cannot_be_is_refused(data, schema, fitted):
    with pytest.raises(SpecError, match="no table"):
        LinkedEngine(keep=("nothing",)).fit(data, schema, RunContext())
    with pytest.raises(SpecError, match="whose keys will be new"):
        LinkedEngine(keep=("orders",)).fit(data, schema, RunContext())
    with pytest.raises(SpecError, match="no way"):
        LinkedEngine(broken_links="ignore").fit(data, schema, RunContext())
    with pytest.raises(SpecError, match="scale"):
        fitted.sample(SampleRequest(rows=1, scale=0.0), ONE)
    with pytest.raises(SpecError, match=r"did you mean `orders\.total`"):
        fitted.sample(SampleRequest(rows=1, where="total > 3"), ONE)
    with pytest.raises(SpecError, match="parts"):
        fitted.sample(SampleRequest(rows=2), Shard(0, 2, 0, 1))
    with pytest.raises(SchemaError, match="lacks"):
        LinkedEngine().fit(Dataset({"customer": data.tables["customer"]}), schema, RunContext())


def _table(name, columns, key=()):
    made = tuple(
        Column(name=column, kind=kind, storage="int64", nullable=nullable) for column, kind, nullable in columns
    )
    return TableSchema(name=name, columns=made, primary_key=key)


def _link(table, column, parent, own="id"):
    return ForeignKey(table=table, columns=(column,), parent=parent, parent_columns=(own,))


@pytest.mark.parametrize("nullable", [True, False])
def test_circles(nullable):
    rng = np.random.default_rng(0)
    one = pa.table({"id": range(50), "b": pa.array(rng.integers(40, size=50))})
    two = pa.table({"id": range(40), "a": pa.array(rng.integers(50, size=40))})
    key = ("id", Kind.IDENTIFIER, False)
    schema = Schema(
        tables=(
            _table("one", [key, ("b", Kind.IDENTIFIER, nullable)], ("id",)),
            _table("two", [key, ("a", Kind.IDENTIFIER, nullable)], ("id",)),
        ),
        foreign_keys=(_link("one", "b", "two"), _link("two", "a", "one")),
    )
    made = (
        LinkedEngine().fit(Dataset({"one": one, "two": two}), schema, RunContext()).sample(SampleRequest(rows=1), ONE)
    )
    for link in schema.foreign_keys:
        pointed = point(made.tables, link)
        assert pointed.missing == 0
        assert (pointed.rows >= 0).all()


def test_a_key_that_is_a_link_and_many_to_many():
    rng = np.random.default_rng(0)
    pairs = np.unique(rng.integers(30, size=(200, 2)), axis=0)
    data = Dataset(
        {
            "a": pa.table({"id": range(30)}),
            "detail": pa.table({"id": range(0, 30, 2), "n": range(15)}),
            "both": pa.table({"x": pairs[:, 0], "y": pairs[:, 1]}),
        }
    )
    key = ("id", Kind.IDENTIFIER, False)
    schema = Schema(
        tables=(
            _table("a", [key], ("id",)),
            _table("detail", [key, ("n", Kind.INTEGER, False)], ("id",)),
            _table("both", [("x", Kind.IDENTIFIER, False), ("y", Kind.IDENTIFIER, False)], ("x", "y")),
        ),
        foreign_keys=(_link("detail", "id", "a"), _link("both", "x", "a"), _link("both", "y", "a")),
    )
    made = LinkedEngine().fit(data, schema, RunContext()).sample(SampleRequest(rows=1, scale=2.0), ONE)
    assert repeated(made.tables["detail"], ("id",)) == 0
    assert repeated(made.tables["both"], ("x", "y")) == 0
    assert made.tables["detail"].num_rows == 30
    assert all(point(made.tables, link).missing == 0 for link in schema.foreign_keys)


def test_self_references_have_no_circles():
    rng = np.random.default_rng(0)
    boss = [None] + [int(rng.integers(i)) for i in range(1, 80)]
    schema = Schema(
        tables=(_table("staff", [("id", Kind.IDENTIFIER, False), ("boss", Kind.IDENTIFIER, True)], ("id",)),),
        foreign_keys=(_link("staff", "boss", "staff"),),
    )
    data = Dataset({"staff": pa.table({"id": range(80), "boss": pa.array(boss, pa.int64())})})
    made = LinkedEngine().fit(data, schema, RunContext()).sample(SampleRequest(rows=1), ONE).tables["staff"]
    above = dict(zip(made["id"].to_pylist(), made["boss"].to_pylist(), strict=True))
    for row in above:
        seen = set()
        while row is not None:
            assert row not in seen
            seen.add(row)
            row = above[row]
    assert made["boss"].null_count == 1


def test_links_that_share_columns_are_completed():
    wide = ForeignKey(table="c", columns=("x", "t"), parent="w", parent_columns=("x", "t"))
    narrow = ForeignKey(table="c", columns=("x",), parent="p", parent_columns=("id",))
    assert [(link.table, link.columns, link.parent) for link in completed((wide, narrow))][-1] == ("w", ("x",), "p")
    other = ForeignKey(table="c", columns=("x", "u"), parent="v", parent_columns=("x", "u"))
    assert completed((wide, other)) == (wide, other)


def test_rows_are_in_order_with_a_parent_that_they_did_not_grow_from():

    days = np.datetime64("2024-01-01") + np.arange(40)
    customers = pa.table({"id": np.arange(40), "since": pa.array(days, pa.date32())})
    rng = np.random.default_rng(0)
    placed = np.datetime64("2024-01-20") + rng.integers(0, 30, 200)
    orders = pa.table({
        "customer": rng.integers(0, 40, 200), "placed": pa.array(placed, pa.date32()),
        "sent": pa.array(placed + rng.integers(0, 5, 200), pa.date32()),
    })  # fmt: skip
    rules = (
        Constraint(type="inequality", columns=("customers.since", "placed")),
        Constraint(type="inequality", columns=("placed", "sent")),
    )
    columns = tuple(Column(name=one, kind=Kind.DATE, storage="date32[day]") for one in ("placed", "sent"))
    number = Column(name="id", kind=Kind.IDENTIFIER, storage="int64")
    schema = Schema(
        tables=(
            TableSchema(name="customers", columns=(number, replace(columns[0], name="since")), primary_key=("id",)),
            TableSchema(name="orders", columns=(replace(number, name="customer"), *columns), constraints=rules),
        ),
        foreign_keys=(ForeignKey(table="orders", columns=("customer",), parent="customers", parent_columns=("id",)),),
    )
    tables = {"customers": customers, "orders": orders}
    assert broken_rows(tables, schema, "orders", rules[0]).sum() > 10  # the planted fault
    made = ruled(tables, schema, rng)
    assert not broken_rows(made, schema, "orders", rules[0]).any()
    gaps = [np.subtract(*(held["orders"][name].cast(pa.int32()).to_numpy() for name in ("sent", "placed")))
            for held in (tables, made)]  # fmt: skip
    assert (gaps[0] == gaps[1]).all()
