"""How much does a private engine give away of made-up people planted in its training data?

Two estimators, both lower bounds: no proof that a claim is right, only, if they exceed it, that it is wrong.
`one_run_bound` needs one training with many canaries, each in or out by a coin (Steinke, Nasr & Jagielski 2023);
`many_runs_bound` many trainings with and without one canary (Clopper & Pearson 1934; Nasr et al. 2021). Noise that is
Gaussian is bounded more sharply by `gaussian_bound` (Nasr et al. 2023; Mahloujifar et al. 2024).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.core.errors import SpecError

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
_MOST = 60.0  # no audit tells more epsilon than this
WHITE_BOX = "white box, every noisy count seen"
BLACK_BOX = "black box, only synthetic rows seen"
GRADIENTS = "white box, every noisy gradient heard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What an audit found: a lower bound on epsilon that is wrong with chance 1 - `level` at most.

    `view` is what the attacker saw, `evidence` what came of it. `gaussian` is the sharper bound that holds for Gaussian
    noise; None where it was not asked for.
    """

    claimed: float
    delta: float
    bound: float
    evidence: str
    view: str = WHITE_BOX
    gaussian: float | None = None
    level: float = 0.95

    @property
    def holds(self) -> bool:
        """Whether the claim survived."""
        return max(self.bound, self.gaussian or 0.0) <= self.claimed

    @property
    def sentence(self) -> str:
        """The finding in words."""
        verdict = "the claim stands" if self.holds else "THE CLAIM IS DISPROVED"
        sharper = "" if self.gaussian is None else f" ({self.gaussian:.3g} if the noise is Gaussian, as it should be)"
        return (
            f"{self.view}: {self.evidence}: epsilon is {self.bound:.3g}{sharper} or more with {self.level:.1%} "
            f"confidence; {self.claimed:g} is claimed: {verdict}"
        )


def one_run_bound(right: int, guesses: int, canaries: int, *, delta: float, level: float = 0.95) -> float:
    """Return the largest epsilon that the number of right guesses rules out.

    Source: Steinke, Nasr & Jagielski 2023, theorem 5.2 and its code.

    Example:
        >>> one_run_bound(500, 1000, 1000, delta=1e-6)
        0.0
        >>> one_run_bound(1000, 1000, 1000, delta=1e-6) > 5
        True
    """
    if guesses == 0:
        return 0.0
    low, high = 0.0, _MOST
    if _one_run_chance(right, guesses, canaries, 0.0, delta) > 1 - level:
        return 0.0
    for _ in range(60):
        middle = (low + high) / 2
        ruled_out = _one_run_chance(right, guesses, canaries, middle, delta) <= 1 - level
        low, high = (middle, high) if ruled_out else (low, middle)
    return low


def many_runs_bound(scores_in: Floats, scores_out: Floats, *, delta: float, level: float = 0.95) -> float:
    """Return the epsilon that the best threshold proves; half of the runs choose the threshold, half test it.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> many_runs_bound(rng.normal(8, 1, 400), rng.normal(0, 1, 400), delta=1e-6) > 3
        True
    """
    if min(len(scores_in), len(scores_out)) < 20:
        raise SpecError("too few trainings to tell anything", where="audit", fix="train 20 times or more on each side")
    cut = _best_cut(scores_in[::2], scores_out[::2], delta)
    tests = scores_in[1::2], scores_out[1::2]
    bounds = []
    for one, two in (tests, (-tests[1], -tests[0])):
        edge = cut if one is tests[0] else -cut
        # Two sides are tried, so each gets half of the doubt; so do both rates of each side.
        rate = _clopper_low(int((one > edge).sum()), len(one), (1 - level) / 4)
        false = _clopper_high(int((two > edge).sum()), len(two), (1 - level) / 4)
        bounds.append(math.log(max(rate - delta, 1e-300) / false))
    return float(max(0.0, *bounds))


def gaussian_bound(scores_in: Floats, scores_out: Floats, *, delta: float, level: float = 0.95) -> float:
    """Return the epsilon of the least Gaussian mechanism that tells canaries in from out as well as was seen.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> bound = gaussian_bound(rng.normal(1, 1, 4000), rng.normal(0, 1, 4000), delta=1e-6)
        >>> 3 < bound < gaussian_epsilon(1.1, 1e-6)
        True
    """
    from scipy.stats import norm

    cut = float(np.median(np.concatenate([scores_in, scores_out])))
    rate = _clopper_low(int((scores_in > cut).sum()), len(scores_in), (1 - level) / 2)
    false = _clopper_high(int((scores_out > cut).sum()), len(scores_out), (1 - level) / 2)
    mu = float(norm.ppf(rate) - norm.ppf(false)) if rate > 0 and false < 1 else 0.0
    return gaussian_epsilon(mu, delta) if mu > 0 else 0.0


def gaussian_epsilon(mu: float, delta: float) -> float:
    """Return epsilon at delta of a mechanism that is mu-GDP (Dong, Roth & Su 2022, corollary 2.13).

    Example:
        >>> 4 < gaussian_epsilon(1.0, 1e-6) < 5
        True
    """
    from scipy.stats import norm

    def at(epsilon: float) -> float:
        second = math.exp(min(epsilon + float(norm.logcdf(-epsilon / mu - mu / 2)), 0.0))
        return float(norm.cdf(-epsilon / mu + mu / 2)) - second

    low, high = 0.0, _MOST
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (low, middle) if at(middle) <= delta else (middle, high)
    return high


def guesses_of(scores: Floats, included: Flags, *, share: float = 0.2) -> tuple[int, int]:
    """Return right guesses and all guesses when the highest and lowest scores are guessed and the rest passed over.

    `share` of the canaries is guessed in, and as many out.
    """
    count = max(1, int(len(scores) * share))
    order = np.argsort(scores, kind="stable")
    right = int(included[order[-count:]].sum()) + int((~included[order[:count]]).sum())
    return right, 2 * count


def audited(
    scores: Floats,
    included: Flags,
    *,
    claimed: float,
    delta: float,
    gaussian: bool = False,
    share: float = 0.2,
    level: float = 0.95,
) -> Audit:
    """Return what one training tells of its canaries; a higher score means more likely in."""
    right, guesses = guesses_of(scores, included, share=share)
    sharper = gaussian_bound(scores[included], scores[~included], delta=delta, level=level) if gaussian else None
    return Audit(
        claimed=claimed,
        delta=delta,
        bound=one_run_bound(right, guesses, len(scores), delta=delta, level=level),
        evidence=f"{len(scores):,} canaries, {right:,} of {guesses:,} guesses right",
        gaussian=sharper,
        level=level,
    )


def audited_by_trainings(
    scores_in: Floats, scores_out: Floats, *, claimed: float, delta: float, level: float = 0.95
) -> Audit:
    """Return what many trainings tell of one person who was there in some of them and not in others."""
    return Audit(
        claimed=claimed,
        delta=delta,
        bound=many_runs_bound(scores_in, scores_out, delta=delta, level=level),
        evidence=f"{len(scores_in):,} trainings with one person and {len(scores_out):,} without",
        gaussian=gaussian_bound(scores_in, scores_out, delta=delta, level=level),
        level=level,
    )


def _one_run_chance(right: int, guesses: int, canaries: int, epsilon: float, delta: float) -> float:
    """Return how likely so many right guesses are at most, if the mechanism is (epsilon, delta)-DP."""
    from scipy.stats import binom

    hit = 1 / (1 + math.exp(-epsilon))
    chance = float(binom.sf(right - 1, guesses, hit))
    ways = np.cumsum(binom.pmf(np.arange(right - 1, -1, -1), guesses, hit))
    worst = float((ways / np.arange(1, right + 1)).max(initial=0.0))
    return min(1.0, chance + 2 * canaries * delta * worst)


def _best_cut(one: Floats, two: Floats, delta: float) -> float:
    best, found = float(np.median(np.concatenate([one, two]))), -math.inf
    for cut in np.unique(np.quantile(np.concatenate([one, two]), np.linspace(0.02, 0.98, 49))):
        for inside, outside in ((one > cut, two > cut), (two <= cut, one <= cut)):
            rate = (inside.sum() + 0.5) / (len(inside) + 1)
            false = (outside.sum() + 0.5) / (len(outside) + 1)
            value = math.log(max(rate - delta, 1e-12) / false)
            if value > found:
                best, found = float(cut), value
    return best


def _clopper_low(hits: int, count: int, alpha: float) -> float:
    from scipy.stats import beta

    return float(beta.ppf(alpha, hits, count - hits + 1)) if hits else 0.0


def _clopper_high(hits: int, count: int, alpha: float) -> float:
    from scipy.stats import beta

    return float(beta.ppf(1 - alpha, hits + 1, count - hits)) if hits < count else 1.0
