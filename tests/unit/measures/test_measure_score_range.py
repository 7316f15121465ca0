"""Does the score reproduced from SDMetrics stand numbers near the end of what floats hold?"""

import numpy as np
import pytest

from veridical.measures.fidelity.score import _stepped


@pytest.mark.parametrize(
    "values",
    [
        np.array([1e300, 1e300, 1e300]),
        np.array([1e300, np.nextafter(1e300, 2e300), 1e300]),
        np.array([-1.7e308, 0.0, 1.7e308]),
    ],
)
def test_numbers_near_the_end_of_floats_fall_into_steps(values):
    with np.errstate(over="ignore", invalid="ignore"):
        steps = _stepped(np.append(values, np.nan))
    assert len(steps) == len(values) + 1
    assert (np.diff(steps[:-1][np.argsort(values)]) >= 0).all()


def test_ordinary_numbers_fall_into_numpys_own_steps():
    values = np.random.default_rng(0).normal(size=500)
    assert (_stepped(values) == np.digitize(values, np.histogram_bin_edges(values))).all()
