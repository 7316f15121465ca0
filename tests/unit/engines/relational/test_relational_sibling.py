"""Rows of one parent that are alike though their parent does not say why: do they come out alike?"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from veridical.core.contracts import RunContext, SampleRequest
from veridical.core.dataset import Dataset
from veridical.engines.relational import sibling
from veridical.engines.relational.engine import LinkedEngine
from veridical.engines.relational.sibling import Rounds
from veridical.stages import model as models
from veridical.stages import synthesize as syntheses
from veridical.stages.learn import learn


def baskets(orders: int = 900, *, alike: bool = True) -> Dataset:
    """Orders that say nothing of their lines; lines of one order are of one purpose, and dear together."""
    rng = np.random.default_rng(0)
    of = np.repeat(np.arange(orders), 1 + rng.poisson(3, orders))
    which = of if alike else rng.integers(0, orders, len(of))
    level, purpose = rng.normal(size=orders)[which], rng.integers(0, 30, orders)[which]
    kind = np.where(rng.random(len(of)) < 0.7, purpose, rng.integers(0, 30, len(of)))
    lines = {
        "line_id": np.arange(len(of)),
        "order_id": of,
        "kind": [f"c{i}" for i in kind],
        "price": np.round(np.exp(3 + 0.8 * level + 0.4 * rng.normal(size=len(of))), 2),
        "weight": np.round(rng.gamma(2, 3, len(of)), 2),
    }
    owners = {"order_id": np.arange(orders), "channel": rng.choice(["web", "shop"], orders)}
    return Dataset({"orders": pa.table(owners), "lines": pa.table(lines)})


def likeness(data: Dataset, name: str) -> float:
    """How a line's value goes with the mean of the other lines of its order."""
    lines = data.tables["lines"].to_pandas()
    values = np.log(lines[name])
    groups = values.groupby(lines["order_id"])
    several = groups.transform("size") > 1
    others = (groups.transform("sum") - values) / (groups.transform("size") - 1)
    return float(np.corrcoef(values[several], others[several])[0, 1])


@pytest.fixture(scope="module")
def made():
    data = baskets()
    generator = models.fit(data, learn(data).schema, models.Recipe(engine="linked"), RunContext(seed=1))
    return data, generator, syntheses.draw(generator, SampleRequest(rows=1, seed=2))


def test_lines_of_an_order_are_alike(made):
    data, generator, drawn = made
    assert list(generator.tables["lines"].siblings) == ["price"]
    assert likeness(data, "price") > 0.75
    assert likeness(drawn, "price") > 0.5
    assert abs(likeness(drawn, "weight")) < 0.1


def test_without_it_they_are_not(made, monkeypatch):
    monkeypatch.setattr(sibling, "LEAST_LIKENESS", 2.0)
    data = made[0]
    generator = models.fit(data, learn(data).schema, models.Recipe(engine="linked"), RunContext(seed=1))
    assert likeness(syntheses.draw(generator, SampleRequest(rows=1, seed=2)), "price") < 0.3


def test_lines_that_are_not_alike_are_drawn_by_themselves():
    data = baskets(400, alike=False)
    generator = models.fit(data, learn(data).schema, models.Recipe(engine="linked"), RunContext(seed=1))
    assert not generator.tables["lines"].siblings


def test_a_saved_model_draws_the_same(made, tmp_path):
    _, generator, drawn = made
    generator.save(tmp_path / "g")
    again = syntheses.draw(LinkedEngine.generator.load(tmp_path / "g"), SampleRequest(rows=1, seed=2))
    assert again.tables["lines"].equals(drawn.tables["lines"])


def test_everybody_but_the_first_is_told_of_one_who_comes_before():
    owners = np.array([3, 3, 3, 3, 3, 3, 8, 8, -1, -1])
    rounds = Rounds.of(owners, np.random.default_rng(0))
    assert (rounds.sibling < 0).sum() == 4  # the first of each of two parents, and two without a parent
    told = np.flatnonzero(rounds.sibling >= 0)
    assert (owners[rounds.sibling[told]] == owners[told]).all()
    assert (rounds.turn[rounds.sibling[told]] < rounds.turn[told]).all()
    assert rounds.turn.max() == 3


def test_no_rows_are_no_rounds():
    assert not len(Rounds.of(np.zeros(0, dtype=np.int64), np.random.default_rng(0)).turn)
