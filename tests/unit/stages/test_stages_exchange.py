"""Rows of two entities: are they whole on one side of the holdout, with every entity's numbers of rows?"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from linked_data import bank
from veridical.core.contracts import RunContext
from veridical.core.dataset import Dataset
from veridical.core.schema import Column, ForeignKey, Kind, Schema, TableSchema
from veridical.prepare.link import point
from veridical.stages.exchange import agreed, exchanged
from veridical.stages.learn import learn
from veridical.stages.linked_cut import _components, _spread, grown, split, torn


@pytest.fixture(scope="module")
def whole():
    data = bank()
    return data, learn(data).schema


@pytest.fixture(scope="module")
def parts(whole):
    data, schema = whole
    return split(data, schema, 0.2, RunContext(seed=1))


def _apart(data, schema, share=0.2):
    ctx = RunContext(seed=1)
    pieces = _components(schema, data, "accounts")
    aside = np.unique(pieces)[: round(share * len(np.unique(pieces)))]
    return _spread(schema, data, "accounts", np.isin(pieces, aside).astype(np.int8), ctx)


def test_few_rows_are_lost_where_many_would_be(whole, parts):
    data, schema = whole
    assert torn(data, parts).get("transfers", 0.0) < 0.1
    without = agreed(data.tables, schema, _apart(data, schema))["transfers"]
    assert (without == 2).mean() > 0.25
    assert dict(grown(data, parts.train))["transfers"] == pytest.approx(1.25, abs=0.06)


def test_no_row_speaks_of_an_account_of_the_other_side(whole, parts):
    _, schema = whole
    for side in (parts.train, parts.holdout):
        for link in schema.foreign_keys:
            assert point(side.tables, link).missing == 0
    ids = [set(side.tables["accounts"]["account_id"].to_pylist()) for side in (parts.train, parts.holdout)]
    assert not ids[0] & ids[1]
    rows = [set(side.tables["transfers"]["transfer_id"].to_pylist()) for side in (parts.train, parts.holdout)]
    assert not rows[0] & rows[1]


def test_every_account_keeps_its_numbers_of_rows_by_both_links(whole):
    data, schema = whole
    made, _ = exchanged(data, schema, _apart(data, schema), np.random.default_rng(0))
    for link in schema.foreign_keys:
        assert (point(made.tables, link).counts == point(data.tables, link).counts).all()


def test_what_held_in_every_row_still_does(parts):
    for side in (parts.train, parts.holdout):
        rows = side.tables["transfers"].to_pandas()
        above = side.tables["accounts"].to_pandas().set_index("account_id")
        assert (rows["payer"] != rows["payee"]).all()
        assert (rows["payee_country"] == rows["payee"].map(above["country"])).all()
        assert (rows["made"] >= rows["payee"].map(above["opened"])).all()


def test_rows_stay_within_a_country_about_as_often(whole, parts):
    def share(data: Dataset) -> float:
        country = data.tables["accounts"].to_pandas().set_index("account_id")["country"]
        rows = data.tables["transfers"].to_pandas()
        return float((rows["payer"].map(country) == rows["payee_country"]).mean())

    assert share(parts.train) > share(whole[0]) - 0.05


def test_where_every_pair_comes_once_none_is_made_twice():
    data = bank(30, 10)
    names = data.tables["accounts"]["account_id"].to_pylist()
    pairs = [(one, two) for one in names for two in names if one != two]
    rows = pa.table({"payer": [p[0] for p in pairs], "payee": [p[1] for p in pairs], "amount": np.arange(len(pairs))})
    data = Dataset({"accounts": data.tables["accounts"], "transfers": rows})
    schema = learn(data).schema
    parts = split(data, schema, 0.2, RunContext(seed=1))
    kept = parts.train.tables["transfers"].select(["payer", "payee"]).to_pandas()
    assert not kept.duplicated().any()
    assert torn(data, parts)["transfers"] > 0.1


def _schema(tables: dict[str, pa.Table], ends: list[tuple[str, str, str]]) -> Schema:
    keys = {"id", *(column for _, column, _ in ends)}
    made = tuple(
        TableSchema(
            name=name, primary_key=("id",),
            columns=tuple(
                Column(name=own, kind=Kind.IDENTIFIER if own in keys else Kind.INTEGER) for own in rows.column_names
            ),
        )
        for name, rows in tables.items()
    )  # fmt: skip
    links = (ForeignKey(table=t, columns=(c,), parent=p, parent_columns=("id",)) for t, c, p in ends)
    return Schema(tables=made, foreign_keys=tuple(links))


def test_a_ring_of_keys_becomes_two_rings():
    rows = np.arange(40)
    tables = {
        "one": pa.table({"id": rows, "best": (rows + 1) % 40, "a": rows % 5}),
        "two": pa.table({"id": rows, "home": rows, "b": rows % 3}),
    }
    schema = _schema(tables, [("one", "best", "two"), ("two", "home", "one")])
    parts = split(Dataset(tables), schema, 0.2, RunContext(seed=1), entity="one")
    assert parts.train.tables["one"].num_rows == 32
    assert parts.holdout is not None
    assert parts.holdout.tables["two"].num_rows == 8


def test_of_entities_that_all_hang_together_none_is_kept_back():
    rows = np.arange(40)
    boss = pa.array(rows - 1, mask=rows == 0)
    tables = {
        "staff": pa.table({"id": rows, "boss": boss, "a": rows % 5}),
        "trips": pa.table({"id": np.arange(200), "who": np.arange(200) % 40, "b": np.arange(200) % 3}),
    }
    schema = _schema(tables, [("staff", "boss", "staff"), ("trips", "who", "staff")])
    parts = split(Dataset(tables), schema, 0.2, RunContext(seed=1), entity="staff")
    assert parts.holdout is None
    assert parts.train.rows == Dataset(tables).rows
