"""Do the figures equal those of the reference implementations?"""

import numpy as np
import pytest
from scipy import stats
from scipy.stats.contingency import association
from sklearn import metrics

from veridical.measures import estimate
from veridical.measures.utility import regression, task


@pytest.fixture(params=[0, 1, 2])
def rng(request):
    return np.random.default_rng(request.param)


def _tied(rng, n, shift=0.0):
    return np.sort(np.round(rng.normal(shift, 1, n), 1))


def test_the_kolmogorov_smirnov_distance_is_scipys(rng):
    a, b = _tied(rng, 300), _tied(rng, 170, 0.2)
    theirs = stats.ks_2samp(a, b, method="asymp")
    assert estimate.kolmogorov(a, b).value == pytest.approx(theirs.statistic, abs=1e-12)


def test_its_p_value_is_the_asymptotic_one():
    assert estimate.kolmogorov_p(0.1, 400, 400) == pytest.approx(stats.kstwobign.sf(0.1 * np.sqrt(200)), abs=1e-12)


def test_the_wasserstein_distance_is_scipys(rng):
    a, b = _tied(rng, 300), _tied(rng, 170, 0.2)
    assert estimate.wasserstein(a, b).value == pytest.approx(stats.wasserstein_distance(a, b), abs=1e-9)


def test_the_chi_square_test_is_scipys_when_no_cell_is_small(rng):
    a, b = rng.integers(20, 90, 6), rng.integers(20, 90, 6)
    theirs = stats.chi2_contingency(np.stack([a, b]), correction=False).pvalue
    assert estimate.chi_square_p(a, b) == pytest.approx(theirs, abs=1e-9)


def test_the_area_under_the_curve_is_scikit_learns(rng):
    truth, scores = rng.integers(0, 2, 500), np.round(rng.random(500), 2)
    ours = estimate.area_under_curve(scores[truth == 0], scores[truth == 1]).value
    assert ours == pytest.approx(metrics.roc_auc_score(truth, scores), abs=1e-12)


def test_average_precision_and_f1_are_scikit_learns(rng):
    truth, chance = rng.random(500) < 0.2, np.round(rng.random(500), 2)
    found = task.class_scores(truth.astype(int), np.stack([1 - chance, chance], axis=1), rare=1)
    assert found["ap"].value == pytest.approx(metrics.average_precision_score(truth, chance), abs=1e-9)
    said = np.stack([1 - chance, chance], axis=1).argmax(axis=1)
    assert found["f1"].value == pytest.approx(metrics.f1_score(truth, said), abs=1e-9)
    assert found["auc"].value == pytest.approx(metrics.roc_auc_score(truth, chance), abs=1e-9)


def test_the_area_of_several_classes_is_the_mean_of_one_against_the_rest(rng):
    truth, chance = rng.integers(0, 4, 600), rng.dirichlet(np.ones(4), 600)
    theirs = metrics.roc_auc_score(truth, chance, multi_class="ovr", average="macro")
    assert task.class_scores(truth, chance, rare=0)["auc"].value == pytest.approx(theirs, abs=1e-9)


def test_explained_variance_and_error_are_scikit_learns(rng):
    truth = rng.normal(size=300)
    said = truth + rng.normal(size=300) * 0.4
    found = task.number_scores(truth, said)
    assert found["r2"].value == pytest.approx(metrics.r2_score(truth, said), abs=1e-9)
    assert found["rmse"].value == pytest.approx(metrics.root_mean_squared_error(truth, said), abs=1e-9)


def test_ranks_correlations_and_cramers_v_are_scipys(rng):
    a, b = np.round(rng.normal(size=200), 1), np.round(rng.normal(size=200), 1)
    assert estimate.midranks(a) == pytest.approx(stats.rankdata(a))
    assert estimate.pearson(a, b) == pytest.approx(stats.pearsonr(a, b).statistic, abs=1e-9)
    ranks = estimate.pearson(estimate.midranks(a), estimate.midranks(b))
    assert ranks == pytest.approx(stats.spearmanr(a, b).statistic, abs=1e-9)
    table = rng.integers(1, 40, (4, 5))
    assert estimate.cramers_v(table) == pytest.approx(association(table, method="cramer"), abs=1e-9)


def test_regressions_are_statsmodels(rng):
    import statsmodels.api as sm

    x = np.column_stack([np.ones(400), rng.normal(size=(400, 3))])
    y = x @ [0.3, 1.0, -0.5, 0.0] + rng.normal(size=400)
    ours, theirs = regression.least_squares(x, y), sm.OLS(y, x).fit()
    assert ours.values == pytest.approx(theirs.params, abs=1e-9) and ours.errors == pytest.approx(theirs.bse, abs=1e-9)
    yes = (y > 0).astype(float)
    ours, theirs = regression.logistic(x, yes), sm.Logit(yes, x).fit(disp=0, method="newton", tol=1e-14)
    assert ours.values == pytest.approx(theirs.params, abs=1e-8) and ours.errors == pytest.approx(theirs.bse, abs=1e-8)


def test_a_column_that_parts_the_classes_has_no_coefficients():
    x = np.column_stack([np.ones(40), np.arange(40.0)])
    assert regression.logistic(x, (np.arange(40) >= 20).astype(float)) is None


def test_columns_that_follow_from_others_are_left_out(rng):
    x = rng.normal(size=(50, 3))
    assert regression.independent_columns(np.column_stack([x, x[:, 0] + x[:, 1], np.zeros(50)])).tolist() == [0, 1, 2]


def test_nominal_intervals_of_the_area_cover_the_truth():
    rng, hits = np.random.default_rng(3), 0
    truth = stats.norm.cdf(0.5 / np.sqrt(2))
    for _ in range(400):
        found = estimate.area_under_curve(rng.normal(size=80), rng.normal(0.5, 1, 60)).interval()
        hits += found.low <= truth <= found.high
    assert 0.92 <= hits / 400 <= 0.98


def test_nominal_intervals_of_the_total_variation_cover_the_truth():
    rng, hits = np.random.default_rng(4), 0
    p, q = np.array([0.5, 0.3, 0.2]), np.array([0.3, 0.2, 0.5])
    for _ in range(400):
        found = estimate.total_variation(rng.multinomial(500, p), rng.multinomial(400, q)).interval()
        hits += found.low <= 0.3 <= found.high
    assert hits / 400 >= 0.93
