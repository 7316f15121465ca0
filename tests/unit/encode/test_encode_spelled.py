"""Are times that numbers spell read and written as they were?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from veridical.core.errors import DataError
from veridical.core.schema import Column, Constraint, Kind, TableSchema
from veridical.encode.spelled import TIME, Spelling, spelling_of, with_time


def part(name: str, form: str, storage: str = "int64") -> Column:
    return Column(name=name, kind=Kind.INTEGER, storage=storage, datetime_format=form)


X = Column(name="x", kind=Kind.DECIMAL, storage="double")
QUARTERS = TableSchema(
    name="economy", columns=(part("year", "%Y", "double"), X, part("quarter", "%q", "double")), series=(),
    order_by="year", constraints=(Constraint(type="inequality", columns=("quarter", "year")),
                                  Constraint(type="formula", columns=("x",), expression="x == x")),
)  # fmt: skip


def test_parts_make_a_time_and_come_back_in_their_places() -> None:
    table = pa.table({"year": [1999.0, 2000.0], "x": [0.5, 1.5], "quarter": [4.0, 1.0]})
    told, schema = with_time(table, QUARTERS)
    assert [str(day) for day in told[TIME].to_pylist()] == ["1999-10-01", "2000-01-01"]
    assert schema.names == ("x", TIME)
    assert [rule.type for rule in schema.constraints] == ["formula"]
    spelling = spelling_of(QUARTERS)
    assert spelling is not None
    assert spelling.written(told.select(["x", TIME])).equals(table)
    assert Spelling.from_plain(spelling.to_plain()) == spelling


@pytest.mark.parametrize(("form", "values"), [("%Y%m%d", [20240229, 19991231]), ("%Y%m", [202402, 199912])])
def test_one_number_spells_a_date_or_a_month(form: str, values: list[int]) -> None:
    schema = TableSchema(name="t", columns=(part("day", form, "int32"),), series=(), order_by="day")
    spelling = spelling_of(schema)
    table = pa.table({"day": pa.array(values, pa.int32())})
    assert spelling is not None
    assert spelling.written(spelling.told(table).select([TIME])).equals(table)


def test_hours_make_a_moment_and_nulls_stay() -> None:
    columns = (part("year", "%Y"), part("month", "%m"), part("day", "%d"), part("hour", "%H"))
    schema = TableSchema(name="t", columns=columns, series=(), order_by="year")
    table = pa.table({"year": [2024, None], "month": [2, 2], "day": [29, 1], "hour": [23, 0]})
    told = with_time(table, schema)[0]
    assert str(told[TIME].to_pylist()[0]) == "2024-02-29 23:00:00"
    assert told[TIME].null_count == 1


@pytest.mark.parametrize(
    "wrong", [{"year": [2000], "quarter": [5], "x": [0.0]}, {"year": [0], "quarter": [1], "x": [0.0]}]
)
def test_what_is_no_time_is_refused(wrong: dict[str, list[float]]) -> None:
    with pytest.raises(DataError, match="no time"):
        with_time(pa.table(wrong), QUARTERS)
    spelling = spelling_of(QUARTERS)
    assert spelling is not None
    with pytest.raises(DataError, match="no column quarter"):
        spelling.told(pa.table({"year": [2000]}))


def test_a_year_alone_and_unmarked_columns_are_left_as_they_are() -> None:
    alone = replace(QUARTERS, columns=QUARTERS.columns[:2], constraints=())
    assert spelling_of(alone) is None
    unmarked = replace(QUARTERS, columns=tuple(replace(c, datetime_format=None) for c in QUARTERS.columns))
    assert spelling_of(unmarked) is None
    table = pa.table({"year": np.arange(3.0)})
    assert with_time(table, unmarked) == (table, unmarked)
