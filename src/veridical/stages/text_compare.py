"""Which of two text runs did better, and is the difference more than chance?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from veridical.core import rng
from veridical.core.errors import DataError
from veridical.stages.text import kept_spec
from veridical.stages.text_judging import judging
from veridical.store.journal import Journal

_RESAMPLES = 1000
_TEXTS = 500  # per run; diversity figures depend on the number of texts, so both get the same
_ALPHA = 0.05
_EVOLVED = Path("synthesize") / "evolution.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One figure of two runs, and the probability of such a difference by chance alone (None: not testable)."""

    name: str
    first: float
    second: float
    p_value: float | None
    test: str

    def line(self, significant: bool) -> str:
        """Return the line for a person."""
        p = "" if self.p_value is None else f"p {self.p_value:.3g}"
        word = "differs" if significant else "no difference shown" if self.p_value is not None else "not tested"
        return f"{self.name:<24} {self.first:>12.5g} {self.second:>12.5g}  {p:<10} {word}  [{self.test}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two runs side by side; p-values are judged by Holm's step-down over all of them (Holm 1979)."""

    first: str
    second: str
    differences: tuple[Difference, ...]
    changed: tuple[str, ...]  # parts of the spec that differ
    judging: tuple[str, ...] = ()  # what must be said of each run's judge

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-like data."""
        return {**asdict(self), "significant": sorted(self.significant)}

    @property
    def significant(self) -> set[str]:
        """The names of the figures that differ by more than chance."""
        tested = sorted((d for d in self.differences if d.p_value is not None), key=lambda d: d.p_value or 0.0)
        found: set[str] = set()
        for index, difference in enumerate(tested):
            if (difference.p_value or 0.0) > _ALPHA / (len(tested) - index):
                break
            found.add(difference.name)
        return found

    def lines(self) -> Iterator[str]:
        """Yield the table for a person."""
        yield f"first {self.first}, second {self.second}; changed: {', '.join(self.changed) or 'nothing'}"
        significant = self.significant
        for difference in self.differences:
            yield difference.line(difference.name in significant)
        yield from self.judging


@dataclass(frozen=True, slots=True)
class _Side:
    about: dict[str, Any]
    tasks: np.ndarray  # (tasks, 3): cost, candidates, good
    scores: dict[str, np.ndarray]
    texts: list[str]
    epsilon: float | None = None  # of Private Evolution, whose records are no tasks of their own


def compare_runs(first: Path, second: Path, *, seed: int = 0) -> Comparison:
    """Compare two run folders, of text runs or of Private Evolution; nothing private is looked at.

    Raises:
        ArtifactError: a folder holds no text run. DataError: a run decided on nothing.
    """
    a, b = _side(first, seed), _side(second, seed)
    changed = [name for name in sorted({*a.about, *b.about}) if a.about.get(name) != b.about.get(name)]
    random = rng.stream(seed, "text", "compare")
    differences = [_yield(a, b), *_scores(a, b), *_diversity(a, b, random), _cost(a, b, random), *_promise(a, b)]
    return Comparison(
        first=first.name,
        second=second.name,
        differences=tuple(differences),
        changed=tuple(changed),
        judging=tuple(
            dict.fromkeys(
                words
                for run, side in ((first, a), (second, b))
                if side.epsilon is None
                for words in judging(kept_spec(run), run)
            )
        ),
    )


def _side(folder: Path, seed: int) -> _Side:
    if (folder / _EVOLVED).is_file():
        return _evolved(folder, seed)
    journal = Journal.open_to_read(folder)
    try:
        tasks = np.array(journal.ended_tasks(), dtype=float).reshape(-1, 3)
        if not len(tasks):
            raise DataError("nothing was decided on in this run", where=str(folder), fix="run it first")
        scores: dict[str, list[float]] = {}
        texts: list[str] = []
        for row in journal.records("accepted"):
            body = orjson.loads(row.body)
            for name, value in body["scores"].items():
                scores.setdefault(name, []).append(float(value))
            texts.append("\n".join(value for value in body["fields"].values() if isinstance(value, str)))
        about = orjson.loads(journal.about()["about"])
    finally:
        journal.close()
    chosen = rng.stream(seed, "text", "compare", "sample").permutation(len(texts))
    return _Side(about, tasks, {n: np.array(v) for n, v in scores.items()}, [texts[i] for i in chosen])


def _evolved(folder: Path, seed: int) -> _Side:
    """Return a run of Private Evolution: its candidates are all that was asked for, varied texts included."""
    told = orjson.loads((folder / _EVOLVED).read_bytes())
    lines = (folder / "synthesize" / "data.jsonl").read_bytes().splitlines()
    texts = [str(orjson.loads(line)["fields"]["text"]) for line in lines]
    journal = Journal.open_to_read(folder)
    try:
        requests, cost = journal.paid()
        about = orjson.loads(journal.about()["about"])
    finally:
        journal.close()
    chosen = rng.stream(seed, "text", "compare", "sample").permutation(len(texts))
    tasks = np.array([[cost, max(requests, len(texts)), len(texts)]], dtype=float)
    return _Side(about, tasks, {}, [texts[i] for i in chosen], epsilon=float(told["epsilon"]))


def _promise(a: _Side, b: _Side) -> Iterator[Difference]:
    """Yield epsilon where both sides promise one: charged figures, which no chance moves."""
    if a.epsilon is not None and b.epsilon is not None:
        yield Difference(name="epsilon", first=a.epsilon, second=b.epsilon, p_value=None, test="as charged")


def _yield(a: _Side, b: _Side) -> Difference:
    from scipy.stats import fisher_exact

    counts = [(int(s.tasks[:, 2].sum()), int(np.maximum(s.tasks[:, 1], 1).sum())) for s in (a, b)]
    table = [[good, of - good] for good, of in counts]
    shares = [good / of for good, of in counts]
    return Difference(
        name="yield", first=shares[0], second=shares[1], p_value=float(fisher_exact(table).pvalue), test="Fisher, exact"
    )


def _scores(a: _Side, b: _Side) -> Iterator[Difference]:
    from scipy.stats import mannwhitneyu

    for name in sorted({*a.scores} & {*b.scores}):
        left, right = a.scores[name], b.scores[name]
        p = float(mannwhitneyu(left, right).pvalue) if len(left) >= 5 and len(right) >= 5 else None
        yield Difference(
            name=f"score {name}", first=float(left.mean()), second=float(right.mean()), p_value=p, test="Mann-Whitney"
        )


def _diversity(a: _Side, b: _Side, random: np.random.Generator) -> Iterator[Difference]:
    size = min(len(a.texts), len(b.texts), _TEXTS)
    if size < 5:
        return
    left, right = ([_bigrams(text) for text in side.texts[:size]] for side in (a, b))
    pooled = [*left, *right]
    seen = abs(_distinct(left) - _distinct(right))
    drawn = (random.permutation(2 * size) for _ in range(_RESAMPLES // 5))
    beyond = sum(
        abs(_distinct([pooled[i] for i in o[:size]]) - _distinct([pooled[i] for i in o[size:]])) >= seen - 1e-12
        for o in drawn
    )
    yield Difference(
        name="distinct pairs of words",
        first=_distinct(left),
        second=_distinct(right),
        p_value=(beyond + 1) / (_RESAMPLES // 5 + 1),
        test=f"permutation, {size} texts each",
    )


def _bigrams(text: str) -> list[tuple[str, str]]:
    words = text.lower().split()
    return list(pairwise(words))


def _distinct(texts: Sequence[Sequence[tuple[str, str]]]) -> float:
    """Return distinct-2 (Li et al. 2016): distinct bigrams over all bigrams."""
    every = sum(len(text) for text in texts)
    return len({pair for text in texts for pair in text}) / max(1, every)


def _cost(a: _Side, b: _Side, random: np.random.Generator) -> Difference:
    def per_record(tasks: np.ndarray) -> float:
        return float(tasks[:, 0].sum() / max(1.0, tasks[:, 2].sum()))

    left, right = per_record(a.tasks), per_record(b.tasks)
    pooled, size = np.concatenate([a.tasks, b.tasks]), len(a.tasks)
    beyond = 0
    for _ in range(_RESAMPLES):
        order = random.permutation(len(pooled))
        gap = per_record(pooled[order[:size]]) - per_record(pooled[order[size:]])
        beyond += abs(gap) >= abs(left - right) - 1e-15
    return Difference(
        name="dollars a good record",
        first=left,
        second=right,
        p_value=(beyond + 1) / (_RESAMPLES + 1) if (left or right) and min(len(a.tasks), len(b.tasks)) > 1 else None,
        test="permutation of tasks",
    )
