"""Do the texts speak of what the seeds speak of, in the same shares, and of all of it?

Topics are clusters of the seeds' embeddings. Coverage and precision: Naeem et al. 2020 and Kynkaanniemi et al. 2019,
with the k-th nearest neighbour's distance as radius.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.core.contracts import Evidence, RunContext
from veridical.core.finding import Direction, Finding, not_measured
from veridical.curate.sentence import Points
from veridical.measures.estimate import Estimate, share, total_variation
from veridical.measures.figure import beside, figure
from veridical.measures.text.view import LEAST, TextView, view_of

TOPICS, COVERAGE, PRECISION = "text.topics", "text.coverage", "text.precision"


@dataclass(frozen=True, slots=True, kw_only=True)
class Topics:
    """Distance of the topics' shares, share of seeds with a synthetic text near, share of synthetic texts near a seed.

    "Near" is within a seed's distance to its `neighbours`-th nearest other seed.
    """

    topics: int = 12
    neighbours: int = 5
    texts: int = 3_000

    def measure(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return `text.topics`, `text.coverage` and `text.precision`."""
        view = view_of(evidence, ctx)
        least = min(len(view.seeds), len(view.fake))
        if least < 2 * LEAST:
            reason = f"{least} texts on one side; {2 * LEAST} are needed"
            return [not_measured(check, reason, n=least) for check in (TOPICS, COVERAGE, PRECISION)]
        count = self.texts if view.stranger is None else min(self.texts, len(view.stranger))
        # Coverage grows with the number of texts: as many of both.
        seeds = view.seeds.points[: self.texts]
        fake = view.fake.points[view.rng("support").permutation(len(view.fake))[:count]]
        # Not of the synthetic labels: a lost label is a lost topic.
        peer = None if view.stranger is None else view.stranger.points[: self.texts]
        return [self._shares(view, seeds, fake, peer), *self._support(seeds, fake, peer)]

    def _shares(self, view: TextView, seeds: Points, fake: Points, peer: Points | None) -> Finding:
        from sklearn.cluster import KMeans

        count = max(2, min(self.topics, len(seeds) // 8))
        state = int(view.rng("topics").integers(2**31))
        model = KMeans(count, n_init=4, random_state=state).fit(seeds)

        def counts(points: Points) -> NDArray[np.int64]:
            return np.bincount(model.predict(points), minlength=count)

        ours = total_variation(counts(seeds), counts(fake))
        ceiling = None if peer is None else total_variation(counts(seeds), counts(peer))
        words = f"The shares of {count} topics lie {ours.value:.2f} apart{beside(ceiling)}."
        return figure(TOPICS, ours, words, ceiling=ceiling, detail={"topics": count})

    def _support(self, seeds: Points, fake: Points, peer: Points | None) -> list[Finding]:
        among = np.sort(1 - seeds @ seeds.T, axis=1)
        radius = among[:, min(self.neighbours, len(seeds) - 1)]

        def covered(points: Points) -> Estimate:
            return share(int(((1 - seeds @ points.T).min(axis=1) <= radius).sum()), len(seeds))

        def precise(points: Points) -> Estimate:
            return share(int(((1 - points @ seeds.T) <= radius).any(axis=1).sum()), len(points))

        found = []
        for check, of, what in (
            (COVERAGE, covered, "of the seeds have a synthetic text near"),
            (PRECISION, precise, "of the synthetic texts lie among the seeds"),
        ):
            ours, ceiling = of(fake), None if peer is None else of(peer)
            sentence = f"{ours.value:.0%} {what}{beside(ceiling)}."
            found.append(figure(check, ours, sentence, direction=Direction.HIGHER, ceiling=ceiling))
        return found
