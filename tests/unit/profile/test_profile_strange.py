"""Columns as plain files hold them: are they told for what they are, and what looks alike left alone?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import veridical
from veridical.core.schema import Column, Kind
from veridical.profile import learn_table
from veridical.profile.scale import in_order

QUARTERS = [(1990 + i // 4, i % 4 + 1) for i in range(60)]
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def learn(values: Any, name: str = "x") -> Column:
    return learn_table(pa.table({name: pa.array(values)}), name="t")[0].columns[0]


@pytest.mark.parametrize(
    ("texts", "form"),
    [
        ([f"{y} Q{q}" for y, q in QUARTERS], "%Y Q%q"),
        ([f"{y}Q{q}" for y, q in QUARTERS], "%YQ%q"),
        ([f"Q{q} {y}" for y, q in QUARTERS], "Q%q %Y"),
        ([f"{1990 + i // 12} {MONTHS[i % 12]}" for i in range(60)], "%Y %b"),
        ([f"{MONTHS[i % 12]}-{90 + i // 12}" for i in range(60)], "%b-%y"),
        ([f"{2000 + i // 12}M{i % 12 + 1:02d}" for i in range(60)], "%YM%m"),
        ([f"{1991 + i // 50} W{i % 50 + 2:02d}" for i in range(90)], "%G W%V"),
        ([f"{i % 12 + 1}/{i % 28 + 1}/2016" for i in range(90)], "%-m/%-d/%Y"),
        ([f"{i % 28 + 1:02d}{MONTHS[i % 12].upper()}2016" for i in range(90)], "%d%^b%Y"),
    ],
)
def test_dates_keep_the_form_they_were_written_in(texts: list[str], form: str) -> None:
    column = learn(texts, "when")
    assert (column.kind, column.datetime_format) == (Kind.DATE, form)
    rng = np.random.default_rng(0)
    table = pa.table({"when": rng.choice(texts, 300), "x": rng.normal(size=300)})
    made = veridical.synth(table, gates=None).data
    assert set(map(len, made["when"].to_pylist())) <= set(map(len, texts))
    assert len(set(made["when"].to_pylist()) & set(texts)) > 20


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["2000-1", "2000-2", "2001-1", "2001-2"] * 9, Kind.ORDINAL),  # terms of a year, no months
        ([f"{y}-{(y + 1) % 100:02d}" for y in range(2000, 2011)] * 9, Kind.ORDINAL),  # seasons, no months
        ([f"978-0{803272620 + i}" for i in range(80)], Kind.IDENTIFIER),  # no range of numbers
        (["Q42010", "Q12011", "Q22011"] * 9, Kind.DATE),
    ],
)
def test_what_only_looks_like_months_or_ranges(texts: list[str], kind: Kind) -> None:
    assert learn(texts).kind is kind


def test_open_ends_and_units_of_scales() -> None:
    assert in_order(["65 and over", "25-64", "18-24", "under 18"]) == ("under 18", "18-24", "25-64", "65 and over")
    assert in_order(["20+ years", "0-9 years", "10-19 years"]) == ("0-9 years", "10-19 years", "20+ years")
    assert in_order(["2010-Q3", "2009-Q4", "2010-Q1"]) == ("2009-Q4", "2010-Q1", "2010-Q3")
    assert in_order(["1-3 months", "3-12 months", "1-2 years"]) is None  # units differ: not in order of the numbers


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("name", ["Unnamed: 0", "row"])
def test_row_numbers_are_keys_though_rows_were_kept_back(name: str, start: int) -> None:
    rng = np.random.default_rng(0)
    table = pa.table({name: np.arange(start, start + 500), "x": rng.normal(size=500)})
    made = veridical.synth(table, gates=None)
    assert made.schema.only.column(name).kind is Kind.IDENTIFIER
    assert made.data[name].to_pylist() == list(range(start, start + 500))


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("rank_of_crime", np.random.default_rng(0).permutation(86) + 1, Kind.INTEGER),  # in no order: no row number
        ("Unnamed: 0", np.random.default_rng(0).permutation(86), Kind.IDENTIFIER),  # shuffled, and named by a tool
        ("founded", np.arange(1900, 1990), Kind.INTEGER),  # years
        ("t", np.arange(1, 90), Kind.INTEGER),
        ("pixel", np.arange(0, 9000, 100), Kind.INTEGER),  # too sparse to count rows
        ("even", np.arange(2, 180, 2), Kind.INTEGER),  # a grid of its own
    ],
)
def test_numbers_that_go_up_or_do_not(name: str, values: Any, kind: Kind) -> None:
    assert learn(values, name).kind is kind


@pytest.mark.parametrize(
    ("name", "texts", "personal"),
    [
        ("First.Victimization", ["Rape", "Assault", "Robbery", "Theft", "Fraud", "Arson"] * 9, None),
        ("last_initial", list("ABCDEFGHIJKL") * 5, None),
        ("site_id", [f"37-063-{i:04d}" for i in range(40)], None),
        ("baker_first", ["Adams", "Brown", "Clark", "Davis", "Evans", "Frank"] * 2, "first_name"),
        ("senator", ["James Quill", "Mary Ortega", "Robert Hale", "John Bick", "Linda Voss", "Michael Ramm",
                     "William Toth", "David Kerr", "Barbara Lund", "Susan Pike", "Zeb Orrin", "Thad Moor"], "name"),
        ("river", ["Amber Fork", "Long Water", "Stone Brook", "Black Creek", "Upper Vale", "Lower Vale", "Red Bank",
                   "White Sand", "Old Mill", "New Bridge", "Cold Spring", "High Fall"], None),
    ],
)  # fmt: skip
def test_names_of_people_and_what_is_none(name: str, texts: list[str], personal: str | None) -> None:
    assert learn(texts, name).personal == personal


def test_names_of_places_stay_as_short_as_they_are() -> None:
    rng = np.random.default_rng(0)
    parts = (["Al", "Bor", "Car", "Den", "El"], ["an", "er", "in", "os"], ["ton", "ville", "field", "ford"])
    towns = sorted({"".join(rng.choice(part) for part in parts) for _ in range(400)})
    table = pa.table({"town": towns, "x": rng.normal(size=len(towns))})
    made = veridical.synthesize(veridical.fit(table), 200)["town"].to_pylist()
    lengths = [len(town) for town in towns]
    assert min(lengths) <= np.mean([len(town) for town in made]) <= max(lengths)
    assert not set(made) & set(towns)
    assert all(" " not in town and town[0].isupper() for town in made)


def _sorted_by(group: str, clock: str, groups: int, rows: int) -> pa.Table:
    rng = np.random.default_rng(0)
    return pa.table({
        group: np.repeat([f"g{i}" for i in range(groups)], rows),
        clock: np.concatenate([np.sort(rng.exponential(900, rows).astype(int)) for _ in range(groups)]),
        "x": rng.normal(size=groups * rows),
    })  # fmt: skip


def test_a_file_sorted_by_arm_and_survival_time_is_no_sequence() -> None:
    assert learn_table(_sorted_by("arm", "days", 3, 60), name="t")[0].series is None
    assert learn_table(_sorted_by("patient_id", "days", 40, 6), name="t")[0].series == ("patient_id",)


def test_few_firms_over_the_same_years_are_sequences() -> None:
    rng = np.random.default_rng(0)
    years = np.tile(np.arange(1, 16), 6)
    table = pa.table({"firm": np.repeat(list("abcdef"), 15), "year": years, "cost": rng.normal(size=90)})
    assert learn_table(table, name="t")[0].series == ("firm",)


def test_one_row_a_year_is_one_series_whatever_else_changes() -> None:
    years = np.arange(1920, 2010)
    table = pa.table({"year": years, "president": [f"p{y // 8}" for y in years], "x": np.sin(years)})
    schema = learn_table(table, name="t")[0]
    assert (schema.series, schema.order_by) == ((), "year")


def test_days_own_no_months() -> None:
    rng = np.random.default_rng(0)
    months, days = np.repeat(np.arange(5, 10), 30), np.tile(np.arange(1, 31), 5)
    table = pa.table({"ozone": rng.normal(size=150), "Month": months, "Day": days})
    assert learn_table(table, name="t")[0].series == ("Month",)


def formulas(table: pa.Table) -> dict[str, str | None]:
    return {
        rule.columns[0]: rule.expression
        for rule in learn_table(table, name="t")[0].constraints
        if rule.type == "formula"
    }


def test_a_column_in_other_terms_is_computed() -> None:
    rng = np.random.default_rng(0)
    years, wage = rng.integers(1, 60, 400), np.exp(rng.normal(2, 0.5, 400)).round(2)
    single = np.log(wage).astype(np.float32).astype(np.float64)
    table = pa.table({
        "years": years, "wage": wage, "lwage": np.log(wage), "lwage32": single, "years_sq": years**2,
        "minutes": years * 60, "fahrenheit": (wage * 1.8 + 32).round(1), "centred": wage - 9.25,
    })  # fmt: skip
    found = formulas(table)
    assert found == {
        "lwage": "log(wage)", "lwage32": "single(log(wage))", "years_sq": "years * years", "minutes": "years * 60",
        "fahrenheit": "wage * 1.8 + 32", "centred": "wage - 9.25",
    }  # fmt: skip
    made = veridical.synth(table, gates=None).data.to_pandas()
    assert np.allclose(made["lwage"], np.log(made["wage"]))
    assert set(made["lwage32"]) <= set(np.log(made["wage"]).astype(np.float32).astype(np.float64))


def test_no_line_is_seen_in_noise() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=300).round(2)
    near = (2 * x + rng.normal(0, 0.02, 300)).round(2)
    coarse = np.rint(x).astype(int)  # so few steps that many lines fit
    assert formulas(pa.table({"x": x, "near": near, "coarse": coarse})) == {}


def test_numbers_that_were_float32_have_no_grid_of_nine_digits() -> None:
    rates = np.random.default_rng(0).choice([1.8, 3.1, 3.2, 3.9, 10.6], 400).astype(np.float32).astype(np.float64)
    assert learn(rates).decimals is None
    table = pa.table({"rate": rates, "x": np.arange(400.0) % 7})
    assert set(veridical.synth(table, gates=None).data["rate"].to_pylist()) <= set(rates)


@pytest.mark.parametrize("code", ["dog", "dog_id"])
def test_entities_of_two_names_are_as_many_as_asked_for(code: str) -> None:
    rng = np.random.default_rng(0)
    rows = [(dog, side, day) for dog in range(1, 11) for side in ("L", "R") for day in (0, 2, 6, 10, 14)]
    dogs, sides, days = (list(part) for part in zip(*rows, strict=True))
    table = pa.table({code: dogs, "side": sides, "day": days, "pixel": rng.normal(1000, 50, len(rows)).round(1)})
    assert learn_table(table, name="t")[0].series == (code, "side")
    made = veridical.synthesize(veridical.fit(table), 400).to_pandas()
    assert not made.duplicated([code, "side", "day"]).any()
    assert set(made["side"]) == {"L", "R"}


def test_what_a_formula_computes_is_in_no_combination() -> None:
    rng = np.random.default_rng(0)
    sites, years = rng.integers(0, 40, 900), rng.integers(1, 60, 900)
    heights = np.round(300 + sites * 7.5, 1)
    table = pa.table({
        "site": [f"s{i}" for i in sites], "height": heights, "years": years, "lyears": np.log(years),
        "feet": heights * 3.28,
    })  # fmt: skip
    rules = learn_table(table, name="t")[0].constraints
    assert {rule.columns for rule in rules if rule.type == "fixed_combinations"} == {("site", "height")}
    made = veridical.synth(table, gates=None).data.to_pandas()
    assert set(zip(made["site"], made["height"], strict=True)) <= set(
        zip(table["site"].to_pylist(), heights, strict=True)
    )
    assert np.allclose(made["feet"], made["height"] * 3.28)


def test_computed_numbers_have_the_digits_that_they_were_written_with() -> None:
    wage = np.exp(np.random.default_rng(0).normal(2, 0.5, 400)).round(2)
    written = np.array([float(f"{value:.15g}") for value in np.log(wage)])
    table = pa.table({"wage": wage, "lwage": written})
    assert formulas(table) == {"lwage": "signif(log(wage), 15)"}
    made = veridical.synth(table, gates=None).data.to_pandas()
    assert all(float(f"{value:.15g}") == value for value in made["lwage"])


def test_a_key_that_is_made_afresh_is_in_no_combination() -> None:
    rng = np.random.default_rng(0)
    plots = np.repeat(np.arange(40), 10)
    table = pa.table({
        "plot": [f"p{i}" for i in plots], "variety": np.where(plots % 2, "F", "P"), "day": np.tile(np.arange(10), 40),
        "weight": rng.normal(size=400),
    })  # fmt: skip
    schema = learn_table(table, name="t")[0]
    assert schema.series == ("plot",)
    assert not [rule for rule in schema.constraints if "plot" in rule.columns]
    made = veridical.synthesize(veridical.fit(table), 400).to_pandas()
    assert (made.groupby("plot")["variety"].nunique() == 1).all()  # an entity's own, all the same


def test_columns_called_as_the_time_is_cut_are_no_parts_of_it() -> None:
    rng = np.random.default_rng(0)
    days = np.datetime64("2000-01-01") + np.arange(500)
    months = days.astype("datetime64[M]").astype(int) % 12 + 1
    table = pa.table({
        "date": days.astype(str), "births": rng.poisson(900, 500), "month": months, "step": rng.integers(0, 5, 500),
    })  # fmt: skip
    made = veridical.synthesize(veridical.fit(table), 300).to_pandas()
    assert made["month"].between(1, 12).all()
    assert made["step"].between(0, 4).all()
