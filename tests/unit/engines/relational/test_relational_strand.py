"""Are a parent's several long series, one of each kind, drawn as series: shops' departments, week by week?"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from veridical.core.contracts import RunContext, SampleRequest, Shard
from veridical.core.dataset import Dataset
from veridical.engines.relational.engine import LinkedEngine
from veridical.engines.relational.generator import LinkedGenerator
from veridical.engines.relational.strand import Strands
from veridical.prepare.link import point
from veridical.stages.learn import learn

ONE = Shard(0, 1, 0, 1)
SHOPS, WEEKS = 14, 60
DEPARTMENTS = ("food", "toys", "tools", "books")


def chain(*, with_weeks: bool, seed: int = 0) -> Dataset:
    """Shops, their weeks if asked for, and sales of each department in each week: a level of its own that moves slowly."""
    rng = np.random.default_rng(seed)
    day = np.datetime64("2022-01-03") + 7 * np.arange(WEEKS)
    parts = []
    for shop in range(SHOPS):
        for place, name in enumerate(DEPARTMENTS):
            if name == "books" and shop % 2:
                continue  # half of the shops sell none
            steps = rng.normal(0, 4, WEEKS)
            level = np.zeros(WEEKS)
            for week in range(1, WEEKS):
                level[week] = 0.9 * level[week - 1] + steps[week]
            sold = 100 + 200 * place + rng.normal(0, 30) + level
            parts.append(pd.DataFrame({"shop": shop + 1, "department": name, "day": day, "sold": sold.round(2)}))
    sales = pd.concat(parts).sort_values(["shop", "day", "department"], ignore_index=True)
    shops = pd.DataFrame({"shop": np.arange(SHOPS) + 1, "kind": np.where(np.arange(SHOPS) % 2, "small", "large")})
    tables = {"shops": shops, "sales": sales}
    if with_weeks:
        weeks = pd.DataFrame({"shop": np.repeat(np.arange(SHOPS) + 1, WEEKS), "day": np.tile(day, SHOPS)})
        weeks["heat"] = rng.normal(15, 8, len(weeks)).round(1)
        tables["weeks"] = weeks
    return Dataset({name: _typed(pa.Table.from_pandas(held, preserve_index=False)) for name, held in tables.items()})


def _typed(table: pa.Table) -> pa.Table:
    if "day" not in table.column_names:
        return table
    return table.set_column(table.column_names.index("day"), "day", table["day"].cast(pa.date32()))


@pytest.fixture(scope="module", params=[False, True], ids=["shops", "weeks"])
def learned(request: pytest.FixtureRequest) -> tuple[Dataset, LinkedGenerator]:
    data = chain(with_weeks=request.param)
    return data, LinkedEngine().fit(data, learn(data).schema, RunContext(seed=1))


def _level_and_lag(data: Dataset) -> tuple[dict[str, float], float]:
    rows = data.tables["sales"].to_pandas().sort_values(["shop", "department", "day"])
    long = rows.groupby(["shop", "department"]).filter(lambda held: len(held) > WEEKS // 2)
    lags = long.groupby(["shop", "department"]).sold.apply(lambda held: held.autocorr(1))
    return rows.groupby("department").sold.mean().to_dict(), float(lags.median())


def test_departments_of_shops_are_series(learned: tuple[Dataset, LinkedGenerator]) -> None:
    data, fitted = learned
    model = fitted.tables["sales"]
    assert model.strands is not None
    assert (model.order, model.strands.by) == ("day", "department")
    made = fitted.sample(SampleRequest(rows=1, seed=3), ONE)
    (real, real_lag), (ours, lag) = _level_and_lag(data), _level_and_lag(made)
    assert abs(real_lag - lag) < 0.2
    assert real_lag > 0.6
    assert all(abs(ours[name] - real[name]) < 40 for name in DEPARTMENTS)


def test_keys_and_numbers_hold(learned: tuple[Dataset, LinkedGenerator]) -> None:
    data, fitted = learned
    made = fitted.sample(SampleRequest(rows=1, seed=4), ONE)
    for link in fitted.schema.foreign_keys:
        one, two = point(data.tables, link), point(made.tables, link)
        assert two.broken_share == 0
        assert abs(one.counts.sum() - two.counts.sum()) <= 0.02 * one.counts.sum()
    rows = made.tables["sales"].to_pandas()
    assert rows.duplicated(["shop", "department", "day"]).sum() <= 3  # a week has a row more than there are kinds
    assert rows.groupby(["shop", "department"]).size().median() >= 0.9 * WEEKS


def test_a_saved_law_draws_the_same(learned: tuple[Dataset, LinkedGenerator], tmp_path) -> None:
    fitted = learned[1]
    fitted.save(tmp_path / "model")
    request = SampleRequest(rows=1, seed=3)
    assert (
        LinkedGenerator.load(tmp_path / "model").sample(request, ONE).fingerprint
        == fitted.sample(request, ONE).fingerprint
    )


def test_what_runs_through_is_left_out_at_no_time() -> None:
    strands = Strands("kind", "day", 0, 1, ("a", "b", "c"), ((1.0,), (1.0,), (0.5,)), 10, {})
    ticks = np.repeat(np.arange(10), [3, 2, 3, 2, 2, 3, 2, 2, 3, 2])
    places = strands.deal(np.zeros(len(ticks), dtype=np.int64), ticks, np.random.default_rng(0))
    assert [int((places == one).sum()) for one in range(3)] == [10, 10, 4]
    assert len(np.unique(ticks * 3 + places)) == len(ticks)


def test_rows_are_shared_out_as_long_as_series_are() -> None:
    strands = Strands("kind", "day", 0, None, ("a", "b", "c"), ((1.0,), (0.5,), (0.0,)), 10, {})
    places = strands.deal(np.zeros(15, dtype=np.int64), None, np.random.default_rng(0))
    assert [int((places == one).sum()) for one in range(3)] == [10, 5, 0]


def rush(data: Dataset) -> float:
    """Return how many times as much is sold in December as in all other months."""
    rows = data.tables["sales"].to_pandas()
    december = pd.to_datetime(rows["day"]).dt.month == 12
    return float(rows.loc[december, "sold"].mean() / rows.loc[~december, "sold"].mean())


def test_series_under_a_parent_keep_their_season_and_do_not_rise() -> None:
    plain = chain(with_weeks=True)
    sales = plain.tables["sales"].to_pandas()
    sales["sold"] = (sales["sold"] * np.where(pd.to_datetime(sales["day"]).dt.month == 12, 1.6, 1.0)).round(2)
    table = _typed(pa.Table.from_pandas(sales, preserve_index=False))
    data = Dataset({**plain.tables, "sales": table})
    fitted = LinkedEngine().fit(data, learn(data).schema, RunContext(seed=1))
    assert fitted.tables["sales"].strands is not None
    made = fitted.sample(SampleRequest(rows=1, seed=3), ONE)
    assert rush(plain) == pytest.approx(1.0, abs=0.1)  # without the rush there is none to find
    assert 1.25 < rush(made) < rush(data) + 0.2
    rows = made.tables["sales"].to_pandas().sort_values("day")
    calm = rows[pd.to_datetime(rows["day"]).dt.month != 12]["sold"].to_numpy()
    assert calm[-len(calm) // 3 :].mean() / calm[: len(calm) // 3].mean() == pytest.approx(1.0, abs=0.1)
