"""Do long series that are drawn settle where the real ones lie, or a little beside, step for step the same way?

A prediction that misses by a hundredth of its error at each step misses the level by half of its spread in the end, for
nearly all of yesterday is in today. So stretches all over the time are drawn, and the constants of linear predictions
are moved until means of the drawn stretches are those of the real ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from veridical.core import rng as streams
from veridical.encode.panel import Layout, Numbers, Places
from veridical.engines.sequence import telling as terms
from veridical.engines.sequence.features import LEVEL, Plan
from veridical.engines.sequence.telling import Telling
from veridical.engines.sequence.values import ValueModel

if TYPE_CHECKING:
    from veridical.engines.sequence.model import Sequences

STRETCHES, STEPS = 48, 200  # drawn to see where series settle
ROUNDS = 2
FARTHEST = 1.0  # spreads that a mean is moved in one round


def settled(law: Sequences, values: Mapping[str, Numbers], layout: Layout, ticks: Places, seed: int) -> Sequences:
    """Return the law with the constants of its predictions moved so that drawn means are the real ones."""
    assert law.values is not None
    if not any(told.form == terms.LINEAR for told in law.values.tellings.values()):
        return law
    levels = {name: law.values.tellings[name].scaled(values[name]) for name in law.values.plan.dense}
    slow = _slow(law, ticks, layout.owner)
    real = {name: float(np.nanmean(held - slow[name])) for name, held in levels.items()}
    spread = {name: max(float(np.nanstd(held)), 1e-12) for name, held in levels.items()}
    known = _stretches(layout, ticks)
    best, least = law, np.inf
    for _ in range(ROUNDS):
        made = _means(law, known, streams.stream(seed, "settling"))
        apart = {name: real[name] - mean for name, mean in made.items()}
        miss = float(np.mean([(apart[name] / spread[name]) ** 2 for name in apart]))
        if miss < least:
            best, least = law, miss
        near = {name: float(np.clip(held, -FARTHEST * spread[name], FARTHEST * spread[name]))
                for name, held in apart.items()}  # fmt: skip
        law = replace(law, values=_moved(law.values, near))
    return best


def _stretches(layout: Layout, ticks: Places) -> Places:
    """Return the ticks of stretches that begin at even distances over all series, one of each series in turn."""
    each = max(STRETCHES // layout.entities, 1)
    room = np.maximum(layout.lengths - STEPS, 0)
    starts = layout.firsts + np.linspace(0, room, each).astype(np.int64)
    usual = int(np.median(np.diff(ticks)[np.diff(layout.owner) == 0]))
    return np.asarray(ticks[starts.ravel()][:, None] + np.arange(STEPS) * max(usual, 1), np.int64).ravel()


def _means(law: Sequences, known: Places, rng: np.random.Generator) -> dict[str, float]:
    assert law.values is not None
    measured, rows = law.stretches(known, STEPS, rng)
    tellings = law.values.tellings
    entities = law.roster.few.num_rows if law.roster.few is not None else 1
    slow = _slow(law, known, np.arange(len(known)) // STEPS % entities)
    return {
        name: float(np.nanmean(tellings[name].scaled(measured.numbers[name][rows]) - slow[name]))
        for name in law.values.plan.dense
    }


def _slow(law: Sequences, ticks: Places, whose: Places) -> dict[str, Numbers]:
    """Return the slow level of each row's time: stretches do not lie over all of it alike."""
    assert law.trend is not None
    return {name: law.trend.at(name, ticks, whose) for name in law.trend.levels}


def _moved(values: ValueModel, apart: dict[str, float]) -> ValueModel:
    tellings = {name: _told(told, values.plan, apart) for name, told in values.tellings.items()}
    return replace(values, tellings=tellings)


def _told(told: Telling, plan: Plan, apart: dict[str, float]) -> Telling:
    """Return the telling with its constant moved so that, were all levels moved by `apart`, nothing more was missed."""
    if told.form != terms.LINEAR or told.weights is None or told.name not in apart:
        return told
    weights = told.weights.weights
    earlier = plan.before(told.name)
    follows = sum(weight * apart[past.series.removesuffix(LEVEL)]
                  for weight, past in zip(weights, plan.linear, strict=False))  # fmt: skip
    if earlier:
        follows += sum(w * apart[name] for w, name in zip(weights[-len(earlier) :], earlier, strict=True))
    constant = told.weights.constant + apart[told.name] - float(follows)
    return replace(told, weights=replace(told.weights, constant=constant))
