"""Do bounds hold every number that was seen, whatever its digits?"""

import numpy as np

from veridical.profile.number import bounds_of


def test_rounding_cuts_off_no_value_that_many_rows_carry():
    ends = np.log([0.1, 7_300.1])
    bounds = bounds_of(ends, np.array([228, 40]), rare_below=5, decimals=None)
    assert bounds.low <= ends[0] and bounds.high >= ends[1]


def test_an_end_that_few_rows_carry_is_not_told():
    bounds = bounds_of(np.array([-2.302585092994, 0.0, 3.0]), np.array([1, 50, 50]), rare_below=5, decimals=None)
    assert bounds.low < -2.302585092994
