import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import fisher_exact
from statsmodels.stats.proportion import proportion_confint

from veridical.attacks.proportion import Rate, more_than, risk_over, wilson


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_equals_statsmodels(case):
    hits, n = case
    ours, theirs = wilson(hits, n), proportion_confint(hits, n, alpha=0.05, method="wilson")
    assert (ours.low, ours.high) == pytest.approx(theirs, abs=1e-9)


def test_wilson_of_nothing_tried_says_nothing():
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0.0, 1.0)


def test_more_than_lies_half_a_step_below_fishers_test():
    exact = fisher_exact([[30, 70], [10, 90]], alternative="greater").pvalue
    assert exact / 2 < more_than(Rate(30, 100), Rate(10, 100)) < exact


def test_more_than_without_a_difference_is_a_half():
    assert more_than(Rate(0, 10), Rate(0, 10)) == 0.5
    assert more_than(Rate(50, 100), Rate(50, 100)) == pytest.approx(0.5)


def test_risk_is_zero_when_control_does_as_well_and_one_when_only_the_attack_wins():
    assert risk_over(Rate(300, 1000), Rate(300, 1000)).value == 0
    assert risk_over(Rate(100_000, 100_000), Rate(0, 100_000)).value == pytest.approx(1, abs=1e-3)
    assert risk_over(Rate(0, 1000), Rate(500, 1000)).interval.high < 0
