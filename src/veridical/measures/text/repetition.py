"""How many texts say again what another text, a seed or a benchmark says?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from veridical.core.contracts import Evidence, RunContext
from veridical.core.finding import Direction, Finding, not_measured
from veridical.curate.contamination import Decontamination, Overlap, in_words
from veridical.curate.memorised import Memorised
from veridical.curate.near_duplicate import near_duplicate_clusters
from veridical.curate.word import plain
from veridical.llm.candidate import Candidate
from veridical.measures.estimate import Estimate, share
from veridical.measures.figure import beside, figure
from veridical.measures.text.view import LEAST, Side, view_of

DUPLICATES, MEANING, COPIES = "text.duplicates", "text.same_meaning", "text.seed_copies"
CONTAMINATION = "text.contamination"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repetition:
    """Shares of texts that repeat an earlier one (MinHash), mean the same (cosine), or copy a seed.

    A copy of a seed is an equal text, or one with `run` words in a row or most of its 4-grams in one seed.
    """

    jaccard: float = 0.7
    shingle_words: int = 3
    distance: float = 0.05
    run: int = 10
    texts: int = 5_000

    def measure(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return `text.duplicates`, `text.same_meaning` and `text.seed_copies`."""
        view = view_of(evidence, ctx)
        if len(view.fake) < LEAST:
            reason = f"{len(view.fake)} texts; {LEAST} are needed"
            return [not_measured(check, reason, n=len(view.fake)) for check in (DUPLICATES, MEANING, COPIES)]
        found = []
        for check, of, what in (
            (DUPLICATES, self._repeated, "nearly repeat an earlier one"),
            (MEANING, self._same, "mean what an earlier one means"),
            (COPIES, lambda side: self._copied(side, view.seeds), "copy a seed"),
        ):
            ours = of(view.fake)
            ceiling = None if view.peer is None else of(view.peer)
            found.append(
                figure(check, ours, f"{ours.value:.1%} of the texts {what}{beside(ceiling)}.", ceiling=ceiling)
            )
        return found

    def _repeated(self, side: Side) -> Estimate:
        groups = near_duplicate_clusters(side.texts, threshold=self.jaccard, shingle_words=self.shingle_words)
        return share(sum(len(group) - 1 for group in groups), len(side))

    def _same(self, side: Side) -> Estimate:
        points = side.points[: self.texts]
        near = 1 - points @ points.T <= self.distance
        return share(int(np.tril(near, -1).any(axis=1).sum()), len(points))

    def _copied(self, side: Side, seeds: Side) -> Estimate:
        known = {plain(text) for text in seeds.texts}
        pool = Memorised(words=self.run, seeds=tuple({"text": text} for text in seeds.texts))
        hits = sum(
            plain(text) in known or pool.refuses(Candidate(fields={"text": text})) is not None for text in side.texts
        )
        return share(hits, len(side))


@dataclass(frozen=True, slots=True, kw_only=True)
class Contamination:
    """The share of texts that overlap with a named benchmark, with a report per benchmark and rule."""

    benchmarks: Mapping[str, str] = field(default_factory=dict)
    meaning: str = "off"
    beside: Path = Path()

    def measure(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return `text.contamination`."""
        view = view_of(evidence, ctx)
        if not self.benchmarks:
            return [not_measured(CONTAMINATION, "no benchmark was named", n=len(view.fake))]
        check = Decontamination(benchmarks=self.benchmarks, meaning=self.meaning, beside=self.beside)
        found = [overlap for text in view.fake.texts if (overlap := check.overlap(text)).rule not in ("", "suspect")]
        ours = share(len(found), len(view.fake))
        versions = check.identity["benchmarks"]
        names = ", ".join(versions)
        sentence = f"{len(found)} of {len(view.fake)} texts overlap with {names}."
        detail = {"versions": versions, "rules": _tally(found), "first": [in_words(item) for item in found[:20]]}
        return [figure(CONTAMINATION, ours, sentence, direction=Direction.LOWER, detail=detail)]


def _tally(found: Sequence[Overlap]) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for item in found:
        rules = counts.setdefault(item.benchmark, {})
        rules[item.rule] = rules.get(item.rule, 0) + 1
    return counts
