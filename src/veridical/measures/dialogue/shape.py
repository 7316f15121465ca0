"""Are dialogues as long as real ones, with the same acts, and do they repeat themselves?"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from veridical.core.contracts import RunContext
from veridical.core.finding import Direction, Finding, not_measured
from veridical.measures.dialogue.view import LEAST, DialogueView, Talk
from veridical.measures.estimate import Estimate, share
from veridical.measures.figure import beside, figure

TURNS, ACTS, REPETITION, UTTERANCES = (
    "dialogue.turns", "dialogue.acts", "dialogue.repetition", "dialogue.same_utterances",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Distances to real dialogues in turns (Kolmogorov-Smirnov) and acts (total variation), and repetition.

    Acts are found by one tagger on both sides. The ceiling is half of the real dialogues against the other half.
    Errors are those of resampling whole dialogues, `draws` times.
    """

    draws: int = 200

    def measure(self, view: DialogueView, ctx: RunContext) -> Sequence[Finding]:
        """Return `dialogue.turns`, `dialogue.acts`, `dialogue.repetition` and `dialogue.same_utterances`."""
        return [*self._distances(view, ctx), *self._repetition(view)]

    def _distances(self, view: DialogueView, ctx: RunContext) -> list[Finding]:
        if min(len(view.made), len(view.real)) < LEAST:
            reason = f"{LEAST} dialogues are needed on each side; name real ones with `real:`"
            return [not_measured(check, reason, n=len(view.made)) for check in (TURNS, ACTS)]
        order = ctx.rng("measure", "dialogue").permutation(len(view.real))
        halves = [[view.real[int(i)] for i in order[part::2]] for part in (0, 1)]
        found = []
        for check, distance, what in (
            (TURNS, turns_apart, "The numbers of turns differ from real ones by (KS)"),
            (ACTS, acts_apart, "The shares of acts differ from real ones by (total variation)"),
        ):
            rng = ctx.rng("measure", "dialogue", check)
            values = [distance(_drawn(view.made, rng), _drawn(view.real, rng)) for _ in range(self.draws)]
            ours = Estimate(distance(view.made, view.real), float(np.std(values)), len(view.made))
            ceiling = Estimate(distance(*halves), 0.0, len(view.real))
            found.append(
                figure(
                    check, ours, f"{what} {ours.value:.2f}{beside(ceiling, '.2f')}.", direction=Direction.LOWER,
                    ceiling=ceiling, interval_by="bootstrap of dialogues, 95 %", detail=_shares(check, view),
                )
            )  # fmt: skip
        return found

    def _repetition(self, view: DialogueView) -> list[Finding]:
        if not view.made:
            return [not_measured(check, "there are no dialogues") for check in (REPETITION, UTTERANCES)]
        sides = [_again(view.made), _again(view.real) if view.real else None]
        same = [_same(view.made), _same(view.real) if view.real else None]
        found = []
        for check, (ours, ceiling), words in (
            (REPETITION, sides, "of the turns say what their speaker said before in the same dialogue"),
            (UTTERANCES, same, "of the turns are word for word those of another dialogue"),
        ):
            assert ours is not None
            found.append(figure(check, ours, f"{ours.value:.1%} {words}{beside(ceiling)}.", ceiling=ceiling))
        return found


def turns_apart(one: Sequence[Talk], two: Sequence[Talk]) -> float:
    """Return the Kolmogorov-Smirnov distance of the numbers of turns.

    Example:
        >>> a, b = Talk(("agent",), ("x",)), Talk(("agent",) * 3, ("x",) * 3)
        >>> turns_apart([a, a], [a, b])
        0.5
    """
    lengths = [np.sort([len(talk.texts) for talk in side]) for side in (one, two)]
    places = np.union1d(*lengths)
    first, second = (np.searchsorted(side, places, "right") / len(side) for side in lengths)
    return float(np.abs(first - second).max())


def acts_apart(one: Sequence[Talk], two: Sequence[Talk]) -> float:
    """Return the total variation between the shares of acts, 0 to 1."""
    shares = []
    for side in (one, two):
        counts = Counter(act for talk in side for act in talk.acts)
        total = sum(counts.values())
        shares.append({act: count / total for act, count in counts.items()})
    return sum(abs(shares[0].get(act, 0) - shares[1].get(act, 0)) for act in {*shares[0], *shares[1]}) / 2


def _drawn(talks: Sequence[Talk], rng: np.random.Generator) -> list[Talk]:
    return [talks[int(place)] for place in rng.integers(len(talks), size=len(talks))]


def _shares(check: str, view: DialogueView) -> dict[str, object]:
    if check == TURNS:
        return {name: float(np.mean([len(t.texts) for t in side])) for name, side in _sides(view)}
    found = {}
    for name, side in _sides(view):
        counts = Counter(act for talk in side for act in talk.acts)
        found[name] = {act: round(count / sum(counts.values()), 3) for act, count in counts.most_common(20)}
    return dict(found)


def _sides(view: DialogueView) -> list[tuple[str, Sequence[Talk]]]:
    return [("made", view.made), ("real", view.real)]


def _again(talks: Sequence[Talk]) -> Estimate:
    """Return the share of repeating turns; turns of a dialogue lean on each other, so dialogues are counted."""
    turns = sum(len(talk.texts) for talk in talks)
    value = sum(talk.repeated for talk in talks) / turns
    spread = float(np.std([talk.repeated / len(talk.texts) for talk in talks])) / math.sqrt(len(talks))
    return Estimate(value, spread, turns)


def _same(talks: Sequence[Talk]) -> Estimate:
    owners: dict[str, set[int]] = {}
    for number, talk in enumerate(talks):
        for text in talk.texts:
            owners.setdefault(text, set()).add(number)
    turns = [text for talk in talks for text in talk.texts]
    return share(sum(len(owners[text]) > 1 for text in turns), len(turns))
