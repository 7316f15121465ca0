import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import kstest

from attack_cases import deal, evidence, of, schema_of, with_copies
from veridical.attacks.copies import EXACT, NEAR, Copies
from veridical.attacks.distance import RATIO, SAME, SHARE, Distance
from veridical.core.contracts import RunContext


def run(attack, train, holdout, synthetic, seed=0):
    return attack.run(evidence(train, holdout, synthetic), RunContext(seed=seed))


def test_one_percent_of_train_copied_into_good_rows_is_certain():
    train, holdout, real = deal(0, 30_000, 9_000, 9_000)
    synthetic = pa.concat_tables([real.slice(300), train.slice(0, 300)])
    assert of(run(Copies(), train, holdout, synthetic), EXACT).p_value < 1e-50


def test_one_percent_copied_into_a_set_without_chance_matches_is_certain():
    train, holdout = deal(0, 39_074, 9_768)
    rng = np.random.default_rng(1)
    unlike = pa.table({name: train[name].take(rng.permutation(len(train))) for name in train.column_names})
    found = run(Copies(), train, holdout, with_copies(unlike, train, 0.01, 1))
    assert of(found, EXACT).p_value < 1e-30


@pytest.fixture(scope="module")
def real_against_real():
    """P-values of 16 splits in which a third real sample plays the synthetic one; train to holdout is 9 to 1."""
    values: dict[str, list[float]] = {}
    for seed in range(16):
        train, holdout, real = deal(seed, 13_500, 1_500, 4_000)
        for finding in (
            *run(Copies(calibration_rows=2000), train, holdout, real),
            *run(Distance(), train, holdout, real),
        ):
            values.setdefault(finding.check, []).append(finding.p_value)
    return values


@pytest.mark.parametrize("check", [EXACT, NEAR, SHARE, RATIO, SAME])
def test_real_rows_never_alarm(real_against_real, check):
    values = real_against_real[check]
    assert min(values) > 0.01 / 16 / 5
    # Counts are small, so p-values are coarse: uniform within what 16 draws can show.
    assert kstest(values, "uniform").pvalue > 0.001


@pytest.mark.parametrize(
    ("share", "noise", "check"),
    [
        (0.01, None, EXACT),
        (0.01, None, NEAR),
        (0.05, 0.01, NEAR),
        (0.3, 0.01, RATIO),
        (1.0, 0.01, SHARE),
        (1.0, None, SHARE),
    ],
)
def test_planted_copies_are_caught(share, noise, check):
    train, holdout, real = deal(5, 18_000, 6_000, 12_000)
    attack = Copies() if check in (EXACT, NEAR) else Distance()
    found = run(attack, train, holdout, with_copies(real, train, share, 1, noise))
    assert of(found, check).p_value < 1e-6


def test_one_cell_changed_is_still_a_near_copy():
    train, holdout, real = deal(6, 18_000, 6_000, 12_000)
    synthetic = with_copies(real, train, 0.02, 1).to_pandas()
    synthetic.loc[len(synthetic) - 240 :, "race"] = "Other"
    found = run(Copies(), train, holdout, pa.Table.from_pandas(synthetic, schema=train.schema.remove_metadata()))
    assert of(found, NEAR).p_value < 1e-20


def test_many_synthetic_rows_around_one_real_row_do_not_alarm():
    train, holdout, real = deal(7, 9_000, 3_000, 200)
    crowd = pa.concat_tables([real.slice(0, 5)] * 400)
    assert of(run(Distance(), train, holdout, crowd), SHARE).p_value > 0.01


def test_holdout_played_as_synthetic_does_not_alarm():
    train, holdout = deal(8, 9_000, 3_000)
    for finding in (*run(Copies(), train, holdout, holdout), *run(Distance(), train, holdout, holdout)):
        assert finding.p_value > 0.1


def test_without_holdout_nothing_is_measured_and_says_why():
    train, synthetic = deal(9, 100, 100)
    for attack in (Copies(), Distance()):
        for finding in run(attack, train, None, synthetic):
            assert not finding.measured
            assert "holdout" in finding.reason


def test_sentences_hold_no_value_of_the_data():
    train, holdout, real = deal(10, 500, 200, 300)
    table = schema_of(train).only
    texts = {v for c in table.columns if c.kind == "category" for v in train[c.name].to_pylist() if v}
    for attack in (Copies(), Distance()):
        for finding in run(attack, train, holdout, real):
            assert finding.sentence
            assert not texts & set(finding.sentence.split())
