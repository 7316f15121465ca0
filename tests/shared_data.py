"""Where is the real data that lies beside a checkout?"""

import os
from pathlib import Path

import pytest

_ROOT = Path(os.environ.get("VERIDICAL_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))


def shared(relative: str) -> Path:
    """Return the path of a file of the shared data sets; skips the test, saying so, where it is absent."""
    path = _ROOT / relative
    if not path.exists():
        pytest.skip(f"shared data set absent: {relative} (set VERIDICAL_SHARED_DATA to the folder that holds it)")
    return path
