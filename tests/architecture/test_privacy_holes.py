"""Is every test that the privacy page names really there?"""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "privacy.md"


def test_each_hole_has_the_test_that_the_page_names():
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", PAGE.read_text(encoding="utf-8"))
    assert len(named) > 20
    for file, test in named:
        (path,) = TESTS.rglob(file)
        assert f"def {test}(" in path.read_text(encoding="utf-8"), f"{file}::{test}"


def test_no_noise_is_drawn_by_numpy():
    source = TESTS.parent / "src" / "veridical"
    drawing = re.compile(r"\.(normal|laplace|gumbel|exponential|standard_normal)\(")
    places = [*(source / "privacy").glob("*.py"), *(source / "engines" / "tabular" / "dp").glob("*.py")]
    # `SeededNoise` is for tests, and says that it protects nobody.
    found = [path.name for path in places for _ in drawing.findall(path.read_text(encoding="utf-8"))]
    assert set(found) <= {"noise.py"}
