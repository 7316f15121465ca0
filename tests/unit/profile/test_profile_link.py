"""Are links found that nobody declared, and none where there is none?"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shared_data import shared
from veridical.core.dataset import Dataset
from veridical.core.schema import ForeignKey, Schema
from veridical.profile import learn_table
from veridical.profile.link import find, with_links


def schema_of(data: Dataset) -> Schema:
    return Schema(tables=tuple(learn_table(rows.slice(0, 5000), name=name)[0] for name, rows in data.tables.items()))


def links(data: Dataset) -> set[tuple[str, tuple[str, ...], str, tuple[str, ...]]]:
    found = find(data, schema_of(data).tables)
    return {(link.table, link.columns, link.parent, link.parent_columns) for link in found}


def folder(name: str) -> Dataset:
    place = Path(shared(name))
    return Dataset({path.stem: pq.read_table(path) for path in sorted(place.glob("*.parquet"))})


def only(found: tuple[ForeignKey, ...], column: str) -> ForeignKey:
    return next(link for link in found if link.columns == (column,))


def test_flights() -> None:
    data = folder("nycflights13")
    found = find(data, schema_of(data).tables)
    assert links(data) == {
        ("flights", ("carrier",), "airlines", ("carrier",)), ("flights", ("tailnum",), "planes", ("tailnum",)),
        ("flights", ("origin",), "airports", ("faa",)), ("flights", ("dest",), "airports", ("faa",)),
        ("weather", ("origin",), "airports", ("faa",)),
        ("flights", ("origin", "time_hour"), "weather", ("origin", "time_hour")),
    }  # fmt: skip
    assert only(found, "tailnum").broken_share == pytest.approx(0.15, abs=0.01)
    assert only(found, "dest").broken_share == pytest.approx(0.0226, abs=0.001)
    assert all(link.source == "learned" and link.reason and 0.6 <= link.confidence <= 1 for link in found)


def test_films() -> None:
    assert links(folder("movielens_small")) == {
        (table, ("movieId",), "movies", ("movieId",)) for table in ("links", "ratings", "tags")
    }


def test_shops() -> None:
    assert links(folder("walmart_sales")) == {
        ("features", ("Store",), "stores", ("Store",)), ("sales", ("Store",), "stores", ("Store",)),
        ("sales", ("Store", "Date"), "features", ("Store", "Date")),
    }  # fmt: skip


def test_patients() -> None:
    assert links(folder("nafld")) == {(f"nafld{i}", ("id",), "nafld1", ("id",)) for i in (2, 3)}
    found = links(folder("synthea_sample"))
    assert ("encounters", ("PATIENT",), "patients", ("Id",)) in found and len(found) >= 40
    assert all(parent_columns == ("Id",) for *_, parent_columns in found)


def test_a_shop_of_dense_keys() -> None:
    found = links(folder("chinook"))
    assert len(found) == 10  # SupportRepId speaks of no employee, by name or by values
    assert ("Employee", ("ReportsTo",), "Employee", ("EmployeeId",)) in found


def test_small_numbers_are_no_links() -> None:
    rng = np.random.default_rng(0)
    data = Dataset(
        {
            "things": pa.table({"id": np.arange(1, 501), "size": rng.integers(1, 50, 500)}),
            "people": pa.table(
                {"id": np.arange(1, 301), "age": rng.integers(18, 90, 300), "children": rng.integers(0, 5, 300)}
            ),
        }
    )
    assert links(data) == set()


def test_names_alone_do_not_make_a_link() -> None:
    rng = np.random.default_rng(0)
    data = Dataset(
        {
            "customers": pa.table({"id": np.arange(1, 301)}),
            "orders": pa.table({"customer_id": rng.integers(10_000, 99_999, 400)}),
        }
    )
    assert links(data) == set()


def test_keys_of_two_kinds() -> None:
    data = Dataset({"a": pa.table({"code": ["1", "2", "3"] * 20}), "codes": pa.table({"code": [1, 2, 3]})})
    assert links(data) == set()


def test_parents_get_their_key_and_rules_on_links_go() -> None:
    codes = [f"K{i * 7919 % 99_991:05}" for i in range(40)]
    data = Dataset(
        {
            "plants": pa.table({"code": codes, "kind": ["oak", "elm"] * 20}),
            "visits": pa.table({"plant": codes * 10, "sort": ["x", "y"] * 200}),
        }
    )
    schema = with_links(schema_of(data), data)
    assert schema.table("plants").primary_key == ("code",)
    assert schema.foreign_keys[0].table == "visits"
    assert not any("plant" in rule.columns for rule in schema.table("visits").constraints)


def test_a_key_of_another_name_is_found_where_it_runs_through_one_table_only() -> None:
    people = pa.table({"id": list(range(1, 301)), "age": [20 + i % 50 for i in range(300)]})
    orders = pa.table({"order_no": list(range(1, 2001)), "buyer_id": [1 + i * 7 % 300 for i in range(2000)], "qty": [1 + i % 9 for i in range(2000)]})  # fmt: skip
    found = links_of({"people": people, "orders": orders})
    assert [(link.columns, link.parent) for link in found] == [(("buyer_id",), "people")]
    assert "as no other table's" in found[0].reason
    # Where a second table has the same numbers, nobody can say which one is meant.
    places = pa.table({"id": list(range(1, 301)), "size": [i % 11 for i in range(300)]})
    assert links_of({"people": people, "orders": orders, "places": places}) == ()


def test_days_point_to_a_calendar_by_name() -> None:
    days = pa.array([dt.date(2023, 1, 1) + dt.timedelta(days=i) for i in range(200)])
    calendar = pa.table({"day": days, "holiday": [i % 7 == 0 for i in range(200)]})
    often = days.take(pa.array([i * 13 % 200 for i in range(900)]))
    found = links_of({"calendar": calendar, "sales": pa.table({"sale": range(900), "day": often, "paid": often})})
    assert [(link.table, link.columns) for link in found] == [("sales", ("day",))]


def links_of(tables: dict[str, pa.Table]) -> tuple[ForeignKey, ...]:
    return find(Dataset(tables), [learn_table(rows, name=name)[0] for name, rows in tables.items()])
