"""Is importing veridical still light?"""

import subprocess
import sys

HEAVY = ("sklearn", "scipy", "pyarrow", "numpy", "pandas", "polars", "duckdb", "torch", "aiohttp", "opendp", "pydantic")


def test_importing_veridical_loads_nothing_heavy():
    code = f"import sys, veridical; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
