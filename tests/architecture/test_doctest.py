"""Do the examples in the docstrings run?"""

import doctest
import importlib
import pkgutil

import pytest

import veridical


def _modules() -> list[str]:
    return sorted(
        m.name
        for m in pkgutil.walk_packages(veridical.__path__, "veridical.")
        if not m.name.endswith(("__main__", "kernel.kernels"))
    )


@pytest.mark.parametrize("name", _modules())
def test_examples_in_docstrings_run(name):
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as missing:
        pytest.skip(f"an optional install is absent: {missing.name}")
    assert doctest.testmod(module, optionflags=doctest.ELLIPSIS).failed == 0
