"""Is a table of sequences found as one, and a plain table left alone?"""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sequence_data import series, visits
from shared_data import shared
from veridical.core.schema import Kind, TableSchema
from veridical.profile.table import learn_table

ADULT = files("veridical.data") / "adult.parquet"


def learned(table: pa.Table) -> TableSchema:
    return learn_table(table, name="data")[0]


def test_visits_are_sequences_of_patients_with_a_reason() -> None:
    schema, profile = learn_table(visits(), name="visits")
    assert schema.series == ("patient",)
    assert schema.order_by == "day"
    assert schema.unit == "patient"
    assert schema.is_sequence
    assert any("sequences of patient by day" in finding for finding in profile.findings)


def test_an_entitys_category_becomes_a_key() -> None:
    frame = pd.DataFrame({
        "ticker": np.repeat(["AAA", "BB", "CC", "DDD", "EE", "FF", "GG", "HH", "II", "JJ", "KK"], 40),
        "date": np.tile(pd.bdate_range("2024-01-01", periods=40), 11),
        "price": np.round(np.random.default_rng(0).gamma(9, 9, 440), 2),
    })  # fmt: skip
    schema = learned(pa.Table.from_pandas(frame, preserve_index=False))
    assert schema.series == ("ticker",)
    assert schema.column("ticker").kind is Kind.IDENTIFIER


def test_few_stations_keep_their_names() -> None:
    frame = pd.concat([series(200).to_pandas().assign(station=name) for name in ("north", "south")])
    schema = learned(pa.Table.from_pandas(frame, preserve_index=False))
    assert schema.series == ("station",)
    assert schema.column("station").kind is Kind.CATEGORY
    assert schema.unit is None


def test_two_columns_together_and_a_panel_sorted_by_time() -> None:
    days = pd.date_range("2024-01-05", periods=30, freq="7D")
    frame = pd.DataFrame(
        [(s, d, t) for s in range(6) for d in range(8) for t in days], columns=["store", "dept", "date"]
    )
    frame["sales"] = np.random.default_rng(0).normal(100, 9, len(frame)).round(2)
    assert learned(pa.Table.from_pandas(frame, preserve_index=False)).series == ("store", "dept")
    by_time = frame.assign(shop=frame["store"] * 10 + frame["dept"]).drop(columns=["store", "dept"])
    by_time = by_time.sort_values(["date", "shop"])
    assert learned(pa.Table.from_pandas(by_time, preserve_index=False)).series == ("shop",)


def test_one_long_series() -> None:
    schema = learned(series(300))
    assert schema.series == ()
    assert schema.order_by == "time"


@pytest.mark.parametrize("fault", ["unsorted", "duplicate", "gappy"])
def test_one_long_series_is_seen_through_what_is_wrong_with_its_rows(fault: str) -> None:
    frame = series(400).to_pandas()
    odd = {
        "unsorted": frame.sample(frac=1, random_state=0),
        "duplicate": pd.concat([frame, frame[::30]]).sort_values("time"),
        "gappy": frame.drop(index=[*range(100, 150), *range(0, 400, 11)]),
    }[fault]
    schema = learned(pa.Table.from_pandas(odd, preserve_index=False))
    assert schema.series == ()
    assert schema.order_by == "time"


def test_a_series_that_counts_its_years_is_one_and_a_table_with_years_in_it_is_none() -> None:
    rng = np.random.default_rng(0)
    years = np.arange(1700, 2009)
    spots = pa.table({"YEAR": years, "SPOTS": np.round(50 + 40 * np.sin(years / 1.75) + rng.normal(0, 5, 309), 1)})
    schema = learned(spots)
    assert schema.series == ()
    assert schema.order_by == "YEAR"
    aside = np.sort(rng.permutation(309)[:210])
    assert learned(spots.take(pa.array(aside))).series == (), "rows are kept back before anyone knows"
    cars = pa.table({"year": np.sort(rng.integers(1970, 2020, 300)), "price": rng.gamma(9, 900, 300).round(2)})
    assert learned(cars).series is None


def test_plain_tables_are_left_alone() -> None:
    assert learned(pq.read_table(ADULT).slice(0, 2000)).series is None
    rng = np.random.default_rng(0)
    orders = pa.table({
        "customer": rng.integers(0, 50, 600),
        "date": pa.array(np.datetime64("2024-01-01") + rng.integers(0, 300, 600)),
        "amount": rng.gamma(2, 20, 600).round(2),
    })  # fmt: skip
    assert learned(orders).series is None, "orders in no order are no sequences"
    logged = pa.table({"at": pa.array(np.sort(np.datetime64("2024-01-01T00:00:00") + rng.integers(0, 10**6, 500))),
                       "size": rng.integers(0, 99, 500)})  # fmt: skip
    assert learned(logged).series is None, "events at odd moments are no regular series"


@pytest.mark.parametrize(
    ("path", "rows", "keys", "time"),
    [
        ("pbcseq/pbcseq.parquet", None, ("id",), "day"),
        ("sp500_stocks/sp500_stocks.parquet", 30_000, ("Name",), "date"),
        ("walmart_sales/sales.parquet", 30_000, ("Store", "Dept"), "Date"),
        ("nycflights13/weather.parquet", None, ("origin",), "time_hour"),
        ("air_quality_uci/air_quality_uci.parquet", None, (), "datetime"),
        ("nycflights13/planes.parquet", None, None, None),
    ],
)
def test_real_tables(path: str, rows: int | None, keys: tuple[str, ...] | None, time: str | None) -> None:
    table = pq.read_table(shared(path))
    schema = learned(table if rows is None else table.slice(0, rows))
    assert schema.series == keys
    assert keys is None or schema.order_by == time
