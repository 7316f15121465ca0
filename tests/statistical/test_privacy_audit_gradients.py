"""Would the audit catch DP-SGD lying? Canaries are gradients of a direction each, and every noisy sum is seen.

That is the strongest attacker DP-SGD promises to withstand (Nasr et al. 2021). That the net's own rows pull no
harder than the clip is tested against numerical gradients (`tests/oracle/test_neural_gradient.py`).
"""

import numpy as np
import pytest

from repeated import TIMES, is_caught, stands
from veridical.attacks.canary import audited
from veridical.engines.tabular.dp.private import Terms
from veridical.engines.tabular.neural.private import NetModel
from veridical.privacy.ledger import Budget, Ledger
from veridical.privacy.mechanisms import Lens
from veridical.privacy.noise import SecureNoise, SeededNoise
from veridical.stages.audit import Trial, drawn_counts, one_run
from veridical.training.dpsgd import Adam

pytest.importorskip("opendp")
CLAIM, CANARIES, STEPS, CLIP = 4.0, 2000, 8, 0.5


def clip_each(rows):
    """Return the sum of rows, each cut to the clip: what a sound gradient does."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows * np.minimum(1.0, CLIP / np.maximum(lengths, 1e-12))).sum(axis=0)


def clip_sum(rows):
    """Return the sum cut as a whole: no row is held back any more."""
    total = rows.sum(axis=0)
    return total * min(1.0, CLIP * len(rows) / np.linalg.norm(total))


class HalvedNoise(SecureNoise):
    def gaussian(self, counts, sigma):
        return super().gaussian(counts, sigma / 2)


def heard(*, noise=None, length=1.0, rows_each=1, rows_agreed=1, summed=clip_each, known=None):
    """Return what the noisy gradients of one descent tell of canaries that a coin let in."""
    coin = np.random.default_rng(4).random(CANARIES) < 0.5
    budget = Budget(epsilon=CLAIM)
    lens = Lens(ledger=Ledger(budget), noise=SecureNoise() if noise is None else noise, rows_per_unit=rows_agreed)
    steps = lens.descent("canaries", rho=budget.rho, steps=STEPS, clip=CLIP, size=CANARIES)
    rows = np.repeat(np.eye(CANARIES)[coin] * length, rows_each, axis=0)
    seen = []

    def look(at):  # every canary pulls the same way at every step
        return summed(rows)

    taken = steps.take
    steps_seen = type("Seen", (), {"left": STEPS, "take": lambda _, f: seen.append(taken(f)) or seen[-1]})()
    Adam().descend(np.zeros(CANARIES), look, steps_seen, rows=1000.0)
    scores = np.sum(seen, axis=0) if known is None else np.sum(seen, axis=0) - known
    return audited(scores, coin, claimed=CLAIM, delta=1e-6, gaussian=True)


def test_sound_gradients_stay_under_the_claim_and_the_audit_is_not_blind():
    assert stands(lambda: heard(length=3.0))
    assert any(heard(length=3.0).gaussian > CLAIM / 8 for _ in range(TIMES))


def test_what_a_net_draws_stays_under_the_claim():
    told = Terms(budget=Budget(epsilon=CLAIM), declared=True)
    trial = Trial(model=NetModel(width=2, steps=8), terms=told)
    assert stands(lambda: one_run(trial, canaries=300, seed=1, score=drawn_counts))


def test_halved_noise_is_caught():
    assert is_caught(lambda: heard(noise=HalvedNoise()))


def test_clipping_after_summing_is_caught():
    assert is_caught(lambda: heard(length=3.0, summed=clip_sum))


@pytest.mark.parametrize("agreed", [1, 6])
def test_counting_rows_instead_of_people_is_caught(agreed):
    settled = stands if agreed == 6 else is_caught
    assert settled(lambda: heard(rows_each=6, rows_agreed=agreed))


def test_seeded_noise_is_caught():
    """Who knows the seed makes the same noise again and takes it off."""
    scale = CLIP / 2**20
    budget = Budget(epsilon=CLAIM)
    steps = Lens(ledger=Ledger(budget), noise=SeededNoise(7)).descent(
        "alone", rho=budget.rho, steps=STEPS, clip=CLIP, size=CANARIES
    )
    noise = sum(steps.take(lambda: np.zeros(CANARIES)) for _ in range(STEPS))
    assert np.abs(noise).max() > scale
    found = heard(noise=SeededNoise(7), known=noise)
    assert not found.holds, found.sentence
