"""How different are the texts from one another: in words, in runs of words, in meaning?"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.core.contracts import Evidence, RunContext
from veridical.core.finding import Direction, Finding, not_measured
from veridical.curate.word import grams
from veridical.measures.estimate import Estimate
from veridical.measures.figure import beside, figure
from veridical.measures.text.view import LEAST, Side, TextView, view_of

DISTINCT, SELF_BLEU, VENDI = "text.distinct_2", "text.self_bleu", "text.vendi"
_BLEU_SMOOTHING = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Variety:
    """Distinct-1 and -2 (Li et al. 2016), self-BLEU (Zhu et al. 2018) and the Vendi score (Friedman and Dieng 2023).

    Each is taken of at most `texts` texts, and of as many real ones for the ceiling: all three change with their
    number. Errors are by the jackknife over ten groups.
    """

    texts: int = 300

    def measure(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return `text.distinct_1`, `text.distinct_2`, `text.self_bleu` and `text.vendi`."""
        view = view_of(evidence, ctx)
        if len(view.fake) < LEAST:
            reason = f"{len(view.fake)} texts; {LEAST} are needed"
            return [not_measured(check, reason, n=len(view.fake)) for check in (DISTINCT, SELF_BLEU, VENDI)]
        count = min(self.texts, len(view.fake), len(view.peer) if view.peer is not None else len(view.fake))
        fake = _drawn(view.fake, count, view, "fake")
        peer = None if view.peer is None else _drawn(view.peer, count, view, "peer")
        return [
            self._one("text.distinct_1", lambda side: distinct(side.words, 1), fake, peer, "different words", 1.0),
            self._one(DISTINCT, lambda side: distinct(side.words, 2), fake, peer, "different pairs of words", 1.0),
            self._one(SELF_BLEU, lambda side: self_bleu(side.words), fake, peer, "BLEU against one another", 1.0),
            self._one(VENDI, lambda side: vendi(side.points), fake, peer, "effective number of texts", float(count)),
        ]

    def _one(
        self, check: str, of: Callable[[Side], float], fake: Side, peer: Side | None, what: str, most: float
    ) -> Finding:
        ours = _jackknifed(of, fake)
        ceiling = None if peer is None else Estimate(of(peer), 0.0, len(peer))
        words = f"Among {len(fake)} texts, {what}: {ours.value:.2f}{beside(ceiling, '.2f')}."
        direction = Direction.LOWER if check == SELF_BLEU else Direction.HIGHER
        return figure(
            check, ours, words, direction=direction, ceiling=ceiling, limits=(0.0, most), interval_by="jackknife, 95 %"
        )


def distinct(texts: Sequence[Sequence[str]], size: int) -> float:
    """Return the share of different n-grams among all n-grams.

    Example:
        >>> distinct([["a", "b"], ["a", "c"]], 1)
        0.75
    """
    every = [gram for words in texts for gram in grams(words, size)]
    return len(set(every)) / len(every) if every else 0.0


def self_bleu(texts: Sequence[Sequence[str]], order: int = 4) -> float:
    """Return the mean BLEU (n up to `order`) of each text against all the others.

    A gram's clipped count is the least of its count here and the most it has in any one other text.

    Example:
        >>> self_bleu([["a", "b", "c", "d"]] * 3)
        1.0
    """
    if len(texts) < 2:
        return 0.0
    counted = [[Counter(grams(words, size)) for words in texts] for size in range(1, order + 1)]
    tops = [_two_most(counts) for counts in counted]
    lengths = sorted(len(words) for words in texts)
    scores = []
    for place, words in enumerate(texts):
        logs = []
        for size in range(1, order + 1):
            own = counted[size - 1][place]
            total = sum(own.values())
            if total == 0:
                continue
            hits = sum(min(count, _elsewhere(tops[size - 1][gram], place)) for gram, count in own.items())
            logs.append(math.log(max(hits, _BLEU_SMOOTHING) / total))
        scores.append(_brevity(len(words), lengths) * math.exp(float(np.mean(logs))) if logs else 0.0)
    return float(np.mean(scores))


def vendi(points: NDArray[np.float32]) -> float:
    """Return the effective number of different points: exp of the entropy of the cosine kernel's eigenvalues.

    Example:
        >>> round(vendi(np.eye(4, dtype=np.float32)), 6)
        4.0
    """
    count = len(points)
    if count == 0:
        return 0.0
    rows = points.astype(np.float64)
    # The kernel of n points in d dimensions has the eigenvalues of the smaller Gram matrix.
    kernel = (rows @ rows.T if count <= rows.shape[1] else rows.T @ rows) / count
    values = np.linalg.eigvalsh(kernel)
    values = values[values > 1e-12]
    return float(np.exp(-(values * np.log(values)).sum()))


def _jackknifed(of: Callable[[Side], float], side: Side, groups: int = 10) -> Estimate:
    value, count = of(side), len(side)
    parts = [of(side.take([i for i in range(count) if i % groups != group])) for group in range(groups)]
    spread = float(np.var(parts)) * (groups - 1)
    return Estimate(value, math.sqrt(spread), count)


def _drawn(side: Side, count: int, view: TextView, name: str) -> Side:
    return side.take(sorted(int(i) for i in view.rng("variety", name).permutation(len(side))[:count]))


def _two_most(counts: Sequence[Counter[tuple[str, ...]]]) -> dict[tuple[str, ...], tuple[int, int, int]]:
    """Return for each gram the most any text has of it, which text that is, and the most any other has."""
    most: dict[tuple[str, ...], tuple[int, int, int]] = {}
    for place, counted in enumerate(counts):
        for gram, count in counted.items():
            first, owner, second = most.get(gram, (0, -1, 0))
            most[gram] = (count, place, first) if count > first else (first, owner, max(second, count))
    return most


def _elsewhere(top: tuple[int, int, int], place: int) -> int:
    first, owner, second = top
    return second if owner == place else first


def _brevity(length: int, lengths: Sequence[int]) -> float:
    if length == 0:
        return 0.0
    others = list(lengths)
    others.remove(length)
    nearest = min(others, key=lambda other: (abs(other - length), other))
    return 1.0 if length >= nearest else math.exp(1 - nearest / length)
