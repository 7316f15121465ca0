"""Are odd tables and keys met with sense: an empty child, no parent, keys twice, circles that may not be null?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from veridical.core.contracts import RunContext, SampleRequest, Shard
from veridical.core.dataset import Dataset
from veridical.core.schema import Column, ForeignKey, Kind, Schema, TableSchema
from veridical.engines.relational.engine import LinkedEngine
from veridical.prepare.link import point

PARENTS, CHILDREN = 60, 240


def _columns(rows: pa.Table, **kinds: Kind) -> tuple[Column, ...]:
    return tuple(
        Column(name=name, kind=kinds.get(name, Kind.INTEGER), storage=str(rows.schema.field(name).type), nullable=True)
        for name in rows.column_names
    )


def _schema(
    parent: pa.Table, child: pa.Table, key: tuple[str, ...] = ("id",), own: tuple[str, ...] = ("of",)
) -> Schema:
    kinds = {**dict.fromkeys(own, Kind.IDENTIFIER), "word": Kind.CATEGORY}
    upper = TableSchema(
        name="parent", columns=_columns(parent, **{**kinds, **dict.fromkeys(key, Kind.IDENTIFIER)}), primary_key=key
    )
    lower = TableSchema(name="child", columns=_columns(child, **kinds))
    link = ForeignKey(table="child", columns=own, parent="parent", parent_columns=key)
    return Schema(tables=(upper, lower), foreign_keys=(link,))


def _made(parent: pa.Table, child: pa.Table, schema: Schema | None = None) -> dict[str, pa.Table]:
    known = _schema(parent, child) if schema is None else schema
    fitted = LinkedEngine().fit(Dataset({"parent": parent, "child": child}), known, RunContext())
    return fitted.sample(SampleRequest(rows=1, seed=1), Shard(0, 1, 0, 1)).tables


@pytest.fixture
def parent() -> pa.Table:
    return pa.table({"id": np.arange(PARENTS), "size": np.arange(PARENTS) % 7})


@pytest.fixture
def child() -> pa.Table:
    rng = np.random.default_rng(0)
    return pa.table({"of": rng.integers(0, PARENTS, CHILDREN), "x": rng.integers(0, 9, CHILDREN)})


def test_orphan_keys_come_out_at_their_rate(parent: pa.Table, child: pa.Table) -> None:
    lost = np.where(np.arange(CHILDREN) % 5 == 0, 10_000 + np.arange(CHILDREN), child["of"].to_numpy())
    made = _made(parent, child.set_column(0, "of", pa.array(lost)))
    link = ForeignKey(table="child", columns=("of",), parent="parent", parent_columns=("id",))
    assert point(made, link).broken_share == pytest.approx(0.2, abs=0.02)


def test_of_parents_with_one_key_the_first_is_meant(parent: pa.Table, child: pa.Table) -> None:
    twice = pa.concat_tables([parent, parent.slice(0, 5)])
    made = _made(twice, child)
    assert made["parent"].num_rows == PARENTS + 5
    assert len(made["parent"]["id"].unique()) == PARENTS + 5  # what a key is for holds in what comes out
    assert made["child"].num_rows == CHILDREN


@pytest.mark.parametrize(("parents", "children"), [(PARENTS, 0), (0, CHILDREN), (0, 0), (1, CHILDREN), (PARENTS, 1)])
def test_tables_of_no_row_or_one(parent: pa.Table, child: pa.Table, parents: int, children: int) -> None:
    made = _made(parent.slice(0, parents), child.slice(0, children))
    assert made["parent"].num_rows == parents
    assert made["child"].num_rows == children
    assert made["child"].schema.types == child.schema.types


def test_a_key_of_mixed_types(child: pa.Table) -> None:
    parent = pa.table(
        {"country": [f"c{i % 6}" for i in range(PARENTS)], "no": np.arange(PARENTS) // 6, "size": range(PARENTS)}
    )
    of = child["of"].to_numpy()
    rows = pa.table({"land": [f"c{i % 6}" for i in of], "nr": of // 6, "x": child["x"]})
    schema = _schema(parent, rows, ("country", "no"), ("land", "nr"))
    made = _made(parent, rows, schema)
    assert point(made, schema.foreign_keys[0]).missing == 0


def test_keys_of_different_types_meet(parent: pa.Table, child: pa.Table) -> None:
    texts = child.set_column(0, "of", child["of"].cast(pa.string()))
    made = _made(parent, texts)
    assert made["child"].schema.field("of").type == pa.string()
    assert set(made["child"]["of"].to_pylist()) <= {str(key) for key in made["parent"]["id"].to_pylist()}


def test_a_circle_that_may_not_be_null_on_either_side() -> None:
    rows = np.arange(PARENTS)
    one = pa.table({"id": rows, "best": (rows * 7) % PARENTS, "a": rows % 5})
    two = pa.table({"id": rows, "home": (rows * 11) % PARENTS, "b": rows % 3})
    kinds = {"id": Kind.IDENTIFIER, "best": Kind.IDENTIFIER, "home": Kind.IDENTIFIER}

    def strict(table: pa.Table, name: str) -> TableSchema:
        from dataclasses import replace

        columns = tuple(replace(column, nullable=False) for column in _columns(table, **kinds))
        return TableSchema(name=name, columns=columns, primary_key=("id",))

    links = (
        ForeignKey(table="one", columns=("best",), parent="two", parent_columns=("id",)),
        ForeignKey(table="two", columns=("home",), parent="one", parent_columns=("id",)),
    )
    schema = Schema(tables=(strict(one, "one"), strict(two, "two")), foreign_keys=links)
    fitted = LinkedEngine().fit(Dataset({"one": one, "two": two}), schema, RunContext())
    made = fitted.sample(SampleRequest(rows=1, seed=1), Shard(0, 1, 0, 1)).tables
    for link in links:
        pointed = point(made, link)
        assert pointed.missing == 0
        assert (pointed.rows >= 0).all()


def test_reserved_words_and_mixed_case(parent: pa.Table, child: pa.Table) -> None:
    renamed = child.rename_columns(["Select", "Order By"])
    schema = _schema(parent, renamed, ("id",), ("Select",))
    made = _made(parent, renamed, schema)
    assert made["child"].column_names == ["Select", "Order By"]
    assert point(made, schema.foreign_keys[0]).missing == 0


def test_days_in_a_key_stay_in_their_range() -> None:
    days = np.datetime64("2024-01-01") + np.arange(60)
    parent = pa.table({"day": np.repeat(days, 12), "sensor": np.tile([f"s{i}" for i in range(12)], 60)})
    of = np.random.default_rng(0).integers(0, 720, 900)
    rows = pa.table({"on": parent["day"].take(of), "by": parent["sensor"].take(of), "x": np.arange(900) % 7})
    schema = _schema(parent, rows, ("day", "sensor"), ("on", "by"))
    schema = replace(schema, tables=(_with_kinds(schema.table("parent"), day=Kind.DATE), *schema.tables[1:]))
    made = _made(parent, rows, schema)
    assert point(made, schema.foreign_keys[0]).missing == 0
    assert made["parent"]["day"].to_numpy().max() < np.datetime64("2024-03-15")
    assert not made["parent"].to_pandas().duplicated(["day", "sensor"]).any()


def _with_kinds(table: TableSchema, **kinds: Kind) -> TableSchema:
    return replace(table, columns=tuple(replace(one, kind=kinds.get(one.name, one.kind)) for one in table.columns))
