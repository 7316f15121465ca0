"""Does every kind of constraint hold in what comes out, even where the model would break it?"""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from veridical.core.contracts import RunContext, SampleRequest, Shard
from veridical.core.dataset import Dataset
from veridical.core.schema import Column, Constraint, Kind, Schema, TableSchema
from veridical.engines.tabular.engines import IndependentEngine
from veridical.engines.tabular.generator import TableGenerator
from veridical.prepare import satisfiable, violations
from veridical.prepare.codec import Place
from veridical.prepare.combination import CombinationCodec
from veridical.prepare.single import learn_codec

ROWS = 600


def shop() -> pa.Table:
    rng = np.random.default_rng(4)
    start = rng.integers(0, 900, ROWS)
    town = rng.integers(0, 6, ROWS)
    colour = rng.integers(0, 3, ROWS)
    price, quantity = np.round(rng.gamma(4, 5, ROWS), 2), rng.integers(1, 9, ROWS)
    status = rng.choice(["open", "shipped", "returned"], ROWS)
    missing = rng.random(ROWS) < 0.3
    day = dt.date(2022, 1, 1)
    return pa.table(
        {
            "order": np.arange(ROWS) + 1,
            "start": pa.array([day + dt.timedelta(int(d)) for d in start]),
            "end": pa.array([day + dt.timedelta(int(d + g)) for d, g in zip(start, rng.integers(0, 5, ROWS))]),
            "town": [f"town {t}" for t in town],
            "region": [f"region {t // 2}" for t in town],
            "zip": (town * 100 + 7).astype(np.int32),
            "red": (colour == 0).astype(np.int8),
            "green": (colour == 1).astype(np.int8),
            "blue": (colour == 2).astype(np.int8),
            "price": price,
            "quantity": quantity,
            "total": np.round(price * quantity, 2),
            "status": status,
            "refund": [float(p) if s == "returned" else 0.0 for p, s in zip(price, status)],
            "low": rng.integers(0, 50, ROWS),
            "high": rng.integers(50, 100, ROWS),
            "lat": pa.array([None if m else 1.5 for m in missing], pa.float64()),
            "lon": pa.array([None if m else float(v) for m, v in zip(missing, rng.integers(0, 9, ROWS))]),
            "seat": rng.permutation(ROWS),
        }
    )


KINDS = {
    "order": Kind.IDENTIFIER, "start": Kind.DATE, "end": Kind.DATE, "town": Kind.CATEGORY, "region": Kind.CATEGORY,
    "zip": Kind.INTEGER, "red": Kind.INTEGER, "green": Kind.INTEGER, "blue": Kind.INTEGER, "price": Kind.DECIMAL,
    "quantity": Kind.INTEGER, "total": Kind.DECIMAL, "status": Kind.CATEGORY, "refund": Kind.DECIMAL,
    "low": Kind.INTEGER, "high": Kind.INTEGER, "lat": Kind.DECIMAL, "lon": Kind.INTEGER, "seat": Kind.INTEGER,
}  # fmt: skip
RULES = [
    Constraint(type="bounds", columns=("price",), low=5, high=40),
    Constraint(type="bounds", columns=("start",), low="2022-06-01"),
    Constraint(type="inequality", columns=("start", "end")),
    Constraint(type="inequality", columns=("low", "quantity"), strict=True),
    Constraint(type="inequality", columns=("quantity", "low", "high")),
    Constraint(type="fixed_combinations", columns=("town", "region", "zip")),
    Constraint(type="one_hot", columns=("red", "green", "blue")),
    Constraint(type="formula", columns=("total",), expression="price * quantity"),
    Constraint(type="conditional", when="status != 'returned'", then="refund == 0"),
    Constraint(type="conditional", when="status == 'open'", then="quantity < 3 and low > 10"),
    Constraint(type="forbidden", when="status == 'shipped' and town == 'town 1'"),
    Constraint(type="mutual_missing", columns=("lat", "lon")),
    Constraint(type="unique", columns=("seat",)),
    Constraint(type="unique", columns=("town", "low")),
    Constraint(type="unique", columns=("status", "red", "price")),
]


def schema_of(table: pa.Table, rules: list[Constraint], **kinds: Kind) -> Schema:
    columns = tuple(
        Column(
            name=name,
            kind=kinds.get(name, KINDS[name]),
            storage=str(table.schema.field(name).type),
            nullable=table[name].null_count > 0,
            decimals=2 if KINDS[name] is Kind.DECIMAL else None,
        )
        for name in table.column_names
    )
    return Schema(tables=(TableSchema(name="data", columns=columns, constraints=tuple(rules), primary_key=("order",)),))


def drawn(table: pa.Table, schema: Schema, rows: int = 300, shards: int = 2) -> pa.Table:
    fitted = IndependentEngine().fit(Dataset.of(table), schema, RunContext(seed=1))
    return sample(fitted, rows, shards)


def sample(fitted: TableGenerator, rows: int, shards: int = 2) -> pa.Table:
    ends = np.linspace(0, rows, shards + 1).astype(int)
    parts = [Shard(i, shards, int(ends[i]), int(ends[i + 1] - ends[i])) for i in range(shards)]
    return pa.concat_tables([fitted.sample(SampleRequest(rows=rows, seed=3), part).only for part in parts])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.type} {' '.join(rule.columns)}")
def test_constraint_holds(rule: Constraint) -> None:
    table = shop()
    schema = schema_of(table, [rule])
    result = drawn(table, schema)
    assert result.schema == table.schema
    assert [v for v in violations(result, schema.only, table) if v.rows] == []


def test_all_constraints_hold_together() -> None:
    table = shop()
    rules = [rule for rule in RULES if rule.columns not in (("low", "quantity"), ("town", "low"))]
    schema = schema_of(table, rules)
    result = drawn(table, schema)
    found = {rule.constraint.type: rule.rows for rule in violations(result, schema.only, table)}
    assert not any(found.values()), found
    assert pc.count_distinct(result["order"]).as_py() == result.num_rows


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.type} {' '.join(rule.columns)}")
def test_a_planted_fault_is_counted(rule: Constraint) -> None:
    """Rows shuffled column by column, and one row repeated, break every one of these rules."""
    table = shop()
    rng = np.random.default_rng(0)
    wrong = pa.table({name: table[name].take(pa.array(rng.permutation(ROWS))) for name in table.column_names})
    wrong = pa.concat_tables([wrong, wrong.slice(0, 1)])
    found = [v for v in violations(wrong, schema_of(table, [rule]).only, table) if v.constraint == rule]
    assert found[0].rows > 0


def test_gap_keeps_what_lies_close_together() -> None:
    table = shop()
    result = drawn(table, schema_of(table, [RULES[2]]), rows=2000)
    days = pc.subtract(result["end"].cast(pa.int32()), result["start"].cast(pa.int32())).to_numpy()
    assert days.min() >= 0
    assert days.max() <= 6
    assert np.mean(days == 0) == pytest.approx(0.2, abs=0.05)


def test_combination_of_few_records_is_never_emitted() -> None:
    table = shop()
    towns = table["town"].to_pylist()
    towns[:3] = ["hamlet"] * 3
    table = table.set_column(3, "town", pa.array(towns))
    result = drawn(table, schema_of(table, [RULES[5]]))
    assert "hamlet" not in result["town"].to_pylist()


def test_a_rare_combination_is_learned_as_the_nearest_that_is_safe() -> None:
    grade, word = ["a"] * 500 + ["b"] * 40 + ["b"] * 8, ["x"] * 500 + ["y"] * 40 + [f"w{i}" for i in range(8)]
    table = pa.table({"grade": grade, "word": word})
    plain = [Column(name=name, kind=Kind.CATEGORY, storage="string") for name in ("grade", "word")]
    codec = CombinationCodec.learn(
        table, [learn_codec(table, one, rare_below=1, unique=False, may_split=False) for one in plain], rare_below=5
    )
    learned = codec.decode(codec.encode(table), Place(rows=548, rng=np.random.default_rng(0)))
    assert learned["grade"].to_pylist() == grade
    assert set(learned["word"].to_pylist()) == {"x", "y"}


def test_rare_combinations_that_all_differ_keep_what_each_shares() -> None:
    rows = [("a", "x", "p")] * 50 + [("b", "y", "q")] * 50 + [("b", "y", "p"), ("a", "x", "q")]
    table = pa.table(dict(zip(("grade", "word", "letter"), zip(*rows, strict=True), strict=True)))
    plain = [Column(name=name, kind=Kind.CATEGORY, storage="string") for name in table.column_names]
    codec = CombinationCodec.learn(
        table, [learn_codec(table, one, rare_below=1, unique=False, may_split=False) for one in plain], rare_below=5
    )
    learned = codec.decode(codec.encode(table), Place(rows=len(rows), rng=np.random.default_rng(0)))
    assert learned["grade"].to_pylist()[-2:] == ["b", "a"]


def test_clash_is_named_before_fitting() -> None:
    table = shop()
    rules = [
        Constraint(type="bounds", columns=("low",), low=60),
        Constraint(type="bounds", columns=("high",), high=50),
        Constraint(type="inequality", columns=("low", "high")),
    ]
    from veridical.core.errors import ConstraintError

    with pytest.raises(ConstraintError, match="inequality low <= high") as error:
        drawn(table, schema_of(table, rules))
    assert "bounds low" in str(error.value) or "bounds high" in str(error.value)


AGE = Column(name="age", kind=Kind.INTEGER, low=0, high=99)
LIMIT = Column(name="limit", kind=Kind.INTEGER, low=0, high=99)
SEX = Column(name="sex", kind=Kind.CATEGORY, categories=("F", "M"))
DAY = Column(name="day", kind=Kind.DATE)
ON = tuple(Column(name=name, kind=Kind.BOOLEAN, storage="bool") for name in ("x", "y"))


def table_of(*rules: Constraint) -> TableSchema:
    return TableSchema(name="t", columns=(AGE, LIMIT, SEX, DAY, *ON), constraints=rules)


CLASHES = {
    "bounds apart": [Constraint(type="bounds", columns=("age",), low=100)],
    "dates apart": [
        Constraint(type="bounds", columns=("day",), low="2020-01-01"),
        Constraint(type="bounds", columns=("day",), high="2019-01-01"),
    ],
    "no whole number between": [Constraint(type="bounds", columns=("age",), low=3, high=4, strict=True)],
    "strict circle": [
        Constraint(type="inequality", columns=("age", "limit"), strict=True),
        Constraint(type="inequality", columns=("limit", "age")),
    ],
    "chain with no room": [
        Constraint(type="inequality", columns=("age", "limit"), strict=True),
        Constraint(type="bounds", columns=("age",), low=99),
    ],
    "all categories forbidden": [
        Constraint(type="forbidden", when="sex == 'F'"),
        Constraint(type="forbidden", when="sex == 'M'"),
    ],
    "forbidden range meets bounds": [
        Constraint(type="forbidden", when="age >= 10"),
        Constraint(type="bounds", columns=("age",), low=20),
    ],
    "always asks the impossible": [Constraint(type="conditional", when="age >= 0", then="sex == 'X'")],
    "two are on": [
        Constraint(type="one_hot", columns=("x", "y")),
        Constraint(type="forbidden", when="x == false"),
        Constraint(type="forbidden", when="y == false"),
    ],
    "none is on": [
        Constraint(type="one_hot", columns=("x", "y")),
        Constraint(type="forbidden", when="x == true"),
        Constraint(type="forbidden", when="y == true"),
    ],
    "formulas in a circle": [
        Constraint(type="formula", columns=("age",), expression="limit + 1"),
        Constraint(type="formula", columns=("limit",), expression="age - 1"),
    ],
    "unknown column": [Constraint(type="bounds", columns=("agee",), low=1)],
    "unknown type": [Constraint(type="magic", columns=("age",))],
    "wrong expression": [Constraint(type="forbidden", when="agee > 3")],
}


@pytest.mark.parametrize("name", CLASHES)
def test_clash(name: str) -> None:
    from veridical.core.errors import VeridicalError

    with pytest.raises(VeridicalError):
        satisfiable(table_of(*CLASHES[name]))


def test_unique_with_too_few_values() -> None:
    from veridical.core.errors import ConstraintError

    rule = Constraint(type="unique", columns=("age", "sex"))
    satisfiable(table_of(rule), rows=200)
    with pytest.raises(ConstraintError, match="200 values fit"):
        satisfiable(table_of(rule), rows=201)


@pytest.mark.parametrize(
    "rules",
    [
        [
            Constraint(type="inequality", columns=("age", "limit")),
            Constraint(type="inequality", columns=("limit", "age")),
        ],
        [Constraint(type="forbidden", when="sex == 'F' and age > 3")],
        [Constraint(type="conditional", when="sex == 'F'", then="age > 200")],
        [Constraint(type="one_hot", columns=("x", "y")), Constraint(type="forbidden", when="x == true")],
    ],
)
def test_what_can_hold_is_let_through(rules: list[Constraint]) -> None:
    satisfiable(table_of(*rules))


def test_tight_unique_uses_every_value() -> None:
    table = pa.table({"seat": np.arange(100)})
    seat = Column(name="seat", kind=Kind.INTEGER, storage="int64", low=0, high=99)
    rule = Constraint(type="unique", columns=("seat",))
    schema = Schema(tables=(TableSchema(name="data", columns=(seat,), constraints=(rule,)),))
    fitted = IndependentEngine().fit(Dataset.of(table), schema, RunContext())
    assert sorted(sample(fitted, 100, shards=3)["seat"].to_pylist()) == list(range(100))
