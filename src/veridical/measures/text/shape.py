"""Are the texts as long as the seeds, of the same words, and labelled in the same shares?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.core.contracts import Evidence, RunContext
from veridical.core.finding import Finding, not_measured
from veridical.measures.estimate import Estimate, kolmogorov, total_variation
from veridical.measures.figure import beside, figure
from veridical.measures.text.view import LEAST, Side, TextView, view_of

LENGTH, VOCABULARY, LABELS = "text.length", "text.vocabulary", "text.labels"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Distances between synthetic texts and seeds: of lengths in words (Kolmogorov-Smirnov), of words and of labels
    (total variation), each beside that of as many real texts that nothing was learned from.

    `vocabulary` most frequent words of the seeds count; the others together are one.
    """

    vocabulary: int = 200

    def measure(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return `text.length`, `text.vocabulary` and, with labels, `text.labels`."""
        view = view_of(evidence, ctx)
        least = min(len(view.seeds), len(view.fake))
        if least < LEAST:
            reason = f"{least} texts on one side; {LEAST} are needed"
            return [not_measured(check, reason, n=least) for check in (LENGTH, VOCABULARY)]
        found = [self._length(view), self._vocabulary(view)]
        return [*found, self._labels(view)] if view.seeds.labels and view.fake.labels else found

    def _length(self, view: TextView) -> Finding:
        ours = kolmogorov(_lengths(view.seeds), _lengths(view.fake))
        ceiling = None if view.peer is None else kolmogorov(_lengths(view.seeds), _lengths(view.peer))
        middle = float(np.median(_lengths(view.fake)))
        words = f"The lengths lie {ours.value:.2f} apart (median {middle:.0f} words){beside(ceiling)}."
        return figure(LENGTH, ours, words, ceiling=ceiling)

    def _vocabulary(self, view: TextView) -> Finding:
        counts = Counter(word for words in view.seeds.words for word in words)
        known = [word for word, _ in counts.most_common(self.vocabulary)]
        ours = _apart(view.seeds, view.fake, known)
        ceiling = None if view.peer is None else _apart(view.seeds, view.peer, known)
        words = f"The words' frequencies lie {ours.value:.2f} apart{beside(ceiling)}."
        return figure(VOCABULARY, ours, words, ceiling=ceiling, interval_by="words taken as clustered in texts, 95 %")

    def _labels(self, view: TextView) -> Finding:
        names = sorted({*view.seeds.labels, *view.fake.labels})
        ours = total_variation(_counts(view.seeds.labels, names), _counts(view.fake.labels, names))
        test = view.test
        ceiling = (
            None if test is None else total_variation(_counts(view.seeds.labels, names), _counts(test.labels, names))
        )
        return figure(
            LABELS, ours, f"The shares of labels lie {ours.value:.2f} apart{beside(ceiling)}.", ceiling=ceiling
        )


def _lengths(side: Side) -> NDArray[np.float64]:
    return np.sort(np.array([len(words) for words in side.words], np.float64))


def _apart(one: Side, two: Side, known: Sequence[str]) -> Estimate:
    place = {word: index for index, word in enumerate(known)}

    def counts(side: Side) -> NDArray[np.int64]:
        flat = [place.get(word, len(known)) for words in side.words for word in words]
        return np.bincount(np.array(flat, np.int64), minlength=len(known) + 1)

    found = total_variation(counts(one), counts(two))
    # Words of one text go together: as many independent draws as there are texts, not words.
    per_text = np.mean([len(words) for words in two.words]) if len(two) else 1.0
    return Estimate(found.value, found.error * float(np.sqrt(max(per_text, 1.0))), min(len(one), len(two)))


def _counts(labels: Sequence[str], names: Sequence[str]) -> NDArray[np.int64]:
    counted = Counter(labels)
    return np.array([counted[name] for name in names], np.int64)
