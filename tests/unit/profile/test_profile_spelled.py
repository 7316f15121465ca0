"""Are dates told as whole numbers, and years with their quarters or months, found to order a series?"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from veridical.core.schema import TableSchema
from veridical.profile.table import learn_table

RNG = np.random.default_rng(0)


def learned(rows: dict[str, object]) -> TableSchema:
    return learn_table(pa.table(rows), name="t")[0]


def days(count: int) -> np.ndarray:
    return np.datetime64("2023-12-01") + np.arange(count)


def compact(dates: np.ndarray) -> np.ndarray:
    return np.array([int(str(day).replace("-", "")) for day in dates])


def values(count: int) -> np.ndarray:
    return np.round(RNG.normal(size=count).cumsum(), 2)


@pytest.mark.parametrize("name", ["day", "ref", "DATE"])
def test_dates_as_whole_numbers(name: str) -> None:
    found = learned({name: compact(days(120)), "x": values(120)})
    assert (found.series, found.order_by, found.column(name).datetime_format) == ((), name, "%Y%m%d")


def test_months_as_whole_numbers_need_a_name_that_says_so() -> None:
    months = np.array([202001 + 100 * (at // 12) + at % 12 for at in range(60)])
    assert learned({"period": months, "x": values(60)}).column("period").datetime_format == "%Y%m"
    assert learned({"price": months, "x": values(60)}).series is None


@pytest.mark.parametrize(("part", "form", "each"), [("quarter", "%q", 4), ("month", "%m", 12)])
def test_a_year_and_its_parts(part: str, form: str, each: int) -> None:
    at = np.arange(10 * each)
    found = learned({"Year": 1990.0 + at // each, part: at % each + 1.0, "x": values(len(at))})
    assert (found.series, found.order_by, found.unit) == ((), "Year", None)
    assert [column.datetime_format for column in found.columns] == ["%Y", form, None]


def test_a_panel_by_year_and_month_is_of_its_entities() -> None:
    at = np.arange(36)
    rows = {"region": np.repeat([f"r{one}" for one in range(20)], 36), "year": np.tile(2020 + at // 12, 20),
            "month": np.tile(at % 12 + 1, 20), "x": values(720)}  # fmt: skip
    found = learned(rows)
    assert (found.series, found.order_by, found.unit) == (("region",), "year", "region")


def test_fractions_of_a_year_and_texts_of_months() -> None:
    found = learned({"time": np.round(1959 + np.arange(120) / 12, 3), "x": values(120)})
    assert (found.series, found.order_by) == ((), "time")
    texts = [f"{1949 + at // 12}-{at % 12 + 1:02d}" for at in range(120)]
    found = learned({"Month": texts, "x": values(120)})
    assert (found.series, found.order_by, found.column("Month").datetime_format) == ((), "Month", "%Y-%m")


def test_quarters_and_ends_of_months_are_equal_steps() -> None:
    starts = (np.datetime64("1990-01") + 3 * np.arange(80)).astype("datetime64[D]")
    ends = (np.datetime64("1990-01") + 1 + np.arange(80)).astype("datetime64[D]") - 1
    assert learned({"date": starts, "x": values(80)}).series == ()
    assert learned({"date": ends, "x": values(80)}).series == ()


def test_numbers_that_only_look_like_times_are_left_alone() -> None:
    rng = np.random.default_rng(1)
    rows = {"born": compact(days(90))[rng.integers(90, size=300)], "x": np.round(rng.normal(size=300), 2)}
    assert learned(rows).series is None
    rows = {"year": rng.integers(1990, 2020, 300), "month": rng.integers(1, 13, 300), "x": rng.integers(0, 9, 300)}
    found = learned(rows)
    assert found.series is None
    assert all(column.datetime_format is None for column in found.columns)
    found = learned({"part": 20240100 + np.arange(300), "x": values(300)})  # there is no 45th of January
    assert found.column("part").datetime_format is None
