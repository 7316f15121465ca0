"""Does the constraint language mean what it says, refuse what it must, and say how to mend it?"""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest

from veridical.core.contracts import Allowed
from veridical.core.errors import SpecError
from veridical.core.expression import parse, quote, spell
from veridical.core.restriction import is_empty, split
from veridical.core.schema import Column, Kind

TABLE = pa.table(
    {
        "age": [20, 12, None],
        "sex": pa.array(["F", "M", None]).dictionary_encode(),
        "marital status": ["a", None, "b"],
        "class": [1, 0, 1],
        "born": pa.array([dt.date(2020, 1, 1), dt.date(2021, 5, 5), None]),
        "seen": pa.array([dt.datetime(2020, 1, 1, 5), dt.datetime(2021, 5, 5), None], pa.timestamp("us", "Asia/Seoul")),
        "fraud": [True, False, None],
        "x.y": [1.5, float("nan"), 2.0],
        "가격": [1, 2, 3],
    }
)

RULES = [
    ("age >= 18 and sex == 'F'", [True, False, None]),
    ("age >= 18 or class == 1", [True, False, True]),
    ("NOT age > 15 AND sex <> 'F'", [False, True, None]),
    ("`marital status` is null", [False, True, False]),
    ("`marital status` == null", [False, True, False]),
    ("`marital status` is not None", [True, False, True]),
    ("\"marital status\" != 'a'", [False, None, True]),
    ("10 < age <= 20", [True, True, None]),
    ("age in (12, null)", [False, True, True]),
    ("age not in (12)", [True, False, None]),
    ("born >= '2020-06-01'", [False, True, None]),
    ("seen < '2020-06-01'", [True, False, None]),
    ("seen - born < 0.5", [False, True, None]),
    ("fraud", [True, False, None]),
    ("fraud == 1", [True, False, None]),
    ("fraud == 'true'", [True, False, None]),
    ("x.y > 1", [True, None, True]),
    ("age / 0 == 1", [None, None, None]),
    ("가격 * 2 == 4", [False, True, False]),
    ("age == '12'", [False, True, None]),
    ("class == 100000000000000000000000", [False, False, False]),
    ("year(seen) == 2020", [True, False, None]),
    ("len(`marital status`) == 1 and 1 < 2", [True, None, True]),
    ("('old' if age > 15 else 'young') == 'old'", [True, False, False]),
]


@pytest.mark.parametrize(("text", "expected"), RULES)
def test_rule(text: str, expected: list[bool | None]) -> None:
    expression = parse(text, TABLE.column_names)
    assert expression.evaluate(TABLE).to_pylist() == expected
    # What is spelled again means the same: limits and rests of conditions rely on it.
    assert parse(spell(expression.tree), TABLE.column_names).evaluate(TABLE).to_pylist() == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-7 // 2", -4),
        ("-7 % 3", 2),
        ("7 // -2", -4),
        ("7.5 // 2", 3.0),
        ("round(2.675 * 10, 0)", 27.0),
        ("min(3, 2.5)", 2.5),
        ("max(1, 4)", 4),
        ("abs(-3)", 3),
        ("floor(-1.5)", -2.0),
        ("upper('a')", "A"),
    ],
)
def test_arithmetic(text: str, expected: object) -> None:
    assert parse(text, ()).evaluate(pa.table({"a": [0]})).to_pylist() == [expected]


REFUSED = [
    ("agee > 3", "did you mean `age`?"),
    ("age = 3", "compare with =="),
    ("sex == F", "put text in quotes"),
    ("marital > 3", "did you mean `marital status`?"),
    ("__import__('os').system('x')", "cannot be called"),
    ("age.__class__", "not allowed"),
    ("(lambda: 1)()", "cannot be called"),
    ("[x for x in age]", "not allowed"),
    ("age > ", "position 7"),
    ("sex > 'a' and `marital stat` > 3", "position 15"),
    ("foo(age)", "no function 'foo'"),
    ("age in sex", "takes a list"),
    ("age is 3", "null only"),
    ("", "empty"),
    ("(" * 500 + "1" + ")" * 500, "position"),
    ("1 if 2", "not an expression"),
    ("age\x00", "not an expression"),
    ("f'{age}'", "not a"),
    ("age := 3", "not a"),
    ("age ** 99", "not allowed"),
]


@pytest.mark.parametrize(("text", "said"), REFUSED)
def test_refused(text: str, said: str) -> None:
    with pytest.raises(SpecError) as error:
        parse(text, TABLE.column_names)
    assert said in str(error.value)


@pytest.mark.parametrize("text", ["age > born", "sex + 1 > age", "born > 'hello'", "sex < 3 * sex"])
def test_types_that_do_not_fit(text: str) -> None:
    with pytest.raises(SpecError):
        parse(text, TABLE.column_names).evaluate(TABLE)


def test_ordinal_compares_by_rank_and_dates_as_text_by_format() -> None:
    size = Column(name="size", kind=Kind.ORDINAL, categories=("small", "medium", "large"))
    day = Column(name="day", kind=Kind.DATE, datetime_format="%d/%m/%Y")
    table = pa.table({"size": ["large", "small", None], "day": ["01/12/2020", "02/01/2021", None]})
    assert parse("size >= 'medium'", [size, day]).evaluate(table).to_pylist() == [True, False, None]
    assert parse("day < '2021-01-01'", [size, day]).evaluate(table).to_pylist() == [True, False, None]


def test_quote() -> None:
    assert [quote(name) for name in ("age", "net pay", "class", "null")] == ["age", "`net pay`", "`class`", "`null`"]


SPLITS = [
    ("age >= 18", {"age": Allowed(low=18)}, None),
    ("18 <= age < 30", {"age": Allowed(low=18, high=30, high_open=True)}, None),
    ("30 > age and age >= -2", {"age": Allowed(low=-2, high=30, high_open=True)}, None),
    ("sex == 'F' or sex == 'M'", {"sex": Allowed(values=("F", "M"))}, None),
    ("sex in ('F', null)", {"sex": Allowed(values=("F",), nulls=True)}, None),
    ("sex is null", {"sex": Allowed(values=(), nulls=True)}, None),
    ("sex is not null", {"sex": Allowed()}, None),
    ("fraud and not fraud", {"fraud": Allowed(values=())}, None),
    ("age in (1, 2, 3) and age > 1", {"age": Allowed(values=(2, 3), low=1, low_open=True)}, None),
    ("sex != 'F'", {}, "sex != 'F'"),
    ("age > class and age > 3", {"age": Allowed(low=3, low_open=True)}, "age > `class`"),
    ("age > 3 or sex == 'F'", {}, "age > 3 or sex == 'F'"),
]


@pytest.mark.parametrize(("text", "limits", "rest"), SPLITS)
def test_split(text: str, limits: dict[str, Allowed], rest: str | None) -> None:
    found, left = split(parse(text, TABLE.column_names))
    assert found == limits
    assert (left.text if left is not None else None) == rest


def test_nothing_allowed_is_seen() -> None:
    limits, _ = split(parse("age > 3 and age < 3", ["age"]))
    assert is_empty(limits["age"])
