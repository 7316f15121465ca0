"""Do the junction tree's marginals and draws agree with brute force over every cell of a tiny domain?"""

import numpy as np
import pytest

from veridical.engines.tabular.dp.drawing import Drawer
from veridical.engines.tabular.dp.inference import Measurement, fit, spread
from veridical.engines.tabular.dp.junction import cells_with, junction_of
from veridical.engines.tabular.dp.pairs import all_pairs

SIZES = (2, 3, 4, 2, 3)
SETS = {
    "tree": [(0, 1), (1, 2), (1, 3), (3, 4)],
    "cycle": [(0, 1), (1, 2), (2, 3), (0, 3), (3, 4)],
    "triples": [(0, 1, 2), (2, 3), (2, 4)],
    "islands": [(0, 1), (2, 3)],
}


def summed(table, columns):
    return table.sum(axis=tuple(axis for axis in range(table.ndim) if axis not in columns))


def brute(fitted):
    logs = sum(spread(values, columns, tuple(range(len(SIZES)))) for columns, values in fitted.parameters.items())
    table = np.exp(logs) * np.ones(SIZES)
    return fitted.total * table / table.sum()


@pytest.fixture(params=sorted(SETS))
def case(request):
    truth = np.random.default_rng(3).dirichlet(np.ones(int(np.prod(SIZES)))).reshape(SIZES) * 1000
    measured = [Measurement(columns, summed(truth, columns), 1.0) for columns in SETS[request.param]]
    measured += [Measurement((c,), summed(truth, (c,)), 1.0) for c in range(len(SIZES))]
    return truth, measured, fit(measured, SIZES, 1000.0, iterations=3000)


def test_what_was_measured_exactly_is_met(case):
    truth, measured, fitted = case
    for one in measured:
        assert np.abs(fitted.marginal(one.columns) - summed(truth, one.columns)).max() < 0.5


@pytest.mark.parametrize("columns", [(0, 4), (1, 3), (0, 2), (1, 4), (0, 1, 4), (0, 2, 4), (2,)])
def test_any_marginal_is_that_of_the_whole_table(case, columns):
    fitted = case[2]
    assert np.allclose(fitted.marginal(columns), summed(brute(fitted), columns), atol=1e-6)


def test_all_pairs_at_once_are_those_of_the_whole_table(case):
    fitted = case[2]
    pairs = all_pairs(fitted)
    assert len(pairs) == 10
    assert all(np.allclose(table, summed(brute(fitted), columns), atol=1e-6) for columns, table in pairs.items())


def test_rows_are_drawn_in_proportion(case):
    fitted = case[2]
    codes = Drawer(fitted, {}).draw(50_000, np.random.default_rng(0), {})
    drawn = np.bincount(np.ravel_multi_index(codes, SIZES), minlength=brute(fitted).size)
    assert 0.5 * np.abs(drawn / 50_000 - brute(fitted).ravel() / 1000).sum() < 0.02


@pytest.mark.parametrize("known", [(4,), (0, 2), (1, 4)])
def test_known_columns_are_kept_and_the_rest_follows_from_them(case, known):
    fitted = case[2]
    table = brute(fitted)
    for turn in range(3):
        index = [slice(None)] * len(SIZES)
        for column in known:
            index[column] = turn % SIZES[column]
        given = {column: np.full(30_000, index[column]) for column in known}
        drawn = Drawer(fitted, {}).draw(30_000, np.random.default_rng(1), given)
        rest = [c for c in range(len(SIZES)) if c not in known]
        expected = table[tuple(index)]
        seen = np.bincount(np.ravel_multi_index(drawn[rest], expected.shape), minlength=expected.size) / 30_000
        assert all((drawn[column] == values).all() for column, values in given.items())
        assert 0.5 * np.abs(seen - expected.ravel() / expected.sum()).sum() < 0.03


def test_limits_are_exact(case):
    fitted = case[2]
    shares = {2: np.array([0.0, 1.0, 0.5, 0.0])}
    drawn = Drawer(fitted, shares).draw(40_000, np.random.default_rng(2), {})
    table = brute(fitted) * spread(shares[2], (2,), tuple(range(5)))
    seen = np.bincount(np.ravel_multi_index(drawn, SIZES), minlength=table.size) / 40_000
    assert set(np.unique(drawn[2])) <= {1, 2}
    assert 0.5 * np.abs(seen - table.ravel() / table.sum()).sum() < 0.03


def test_inconsistent_noise_is_weighed_by_how_exact_it_is():
    sharp, blurred = Measurement((0,), np.array([700.0, 300.0]), 1.0), Measurement((0,), np.array([500.0, 500.0]), 10.0)
    fitted = fit([sharp, blurred], (2,), 1000.0, iterations=500)
    assert fitted.marginal((0,))[0] == pytest.approx(700 - 200 / 101, abs=0.5)


def test_every_set_lies_in_a_clique_and_columns_hang_together():
    rng = np.random.default_rng(5)
    for _ in range(40):
        sizes = tuple(int(s) for s in rng.integers(2, 9, 8))
        sets = [tuple(sorted(rng.choice(8, size=2, replace=False).tolist())) for _ in range(rng.integers(1, 14))]
        tree = junction_of(sets, sizes)
        assert all(tree.holder(columns) is not None for columns in sets)
        for column in range(8):
            homes = {place for place, clique in enumerate(tree.cliques) if column in clique}
            roots = [place for place in homes if tree.parents[place] not in homes]
            assert len(roots) == 1
        for pair in [(0, 1), (2, 7)]:
            assert cells_with(tree, pair, sizes) >= max(tree.cells(sizes), 1) * (tree.holder(pair) is not None)
