"""Whatever table and schema come in, does what goes out satisfy the schema?"""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from veridical.core.contracts import RunContext, SampleRequest, Shard
from veridical.core.dataset import Dataset
from veridical.core.errors import VeridicalError
from veridical.core.expression import quote
from veridical.core.schema import Column, Constraint, Kind, Schema, TableSchema
from veridical.engines.tabular.engines import IndependentEngine, TreeEngine
from veridical.prepare import violations

NAMES = ["age", "net pay", "가격", "class", "x.y", "`odd`".strip("`"), "null", "total"]
DAYS = st.dates(dt.date(1, 1, 2), dt.date(9999, 12, 30))
MOMENTS = st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2250, 1, 1))
TEXT = st.text(st.characters(blacklist_categories=("Cs",)), max_size=12)


def spec(draw: Any, name: str) -> tuple[Column, pa.DataType, st.SearchStrategy[Any]]:
    """Return a column of any kind, its Arrow type, and what its cells may be."""
    choice = draw(st.integers(0, 15))
    decimals = draw(st.integers(0, 3))
    narrow = st.integers(-100, 100)
    common: dict[str, Any] = {"name": name}
    match choice:
        case 0:
            return Column(**common, kind=Kind.INTEGER, storage="int64"), pa.int64(), st.integers(-(2**62), 2**62)
        case 1:
            low = draw(narrow)
            bounds = {"low": low, "high": low + draw(st.integers(0, 50))}
            return Column(**common, kind=Kind.INTEGER, storage="int8", **bounds), pa.int8(), st.integers(-128, 127)
        case 2:
            floats = st.floats(-1e6, 1e6) | st.just(float("nan")) | st.just(float("inf"))
            return Column(**common, kind=Kind.DECIMAL, storage="double", decimals=decimals), pa.float64(), floats
        case 3:
            return Column(**common, kind=Kind.DECIMAL, storage="float"), pa.float32(), st.floats(-100, 100, width=32)
        case 4:
            return Column(**common, kind=Kind.BOOLEAN, storage="bool"), pa.bool_(), st.booleans()
        case 5:
            return (
                Column(**common, kind=Kind.CATEGORY, storage="string"),
                pa.string(),
                st.sampled_from(["a", "b", "ß🙂"]),
            )
        case 6:
            kind = pa.dictionary(pa.int32(), pa.string())
            return Column(**common, kind=Kind.CATEGORY, storage=str(kind)), kind, st.sampled_from(["p", "q", "가"])
        case 7:
            return Column(**common, kind=Kind.CATEGORY, storage="large_string"), pa.large_string(), TEXT
        case 8:
            return Column(**common, kind=Kind.CATEGORY, storage="int16"), pa.int16(), st.integers(0, 3)
        case 9:
            return Column(**common, kind=Kind.DATE, storage="date32[day]"), pa.date32(), DAYS
        case 10:
            zone = draw(st.sampled_from([None, "UTC", "Asia/Seoul", "America/New_York"]))
            stamp = pa.timestamp(draw(st.sampled_from(["s", "ms", "us"])), zone)
            zone_moments = MOMENTS if zone is None else st.datetimes(dt.datetime(1971, 1, 1), dt.datetime(2036, 1, 1))
            return Column(**common, kind=Kind.DATETIME, storage=str(stamp)), stamp, zone_moments
        case 11:
            return Column(**common, kind=Kind.TIME, storage="time64[us]"), pa.time64("us"), st.times()
        case 12:
            spans = st.timedeltas(dt.timedelta(days=-400), dt.timedelta(days=400))
            return Column(**common, kind=Kind.DURATION, storage="duration[us]"), pa.duration("us"), spans
        case 13:
            return Column(**common, kind=Kind.IDENTIFIER, storage="string", unique=True), pa.string(), TEXT
        case 14:
            kind_of = draw(st.sampled_from(["name", "email", "phone"]))
            return Column(**common, kind=Kind.PERSONAL, storage="string", personal=kind_of), pa.string(), TEXT
    return Column(**common, kind=Kind.TEXT, storage="string"), pa.string(), TEXT


@st.composite
def tables(draw: Any) -> tuple[pa.Table, TableSchema]:
    from dataclasses import replace

    rows = draw(st.sampled_from([1, 2, 7, 40]))
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=5, unique=True))
    columns, arrays = [], {}
    for name in names:
        column, kind, cells = spec(draw, name)
        few = draw(st.lists(cells, min_size=1, max_size=6))
        nulls = draw(st.sampled_from([0.0, 0.0, 0.3, 1.0]))
        rng = np.random.default_rng(draw(st.integers(0, 99)))
        values = [None if rng.random() < nulls else few[int(rng.integers(len(few)))] for _ in range(rows)]
        if column.low is not None:
            values = [None if v is None else int(np.clip(v, column.low, column.high)) for v in values]
        arrays[name] = pa.array(values, kind)
        columns.append(replace(column, nullable=arrays[name].null_count > 0))
    table = pa.table(arrays)
    return table, TableSchema(name="data", columns=tuple(columns), constraints=tuple(draw(rules(columns))))


@st.composite
def rules(draw: Any, columns: list[Column]) -> list[Constraint]:
    found = []
    numbers = [column for column in columns if column.kind in (Kind.INTEGER, Kind.DECIMAL)]
    categories = [column for column in columns if column.kind in (Kind.CATEGORY, Kind.BOOLEAN)]
    if len(numbers) >= 2 and draw(st.booleans()):
        pair = (numbers[0].name, numbers[1].name)
        found.append(Constraint(type="inequality", columns=pair, strict=draw(st.booleans())))
    elif len(numbers) >= 2 and draw(st.booleans()):
        text = f"{quote(numbers[0].name)} + 1"
        found.append(Constraint(type="formula", columns=(numbers[1].name,), expression=text))
    if len(categories) >= 2 and draw(st.booleans()):
        found.append(Constraint(type="fixed_combinations", columns=tuple(c.name for c in categories[:2])))
    if len(columns) >= 2 and draw(st.booleans()):
        found.append(Constraint(type="mutual_missing", columns=(columns[0].name, columns[1].name)))
    if numbers and draw(st.booleans()):
        found.append(Constraint(type="forbidden", when=f"{quote(numbers[0].name)} == 7"))
    return found


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(tables(), st.booleans(), st.integers(1, 60))
def test_output_satisfies_the_schema(case: tuple[pa.Table, TableSchema], tree: bool, rows: int) -> None:
    table, schema = case
    engine = TreeEngine() if tree else IndependentEngine()
    try:
        fitted = engine.fit(Dataset.of(table), Schema(tables=(schema,)), RunContext(seed=1))
        half = rows // 2
        shards = [Shard(0, 2, 0, half), Shard(1, 2, half, rows - half)]
        drawn = pa.concat_tables([fitted.sample(SampleRequest(rows=rows, seed=5), shard).only for shard in shards])
    except VeridicalError as refusal:
        event(f"refused: {type(refusal).__name__} {refusal.what}")  # a clear refusal is an answer too
        return
    assert drawn.schema.equals(table.schema)
    assert drawn.num_rows == rows
    for column in schema.columns:
        check_column(drawn[column.name], table[column.name], column)
    assert [v for v in violations(drawn, schema, table) if v.rows] == []


def check_column(drawn: pa.ChunkedArray, real: pa.ChunkedArray, column: Column) -> None:
    if not column.nullable:
        assert drawn.null_count == 0
    if column.unique:
        assert pc.count_distinct(drawn.drop_null()).as_py() == len(drawn) - drawn.null_count
    if column.kind in (Kind.INTEGER, Kind.DECIMAL) and column.low is not None:
        ends = pc.min_max(drawn).as_py()
        assert ends["min"] is None or column.low <= ends["min"] <= ends["max"] <= column.high
    if column.kind is Kind.CATEGORY:
        counted = pc.value_counts(real.combine_chunks()).to_pylist()
        often = {one["values"] for one in counted if one["counts"] >= 5}
        rare = {one["values"] for one in counted if one["counts"] < 5} - {None}
        if often - {None}:
            assert not rare & set(drawn.to_pylist())
