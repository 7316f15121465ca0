"""Is the reproduced quality score SDMetrics' own, to nine digits?"""

import datetime as dt
import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import measured
from veridical.core.contracts import Evidence, RunContext
from veridical.core.dataset import Dataset
from veridical.core.schema import CATEGORY_KINDS, TEMPORAL_KINDS, Column, Kind, Schema, TableSchema
from veridical.measures.fidelity.score import SdmetricsScore


def _theirs(real, synthetic, schema):
    from sdmetrics.reports.single_table import QualityReport

    kinds = {}
    for column in schema.only.columns:
        kind = "categorical" if column.kind in CATEGORY_KINDS else "numerical"
        kinds[column.name] = {"sdtype": "datetime" if column.kind in TEMPORAL_KINDS else kind}
    report = QualityReport()
    frames = [table.to_pandas() for table in (real, synthetic)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        report.generate(*frames, {"columns": kinds}, verbose=False)
    properties = report.get_properties().set_index("Property")["Score"]
    return report.get_score(), properties["Column Shapes"], properties["Column Pair Trends"]


def _ours(real, synthetic, schema):
    evidence = Evidence(train=Dataset.of(real), synthetic=Dataset.of(synthetic), schema=schema)
    return [finding.value for finding in SdmetricsScore().measure(evidence, RunContext())]


def _messy(rows, seed):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=rows)
    b = a * 2 + rng.normal(size=rows) * 0.3
    c = np.where(rng.random(rows) < 0.1, np.nan, a**2)
    letters = np.array(list("abcdef"))[
        np.clip(np.round(a + 2 + 0.5 * rng.normal(size=rows)), 0, 4 + seed % 2).astype(int)
    ]
    words = [None if rng.random() < 0.2 else str(letter) for letter in letters]
    days = [dt.datetime(2020, 1, 1) + dt.timedelta(days=float(v) * 30) for v in a]
    return pa.table(
        {
            "a": a, "b": b, "c": pa.array(c, from_pandas=True), "word": words, "letter": letters.tolist(),
            "day": pa.array(days, pa.timestamp("us")), "flag": a > 0.5, "same": np.ones(rows),
            "count": rng.poisson(3, rows), "none": pa.nulls(rows, pa.float64()) if seed == 99 else rng.random(rows),
        }
    )  # fmt: skip


def _schema():
    kinds = {"a": Kind.DECIMAL, "b": Kind.DECIMAL, "c": Kind.DECIMAL, "word": Kind.CATEGORY, "letter": Kind.ORDINAL,
             "day": Kind.DATETIME, "flag": Kind.BOOLEAN, "same": Kind.DECIMAL, "count": Kind.INTEGER, "none": Kind.DECIMAL}  # fmt: skip
    return Schema(tables=(TableSchema(name="data", columns=tuple(Column(name=n, kind=k) for n, k in kinds.items())),))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_score_is_that_of_sdmetrics_on_messy_tables(seed):
    real, synthetic, schema = _messy(700, 0), _messy(500, seed), _schema()
    assert _ours(real, synthetic, schema) == pytest.approx(_theirs(real, synthetic, schema), abs=1e-9)


def test_the_score_is_that_of_sdmetrics_on_adult():
    train, holdout, _ = measured.samples(8000, 4000)
    real, other, schema = train, holdout, measured.adult_schema()
    assert _ours(real, other, schema) == pytest.approx(_theirs(real, other, schema), abs=1e-9)


def test_constant_columns_and_new_categories_count_as_in_sdmetrics():
    real = pa.table({"x": [1.0, 2.0, 3.0, 4.0] * 10, "y": [2.0, 4.0, 6.0, 8.5] * 10, "k": ["a", "b", "a", None] * 10})
    fake = pa.table({"x": [2.0] * 20, "y": [2.0, 3.0] * 10, "k": ["a", "z"] * 10})
    columns = (
        Column(name="x", kind=Kind.DECIMAL),
        Column(name="y", kind=Kind.DECIMAL),
        Column(name="k", kind=Kind.CATEGORY),
    )
    schema = Schema(tables=(TableSchema(name="data", columns=columns),))
    ours, theirs = _ours(real, fake, schema), _theirs(real, fake, schema)
    assert np.isclose(ours[1], theirs[1], atol=1e-9)
    assert pd.isna(theirs[2]) == (ours[2] is None) and ours[0] == pytest.approx(theirs[0], abs=1e-9)
