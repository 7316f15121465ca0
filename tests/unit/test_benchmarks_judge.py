"""Does the judge pass a second real sample, and does the gate meant for each fault catch it at full strength?"""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks import judge

pytestmark = pytest.mark.slow


def test_a_second_real_sample_passes_every_gate():
    runs = [judge.run_good(("adult", seed, 1_500)) for seed in (101, 102)]
    assert [run["failed"] for run in runs] == [[], []]


# The others are planted in the tests of the measures themselves; the benchmark runs them all.
SOME = (
    "copies with 1 % noise",
    "leaked identifier",
    "dropped category",
    "swapped label in one group",
    "sorted by label",
)


@pytest.mark.parametrize("fault", [f for f in judge.FAULTS if f.name in SOME], ids=lambda fault: fault.name)
def test_the_gate_meant_for_a_fault_catches_it(fault, monkeypatch):
    if not judge.SOURCES[fault.source].path.exists():
        pytest.skip(f"shared data set absent: {fault.source}")
    monkeypatch.setattr(judge, "sdmetrics_scores", lambda *_: {})
    run = judge.run_bad((fault.name, max(fault.strengths), 1_500))
    assert judge.is_meant(fault, run["failed"]), run["failed"]


def test_a_fault_is_first_caught_where_no_stronger_one_escapes():
    runs = [{"strength": s, "hit": hit} for s, hit in ((0.1, True), (0.2, False), (0.4, True), (0.8, True))]
    assert judge.first_caught(runs, lambda run: run["hit"]) == 0.4
    assert judge.first_caught(runs, lambda run: False) is None


def test_faults_at_strength_zero_change_no_more_than_the_order():
    train, _, good = judge.three_samples("adult", 500, 3)
    for fault in judge.FAULTS:
        if fault.source != "adult" or fault.plant in (judge.leaked_identifier, judge.dropped_category, judge.medians):
            continue
        same = fault.plant(train, good, 0.0, np.random.default_rng(0))
        rows = [sorted(str(row) for row in table.to_pylist()) for table in (good, same)]
        assert rows[0] == rows[1], fault.name
