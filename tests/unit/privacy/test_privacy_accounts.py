"""Does the ledger add up right, refuse what it does not know, and notice being edited?"""

import math

import numpy as np
import pytest

from veridical.core.contracts import PrivacyEvent
from veridical.core.errors import ArtifactError, BudgetError, SpecError
from veridical.privacy import words
from veridical.privacy.account import Account
from veridical.privacy.accountants import Cost, cost_of, delta_of, epsilon_by, epsilon_of, rho_of, total
from veridical.privacy.ledger import Budget, Ledger, event_from, plain_event
from veridical.privacy.mechanisms import Lens, stable_threshold
from veridical.privacy.noise import SecureNoise, SeededNoise, gaussian_tail
from veridical.privacy.plan import forecast


def gaussian(sigma, sensitivity=1.0, count=1):
    parameters = {"sigma": sigma, "sensitivity": sensitivity}
    return PrivacyEvent(what="x", mechanism="discrete_gaussian", parameters=parameters, count=count)


@pytest.mark.parametrize("epsilon", [0.05, 0.3, 1.0, 8.0])
@pytest.mark.parametrize("delta", [1e-9, 1e-6, 1e-4])
def test_rho_and_epsilon_are_inverse(epsilon, delta):
    rho = rho_of(epsilon, delta)
    assert epsilon_of(Cost(rho), delta) == pytest.approx(epsilon, rel=1e-6)
    assert delta_of(rho, epsilon) <= delta * (1 + 1e-9)
    # The textbook conversion (Bun & Steinke 2016, Prop. 1.3) is looser, never tighter.
    assert epsilon <= rho + 2 * math.sqrt(rho * math.log(1 / delta))


def test_epsilon_grows_with_cost_and_shrinks_with_delta():
    values = [epsilon_of(Cost(rho), 1e-6) for rho in (0.001, 0.01, 0.1, 1.0)]
    assert values == sorted(values)
    assert epsilon_of(Cost(0.01), 1e-9) > epsilon_of(Cost(0.01), 1e-3)


def test_own_accountant_is_never_below_the_tight_one():
    pytest.importorskip("dp_accounting")
    events = [gaussian(20.0), gaussian(35.0, 2.0, count=3)]
    own, rdp, pld = (epsilon_by(name, events, 1e-6) for name in ("zcdp", "rdp", "pld"))
    assert pld <= own * 1.001
    assert rdp == pytest.approx(own, rel=0.05)


def test_unknown_events_are_refused_by_every_accountant():
    strange = PrivacyEvent(what="a quick peek", mechanism="peek")
    with pytest.raises(BudgetError, match="peek"):
        cost_of(strange)
    pytest.importorskip("dp_accounting")
    for name in ("rdp", "pld"):
        with pytest.raises(BudgetError, match="peek"):
            epsilon_by(name, [strange], 1e-6)


@pytest.mark.parametrize(
    "parameters", [{}, {"sigma": 0.0, "sensitivity": 1.0}, {"sigma": 1.0, "sensitivity": math.inf}]
)
def test_events_that_are_not_told_in_full_are_refused(parameters):
    with pytest.raises(BudgetError):
        cost_of(PrivacyEvent(what="x", mechanism="gaussian", parameters=parameters))


@pytest.mark.parametrize("epsilon", [0.0, -1.0, math.inf, math.nan])
def test_an_epsilon_that_promises_nothing_is_refused(epsilon):
    with pytest.raises(SpecError, match="epsilon"):
        Budget(epsilon=epsilon)


@pytest.mark.parametrize("delta", [0.0, -1e-6, 0.5, 1.0, math.nan])
def test_a_delta_that_is_no_small_chance_is_refused(delta):
    with pytest.raises(SpecError, match="delta"):
        Budget(epsilon=1.0, delta=delta)


def test_a_look_that_would_overspend_never_happens():
    lens = Lens(ledger=Ledger(Budget(epsilon=1.0)))
    looked = []

    def look():
        looked.append(1)
        return np.array([3])

    with pytest.raises(BudgetError):
        lens.histogram("x", look, rho=10.0)
    assert not looked
    assert lens.ledger.events == ()
    lens.histogram("x", look, rho=lens.ledger.rho_left)
    with pytest.raises(BudgetError):
        lens.histogram("one more", look, rho=1e-6)
    assert len(looked) == 1
    assert lens.ledger.epsilon <= 1.0


def test_sensitivity_follows_the_rows_of_a_unit():
    budget = Budget(epsilon=2.0)
    one, ten = Lens(ledger=Ledger(budget)), Lens(ledger=Ledger(budget), rows_per_unit=10)
    sigmas = [lens.histogram("x", lambda: np.array([5]), rho=0.01).sigma for lens in (one, ten)]
    assert sigmas[1] == pytest.approx(10 * sigmas[0])
    assert one.ledger.spent.rho == pytest.approx(ten.ledger.spent.rho)


def test_events_survive_their_journey_through_json():
    event = gaussian(3.0, count=2)
    assert event_from(plain_event(event)) == event


def test_noise_is_what_was_asked_for_and_cannot_be_repeated():
    pytest.importorskip("opendp")
    zeros = np.zeros(4000, dtype=np.int64)
    one, two = SecureNoise().gaussian(zeros, 25.0), SecureNoise().gaussian(zeros, 25.0)
    assert not np.array_equal(one, two)
    assert abs(one.mean()) < 2.5
    assert 23 < one.std() < 27
    assert (SecureNoise().gaussian(np.array([2**40]), 5.0) > 2**39).all()


def test_the_exponential_mechanism_prefers_by_the_right_factor():
    pytest.importorskip("opendp")
    picks = [SecureNoise().choose(np.array([0.0, 0.0, 1.0]), 2.0, 1.0) for _ in range(3000)]
    share = np.bincount(picks, minlength=3)[2] / 3000
    assert share == pytest.approx(math.e / (2 + math.e), abs=0.04)


def test_a_value_that_one_unit_brings_is_shown_with_chance_delta_at_most():
    for rows in (1, 5):
        threshold = stable_threshold(20.0, 1e-4, rows_per_unit=rows)
        assert rows * gaussian_tail(20.0, threshold - rows) <= 1.0001e-4


def test_seeded_noise_says_that_it_protects_nobody():
    assert not SeededNoise(1).private
    zeros = np.zeros(5, dtype=np.int64)
    assert np.array_equal(SeededNoise(1).gaussian(zeros, 9.0), SeededNoise(1).gaussian(zeros, 9.0))


def test_runs_on_one_source_add_up_and_stop_at_the_project_budget(tmp_path):
    account = Account(tmp_path)
    source = account.keyed("some data")
    account.limit(source, Budget(epsilon=1.3))
    account.reserve(source, Budget(epsilon=1.0), "first")
    with pytest.raises(BudgetError, match=r"2 runs.*1\.3"):
        account.reserve(source, Budget(epsilon=1.0), "second")
    assert account.standing(source).runs == 1
    account.reserve(source, Budget(epsilon=0.3), "a small one")
    assert 1.0 < account.standing(source).epsilon(1e-6) <= 1.3
    with pytest.raises(BudgetError, match="already"):
        account.limit(source, Budget(epsilon=50.0))
    account.reserve(account.keyed("other data"), Budget(epsilon=9.0), "elsewhere")


def _tamper(path, how):
    lines = path.read_text().splitlines()
    if how == "edit":
        lines[0] = lines[0].replace('"epsilon":1.0', '"epsilon":0.1')
    elif how == "drop the last":
        lines = lines[:-1]
    elif how == "drop the first":
        lines = lines[1:]
    elif how == "swap":
        lines = lines[::-1]
    elif how == "repeat":
        lines = [*lines, lines[-1]]
    elif how == "garbage":
        lines = [*lines, "{"]
    else:
        path.unlink()
        return
    path.write_text("".join(f"{line}\n" for line in lines))


@pytest.mark.parametrize("how", ["edit", "drop the last", "drop the first", "swap", "repeat", "garbage", "remove"])
def test_an_edited_ledger_is_found_and_nothing_more_is_spent(tmp_path, how):
    account = Account(tmp_path)
    source = account.keyed("some data")
    account.reserve(source, Budget(epsilon=1.0), "first")
    account.settle(source, [gaussian(30.0)])
    (path,) = tmp_path.glob("*.jsonl")
    _tamper(path, how)
    with pytest.raises(ArtifactError, match="edited"):
        account.standing(source)
    with pytest.raises(ArtifactError, match="edited"):
        account.reserve(source, Budget(epsilon=0.1), "next")


def test_the_ledger_of_a_source_does_not_name_it(tmp_path):
    account = Account(tmp_path)
    source = account.keyed("fingerprint-of-patients")
    account.reserve(source, Budget(epsilon=1.0), "run")
    assert not any(b"fingerprint-of-patients" in path.read_bytes() for path in tmp_path.iterdir())
    assert (tmp_path / "secret.key").stat().st_mode & 0o077 == 0


def test_a_plan_errs_less_with_more_budget_or_people():
    def error(epsilon, rows):
        return forecast(Budget(epsilon=epsilon), columns=10, rows=rows)[2].error

    assert error(0.3, 50_000) > error(1.0, 50_000) > error(8.0, 50_000)
    assert error(1.0, 10_000) > error(1.0, 100_000)
    with pytest.raises(SpecError):
        forecast(Budget(epsilon=1.0), columns=0, rows=10)


def test_the_words_name_the_odds_the_unit_and_what_is_left_open():
    events = [plain_event(gaussian(30.0))]
    told = " ".join(words.explained(events, {"epsilon": 1.0, "delta": 1e-6, "unit": "patient", "rows_per_unit": 3}))
    assert "patient" in told and "2.72" in told and "73 %" in told and "at most 3 rows" in told
    by_row = " ".join(words.explained(events, {"epsilon": 1.0, "delta": 1e-6, "unit": None}))
    assert "Each row counts as one person" in by_row
    assert any("public" in line for line in words.NOT_COVERED)


def test_words_never_call_repeatable_or_unknown_noise_private():
    bad = [plain_event(gaussian(30.0)), plain_event(PrivacyEvent(what="x", mechanism="seeded_noise"))]
    told = words.explained(bad, {"epsilon": 1.0, "delta": 1e-6})
    assert told[0].startswith("NOT PRIVATE") and len(told) == 1
    assert not words.is_private([], 1e-6)


def test_total_of_nothing_is_nothing():
    assert total([]) == Cost(0.0)
