"""What do measures say of data that is odd, small, empty or of other types: a reason, never a pass, never a crash?"""

import json
import warnings
from dataclasses import replace
from functools import cache

import numpy as np
import pyarrow as pa
import pytest

import measured
from veridical.core.contracts import Evidence, RunContext
from veridical.core.dataset import Dataset
from veridical.core.finding import Finding
from veridical.core.schema import Column, Kind, Schema, TableSchema
from veridical.measures import view as views
from veridical.measures.catalog import MEASURES
from veridical.measures.fidelity.c2st import TwoSample
from veridical.measures.learner import Boosted

COLUMNS = ("age", "workclass", "education", "education_num", "race", "sex", "hours_per_week", "income")
QUICK = TwoSample(folds=2, booster=Boosted(iterations=5))
OPTIONS = {
    "fidelity.c2st": {"folds": 2, "booster": Boosted(iterations=5)},
    "fidelity.diagnosis": {"two_sample": QUICK},
    "utility.train_test": {"learners": ("boosted",)},
    "utility.ablation": {"mixes": ((0.0, 1.0),)},
}


@cache
def _parts():
    return tuple(table.select(COLUMNS) for table in measured.samples(500, 300))


def _schema(**changes):
    table = measured.adult_schema().only
    columns = tuple(table.column(name) for name in changes.pop("columns", COLUMNS))
    return Schema(
        tables=(replace(TableSchema(name="data", columns=columns, target="income", protected=("sex",)), **changes),)
    )


def _evidence(train=None, synthetic=None, holdout=None, schema=None):
    given = [
        part if other is None else other for part, other in zip(_parts(), (train, holdout, synthetic), strict=True)
    ]
    return Evidence(
        train=Dataset.of(given[0]), synthetic=Dataset.of(given[2]),
        holdout=None if holdout is False else Dataset.of(given[1]), schema=_schema() if schema is None else schema,
    )  # fmt: skip


def _all(evidence, names=None):
    found = []
    for card in MEASURES:
        if names is None or card.name.startswith(names):
            found += MEASURES.load(card.name)(**OPTIONS.get(card.name, {})).measure(evidence, RunContext())
    return found


def _set(table, name, values):
    return table.set_column(table.column_names.index(name), name, values)


def _nulls(table, *names):
    for name in names:
        table = _set(table, name, pa.nulls(table.num_rows, table[name].type))
    return table


def _one_class(table):
    return _set(table, "income", pa.array(["<=50K"] * table.num_rows))


def _odd():
    train, holdout, other = _parts()
    rng = np.random.default_rng(0)
    strange = rng.choice([np.nan, np.inf, -np.inf, 30.0], other.num_rows)
    constant = pa.table({name: [other[name].drop_null()[0].as_py()] * other.num_rows for name in COLUMNS})
    return {
        "no holdout": _evidence(holdout=False),
        "one class in synthetic": _evidence(synthetic=_one_class(other)),
        "one class everywhere": _evidence(_one_class(train), _one_class(other), _one_class(holdout)),
        "a column empty in train": _evidence(train=_nulls(train, "age", "race")),
        "columns empty in synthetic": _evidence(synthetic=_nulls(other, "age", "workclass")),
        "columns empty in the holdout": _evidence(holdout=_nulls(holdout, "age", "race")),
        "columns missing": _evidence(synthetic=other.drop_columns(["age", "income"])),
        "numbers as text": _evidence(synthetic=_set(other, "age", other["age"].cast(pa.string()))),
        "text for numbers": _evidence(synthetic=_set(other, "age", pa.array(["x"] * other.num_rows))),
        "not numbers and infinite ones": _evidence(synthetic=_set(other, "age", pa.array(strange))),
        "ten rows": _evidence(train.slice(0, 10), other.slice(0, 10), holdout.slice(0, 10)),
        "one row": _evidence(train.slice(0, 1), other.slice(0, 1), holdout.slice(0, 1)),
        "no synthetic row": _evidence(synthetic=other.slice(0, 0)),
        "no holdout row": _evidence(holdout=holdout.slice(0, 0)),
        "the same row over and over": _evidence(synthetic=constant),
        "one number": _evidence(schema=_schema(columns=("age",), target=None, protected=())),
        "one category": _evidence(schema=_schema(columns=("sex",), target="sex", protected=("sex",))),
        "a number as target": _evidence(schema=_schema(target="hours_per_week", protected=("age",))),
        "a target and groups that are not there": _evidence(schema=_schema(target="nope", protected=("nope",))),
        "no target": _evidence(schema=_schema(target=None, protected=())),
    }


ODD = list(_odd())


@pytest.mark.parametrize("name", ODD)
def test_odd_data_gives_figures_or_reasons(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = _all(_odd()[name])
    assert found
    for item in found:
        assert Finding.from_dict(json.loads(json.dumps(item.to_dict()))).check == item.check
        if not item.measured:
            assert item.reason
            continue
        assert np.isfinite(item.value) and item.sentence, item
        assert "nan" not in item.sentence.split(), item
        for beside in (item.ceiling, item.baseline):
            assert beside is None or np.isfinite(beside), item
        if item.interval is not None:
            assert item.interval.low <= item.value + 1e-9 and item.value - 1e-9 <= item.interval.high, item


def _of(found, check):
    return [item for item in found if item.check == check]


def test_without_a_holdout_what_needs_one_is_not_measured_and_nothing_has_a_ceiling():
    found = _all(_evidence(holdout=False), ("fidelity", "utility", "diversity.support"))
    for check in ("utility.tstr", "fidelity.c2st_train", "diversity.authenticity"):
        assert all("no holdout" in item.reason for item in _of(found, check))
    assert all(item.ceiling is None for item in found if item.check.startswith("fidelity"))


def test_one_class_in_synthetic_is_no_pass():
    found = _all(_evidence(synthetic=_one_class(_parts()[2])), "utility.train_test")
    assert not _of(found, "utility.tstr")[0].measured and _of(found, "utility.trtr")[0].measured


def test_columns_that_cannot_be_compared_are_named():
    odd = _odd()
    for name in ("text for numbers", "columns missing", "a column empty in train"):
        left_out = _of(_all(odd[name], "fidelity.marginals"), "fidelity.column")
        assert ("age",) in [item.scope for item in left_out] and not any(item.measured for item in left_out)


def test_unseen_categories_are_counted_not_dropped():
    other = _parts()[2]
    strange = _set(other, "workclass", pa.array(["Pirate"] * other.num_rows))
    found = _all(_evidence(synthetic=strange), "fidelity.marginals")
    invented = [item for item in _of(found, "fidelity.category_invented") if item.scope == ("workclass",)]
    distance = [item for item in _of(found, "fidelity.column_tvd") if item.scope == ("workclass",)]
    assert invented[0].value == 1.0 and distance[0].value == pytest.approx(1.0)


def test_categories_too_rare_to_be_told_are_left_out_of_the_distance_and_others_are_not():
    rng = np.random.default_rng(0)

    def towns(common, odd):
        return pa.table({"town": rng.permutation(["north"] * common + ["south"] * (900 - common) + odd)})

    hamlets = [f"hamlet {i}" for i in range(100)]
    schema = Schema(
        tables=(TableSchema(name="t", columns=(Column(name="town", kind=Kind.CATEGORY, storage="string"),)),)
    )
    protected, wrong = towns(600, []), towns(300, [])
    distances = []
    for made in (protected, wrong):
        given = Evidence(train=Dataset.of(towns(600, hamlets)), holdout=Dataset.of(towns(600, hamlets)),
                         synthetic=Dataset.of(made), schema=schema)  # fmt: skip
        (found,) = _of(_all(given, "fidelity.marginals"), "fidelity.column_tvd")
        distances.append(found.value)
        assert "without 100 categories of fewer than 5 training rows" in found.sentence
    assert distances[0] < 0.02 and distances[1] > 0.3


def test_two_tables_are_measured_each_and_named_in_the_scope():
    parts = [Dataset({"a": table, "b": table}) for table in _parts()]
    table = _schema().only
    schema = Schema(tables=(replace(table, name="a"), replace(table, name="b")))
    evidence = Evidence(train=parts[0], holdout=parts[1], synthetic=parts[2], schema=schema)
    found = _all(evidence, "fidelity.marginals")
    assert [item.scope for item in _of(found, "fidelity.columns")] == [("a",), ("b",)]
    assert ("b", "age") in [item.scope for item in found]


def test_the_same_seed_gives_the_same_figures_and_the_view_is_made_once():
    evidence = _evidence()
    first = [item.to_dict() for item in _all(evidence)]
    assert first == [item.to_dict() for item in _all(_evidence())]
    assert views.of(evidence, RunContext()) is views.of(evidence, RunContext())


def test_figures_do_not_depend_on_storage():
    other = _parts()[2]
    stored = _set(other, "workclass", other["workclass"].combine_chunks().dictionary_encode())
    stored = _set(stored, "age", stored["age"].cast(pa.float64()))
    plain, coded = (_all(_evidence(synthetic=table), "fidelity.pairs") for table in (other, stored))
    assert [item.value for item in plain] == [item.value for item in coded]
