"""Does a panel end for all entities on its last day, and have sparse entities the gaps of sparse ones?"""

import numpy as np
import pyarrow as pa
import pytest

from veridical.core.contracts import RunContext
from veridical.core.schema import Column, Kind, TableSchema
from veridical.engines.sequence.learning import fit_sequences
from veridical.engines.sequence.model import Sequences

WEEKS = 80
SCHEMA = TableSchema(
    name="sales", series=("shop",), order_by="week",
    columns=(
        Column(name="shop", kind=Kind.IDENTIFIER, storage="string"),
        Column(name="week", kind=Kind.DATE, storage="date32[day]"),
        Column(name="sold", kind=Kind.DECIMAL, storage="double"),
    ),
)  # fmt: skip


def panel(shops: int = 150, sparse: float = 0.2) -> pa.Table:
    """Shops with sales every week of the same 80, and a fifth of them with sales in one week of ten."""
    rng = np.random.default_rng(0)
    owner, week = [], []
    for shop in range(shops):
        there = np.flatnonzero(rng.random(WEEKS) < 0.1) if rng.random() < sparse else np.arange(WEEKS)
        there = np.union1d(there, [WEEKS - 1])
        owner.append(np.full(len(there), shop))
        week.append(there)
    shop, at = np.concatenate(owner), np.concatenate(week)
    sold = 100 + 20 * np.sin(at / 6) + rng.normal(0, 5, len(at))
    days = np.datetime64("2020-01-03") + 7 * at.astype("timedelta64[D]")
    return pa.table({"shop": np.char.add("s", shop.astype(str)), "week": days, "sold": sold.round(2)})


@pytest.fixture(scope="module")
def law() -> Sequences:
    return fit_sequences(panel(), SCHEMA, RunContext(seed=1))


def by_shop(table: pa.Table) -> list[np.ndarray]:
    frame = table.to_pandas()
    return [held.to_numpy().astype("datetime64[D]").astype(np.int64) for _, held in frame.groupby("shop")["week"]]


def test_no_row_lies_beyond_the_last_day(law: Sequences) -> None:
    made = law.draw(300, seed=3)
    assert made["week"].to_pandas().max() == panel()["week"].to_pandas().max()
    full = np.mean([len(each) == WEEKS for each in by_shop(made)])
    assert full == pytest.approx(0.8, abs=0.06)


def test_sparse_shops_have_wide_gaps_and_full_ones_none(law: Sequences) -> None:
    gaps = {True: [], False: []}
    for each in by_shop(law.draw(300, seed=4)):
        gaps[len(each) < WEEKS // 2].extend(np.diff(np.sort(each)) // 7)
    assert np.mean(gaps[False]) < 1.1
    assert 5 < np.mean(gaps[True]) < 16


def test_a_saved_law_still_ends_there(law: Sequences, tmp_path) -> None:
    law.save(tmp_path / "law")
    again = Sequences.load(tmp_path / "law")
    assert again.clock.last == law.clock.last is not None
    assert again.draw(50, seed=5).equals(law.draw(50, seed=5))


def test_patients_who_end_each_on_their_own_day_have_no_common_end() -> None:
    rng = np.random.default_rng(2)
    owner = np.repeat(np.arange(100), 8)
    days = np.datetime64("2020-01-01") + (rng.integers(20, 90, len(owner)).cumsum() % 3000).astype("timedelta64[D]")
    rows = pa.table({"shop": owner.astype(str), "week": days, "sold": rng.normal(size=len(owner))})
    assert fit_sequences(rows, SCHEMA, RunContext(seed=1)).clock.last is None


def test_a_gauge_keeps_to_its_steps_though_they_are_stored_in_single_precision() -> None:
    rng = np.random.default_rng(5)
    steps = np.rint(60 + np.cumsum(rng.normal(size=4_000)) % 40 + rng.normal(0, 2, 4_000))
    load = (steps * np.float32(0.067)).astype(np.float32).astype(np.float64)
    hours = np.datetime64("2024-01-01T00") + np.arange(4_000).astype("timedelta64[h]")
    rows = pa.table({"at": hours.astype("datetime64[us]"), "load": load})
    schema = TableSchema(
        name="gauge", series=(), order_by="at",
        columns=(Column(name="at", kind=Kind.DATETIME, storage="timestamp[us]"),
                 Column(name="load", kind=Kind.DECIMAL, storage="double")),
    )  # fmt: skip
    made = fit_sequences(rows, schema, RunContext(seed=1)).draw(1, seed=2, lengths=np.array([1_000]))
    known = np.isin(made["load"].to_numpy(), load)
    assert known.mean() > 0.98
