"""Does a table of two columns, one of them fine, come back without its rows coming back?"""

import numpy as np
import pyarrow as pa
import pytest

import veridical
from veridical.core.contracts import SampleRequest, Shard
from veridical.engines.tabular.tree import model

ROWS = 8_000


def _events(seed: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    kind = rng.choice(["a", "b", "c", "d"], ROWS, p=[0.4, 0.3, 0.2, 0.1])
    day = np.clip(rng.normal(4_000 + 900 * np.searchsorted(["a", "b", "c", "d"], kind), 1_500), 0, 9_000)
    return pa.table({"kind": kind, "day": day.astype(np.int64)})


def _found(table: pa.Table, among: pa.Table) -> float:
    rows = {(kind, day) for kind, day in zip(among["kind"].to_pylist(), among["day"].to_pylist(), strict=True)}
    return float(
        np.mean([row in rows for row in zip(table["kind"].to_pylist(), table["day"].to_pylist(), strict=True)])
    )


def _excess() -> float:
    """Return by how much oftener synthetic rows stand in train than further real rows do."""
    train = _events(1)
    fitted = veridical.fit(train, seed=2)
    drawn = fitted.sample(SampleRequest(rows=ROWS, seed=3), Shard(0, 1, 0, ROWS)).only
    return _found(drawn, train) - _found(_events(4), train)


def test_rows_come_back_little_oftener_than_chance_has_it():
    assert _excess() < 0.05


def test_ranges_and_leaves_as_fine_as_those_of_wide_tables_would_be_caught(monkeypatch):
    monkeypatch.setattr(model, "NARROW", 0)
    assert _excess() > 0.06


@pytest.mark.parametrize("columns", [1, 2])
def test_the_fine_column_keeps_its_shape(columns):
    train = _events(1).select(["day", "kind"][:columns])
    fitted = veridical.fit(train, seed=2)
    drawn = np.asarray(fitted.sample(SampleRequest(rows=ROWS, seed=3), Shard(0, 1, 0, ROWS)).only["day"])
    real = np.asarray(_events(4)["day"])
    grid = np.quantile(real, np.linspace(0.01, 0.99, 50))
    gaps = np.searchsorted(np.sort(drawn), grid) / ROWS - np.searchsorted(np.sort(real), grid) / ROWS
    assert np.abs(gaps).max() < 0.03
