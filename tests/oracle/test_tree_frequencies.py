"""Do a tree's leaves hold the frequencies that counting by hand gives?"""

from itertools import product

import numpy as np
import pyarrow as pa
import pytest

from veridical.core.contracts import Allowed, RunContext
from veridical.core.schema import Column, Kind
from veridical.engines.tabular.tree import growing
from veridical.engines.tabular.tree.growing import Growth, Predictor, Smoothing, Target
from veridical.engines.tabular.tree.model import TreeModel
from veridical.engines.tabular.tree.walking import score


def three_columns(rows: int = 6000) -> tuple[pa.Table, list[Column]]:
    rng = np.random.default_rng(3)
    a = rng.integers(0, 3, rows)
    b = (a + rng.integers(0, 2, rows)) % 3
    c = np.where(rng.random(rows) < 0.8, (a + b) % 2, rng.integers(0, 2, rows))
    names = {"a": a, "b": b, "c": c}
    table = pa.table({n: pa.array(v.astype(str).astype(object)).dictionary_encode() for n, v in names.items()})
    return table, [Column(name=name, kind=Kind.CATEGORY) for name in names]


@pytest.mark.parametrize("nominal", [True, False])
def test_an_unsmoothed_tree_is_the_table_of_conditional_frequencies(nominal: bool) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 4, (2, 3000)).astype(np.uint16)
    y = ((x[0] * 2 + x[1]) % 5 + 1 + (rng.random(3000) < 0.3)).astype(np.uint16)
    rows = np.arange(3000, dtype=np.int32)
    target = Target.of(y, 8, rows, ordered=not nominal)
    predictors = [Predictor(x[i].copy(), 4, nominal) for i in range(2)]
    tree = growing.grow(target, predictors, rows, Growth(min_leaf=1, stop=0.0, trees=1), 0)
    leaves = growing.lay_leaves(tree, target, Smoothing(strength=0.0, discount=0.0, grain=1))
    found = np.exp(score(leaves, [p.codes for p in predictors], y, 3000))
    for first, second, value in product(range(4), range(4), range(8)):
        cell = (x[0] == first) & (x[1] == second)
        if (cell & (y == value)).any():
            assert np.allclose(found[cell & (y == value)], (y[cell] == value).mean())


def test_likelihoods_add_up_to_one_over_all_rows() -> None:
    table, columns = three_columns()
    sampler = TreeModel().fit(table, columns, RunContext(seed=0))
    cells = list(product("012", repeat=2))
    every = [(a, b, c) for (a, b), c in product(cells, "01")]
    cols = list(zip(*every, strict=True))
    total = np.exp(sampler.log_likelihood(pa.table({n: pa.array(v) for n, v in zip("abc", cols, strict=True)}))).sum()
    assert total == pytest.approx(1.0, abs=1e-6)


def test_draws_given_a_later_column_follow_bayes_rule() -> None:
    table, columns = three_columns()
    sampler = TreeModel().fit(table, columns, RunContext(seed=0))
    last = sampler.parts[-1].column.name
    frame = table.to_pandas().astype(str)
    for value in sorted(frame[last].unique()):
        drawn = sampler.draw(4000, np.random.default_rng(1), allowed={last: Allowed(values=(value,))}).to_pandas()
        assert (drawn[last] == value).all()
        real = frame[frame[last] == value].drop(columns=last).value_counts(normalize=True)
        fake = drawn.drop(columns=last).astype(str).value_counts(normalize=True)
        assert real.sub(fake, fill_value=0.0).abs().sum() / 2 < 0.05
