"""Does a rules file give linked tables that keep what it declares, in the same bytes however it is cut?"""

import datetime as dt
import itertools
import sqlite3
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from veridical.cli.rules import command
from veridical.core.contracts import SampleRequest, Shard
from veridical.core.errors import ArtifactError, ConstraintError, SpecError
from veridical.engines.rules import family as family_module
from veridical.engines.rules.family import Family
from veridical.engines.rules.generator import RulesGenerator
from veridical.engines.rules.writing import write

SHOP = Path(__file__).parents[4] / "examples" / "shop.yaml"


def _one(fields: str, rows: int = 500, extra: str = "") -> pa.Table:
    spec = RulesGenerator.of_text(f"tables: {{t: {{rows: {rows}, {extra} fields: {{{fields}}}}}}}").spec
    family = Family(spec, rows, spec.seed)
    return pa.concat_tables([family.tables(block)["t"] for block in family.blocks()])


@pytest.fixture(scope="module")
def shop():
    generator = RulesGenerator.of_file(SHOP)
    return generator.sample(SampleRequest(rows=2000, seed=3), Shard(0, 1, 0, 2000)).tables


def test_the_example_shop_is_linked(shop):
    assert shop["customers"].num_rows == 2000 and shop["products"].num_rows == 500
    assert set(shop["orders"]["customer_id"].to_pylist()) <= set(shop["customers"]["id"].to_pylist())
    assert set(shop["lines"]["order_id"].to_pylist()) == set(shop["orders"]["id"].to_pylist())
    assert 2.8 < shop["orders"].num_rows / 2000 < 3.2
    for table in ("customers", "orders"):
        assert pc.count_distinct(shop[table]["id"]).as_py() == shop[table].num_rows


def test_the_example_shop_keeps_its_formulas(shop):
    prices = dict(zip(shop["products"]["id"].to_pylist(), shop["products"]["price"].to_pylist()))
    for row in shop["lines"].slice(0, 2000).to_pylist():
        assert row["price"] == prices[row["product_id"]]
        assert row["total"] == pytest.approx(row["price"] * row["quantity"], abs=0.006)
    for row in shop["customers"].slice(0, 500).to_pylist():
        assert row["email"] == f"{row['first']}.{row['last']}.{row['id']}@example.com".lower()
        assert (row["discount"] >= 0.1) == (row["tier"] == "gold")
    joined = dict(zip(shop["customers"]["id"].to_pylist(), shop["customers"]["joined"].to_pylist()))
    for row in shop["orders"].to_pylist():
        assert row["placed"].date() >= joined[row["customer_id"]]
        assert (row["status"] == "open") == (row["shipped"] is None)


def test_counters_start_again_for_every_parent(shop):
    seen: dict[int, int] = {}
    for row in shop["orders"].select(["customer_id", "number"]).to_pylist():
        seen[row["customer_id"]] = seen.get(row["customer_id"], 0) + 1
        assert row["number"] == seen[row["customer_id"]]


@pytest.mark.slow
def test_shards_and_workers_change_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(family_module, "BLOCK_ROWS", 100)
    generator = RulesGenerator.of_file(SHOP)
    request = SampleRequest(rows=730, seed=11)
    whole = generator.sample(request, Shard(0, 1, 0, 730)).tables
    cuts = [0, 1, 99, 340, 341, 730]
    parts = [
        generator.sample(request, Shard(i, 5, low, high - low)).tables
        for i, (low, high) in enumerate(itertools.pairwise(cuts))
    ]
    for name, table in whole.items():
        assert pa.concat_tables([part[name] for part in parts]).combine_chunks().equals(table.combine_chunks()), name
    for form in ("csv", "parquet", "jsonl", "sql"):
        for workers in (1, 3):
            write(Family(generator.spec, 730, 11), tmp_path / f"{form}{workers}", form, workers=workers)
        for file in (tmp_path / f"{form}1").iterdir():
            assert file.read_bytes() == (tmp_path / f"{form}3" / file.name).read_bytes()
    assert pq.read_table(tmp_path / "parquet1" / "orders.parquet").num_rows == whole["orders"].num_rows
    other = generator.sample(SampleRequest(rows=730, seed=12), Shard(0, 1, 0, 730)).tables
    assert not other["customers"].equals(whole["customers"])


def test_sql_loads_with_keys_that_hold(tmp_path):
    write(Family(RulesGenerator.of_file(SHOP).spec, 200, 1), tmp_path, "sql")
    database = sqlite3.connect(":memory:")
    database.execute("pragma foreign_keys = on")
    database.executescript((tmp_path / "tables.sql").read_text())
    assert database.execute("pragma foreign_key_check").fetchall() == []
    assert database.execute("select count(*) from customers").fetchone() == (200,)
    with pytest.raises(sqlite3.IntegrityError):  # planted: the keys are really declared
        database.execute("insert into orders (id, customer_id) values (-1, 999999)")


def test_unique_holds_over_blocks(monkeypatch):
    monkeypatch.setattr(family_module, "BLOCK_ROWS", 64)
    table = _one(
        "a: {type: pattern, pattern: 'AA-999', unique: true}, b: {type: email, unique: true},"
        " c: {type: integer, low: 1, high: 600, unique: true}, d: uuid, e: {type: name, unique: true, locale: ko_KR}",
        rows=600,
    )
    for name in table.column_names:
        assert pc.count_distinct(table[name]).as_py() == 600, name


def test_too_few_unique_numbers_is_an_error():
    with pytest.raises(ConstraintError, match=r"t.c: 10 unique numbers"):
        _one("c: {type: integer, low: 1, high: 10, unique: true}", rows=11)


def test_distributions_keep_their_limits_and_means():
    table = _one(
        "n: {type: normal, mean: 10, sd: 3, low: 9}, p: {type: poisson, mean: 4}, q: {type: poisson, mean: 2, low: 1},"
        " e: {type: exponential, mean: 5, high: 8}, z: {type: zipf, a: 1.2, n: 50}, u: {type: uniform, low: 2, high: 3},"
        " b: {type: beta, a: 2, b: 6, low: 10, high: 20}, l: {type: lognormal, median: 100, sigma: 0.5, decimals: 2},"
        " x: {type: empirical, quantiles: [0, 1, 10]}, t: {type: boolean, p: 0.3}",
        rows=20_000,
    )
    column = {name: table[name].cast(pa.float64()).to_numpy() for name in table.column_names}
    assert column["n"].min() >= 9 and 11.0 < column["n"].mean() < 12.2
    assert abs(column["p"].mean() - 4) < 0.1 and abs(column["p"].var() - 4) < 0.3
    assert column["q"].min() == 1 and abs(column["q"].mean() - 2 / (1 - 2.718281828**-2)) < 0.05
    assert column["e"].max() <= 8 and 2.7 < column["e"].mean() < 3.3
    assert column["z"].min() == 1 and column["z"].max() <= 50
    assert column["u"].min() >= 2 and column["u"].max() <= 3
    assert abs(column["b"].mean() - 12.5) < 0.1
    assert 97 < sorted(column["l"])[10_000] < 103
    assert abs((column["x"] < 1).mean() - 0.5) < 0.02
    assert abs(column["t"].mean() - 0.3) < 0.02


def test_business_hours_and_weekdays():
    table = _one(
        "a: {type: datetime, start: 2024-01-01, end: 2024-03-31, business_hours: {open: 8, close: 18}},"
        " b: {type: date, start: 2024-01-01, end: 2024-12-31, weekdays: [sat]}",
    )
    for moment in table["a"].to_pylist():
        assert moment.weekday() < 5 and 8 <= moment.hour < 18
        assert dt.datetime(2024, 1, 1) <= moment < dt.datetime(2024, 4, 1)
    assert {day.weekday() for day in table["b"].to_pylist()} == {5}


def test_choices_keep_their_weights_and_nulls_their_share():
    table = _one("c: {type: choice, values: {a: 9, b: 1}, nulls: 0.5}", rows=8000)
    counts = {e["values"]: e["counts"] for e in pc.value_counts(table["c"].combine_chunks()).to_pylist()}
    assert 0.47 < counts[None] / 8000 < 0.53
    assert 0.86 < counts["a"] / (counts["a"] + counts["b"]) < 0.94


def test_constraints_are_kept_and_impossible_ones_named():
    fields = "a: {type: integer, low: 0, high: 9}, b: {type: integer, low: 0, high: 9}"
    table = _one(fields, extra="constraints: ['a < b', 'a + b != 9'],")
    assert all(row["a"] < row["b"] and row["a"] + row["b"] != 9 for row in table.to_pylist())
    with pytest.raises(ConstraintError, match="cannot be made to keep 'a > 9'"):
        _one(fields, extra="constraints: ['a > 9'],")


def test_a_null_key_looks_up_nothing():
    generator = RulesGenerator.of_text(
        "tables: {p: {rows: 9, fields: {id: sequence, price: {type: integer, low: 1, high: 5}}},"
        " o: {rows: 300, fields: {p: {type: key, table: p, nulls: 0.4},"
        " price: {type: lookup, through: p, column: price}}}}"
    )
    rows = Family(generator.spec, 9, 0)
    table = next(rows.tables(block)["o"] for block in rows.blocks() if block.root == "o")
    assert table["p"].null_count > 50
    assert table["p"].is_null().equals(table["price"].is_null())


def test_all_mistakes_are_told_at_once_with_lines():
    text = """seed: x
tables:
  a:
    fields:
      id: sequenc
      n: {type: integer, low: 5, high: 1}
      p: {type: normal, mean: 1}
      t: {type: template, template: "{nn}"}
      c: {type: formula, expression: "d + 1"}
      d: {type: formula, expression: "c + 1"}
  b:
    parent: q
    fields: {x: {type: parent, column: zz}}
"""
    with pytest.raises(SpecError) as told:
        RulesGenerator.of_text(text)
    message = str(told.value)
    for part in (
        "7 problems", "line 1: seed", "line 5: no type is called 'sequenc' (did you mean 'sequence'?)", "line 6: low 5",
        "line 7: normal needs sd", "line 8: no field 'nn'", "line 9: fields need each other in a circle: c -> d",
        "line 12: no table 'q'",
    ):  # fmt: skip
        assert part in message, part


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tables: {}", "no tables"),
        ("tables: {a: {fields: {x: {type: pattern, pattern: '[A-Z]+'}}}}", "character 6 of the pattern"),
        ("tables: {a: {fields: {x: {type: integer, low: 1.5, high: 3}}}}", "low is no whole number"),
        ("tables: {a: {fields: {x: {type: integer, low: 1, high: x}}}}", "high is no number"),
        ("tables: {a: {fields: {x: {type: date, weekdays: [xx]}}}}", "weekdays"),
        ("tables: {a: {fields: {x: {type: datetime, business_hours: {open: 9, close: 8}}}}}", "business_hours"),
        ("tables: {a: {fields: {x: {type: empirical, quantiles: [2, 1]}}}}", "quantiles"),
        ("tables: {a: {parent: b, fields: {x: word}}, b: {parent: a, fields: {x: word}}}", "circle"),
        ("tables: {a: {fields: {x: {type: key, table: b}}}, b: {fields: {x: {type: key, table: a}}}}", "circle"),
        ("tables: {a: {fields: {x: {type: name, locale: xx}}}}", "no locale 'xx'"),
        ("tables: {a: {fields: {x: {type: case, cases: [{when: 'x'}]}}}}", "when: and then:"),
        ("tables: {a: {fields: {x: {type: choice, values: []}}}}", "values"),
        ("tables: {a: {fields: {x: {type: word, nulls: 2}}}}", "share from 0 to 1"),
        ("tables: {a: {children: 2, fields: {x: word}}}", "children without a parent"),
        ("tables: {a: {fields: {x: {type: parent, column: y}}}}", "no parent"),
        ("tables: {a: {fields: {x: word}, constraints: ['y > 1']}}", "no column `y`"),
    ],
)
def test_bad_rules_are_refused(text, message):
    with pytest.raises(SpecError, match=message):
        RulesGenerator.of_text(text)


def test_saving_and_schema(tmp_path):
    generator = RulesGenerator.of_file(SHOP)
    generator.save(tmp_path / "g")
    assert RulesGenerator.load(tmp_path / "g") == generator
    keys = {(key.table, key.columns[0], key.parent) for key in generator.schema.foreign_keys}
    assert keys == {
        ("orders", "customer_id", "customers"),
        ("lines", "order_id", "orders"),
        ("lines", "product_id", "products"),
    }
    (tmp_path / "g" / "rules.json").write_text("{")
    with pytest.raises(ArtifactError):
        RulesGenerator.load(tmp_path / "g")


def test_command(tmp_path):
    done = CliRunner().invoke(command, [str(SHOP), "--rows", "1e2", "-o", str(tmp_path / "o"), "--format", "jsonl"])
    assert done.exit_code == 0, done.output
    assert len((tmp_path / "o" / "customers.jsonl").read_text().splitlines()) == 100
    shown = CliRunner().invoke(command, [str(SHOP), "--show", "2"])
    assert "# customers" in shown.output and shown.exit_code == 0
