"""Do patterns give what they say, each value once, whatever the pattern?"""

import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from veridical import fabricate
from veridical.core.errors import SpecError
from veridical.fabricate.draw import permute
from veridical.fabricate.template import recipe_of

_ATOMS = st.sampled_from([r"[A-F]", r"[0-9]", r"\d", r"[a-z_]", "(x|yy|zzz)", "-", "Q", r"\."])
_TIMES = st.sampled_from(["", "{2}", "{1,3}", "?", "{0,2}"])
REGEXES = st.lists(st.tuples(_ATOMS, _TIMES), min_size=1, max_size=5).map(
    lambda parts: "^" + "".join(a + ("" if a.startswith("(") and t in ("{1,3}", "{0,2}", "?") else t) for a, t in parts)
)


@given(REGEXES, st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_values_match_their_regular_expression(form, seed):
    values = fabricate.pattern(form, 50, rng=np.random.default_rng(seed)).to_pylist()
    assert all(re.fullmatch(form.removeprefix("^"), value) for value in values)


@given(st.integers(1, 5000), st.integers(0, 2**60))
@settings(max_examples=60, deadline=None)
def test_permutation_is_one_to_one(size, key):
    image = permute(np.arange(size), size, key)
    assert sorted(image.tolist()) == list(range(size))


@given(st.lists(st.integers(1, 300), min_size=1, max_size=6), st.integers(0, 2**40))
@settings(max_examples=40, deadline=None)
def test_cutting_into_shards_changes_nothing(shards, key):
    rng = np.random.default_rng(0)
    total = sum(shards)
    whole = fabricate.pattern("AA-999", total, rng=rng, unique=True, key=key)
    start, parts = 0, []
    for rows in shards:
        parts.append(fabricate.pattern("AA-999", rows, rng=rng, unique=True, start_row=start, key=key))
        start += rows
    assert pa.concat_arrays(parts).equals(whole)
    assert len(set(whole.to_pylist())) == total


def test_a_small_pattern_gives_all_its_values_once_and_then_marked_ones():
    values = fabricate.pattern("[A-C]{1,2}", 15, rng=np.random.default_rng(0), unique=True).to_pylist()
    assert len(set(values)) == 15
    assert sum(len(value) <= 2 for value in values) == 12  # 3 + 9, the rest carry a mark


@pytest.mark.parametrize(
    ("form", "shape"),
    [
        ("AAA-9999", r"[A-Z]{3}-\d{4}"),
        (r"\A\9-aa9", r"A9-[a-z]{2}\d"),
        ("INV-99999999999999", r"INV-\d{14}"),
        ("번호-99", r"번호-\d\d"),
        (r"(서울|부산)-\d{3}", r"(서울|부산)-\d{3}"),
        ("plain", r"pl[a-z]in"),
    ],
)
def test_short_patterns(form, shape):
    values = fabricate.pattern(form, 40, rng=np.random.default_rng(0)).to_pylist()
    assert all(re.fullmatch(shape, value) for value in values)


@pytest.mark.parametrize("form", [r"[A-Z]+\d", r"\d{5,2}", r"[가-힣]{2}", r"(a|b){1,3}[x]", r"\w{1,40}"])
def test_patterns_beyond_the_language_are_refused(form):
    with pytest.raises(SpecError):
        recipe_of(form)
