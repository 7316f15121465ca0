"""Does memory go back, and is the process left as it was found?"""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from veridical.kernel.memory import sparing

LEARN = """
import resource, sys
import numpy as np, pyarrow as pa
import veridical
from veridical.core.dataset import Dataset

rng, rows = np.random.default_rng(0), 1_500_000

def column(kind, values):  # pyarrow loads pandas where it is installed, and is asked for an array
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])

words = pa.Array.from_buffers(pa.string(), 2, [None, pa.py_buffer(np.array([0, 1, 2], np.int32)), pa.py_buffer(b"ab")])
delay = rng.integers(0, 200, rows).astype(np.int16)
columns = [
    column(pa.timestamp("ms"), np.sort(rng.integers(0, 10**6, rows)) * 60_000),
    column(pa.int16(), delay),
    pa.DictionaryArray.from_arrays(column(pa.int8(), (delay % 2).astype(np.int8)), words),
]
table = pa.Table.from_arrays(columns, names=["time", "delay", "place"])
veridical.learn(Dataset.of(table.slice(0, 5000)))
loaded = [name for name in HEAVY if name in sys.modules]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
veridical.learn(Dataset.of(table))
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print((after - before) * (1 if sys.platform == "darwin" else 1024) / table.nbytes)
print(loaded)
"""
HEAVY = ("scipy", "sklearn", "jinja2", "pydantic", "pyarrow.dataset", "narwhals")
MOST = 6.0  # times the table, that learning it may add to what is held: 4.2 now, 13.6 when whole columns were copied


def test_arrow_allocates_from_the_system_inside_and_as_before_outside():
    before = pa.default_memory_pool().backend_name
    with sparing(), sparing():
        assert pa.default_memory_pool().backend_name == "system"
        held = pa.array(np.arange(10))
    assert pa.default_memory_pool().backend_name == before
    assert held.to_pylist() == list(range(10))


def test_an_error_leaves_the_process_as_it_was():
    before = pa.default_memory_pool().backend_name
    with pytest.raises(ValueError, match="wrong"), sparing():
        raise ValueError("wrong")
    assert pa.default_memory_pool().backend_name == before


def test_learning_a_long_table_holds_little_beside_it_and_loads_nothing_heavy():
    done = subprocess.run(
        [sys.executable, "-c", f"HEAVY = {HEAVY!r}{LEARN}"], capture_output=True, text=True, check=True
    )
    times, loaded = done.stdout.strip().splitlines()
    assert float(times) < MOST
    assert loaded == "[]"
