"""Do linked tables meet conditions on a parent's and on a child's columns, exactly, and is what cannot be refused?"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from tests.linked_data import shop, shop_schema

from veridical.cli.main import run
from veridical.core.contracts import RunContext, SampleRequest, Shard
from veridical.core.dataset import Dataset
from veridical.core.errors import SpecError
from veridical.engines.relational.engine import LinkedEngine
from veridical.engines.relational.generator import LinkedGenerator
from veridical.prepare.link import point
from veridical.prepare.linked_rule import broken_rows, linked_rules

ONE = Shard(0, 1, 0, 1)


@pytest.fixture(scope="module")
def fitted() -> LinkedGenerator:
    data = shop(300)
    return LinkedEngine().fit(data, shop_schema(data), RunContext(seed=1))


def _drawn(fitted: LinkedGenerator, **asked: object) -> Dataset:
    made = fitted.sample(SampleRequest(rows=1, seed=2, **asked), ONE)  # type: ignore[arg-type]
    for link in fitted.schema.foreign_keys:
        assert point(made.tables, link).broken_share == 0
    for table, rule in linked_rules(fitted.schema):
        assert not broken_rows(made.tables, fitted.schema, table, rule).any()
    return made


def test_a_parents_column(fitted: LinkedGenerator) -> None:
    everyone = _drawn(fitted)
    word = everyone.tables["customer"]["size"].combine_chunks().value_counts()[0]["values"].as_py()
    made = _drawn(fitted, where=f"customer.size == '{word}'")
    assert made.tables["customer"]["size"].unique().to_pylist() == [word]
    there = pc.sum(pc.equal(everyone.tables["customer"]["size"], word)).as_py()
    assert made.tables["customer"].num_rows == there
    assert 0 < made.tables["line"].num_rows < everyone.tables["line"].num_rows


def test_a_childs_column_and_its_parents(fitted: LinkedGenerator) -> None:
    made = _drawn(fitted, where="orders.status == 'open'")
    assert made.tables["orders"]["status"].unique().to_pylist() == ["open"]
    assert made.tables["customer"].num_rows == _drawn(fitted).tables["customer"].num_rows
    both = _drawn(fitted, where="orders.status != 'open' and customer.size == 'big'")
    sizes = dict(zip(*(both.tables["customer"][name].to_pylist() for name in ("customer_id", "size")), strict=True))
    assert {sizes[one] for one in both.tables["orders"]["customer_id"].to_pylist()} == {"big"}


def test_shares_are_exact(fitted: LinkedGenerator) -> None:
    rows = _drawn(fitted, balance={"orders.status": {"open": 0.5, "done": 0.5}}).tables["orders"]
    counts = {one["values"]: one["counts"] for one in rows["status"].combine_chunks().value_counts().to_pylist()}
    assert counts.keys() == {"open", "done"}
    assert counts["open"] == counts["done"]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"where": "orders.status == 'eaten'"}, "none meets it"),
        ({"where": "orders.colour == 'red'"}, "colour"),
        ({"where": "customer.size == 'big' and line.amount > 2"}, "name a table and its parents"),
        ({"balance": {"orders.status": {"eaten": 0.5}}}, "no row drawn of orders has status = eaten"),
        ({"balance": {"orders.colour": {"red": 0.5}}}, "no column 'orders.colour'"),
    ],
)
def test_what_cannot_be_is_refused(fitted: LinkedGenerator, asked: dict[str, object], words: str) -> None:
    with pytest.raises(SpecError) as refused:
        _drawn(fitted, **asked)
    assert words in str(refused.value)


def test_from_the_shell(fitted: LinkedGenerator, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, rows in shop(120).tables.items():
        (tmp_path / "shop").mkdir(exist_ok=True)
        pq.write_table(rows, tmp_path / "shop" / f"{name}.parquet")
    made, out = str(tmp_path / "run"), str(tmp_path / "out")
    assert run(["synth", str(tmp_path / "shop"), "-o", made, "-q", "--gates", "test-data"]) == 0
    asked = ["sample", made, "-o", out, "-q", "--where", "orders.status == 'open'"]
    assert run(asked) == 0
    found = pa.concat_tables([pq.read_table(path) for path in Path(out).glob("orders*")])
    assert found["status"].unique().to_pylist() == ["open"]
    capsys.readouterr()
    assert run([*asked[:-1], "orders.status == 'eaten'"]) == 2
    assert "none meets it" in capsys.readouterr().err
    assert run([*asked[:-2], "--balance", "orders.status=eaten:0.5"]) == 2
    assert "no row drawn of orders has status = eaten" in capsys.readouterr().err
    assert run([*asked[:-2], "--boost", "line.price=0.1"]) == 2
