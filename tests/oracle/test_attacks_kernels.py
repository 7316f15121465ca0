"""The fast paths of the attacks against slow ones that anyone can check."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attack_cases import deal, evidence, of, schema_of
from veridical.attacks.combination import RareCombinations
from veridical.attacks.copies import Copies
from veridical.attacks.distance import Distance
from veridical.attacks.evidence import Codes
from veridical.attacks.nearness import balance
from veridical.attacks.predicate import Cells, Crowd, Predicates
from veridical.core.contracts import RunContext
from veridical.encode.neighbours import Space


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 30), st.integers(0, 2))
@settings(max_examples=60, deadline=None)
def test_agreement_counts_as_a_loop_over_all_pairs(seed, width, train, left_out_count):
    rng = np.random.default_rng(seed)
    cells = rng.integers(-1, 3, (width, train + 25)).astype(np.int32)
    codes = Codes(cells=cells, names=("x",) * width, train_rows=train, synthetic_rows=15, holdout_rows=10)
    left_out = tuple(int(c) for c in rng.permutation(width)[:left_out_count])
    kept = [j for j in range(width) if j not in left_out]
    expected = [sum(bool((cells[kept, i] == cells[kept, r]).all()) for r in range(train)) for i in range(train + 25)]
    assert codes.agreement(codes.hashes(), left_out).tolist() == expected


def test_agreement_gives_up_when_too_many_training_rows_agree():
    codes = Codes(cells=np.zeros((2, 10), np.int32), names=("a", "b"), train_rows=6, synthetic_rows=2, holdout_rows=2)
    assert codes.agreement(codes.hashes(), most_doubled=4) is None
    assert codes.agreement(codes.hashes(), most_doubled=5) is not None


@given(st.integers(0, 2**32 - 1), st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_predicates_single_out_whom_a_full_scan_singles_out(seed, size):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 6, (4, 40)).astype(float)
    values[rng.random(values.shape) < 0.1] = np.nan
    columns = np.stack([rng.permutation(4)[:size] for _ in range(50)]).astype(np.int64)
    operations, limits = rng.integers(0, 4, (50, size)), rng.integers(0, 6, (50, size)).astype(float)
    found = Predicates(columns=columns, operations=operations, values=limits).isolated(
        Crowd.of(Cells(values=values, is_number=np.ones(4, bool)))
    )
    for p in range(50):
        fits = np.ones(40, bool)
        for c, o, v in zip(columns[p], operations[p], limits[p]):
            cell = values[c]
            fits &= [cell == v, cell <= v, cell >= v, np.isnan(cell)][o]
        assert found[p] == (np.flatnonzero(fits)[0] if fits.sum() == 1 else -1)


def test_distance_figures_equal_brute_force():
    train, holdout, synthetic = deal(1, 400, 200, 150)
    found = Distance().run(evidence(train, holdout, synthetic), RunContext())
    space = Space.learn([train, holdout], schema_of(train).only)
    known, held, made = (space.encode(t).values for t in (train, holdout, synthetic))

    def distances(a, b):
        total = np.zeros((len(a), len(b)), np.float32)
        for j in range(a.shape[1]):
            total += np.minimum(np.abs(a[:, j : j + 1] - b[None, :, j]), np.float32(1))
        return np.sort(total, axis=1)

    near, far = distances(made, known), distances(made, held)
    assert of(found, "privacy.ims").value == (near[:, 0] == 0).mean()
    assert of(found, "privacy.nndr").value == pytest.approx(float(np.median(near[:, 0] / near[:, 1])), rel=1e-6)
    closer = ((near[:, 0] < far[:, 0]) + 0.5 * (near[:, 0] == far[:, 0])).mean()
    odds = (closer / (2 / 3)) / (closer / (2 / 3) + (1 - closer) / (1 / 3))
    ties = (near[:, 0] == far[:, 0]).mean()
    assert of(found, "privacy.dcr_share").value == pytest.approx(float(odds), abs=1e-6 + ties)


def test_exact_copies_equal_a_set_of_rows():
    train, holdout, synthetic = deal(2, 3_000, 1_000, 1_000)
    (exact, _) = Copies().run(evidence(train, holdout, synthetic), RunContext())
    rows = {tuple(r.values()) for r in train.to_pylist()}
    assert exact.value == np.mean([tuple(r.values()) in rows for r in synthetic.to_pylist()])
    assert exact.ceiling == np.mean([tuple(r.values()) in rows for r in holdout.to_pylist()])


def test_balance_has_the_variance_of_dealing_labels_at_random():
    rng = np.random.default_rng(0)
    crowd = np.repeat(np.arange(60), rng.integers(0, 9, 60))
    dealt = []
    for _ in range(4000):
        labels = np.zeros(60, bool)
        labels[rng.permutation(60)[:40]] = True
        dealt.append(balance(crowd, labels).p_value)
    assert np.mean(np.array(dealt) < 0.1) == pytest.approx(0.1, abs=0.025)
    assert np.mean(dealt) == pytest.approx(0.5, abs=0.02)


def test_rare_combinations_equal_a_count_by_hand():
    import pyarrow as pa

    train = pa.table({"a": ["x", "x", "y"] * 10 + ["u"], "b": ["1", "2", "1"] * 10 + ["9"]})
    holdout = pa.table({"a": ["x"] * 29 + ["w"], "b": ["1"] * 29 + ["8"]})
    synthetic = pa.table({"a": ["x"] * 20 + ["u"], "b": ["2"] * 20 + ["9"]})
    (found,) = RareCombinations(sizes=(2,)).run(evidence(train, holdout, synthetic), RunContext())
    assert (found.value, found.ceiling) == (1.0, 0.0)
