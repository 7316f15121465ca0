"""Do made-up rows keep everything that a schema declares?"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from veridical.core.errors import ConstraintError
from veridical.core.schema import Column, Constraint, ForeignKey, Kind, Schema, TableSchema
from veridical.engines.seed import meaning
from veridical.engines.seed.maker import SeedRequest, make, make_table, overlaid
from veridical.prepare.violation import violations


def column(name: str, kind: Kind, storage: str, **more: object) -> Column:
    return Column(name=name, kind=kind, storage=storage, **more)  # type: ignore[arg-type]


CUSTOMERS = TableSchema(
    name="customers", primary_key=("id",),
    columns=(
        column("id", Kind.IDENTIFIER, "int32", unique=True), column("first_name", Kind.TEXT, "string"),
        column("last_name", Kind.TEXT, "string"), column("email", Kind.TEXT, "string", unique=True),
        column("age", Kind.INTEGER, "int16", low=18, high=120), column("state", Kind.CATEGORY, "string", categories=("new", "old")),
        column("city", Kind.TEXT, "string", nullable=True), column("sponsor", Kind.IDENTIFIER, "int32", nullable=True),
        column("joined", Kind.DATE, "date32[day]"), column("left", Kind.DATE, "date32[day]", nullable=True),
        column("credit", Kind.DECIMAL, "decimal128(8, 2)"),
    ),
    constraints=(
        Constraint(type="inequality", columns=("joined", "left"), strict=True),
        Constraint(type="conditional", columns=("state", "age"), when="state == 'old'", then="age >= 60"),
        Constraint(type="bounds", columns=("credit",), low=0, high=500, strict=True),
    ),
)  # fmt: skip
ORDERS = TableSchema(
    name="orders", primary_key=("customer", "number"),
    columns=(
        column("customer", Kind.IDENTIFIER, "int32"), column("number", Kind.INTEGER, "int16", low=1, high=9),
        column("net", Kind.DECIMAL, "double", decimals=2), column("tax", Kind.DECIMAL, "double", decimals=2),
        column("gross", Kind.DECIMAL, "double"),
    ),
    constraints=(Constraint(type="formula", columns=("gross",), expression="net + tax"),),
)  # fmt: skip
SHOP = Schema(
    tables=(ORDERS, CUSTOMERS),
    foreign_keys=(
        ForeignKey(table="orders", columns=("customer",), parent="customers", parent_columns=("id",)),
        ForeignKey(table="customers", columns=("sponsor",), parent="customers", parent_columns=("id",)),
    ),
)


@pytest.mark.parametrize("edge_cases", [False, True])
def test_every_rule_and_link_holds(edge_cases: bool) -> None:
    tables = make(SHOP, SeedRequest(rows=400, seed=2, edge_cases=edge_cases)).dataset.tables
    for schema in SHOP.tables:
        assert [found for found in violations(tables[schema.name], schema) if found.rows] == []
        for name in schema.names:
            if not schema.column(name).nullable:
                assert tables[schema.name][name].null_count == 0
            assert str(tables[schema.name].schema.field(name).type) == schema.column(name).storage
    customers = tables["customers"]
    assert customers.num_rows == tables["orders"].num_rows == 400
    assert pc.all(pc.is_in(tables["orders"]["customer"], customers["id"].combine_chunks())).as_py()
    assert pc.all(pc.is_in(customers["sponsor"].drop_null(), customers["id"].combine_chunks())).as_py()


def test_children_are_spread_unevenly() -> None:
    orders = make(SHOP, SeedRequest(rows=400)).dataset.tables["orders"]
    counts = np.bincount(orders["customer"].to_numpy(), minlength=401)[1:]
    assert (counts == 0).mean() > 0.1 and counts.max() >= 4


def test_the_same_seed_makes_the_same_rows() -> None:
    one, two, other = (make(SHOP, SeedRequest(rows=50, seed=seed)).dataset.fingerprint for seed in (1, 1, 2))
    assert one == two != other


def test_people_agree_with_their_addresses() -> None:
    plain = make_table(
        TableSchema(
            name="users", columns=tuple(column(n, Kind.TEXT, "string") for n in ("first_name", "last_name", "email"))
        ),
        SeedRequest(rows=50),
    )
    kept = [row["last_name"].lower() in row["email"] for row in plain.to_pylist()]
    assert np.mean(kept) > 0.6


def test_edges_are_there() -> None:
    table = make(SHOP, SeedRequest(rows=300, edge_cases=True)).dataset.tables["customers"]
    ages, texts = table["age"].to_pylist(), table["first_name"].to_pylist()
    assert {18, 120} <= set(ages)
    assert "" in texts and any("한" in text for text in texts) and max(map(len, texts)) == 10_000
    assert str(pc.max(table["credit"]).as_py()) == "499.99" and str(pc.min(table["credit"]).as_py()) == "0.01"
    assert any(day is not None and (day.month, day.day) == (2, 29) for day in table["joined"].to_pylist())


def test_too_narrow_keys_make_fewer_rows_and_say_so() -> None:
    made = make(SHOP, SeedRequest(rows=100, rows_of={"customers": 2}))
    assert made.dataset.tables["orders"].num_rows <= 18 and any("orders" in note for note in made.notes)


@pytest.mark.parametrize(
    "rules",
    [
        (Constraint(type="bounds", columns=("a",), low=5, high=4),),
        (Constraint(type="forbidden", columns=("a", "b"), when="a + b > 0 or a + b <= 0"),),
    ],
)
def test_what_leaves_no_value_is_named(rules: tuple[Constraint, ...]) -> None:
    schema = TableSchema(
        name="t", columns=(column("a", Kind.INTEGER, "int64"), column("b", Kind.INTEGER, "int64")), constraints=rules
    )
    with pytest.raises(ConstraintError, match=r"allow no|no row that keeps"):
        make_table(schema, SeedRequest(rows=5))


def test_what_a_person_says_of_a_column_counts() -> None:
    said = Column(name="age", kind=Kind.INTEGER, storage="string", low=30, high=31, nullable=True)
    given = Schema(tables=(TableSchema(name="customers", columns=(said,)),))
    schema = overlaid(SHOP, given)
    age = make(schema, SeedRequest(rows=100)).dataset.tables["customers"]["age"]
    assert set(age.to_pylist()) <= {30, 31, *range(60, 121)} and age.type == pa.int16() and age.null_count == 0
    with pytest.raises(ConstraintError, match="no table"):
        overlaid(SHOP, Schema(tables=(TableSchema(name="typo", columns=()),)))


@pytest.mark.parametrize(
    ("name", "table", "kind"),
    [
        ("BillingCity", "Invoice", "city"), ("phone_number", "x", "phone"), ("name", "users", "name"),
        ("name", "companies", "product"), ("company_name", "x", "company"), ("Title", "Employee", "job"),
        ("title", "books", "title"), ("country_code", "x", "country_code"), ("zip", "x", "postcode"), ("blah", "x", "words"),
    ],
)  # fmt: skip
def test_what_names_ask_for(name: str, table: str, kind: str) -> None:
    assert meaning.text_kind(name, table) == kind
