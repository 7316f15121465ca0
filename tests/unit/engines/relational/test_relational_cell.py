"""Keys that share columns: is every row's product of the tenant of its order, and do products go with buyers?"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import veridical
from linked_data import tenants, tenants_schema
from veridical.core.contracts import RunContext, SampleRequest
from veridical.core.schema import ForeignKey
from veridical.engines.relational.cell import Cells, cells, paired_within, shared
from veridical.engines.relational.made import Made
from veridical.engines.relational.matching import settle_barren
from veridical.engines.relational.pairing import apart, pair
from veridical.prepare.link import point
from veridical.stages import model as models
from veridical.stages import synthesize as syntheses


@pytest.fixture(scope="module")
def shops():
    data = tenants()
    schema = tenants_schema(data)
    generator = models.fit(data, schema, models.Recipe(engine="linked"), RunContext(seed=1))
    return data, schema, syntheses.draw(generator, SampleRequest(rows=1, seed=2, scale=2.0))


def test_every_key_has_a_row_and_no_key_comes_twice(shops):
    data, schema, made = shops
    for link in schema.foreign_keys:
        pointed, real = point(made.tables, link), point(data.tables, link)
        assert pointed.missing == 0, link.columns
        assert ((pointed.rows < 0).mean() > 0.2) == ((real.rows < 0).mean() > 0.2), link.columns
    for table in schema.tables:
        assert not made.tables[table.name].select(list(table.primary_key)).to_pandas().duplicated().any(), table.name
    assert made.tables["lines"].num_rows == pytest.approx(2 * data.tables["lines"].num_rows, rel=0.15)


def test_nobody_is_above_themselves_within_a_tenant(shops):
    _, schema, made = shops
    up = point(made.tables, schema.foreign_keys[2]).rows
    reached = up.copy()
    for _ in range(len(up)):
        reached = np.where(reached >= 0, np.append(up, -1)[reached], -1)
    assert (reached == -1).all()


def test_products_go_with_buyers_within_the_tenant(shops):
    def gap(tables):
        rows = tables["lines"].to_pandas()
        rows = rows.merge(tables["orders"].to_pandas(), on=["tenant", "order"])
        people = tables["customers"].to_pandas().rename(columns={"no": "customer"})
        rows = rows.merge(people, on=["tenant", "customer"]).merge(
            tables["products"].to_pandas(), on=["tenant", "product"]
        )
        dear = rows["price"] > 7.4
        return dear[rows["segment"] == "a"].mean() - dear[rows["segment"] == "b"].mean()

    assert gap(shops[0].tables) > 0.25
    assert gap(shops[2].tables) > 0.25 * gap(shops[0].tables)


def test_cells_are_the_shared_values():
    ends = [("order", "orders"), ("item", "items")]
    links = [ForeignKey(table="t", columns=("shop", k), parent=p, parent_columns=("shop", k)) for k, p in ends]
    assert shared(1, links, [0]) == {"shop": 0}
    assert shared(0, links, []) == {}
    made = {
        "orders": Made(rows=3, columns={"shop": pa.array([7, 7, 9]), "order": pa.array([1, 2, 3])}),
        "items": Made(rows=2, columns={"shop": pa.array([9, 7]), "item": pa.array([1, 1])}),
    }
    child = Made(rows=4, above={0: np.array([0, 1, 2, -1])})
    found = cells(1, links, child, made)
    assert found is not None
    assert found.rows[0] == found.rows[1] == found.parents[1] != found.rows[2] == found.parents[0]
    assert found.rows[3] == -1
    assert cells(1, links, Made(rows=1), made) is None


def test_rows_of_a_cell_without_parents_take_the_place_of_others():
    child = Made(rows=3, above={0: np.array([0, 1, 2])})
    held = Cells(np.array([0, 1, 1]), np.array([1, 1]))
    assert held.barren.tolist() == [0]
    settled = settle_barren(child, held, np.random.default_rng(0))
    assert not len(settled.barren)
    assert child.above[0][0] in (1, 2)


def test_pairs_keep_to_their_cell_and_empty_keys_to_their_share():
    rng = np.random.default_rng(0)
    held = Cells(np.repeat([0, 1], 500), np.array([0, 0, 1, 1, 1]))

    def pairer(rows, parents, numbers, empty):
        alike = np.zeros(len(parents), dtype=np.int64)
        return pair(np.zeros(len(rows), dtype=np.int64), alike, numbers, empty, rng)

    found = paired_within(held, np.array([5, 1, 3, 3, 3]), 0.2, pairer, rng)
    known = found >= 0
    assert (held.parents[found[known]] == held.rows[known]).all()
    assert (~known).sum() == pytest.approx(200, abs=2)


def test_what_finds_no_free_parent_in_its_cell_is_told():
    held = Cells(np.array([0, 0, 0, 1]), np.array([0, 0, 1]))
    one_order = np.zeros(4, dtype=np.int64)
    found, wrong = apart(
        np.array([0, 0, 1, 2]), one_order, np.zeros(3, dtype=np.int64), np.random.default_rng(0), (), held
    )
    assert len(wrong) == 1
    assert found[3] == 2


def test_as_many_rows_come_out_as_there_are_though_a_part_was_kept_back(shops):
    data, schema, _ = shops
    made = veridical.synth(data, schema=schema, seed=1, gates=None)
    for name, rows in data.tables.items():
        assert made.data.tables[name].num_rows == pytest.approx(rows.num_rows, rel=0.15), name
