"""Are the net's clipped sums what clipping each row's numerical gradient gives?"""

import numpy as np
import pytest

from veridical.engines.tabular.neural.net import Net, softmax
from veridical.privacy.mechanisms import FLOAT_SLACK


def _losses(net, parameters, codes):
    """Return -log p of each row, in plain 64-bit numbers."""
    weights = net.unpacked(parameters)
    total = np.zeros(codes.shape[1])
    for column, (_, logits) in enumerate(weights.walk(codes)):
        total -= np.log(softmax(logits.astype(np.float64))[np.arange(codes.shape[1]), codes[column]])
    return total


def _gradients(net, parameters, codes, step=1e-2):
    """Return each row's gradient by central differences, shape (rows, parameters)."""
    ends = []
    for place in range(net.size):
        moved = np.zeros(net.size)
        moved[place] = step
        ends.append((_losses(net, parameters + moved, codes) - _losses(net, parameters - moved, codes)) / (2 * step))
    return np.array(ends).T


@pytest.fixture(scope="module")
def case():
    rng = np.random.default_rng(0)
    net = Net((2, 3, 4), 5)
    parameters = net.start([np.ones(size) for size in net.sizes], rng) + rng.normal(0, 0.3, net.size)
    codes = np.stack([rng.integers(0, size, 9) for size in net.sizes])
    return net, parameters, codes, _gradients(net, parameters, codes)


@pytest.mark.parametrize("clip", [0.7, 2.4, 1e9])
def test_the_sum_of_clipped_gradients_is_that_of_each_row_clipped(case, clip):
    net, parameters, codes, gradients = case
    lengths = np.linalg.norm(gradients, axis=1, keepdims=True)
    expected = (gradients * np.minimum(1, clip / lengths)).sum(axis=0)
    assert net.clipped_sum(parameters, codes, clip) == pytest.approx(expected, abs=3e-4)


def test_one_row_moves_the_sum_by_no_more_than_the_clip(case):
    net, parameters, codes, _ = case
    for row in range(codes.shape[1]):
        without = np.delete(codes, row, axis=1)
        moved = net.clipped_sum(parameters, codes, 0.5) - net.clipped_sum(parameters, without, 0.5)
        assert np.linalg.norm(moved) <= 0.5 * (1 + 1e-5)


def test_a_row_that_comes_first_moves_all_others_by_nothing_that_is_not_paid_for():
    """It shifts every other row to another place, and some to another batch; sums must hardly notice."""
    rng = np.random.default_rng(3)
    net = Net((30, 20, 40, 12), 16)
    parameters = net.start([np.ones(size) for size in net.sizes], rng) + rng.normal(0, 0.3, net.size)
    codes = np.stack([rng.integers(0, size, 20_000) for size in net.sizes])
    first = np.array([[1], [2], [3], [4]])
    moved = net.clipped_sum(parameters, np.hstack([first, codes]), 1.0) - net.clipped_sum(parameters, codes, 1.0)
    stray = moved - net.clipped_sum(parameters, first, 1.0)
    assert np.linalg.norm(stray) < FLOAT_SLACK / 8


def test_parameters_at_the_start_draw_independent_columns(case):
    net, _, codes, _ = case
    shares = [np.arange(1, size + 1, dtype=float) for size in net.sizes]
    start = net.unpacked(net.start(shares, np.random.default_rng(1)))
    for share, (_, logits) in zip(shares, start.walk(codes)):
        assert softmax(logits)[0] == pytest.approx(share / share.sum(), abs=1e-6)
