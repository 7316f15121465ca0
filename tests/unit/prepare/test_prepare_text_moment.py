"""Moments spelled as text, each once (a dictionary) or row by row: do they come back as they were spelled?"""

from __future__ import annotations

import datetime as dt
import re

import numpy as np
import pyarrow as pa
import pytest

import veridical
from veridical.core.schema import TEMPORAL_KINDS

ROWS = 400
SPELLED = {
    "%Y-%m": lambda i: f"{2018 + i // 12 % 3}-{i % 12 + 1:02d}",
    "%Y-%m-%d": lambda i: str(dt.date(2020, 1, 1) + dt.timedelta(days=i)),
    "%H:%M:%S": lambda i: f"{i % 24:02d}:{i * 7 % 60:02d}:00",
}


@pytest.mark.parametrize("form", SPELLED)
@pytest.mark.parametrize("as_dictionary", [True, False])
def test_text_comes_back_in_its_form(form, as_dictionary):
    rng = np.random.default_rng(0)
    values = pa.array([SPELLED[form](int(i)) for i in rng.integers(0, 300, ROWS)])
    table = pa.table({"when": values.dictionary_encode() if as_dictionary else values, "x": rng.normal(size=ROWS)})
    made = veridical.synth(table, seed=1, gates=None)
    assert made.schema.only.column("when").kind in TEMPORAL_KINDS
    pattern = re.sub(r"%\w", lambda part: r"\d{4}" if part[0] == "%Y" else r"\d\d", form)
    assert all(re.fullmatch(pattern, one) for one in made.data["when"].to_pylist())
