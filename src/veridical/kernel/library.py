"""Where is the compiled library, and how does an array reach it?

Every kernel is a C function `void veridical_<name>(...)` of pointers and 64-bit integers or doubles. Arrays are
passed C-contiguous and of the exact type; a wrong one is an error here, not a crash there.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veridical.core.errors import ArtifactError

_NAME = "kernels.dylib" if sys.platform == "darwin" else "kernels.so"


@cache
def _library() -> ctypes.CDLL:
    path = Path(__file__).with_name(_NAME)
    if not path.exists():
        raise ArtifactError("the compiled kernels are missing", where=_NAME, fix="install veridical again")
    return ctypes.CDLL(str(path))


@cache
def _symbol(name: str) -> Callable[..., Any]:
    function = getattr(_library(), f"veridical_{name}")
    function.restype = ctypes.c_int64
    return function


def call(name: str, *arguments: NDArray[Any] | int | float | None) -> int:
    """Call a kernel and return its 64-bit result: arrays go as pointers, int as int64, float as double, None as NULL.

    Raises:
        ValueError: an array is not C-contiguous.
        ArtifactError: the compiled library is missing.
    """
    passed: list[Any] = []
    for argument in arguments:
        if argument is None:
            passed.append(ctypes.c_void_p(None))
        elif isinstance(argument, np.ndarray):
            if not argument.flags.c_contiguous:
                raise ValueError(f"{name}: an array is not C-contiguous")
            passed.append(ctypes.c_void_p(argument.ctypes.data))
        elif isinstance(argument, float):
            passed.append(ctypes.c_double(argument))
        else:
            passed.append(ctypes.c_int64(argument))
    return int(_symbol(name)(*passed))
