"""Does Opacus compute the very sums that ours does?"""

import numpy as np
import pytest

from veridical.core.contracts import RunContext
from veridical.core.dataset import Dataset
from veridical.core.errors import MissingExtraError, SpecError
from veridical.engines.tabular.neural.net import Net
from veridical.engines.tabular.neural.private import DpSgdEngine, NetModel
from veridical.training import opacus


def case():
    rng = np.random.default_rng(0)
    net = Net((2, 3, 4), 5)
    parameters = net.start([np.ones(size) for size in net.sizes], rng) + rng.normal(0, 0.3, net.size)
    return net, parameters, np.stack([rng.integers(0, size, 50) for size in net.sizes])


@pytest.mark.parametrize("clip", [0.5, 1e9])
def test_opacus_sums_the_same_clipped_gradients(clip):
    pytest.importorskip("opacus")
    net, parameters, codes = case()
    theirs = opacus.clipped_sum(net.sizes, net.width, parameters, codes, clip)
    assert theirs == pytest.approx(net.clipped_sum(parameters, codes, clip), abs=1e-4)


def test_one_row_moves_their_sum_by_no_more_than_the_clip():
    pytest.importorskip("opacus")
    net, parameters, codes = case()
    whole = opacus.clipped_sum(net.sizes, net.width, parameters, codes, 0.5)
    for row in range(0, 50, 10):
        fewer = opacus.clipped_sum(net.sizes, net.width, parameters, np.delete(codes, row, axis=1), 0.5)
        assert np.linalg.norm(whole - fewer) <= 0.5 * (1 + 1e-4)


def test_an_engine_learns_by_opacus_under_the_same_ledger(tmp_path, monkeypatch):
    pytest.importorskip("opacus")
    pytest.importorskip("opendp")
    import pyarrow as pa

    from veridical.privacy.accountants import epsilon_of, total
    from veridical.stages.private import skeleton

    monkeypatch.setenv("VERIDICAL_HOME", str(tmp_path))
    x = np.random.default_rng(0).choice(["a", "b"], 3000)
    data = Dataset.of(pa.table({"x": x, "y": x}))
    engine = DpSgdEngine(epsilon=4.0, model=NetModel(width=4, steps=20, gradients="opacus"))
    generator = engine.fit(data, skeleton(data), RunContext())
    assert epsilon_of(total(generator.spent), 1e-6) <= 4.0 * (1 + 1e-9)


def test_without_torch_it_is_said_what_to_install():
    try:
        import torch  # noqa: F401
        from opacus import GradSampleModule  # noqa: F401
    except ImportError:
        net, parameters, codes = case()
        with pytest.raises(MissingExtraError, match="opacus"):
            opacus.clipped_sum(net.sizes, net.width, parameters, codes, 1.0)


def test_gradients_of_another_name_are_refused():
    with pytest.raises(SpecError, match="no gradients"):
        NetModel(gradients="theirs")
