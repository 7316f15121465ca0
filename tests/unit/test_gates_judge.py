"""Do gates fail what they should, pass what they should, and never take silence for a pass?"""

import math

import pytest

from veridical.core.errors import SpecError
from veridical.core.finding import Direction, Finding, Gate, Interval, Outcome, Verdict, not_measured
from veridical.gates.catalog import BUILT_IN, load_gates
from veridical.gates.judge import Fingerprints, judge
from veridical.gates.multiplicity import holm, widened
from veridical.spec.gates import GateSet, Waiver, read_gates
from veridical.spec.marks import load

PRINTS = Fingerprints(synthetic="s", real="r", schema="c")


def finding(value=0.5, **others):
    return Finding(**({"check": "a.b", "value": value, "n": 100, "direction": Direction.LOWER} | others))


def gate(**others):
    return Gate(**({"check": "a.b", "why": "because"} | others))


def verdict(findings, *gates, **others):
    return judge(findings, GateSet(name="mine", summary="", gates=gates, **others), PRINTS)


def outcome(findings, *gates):
    return verdict(findings, *gates).outcome


def test_absolute_limits_on_both_sides():
    assert outcome([finding(0.5)], gate(at_most=0.5, at_least=0.5)) is Outcome.PASS
    assert outcome([finding(0.51)], gate(at_most=0.5)) is Outcome.FAIL
    assert outcome([finding(0.49)], gate(at_least=0.5)) is Outcome.FAIL


def test_a_limit_relative_to_ceiling_or_baseline_moves_with_it():
    near = gate(at_most=0.1, relative_to="ceiling")
    assert outcome([finding(0.59, ceiling=0.5)], near) is Outcome.PASS
    assert outcome([finding(0.61, ceiling=0.5)], near) is Outcome.FAIL
    assert outcome([finding(0.61, ceiling=None)], near) is Outcome.NOT_MEASURED
    assert outcome([finding(0.3, baseline=0.4)], gate(at_least=0.0, relative_to="baseline")) is Outcome.FAIL


@pytest.mark.parametrize(
    ("rule", "low", "high", "expected"),
    [
        ("value", 0.3, 0.9, Outcome.FAIL),
        ("interval", 0.3, 0.9, Outcome.PASS),
        ("interval", 0.59, 0.61, Outcome.FAIL),
        ("sure", 0.3, 0.9, Outcome.NOT_MEASURED),
        ("sure", 0.59, 0.61, Outcome.FAIL),
        ("sure", 0.1, 0.2, Outcome.PASS),
    ],
)
def test_each_rule_reads_the_interval_its_own_way(rule, low, high, expected):
    value = 0.6 if high > 0.5 else 0.15
    assert outcome([finding(value, interval=Interval(low, high))], gate(at_most=0.5, rule=rule)) is expected


@pytest.mark.parametrize(
    "silent",
    [
        [],
        [not_measured("a.b", "no holdout was given")],
        [finding(math.nan)],
        [finding(0.1, n=5)],
        [not_measured("a.b", "too few"), finding(0.1, n=5, scope=("x",))],
    ],
)
def test_not_measured_is_never_a_pass(silent):
    assert outcome(silent, gate(at_most=0.5, min_rows=10)) is Outcome.NOT_MEASURED


def test_one_unmeasured_scope_among_measured_ones_stops():
    assert outcome([finding(0.1), not_measured("a.b", "why", scope=("x",))], gate(at_most=0.5)) is Outcome.NOT_MEASURED


def test_a_gate_that_is_not_required_lets_silence_through_and_says_so():
    said = verdict([not_measured("a.b", "no target")], gate(at_most=0.5, required=False))
    assert said.results[0].outcome is Outcome.NOT_MEASURED
    assert said.outcome is Outcome.PASS
    assert said.failures == ()


def test_a_set_without_gates_proves_nothing():
    assert outcome([finding()]) is Outcome.NOT_MEASURED


def test_p_values_are_corrected_over_all_gates():
    alone = [finding(p_value=0.004)]
    assert outcome(alone, gate(p_below=0.01)) is Outcome.FAIL
    many = [finding(p_value=0.004, scope=(str(i),)) for i in range(1)] + [
        finding(p_value=0.5, scope=(f"x{i}",)) for i in range(9)
    ]
    assert outcome(many, gate(p_below=0.01)) is Outcome.PASS


def test_a_missing_p_value_is_not_measured():
    assert outcome([finding(0.2)], gate(p_below=0.01)) is Outcome.NOT_MEASURED


def test_p_and_limit_together_ask_for_sure_and_large():
    both = gate(p_below=0.01, at_most=0.5)
    assert outcome([finding(0.4, p_value=1e-9)], both) is Outcome.PASS
    assert outcome([finding(0.6, p_value=0.5)], both) is Outcome.PASS
    assert outcome([finding(0.6, p_value=1e-9)], both) is Outcome.FAIL


def test_many_noisy_columns_of_good_data_seldom_trip_a_gate():
    """Forty columns truly at the limit: unwidened 95 % intervals would alarm in about two thirds of runs."""
    import numpy as np

    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(200):
        values = rng.normal(0.5, 0.01, 40)
        found = [
            finding(float(v), scope=(str(i),), interval=Interval(v - 0.0196, v + 0.0196)) for i, v in enumerate(values)
        ]
        alarms += outcome(found, gate(at_most=0.5)) is Outcome.FAIL
    assert alarms <= 8


def test_wildcards_and_scopes():
    found = [finding(0.1, check="f.column.ks"), finding(0.9, check="f.column.tv", scope=("age",))]
    assert outcome(found, gate(check="f.column.*", at_most=0.5)) is Outcome.FAIL
    assert outcome(found, gate(check="f.column.tv", scope=("sex",), at_most=0.5)) is Outcome.NOT_MEASURED
    assert outcome(found, gate(check="f.column.ks", at_most=0.5)) is Outcome.PASS


def test_a_waiver_names_who_and_why_and_covers_only_its_scope():
    found = [finding(0.9, scope=("age",)), finding(0.9, scope=("sex",))]
    gates = GateSet(name="m", summary="", gates=(gate(at_most=0.5),))
    one = Waiver(check="a.b", by="Ada", because="known and harmless", scope=("age",))
    said = judge(found, gates, PRINTS, [one])
    assert said.outcome is Outcome.FAIL
    assert [r.waived_by for r in said.results] == ["Ada", ""]
    everything = Waiver(check="a.b", by="Ada", because="known and harmless")
    assert judge(found, gates, PRINTS, [everything]).outcome is Outcome.PASS


def test_a_verdict_survives_json():
    import json

    said = verdict([finding(0.9, scope=("age",))], gate(at_most=0.5))
    assert Verdict.from_dict(json.loads(json.dumps(said.to_dict()))) == said


def test_holm_against_statsmodels():
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    p_values = [0.001, 0.2, 0.03, 0.04, 0.04, 1.0, 0.0]
    assert holm(p_values) == pytest.approx(multitest.multipletests(p_values, method="holm")[1], abs=1e-12)


def test_widening_keeps_a_lopsided_interval_lopsided():
    low, high = widened(Interval(0.0, 0.1), 0.02, comparisons=50, family_error=0.01)
    assert high - 0.02 > 3 * (0.02 - low) > 0


FILE = """name: mine
extends: share
gates:
  - check: fidelity.c2st
    why: must look real
    at_most: 0.6
  - check: NotACheck
    why: x
    at_most: 1
  - check: a.b
    why: has no limit
colour: blue
"""


def test_a_gate_file_with_three_mistakes_is_told_all_at_once_with_lines():
    with pytest.raises(SpecError) as caught:
        read_gates(load(FILE, name="mine.yaml"))
    message = str(caught.value)
    assert "3 problems" in message
    for line in ("line 7", "line 10", "line 12"):
        assert line in message


def test_a_gate_file_can_extend_replace_and_drop():
    share = load_gates("share")
    text = (
        "name: mine\nextends: share\ndrop: [privacy.exact_copies]\n"
        "gates:\n  - {check: fidelity.c2st, why: w, at_most: 0.6}\n"
    )
    mine = read_gates(load(text), known={"share": share})
    checks = [g.check for g in mine.gates]
    assert len(checks) == len(share.gates) - 1 and "privacy.exact_copies" not in checks
    assert next(g for g in mine.gates if g.check == "fidelity.c2st").at_most == 0.6


@pytest.mark.parametrize("text", ["[1, 2]", "", "name: x\ndrop: [no.such]", "name: x\nextends: nowhere"])
def test_other_wrong_gate_files_are_spec_errors(text):
    with pytest.raises(SpecError):
        read_gates(load(text))


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_built_in_set_loads_and_says_why(name):
    gates = load_gates(name)
    assert gates.gates and all(g.why for g in gates.gates)


def test_an_unknown_set_names_the_known_ones():
    with pytest.raises(SpecError, match="share, train, test-data, dp"):
        load_gates("public")
