"""Do links that lead to one and the same parent agree in what comes out, and keep their numbers of children?"""

from __future__ import annotations

from functools import cache

import numpy as np
import pyarrow as pa
import pytest

from veridical.core.contracts import RunContext, SampleRequest, Shard
from veridical.core.dataset import Dataset
from veridical.core.schema import Column, ForeignKey, Kind, Schema, TableSchema
from veridical.engines.relational.balance import Sum, balanced
from veridical.engines.relational.engine import LinkedEngine
from veridical.engines.relational.leading import lead
from veridical.prepare.link import Rows, point

TO_VISITS = ForeignKey(table="note", columns=("visit",), parent="visit", parent_columns=("id",))
TO_PATIENTS = ForeignKey(table="note", columns=("patient",), parent="patient", parent_columns=("id",))
UP = ForeignKey(table="visit", columns=("patient",), parent="patient", parent_columns=("id",))


def _clinic(no_visit: float, no_patient: float, *, patients: int = 27) -> tuple[Dataset, Schema]:
    """Notes that name a visit and its patient; some have no visit, and some of the others no patient."""
    rng = np.random.default_rng(5)
    visits = np.repeat(np.arange(patients), rng.geometric(0.05, patients))
    rows = rng.choice(len(visits), size=600, p=rng.dirichlet(np.full(len(visits), 0.2)))
    named = visits[rows]
    left = rng.random(600) < no_visit
    named[left] = rng.integers(patients, size=int(left.sum()))
    unnamed = ~left & (rng.random(600) < no_patient)
    ids = np.arange(1, 1 + max(len(visits), 600))
    data = {
        "patient": pa.table({"id": ids[:patients], "age": rng.integers(20, 90, patients)}),
        "visit": pa.table({"id": ids[: len(visits)], "patient": ids[visits], "cost": rng.normal(size=len(visits))}),
        "note": pa.table(
            {
                "id": ids[:600],
                "patient": pa.array(ids[named], mask=unnamed),
                "visit": pa.array(ids[rows], mask=left),
                "score": rng.normal(size=600),
            }
        ),
    }
    kinds = {"age": Kind.INTEGER, "cost": Kind.DECIMAL, "score": Kind.DECIMAL}
    tables = tuple(
        TableSchema(
            name=name, primary_key=("id",),
            columns=tuple(
                Column(
                    name=column, kind=kinds.get(column, Kind.IDENTIFIER), unique=column == "id",
                    storage=str(table.schema.field(column).type), nullable=column in ("patient", "visit"),
                )
                for column in table.column_names
            ),
        )
        for name, table in data.items()
    )  # fmt: skip
    return Dataset(data), Schema(tables=tables, foreign_keys=(UP, TO_PATIENTS, TO_VISITS))


@cache
def _pair(no_visit: float, no_patient: float) -> tuple[Dataset, Dataset]:
    data, schema = _clinic(no_visit, no_patient)
    fitted = LinkedEngine(table_engine="independent").fit(data, schema, RunContext(seed=1))
    return data, fitted.sample(SampleRequest(rows=1, seed=2), Shard(0, 1, 0, 1))


def _apart(real: Rows, made: Rows) -> float:
    levels = np.union1d(real, made)
    one = np.searchsorted(np.sort(real), levels, side="right") / len(real)
    two = np.searchsorted(np.sort(made), levels, side="right") / len(made)
    return float(np.abs(one - two).max())


CASES = [(0.0, 0.0), (0.1, 0.0), (0.0, 0.2), (0.1, 0.2)]


@pytest.mark.parametrize(("no_visit", "no_patient"), CASES)
def test_a_note_is_of_its_visits_patient(no_visit: float, no_patient: float) -> None:
    data, made = _pair(no_visit, no_patient)
    for tables in (data.tables, made.tables):
        patient, visit = point(tables, TO_PATIENTS).rows, point(tables, TO_VISITS).rows
        led = lead(point(tables, UP).rows, visit)
        both = (led >= 0) & (patient >= 0)
        assert both.sum() > 300
        assert (led[both] == patient[both]).all()
        assert ((visit < 0).mean() > 0.05) == (no_visit > 0)
        assert ((patient < 0).mean() > 0.05) == (no_patient > 0)


@pytest.mark.parametrize(("no_visit", "no_patient"), CASES)
def test_both_keep_their_numbers_of_notes(no_visit: float, no_patient: float) -> None:
    data, made = _pair(no_visit, no_patient)
    for link in (TO_PATIENTS, TO_VISITS, UP):
        assert _apart(point(data.tables, link).counts, point(made.tables, link).counts) <= 0.03, link.columns


def test_links_that_agree_by_chance_lead_nowhere() -> None:
    data, schema = _clinic(0.0, 0.0)
    few = Dataset({**data.tables, "note": data.tables["note"].slice(0, 1)})
    assert LinkedEngine(table_engine="independent").fit(few, schema, RunContext()).graph.followed == ()


def test_one_note_that_disagrees_lets_both_be_drawn() -> None:
    data, schema = _clinic(0.0, 0.0)
    notes = data.tables["note"]
    patients = notes["patient"].to_numpy().copy()
    patients[0] = patients[0] % 27 + 1
    wrong = Dataset({**data.tables, "note": notes.set_column(1, "patient", pa.array(patients))})
    assert LinkedEngine(table_engine="independent").fit(wrong, schema, RunContext()).graph.followed == ()


def test_sums_come_out_and_numbers_stay_spread() -> None:
    rng = np.random.default_rng(0)
    numbers, groups = rng.geometric(0.3, 400) - 1, rng.integers(0, 40, 400)
    learned = np.sort(np.bincount(groups[rng.permutation(400)], weights=numbers, minlength=40).astype(np.int64))
    found, _ = balanced(numbers, [Sum(groups, 40, learned)], rng)
    assert np.sort(np.bincount(groups, weights=found, minlength=40)).tolist() == learned.tolist()
    assert _apart(numbers, found) <= 0.02


def test_links_by_shared_columns_add_up() -> None:
    # Sales point to a store's week, and by a part of the same columns to the store: stores keep their numbers of sales.
    rng = np.random.default_rng(0)
    stores, weeks = 40, 30
    busy = rng.permutation(np.repeat([1, 4], stores // 2))
    store, week = np.repeat(np.arange(stores), weeks), np.tile(np.arange(weeks), stores)
    number = rng.poisson(busy[store])
    data = Dataset({
        "store": pa.table({"store": np.arange(stores), "size": rng.integers(0, 9, stores)}),
        "week": pa.table({"store": store, "week": week, "warm": rng.integers(0, 30, stores * weeks)}),
        "sale": pa.table({"store": np.repeat(store, number), "week": np.repeat(week, number),
                          "amount": rng.integers(1, 90, int(number.sum()))}),
    })  # fmt: skip
    made_of = {"store": ("store",), "week": ("store", "week"), "sale": ()}
    keys = {"store": Kind.IDENTIFIER}
    tables = tuple(
        TableSchema(name=name, primary_key=made_of[name], columns=tuple(
            Column(name=one, kind=keys.get(one, Kind.INTEGER), storage="int64") for one in rows.column_names
        ))
        for name, rows in data.tables.items()
    )  # fmt: skip
    links = (
        ForeignKey(table="week", columns=("store",), parent="store", parent_columns=("store",)),
        ForeignKey(table="sale", columns=("store", "week"), parent="week", parent_columns=("store", "week")),
        ForeignKey(table="sale", columns=("store",), parent="store", parent_columns=("store",)),
    )
    schema = Schema(tables=tables, foreign_keys=links)
    made = LinkedEngine().fit(data, schema, RunContext()).sample(SampleRequest(rows=1, seed=1), Shard(0, 1, 0, 1))
    real, ours = (np.sort(point(side.tables, links[2]).counts) for side in (data, made))
    levels = np.unique(np.concatenate([real, ours]))
    apart = np.abs(np.searchsorted(real, levels, "right") - np.searchsorted(ours, levels, "right")).max() / stores
    assert apart <= 0.05
