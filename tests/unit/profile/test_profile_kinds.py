"""Is each kind of column told, and is what only looks like it left alone?"""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from veridical.core.schema import Column, Kind
from veridical.profile import learn_table

RNG = np.random.default_rng(7)


def learn(values: Any, name: str = "x", **options: int) -> Column:
    array = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values)
    return learn_table(pa.table({name: array}), name="t", **options)[0].columns[0]


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("age", list(range(18, 90)) * 3, Kind.INTEGER),
        ("age", list(range(100)), Kind.INTEGER),  # unique, counts up, and still no key
        ("customer_id", list(range(100, 200)), Kind.IDENTIFIER),
        ("row", list(range(1, 101)), Kind.IDENTIFIER),
        ("patient_nbr", [i // 2 for i in range(4000)], Kind.IDENTIFIER),
        ("SEX", [1, 2] * 50, Kind.CATEGORY),
        ("admission_type_id", [1, 2, 3, 4] * 50, Kind.CATEGORY),
        ("PAY_0", [-2, -1, 0, 1, 2] * 50, Kind.INTEGER),
        ("education_num", [1, 2, 3, 4] * 50, Kind.INTEGER),
        ("zip", [10001, 90210, 60601, 2139] * 5, Kind.CATEGORY),
        ("flag", [0, 1, 1] * 20, Kind.BOOLEAN),
        ("flag", [0.0, 1.0, None] * 20, Kind.BOOLEAN),
        ("ok", ["Y", "N"] * 20, Kind.BOOLEAN),
        ("ok", ["예", "아니오"] * 20, Kind.BOOLEAN),
        ("n", [1.0, 2.0, None, 30.0] * 20, Kind.INTEGER),
        ("size", ["S", "M", "L", "XL"] * 20, Kind.ORDINAL),
        ("risk", ["low", "medium", "high"] * 20, Kind.ORDINAL),
        ("band", ["[0-10)", "[10-20)", ">=20"] * 20, Kind.ORDINAL),
        ("city", ["Seoul", "Busan", "Paris"] * 20, Kind.CATEGORY),
        ("comment", [f"this is a long remark about case {i} and more" for i in range(60)], Kind.TEXT),
        ("key", [f"AB-{i:05d}" for i in range(60)], Kind.IDENTIFIER),
        ("u", [f"{i:08x}-0000-4000-8000-{i:012x}" for i in range(60)], Kind.IDENTIFIER),
        ("d", [dt.date(1, 1, 1), dt.date(9999, 12, 31)] * 20, Kind.DATE),
        ("d", ["0001-01-01", "9999-12-31"] * 20, Kind.DATE),
        ("d", ["31/12/2020 23:59", "01/02/2021 00:00"] * 20, Kind.DATETIME),
        ("d", ["2020-02-30", "2020-01-01"] * 20, Kind.CATEGORY),  # there is no 30 February
        ("t", ["09:30", "17:45", "23:59"] * 20, Kind.TIME),
        ("x", [None, None], Kind.CATEGORY),
        ("big", ["1" * 60, "2" * 60] * 20, Kind.CATEGORY),
    ],
)
def test_kind(name: str, values: list[Any], kind: Kind) -> None:
    assert learn(values, name).kind is kind


@pytest.mark.parametrize(
    ("name", "values", "personal"),
    [
        ("contact", [f"user{i}@example.com" for i in range(30)], "email"),
        ("m", [f"010-{i:04d}-{9999 - i:04d}" for i in range(30)], "phone"),
        ("tel", [f"555{i:04d}12" for i in range(30)], "phone"),
        ("n", [f"{i:03d}-45-{i + 1000:04d}" for i in range(101, 131)], "national_id"),
        ("주민등록번호", ["900101-1234568", "850505-2345678", "001231-3456789"] * 3, "national_id"),
        ("c", ["4111111111111111", "5500005555555559", "340000000000009"] * 3, "card"),
        ("acc", ["GB82WEST12345698765432", "DE89370400440532013000"] * 3, "iban"),
        ("host", [f"10.0.{i}.1" for i in range(30)], "ip"),
        ("이름", ["김민준", "이서연", "박지훈", "최수아"] * 3, "name"),
        ("full_name", ["James Smith", "Mary Jones", "Robert Brown", "Linda White"] * 3, "name"),
        ("street", [f"{i} Oak Street" for i in range(30)], "address"),
        ("주소", [f"서울시 강남구 테헤란로 {i}" for i in range(30)], "address"),
    ],
)
def test_personal(name: str, values: list[str], personal: str) -> None:
    column = learn(values, name)
    assert (column.kind, column.personal) == (Kind.PERSONAL, personal)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("native_country", ["Mexico", "Canada", "England", "Peru"] * 20),
        ("name", ["Rock", "Jazz", "Metal", "Pop"] * 20),  # a genre's name
        ("airport_name", ["La Guardia", "John F Kennedy Intl", "Newark Liberty Intl"] * 20),
        ("telephone", ["A191", "A192"] * 50),
        ("지역", ["서울", "부산", "대구"] * 20),
        ("n", ["4111111111111112", "5500005555555558", "1234567812345678"] * 9),  # wrong check digits
        ("version", ["1.2.3", "1.2.4", "2.0.0"] * 20),
    ],
)
def test_not_personal(name: str, values: list[str]) -> None:
    assert learn(values, name).kind is Kind.CATEGORY


def test_rare_values_and_extremes_are_not_shown() -> None:
    values = ["common"] * 50 + ["secret"] * 4
    schema, profile = learn_table(pa.table({"x": values, "n": [10] * 49 + [11, 12, 13, 14, 98765]}), name="t")
    shown = str(schema) + str(profile)
    assert "secret" not in shown and "98765" not in shown
    assert schema.column("n").high >= 98765


def test_quantiles_show_no_single_row() -> None:
    values = np.sort(RNG.lognormal(10, 2, 500)).round(2)
    quantiles = learn_table(pa.table({"x": values}), name="t")[1].columns[0].quantiles
    assert len(quantiles) > 50 and np.all(np.diff(quantiles) >= 0)
    assert not set(quantiles) & set(values.tolist())
    assert values[0] < quantiles[0] and quantiles[-1] < values[-1]


def test_grid_and_bounds() -> None:
    price = learn((RNG.integers(1, 400, 500) * 0.05).round(2), "price")
    assert (price.decimals, price.step, price.low) == (2, 0.05, 0.0)
    assert learn(RNG.normal(size=500), "z").decimals is None
    assert learn(pa.array([0.1, 0.25, 7.35] * 9, pa.float32()), "f").decimals == 2


def test_what_is_noticed() -> None:
    zero = np.where(RNG.random(3000) < 0.8, 0, RNG.integers(1, 9999, 3000))
    capped = np.minimum(RNG.integers(1, 200, 3000), 99)
    heaped = np.where(RNG.random(3000) < 0.9, RNG.integers(10, 200, 3000) * 10, RNG.integers(100, 2000, 3000))
    smooth = RNG.geometric(0.3, 3000) - 1
    marked = np.where(RNG.random(3000) < 0.1, -999, RNG.integers(0, 80, 3000))
    table = pa.table({"zero": zero, "capped": capped, "heaped": heaped, "smooth": smooth, "marked": marked})
    said = {c.name: "; ".join(c.findings) for c in learn_table(table, name="t")[1].columns}
    assert "zero in 80%" in said["zero"]
    assert "top coded at 99" in said["capped"]
    assert "multiples of 10" in said["heaped"]
    assert said["smooth"] == ""
    assert "may mark missing" in said["marked"]


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"a": [1]}),
        pa.table({"a": [None], "b": ["x"]}),
        pa.table({"a": pa.nulls(30)}),
        pa.table({"a": ["same"] * 30, "b": [5] * 30}),
        pa.table({"a": [f"v{i}" for i in range(10_000)] * 2}),
        pa.table({"a": pa.array([[1], None, [2]]), "b": pa.array([b"x", None, b"y"]), "c": pa.array([{"k": 1}] * 3)}),
        pa.table({"a": pa.array(["x", None, "x"]).dictionary_encode(), "t": pa.array([1, 2, 3], pa.duration("s"))}),
        pa.table({"a": pa.array([1, 2, 3], pa.time64("us")), "u": pa.array([2**64 - 1, 0, 1], pa.uint64())}),
        pa.table({"🙂": ["👍"] * 20, "한글 이름": ["가나다"] * 20}),
    ],
)
def test_strange_tables_are_learned(table: pa.Table) -> None:
    schema, profile = learn_table(table, name="t")
    assert schema.names == tuple(table.column_names)
    assert profile.rows == table.num_rows
