"""Do made-up keys look like keys: UUIDs, days of a calendar, times, byte strings? Do rules on a row's own links hold?"""

from __future__ import annotations

import datetime as dt
import uuid

import numpy as np
import pyarrow as pa
import pytest

from veridical.core.errors import ConstraintError
from veridical.core.schema import Column, Constraint, ForeignKey, Kind, Schema, TableSchema
from veridical.prepare.codec import Place, whole
from veridical.prepare.fresh import KeyCodec
from veridical.prepare.linked_check import check_rules
from veridical.prepare.linked_swap import swapped
from veridical.prepare.linked_unique import apart
from veridical.prepare.plain import codec_of
from veridical.prepare.storage import store


def keys(values: pa.Array, rows: int, **more: object) -> pa.Array:
    """New keys in the form of some; through what an artefact holds."""
    column = Column(name="k", kind=Kind.IDENTIFIER, storage=str(values.type), **more)  # type: ignore[arg-type]
    codec = KeyCodec.learn(pa.table({"k": values}), column, unique=True)
    kept = codec_of(codec.to_plain(), TableSchema(name="t", columns=(column,)))
    place = Place(rows=rows, rng=np.random.default_rng(0), total_rows=rows, key=5)
    return whole(kept.decode({}, place)["k"])


@pytest.mark.parametrize("pattern", [None, "uuid"])
def test_uuids_are_uuids(pattern: str | None) -> None:
    real = [str(uuid.UUID(int=i * 7919**9 % 2**128)) for i in range(1, 60)]
    made = keys(pa.array(real), 80, pattern=pattern).to_pylist()
    assert len({uuid.UUID(key) for key in made}) == 80 and not set(made) & set(real)


DAYS = [dt.date(2023, 1, 1) + dt.timedelta(days=i) for i in range(100)]


def test_days_of_a_calendar_follow_each_other() -> None:
    made = keys(pa.array(DAYS), 120)
    assert made.type == pa.date32() and made.to_pylist() == [DAYS[0] + dt.timedelta(days=i) for i in range(120)]
    texts = keys(pa.array([day.strftime("%d.%m.%Y") for day in DAYS]), 3, datetime_format="%d.%m.%Y").to_pylist()
    assert texts == ["01.01.2023", "02.01.2023", "03.01.2023"]


def test_scattered_moments_are_new_and_in_range() -> None:
    rng = np.random.default_rng(1)
    seconds = np.sort(rng.choice(10**7, 500, replace=False))
    real = pa.array(np.datetime64("2024-01-01", "s") + seconds.astype("timedelta64[s]")).cast(pa.timestamp("us", "UTC"))
    made = keys(real, 500)
    assert made.type == real.type and len(made.unique()) == 500
    first, last = dt.datetime(2023, 12, 20, tzinfo=dt.UTC), dt.datetime(2024, 5, 10, tzinfo=dt.UTC)
    assert all(first < moment < last for moment in made.to_pylist())
    assert len(set(made.to_pylist()) & set(real.to_pylist())) < 10


def test_times_of_day_end_with_the_day() -> None:
    hours = pa.array([dt.time(hour) for hour in range(20)])
    assert keys(hours, 24).to_pylist() == [dt.time(hour) for hour in range(24)]
    with pytest.raises(ConstraintError, match="25 unique times asked, 24 fit"):
        keys(hours, 25)
    texts = keys(pa.array([f"{hour:02}:00:00" for hour in range(20)]), 2, datetime_format="%H:%M:%S")
    assert texts.to_pylist() == ["00:00:00", "01:00:00"]


def test_byte_strings_keep_their_length() -> None:
    made = keys(pa.array([bytes([200 + i, i, 255]) for i in range(40)]), 40)
    assert made.type == pa.binary() and {len(key) for key in made.to_pylist()} == {3} and len(made.unique()) == 40


def test_whole_numbers_go_into_decimals_of_few_digits() -> None:
    assert [str(v) for v in store(pa.array([1, -500]), "decimal128(12, 2)").to_pylist()] == ["1.00", "-500.00"]


def ends(rule: str) -> tuple[Schema, dict[str, pa.Table]]:
    names = ("id", "payer", "payee")
    columns = tuple(Column(name=name, kind=Kind.IDENTIFIER, storage="int64") for name in names)
    rules = (Constraint(type="forbidden", columns=names[1:], when=rule),)
    move = TableSchema(name="move", columns=columns, primary_key=("id",), constraints=rules)
    who = TableSchema(
        name="who", columns=(Column(name="id", kind=Kind.IDENTIFIER, storage="int64"),), primary_key=("id",)
    )
    links = tuple(ForeignKey(table="move", columns=(name,), parent="who", parent_columns=("id",)) for name in names[1:])
    rng = np.random.default_rng(3)
    rows = pa.table({"id": range(500), "payer": rng.integers(0, 20, 500), "payee": rng.integers(0, 20, 500)})
    return Schema(tables=(who, move), foreign_keys=links), {"who": pa.table({"id": range(20)}), "move": rows}


def test_links_change_places_until_rules_on_them_hold() -> None:
    schema, tables = ends("payer == payee")
    before = tables["move"].to_pandas()
    assert (before.payer == before.payee).sum() > 5
    after = swapped(tables, schema, np.random.default_rng(0))["move"].to_pandas()
    assert (after.payer == after.payee).sum() == 0
    for name in ("payer", "payee"):  # every parent keeps its number of children
        assert after[name].value_counts().to_dict() == before[name].value_counts().to_dict()
    schema, tables = ends("payer >= 0")  # which no swap can mend
    assert swapped(tables, schema, np.random.default_rng(0))["move"].equals(tables["move"])


def test_what_came_twice_goes_on_after_the_last() -> None:
    columns = (
        Column(name="n", kind=Kind.INTEGER, storage="int64", unique=True),
        Column(name="code", kind=Kind.TEXT, storage="string", unique=True, nullable=True),
        Column(name="day", kind=Kind.DATE, storage="date32[day]", unique=True),
        Column(name="free", kind=Kind.INTEGER, storage="int64"),
    )
    schema = Schema(tables=(TableSchema(name="t", columns=columns),))
    rows = pa.table(
        {"n": [10, 20, 20, 10], "code": ["AB-1", "AB-1", None, None], "day": [DAYS[0], DAYS[0], DAYS[1], DAYS[1]],
         "free": [1, 1, 1, 1]},
        schema=pa.schema([("n", pa.int64()), ("code", pa.string()), ("day", pa.date32()), ("free", pa.int64())]),
    )  # fmt: skip
    made = apart({"t": rows}, schema)["t"].to_pydict()
    assert made["n"] == [10, 20, 30, 40] and made["free"] == [1] * 4
    assert (
        len(set(made["day"])) == 4 and made["code"][0] == "AB-1" != made["code"][1] and made["code"][2:] == [None] * 2
    )


def test_a_rule_that_no_row_keeps_is_refused() -> None:
    schema, _ = ends("payer == payee")
    order = Constraint(type="inequality", columns=("who.age", "years"))
    who = TableSchema(name="who", columns=(Column(name="id", kind=Kind.IDENTIFIER), Column(name="age", kind=Kind.INTEGER, low=50)), primary_key=("id",))  # fmt: skip
    move = TableSchema(
        name="move", constraints=(order,),
        columns=(Column(name="payer", kind=Kind.IDENTIFIER), Column(name="years", kind=Kind.INTEGER, high=20)),
    )  # fmt: skip
    with pytest.raises(ConstraintError, match=r"who.age is 50 at least, and years 20 at most"):
        check_rules(Schema(tables=(who, move), foreign_keys=schema.foreign_keys[:1]))
