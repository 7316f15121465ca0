"""Does one accidental name, on thirty rows of one entity, count once; and are copied names still found?"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from veridical.stages.overlap import leaked_identifiers


def rows(numbers: range | list[int], each: int = 30) -> pa.Array:
    return pa.array(np.repeat([f"p{number:04d}" for number in numbers], each))


def test_a_name_on_many_rows_counts_once() -> None:
    found = leaked_identifiers("who", rows(range(160)), rows(range(200, 240)), rows([5, *range(300, 339)]))
    assert found.value == 1 / 40
    assert found.n == 40
    assert found.p_value is not None
    assert found.p_value > 0.01


def test_names_that_come_out_again_are_found() -> None:
    found = leaked_identifiers("who", rows(range(160)), rows(range(200, 240)), rows(range(140, 180)))
    assert found.value == 0.5
    assert found.p_value is not None
    assert found.p_value < 1e-6
