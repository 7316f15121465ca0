"""Are numbers told within each entity's own level and spread, or all on one scale: which, let run, makes such entities?

How well a way of telling foresees one step says little of where hundreds of steps lead. So both ways are fitted to
some entities and run freely for others, from nothing but what these are: the ones that come out must lie, move and
remember as the real ones do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from veridical.core import rng as streams
from veridical.encode.panel import Layout, Numbers, Places, means
from veridical.engines.sequence.fitting import Fitter, Source, beginnings, side_by_side
from veridical.engines.sequence.frame import Home
from veridical.engines.sequence.telling import Telling, few_valued
from veridical.engines.sequence.values import SPARSE, STAYING
from veridical.prepare import Restore

LONG = 40  # rows that most entities have, from which on an own level is known well enough
LEAST_ENTITIES = 12
MOST_ENTITIES, MOST_STEPS, MOST_ROWS = 250, 400, 40_000  # that are tried
HELD = 5  # one entity of so many is kept back
PARTS = 3  # of a sequence, from its beginning to its end


def framed(source: Source, tellings: Sequence[Telling], fitter: Fitter) -> list[Telling]:
    """Return the tellings, those within their entities' own frames marked where that makes better entities."""
    plain = list(tellings)
    if source.layout.entities < LEAST_ENTITIES or float(np.median(source.layout.lengths)) < LONG:
        return plain
    able = _able(source, plain)
    if not able:
        return plain
    levels = source.levels(plain)
    own = [
        replace(told, home=Home.learned(levels[told.name], source.layout)) if told.name in able else told
        for told in plain
    ]
    learned, held = _split(source)
    misses = [_miss(learned, held, one, able, fitter) for one in (plain, own)]
    return own if misses[1] < misses[0] else plain


def _able(source: Source, tellings: Sequence[Telling]) -> set[str]:
    """Return the numbers that can be told within frames.

    Those bound to others, or that nearly equal others, share one scale with them; those that hold one value in many
    rows, or stay what they were, would be moved off it.
    """
    layout = source.layout
    bound = {other for told in tellings for other in (told.name, *told.lows, *told.highs) if told.lows or told.highs}
    pairs = side_by_side(source.levels(tellings), tellings, layout)
    found = set()
    for told in tellings:
        values = source.measured.numbers[told.name]
        known = values[~np.isnan(values)]
        inner = layout.position > 0
        stays = (values[1:] == values[:-1])[inner[1:]].mean()
        if (
            told.name not in bound and told.name not in pairs and told.name not in pairs.values() and len(known)
            and np.isnan(values).mean() < SPARSE and not few_valued(values)
            and stays < STAYING and _commonest_share(known) < STAYING
        ):  # fmt: skip
            found.add(told.name)
    return found


def _commonest_share(known: Numbers) -> float:
    return float(np.unique(known, return_counts=True)[1].max() / len(known))


def _split(source: Source) -> tuple[Source, Source]:
    """Return some entities to learn from and others to make, all over the table."""
    layout = source.layout
    steps = int(min(np.median(layout.lengths), MOST_STEPS))
    count = int(np.clip(MOST_ROWS // max(steps, 1), LEAST_ENTITIES, MOST_ENTITIES))
    chosen = np.unique(np.linspace(0, layout.entities - 1, min(count, layout.entities)).astype(np.int64))
    aside = np.arange(len(chosen)) % HELD == HELD // 2
    return source.of(chosen[~aside], MOST_STEPS), source.of(chosen[aside], MOST_STEPS)


def _miss(learned: Source, held: Source, tellings: Sequence[Telling], able: set[str], fitter: Fitter) -> float:
    """Return how far entities that are made as those kept back lie from them."""
    shown = fitter.shown(learned, tellings)
    law = fitter.law(learned, shown, Restore(fitter.schema, ()))
    assert law.values is not None
    theirs = fitter.shown(held, tellings, shown.known)
    traits = beginnings(law.values, theirs, held)
    rng = streams.stream(fitter.ctx.seed, "sequence", "trial")
    made = law.walked(held.layout, held.ticks, theirs.entity, traits, rng)
    names = [told for told in tellings if told.name in able]
    return float(np.mean([
        _apart(told.scaled(made.numbers[told.name]), told.scaled(held.measured.numbers[told.name]), held.layout)
        for told in names
    ]))  # fmt: skip


def _apart(made: Numbers, real: Numbers, layout: Layout) -> float:
    """Return how far two tables of the same entities lie apart: means, spreads, memory, thirds of the time."""
    scale = max(float(np.nanstd(real)), 1e-12)
    level = [means(one, layout) for one in (made, real)]
    spread = [
        np.sqrt(means((one - mean[layout.owner]) ** 2, layout)) for one, mean in zip((made, real), level, strict=True)
    ]
    usual = max(float(np.nanmean(spread[1])), 1e-12)
    off = float(np.nanmean(np.abs(level[0] - level[1]))) / scale
    wide = float(np.nanmean(np.abs(spread[0] - spread[1]))) / usual
    memory = [_memory(one, mean, layout) for one, mean in zip((made, real), level, strict=True)]
    third = layout.position * PARTS // layout.lengths[layout.owner]
    moved = [abs(float(np.nanmean(made[third == at]) - np.nanmean(real[third == at]))) / scale for at in range(PARTS)]
    return off + wide + abs(memory[0] - memory[1]) + float(np.mean(moved))


def _memory(values: Numbers, level: Numbers, layout: Layout) -> float:
    """Return how much of a step's distance from its entity's mean is left at the next one."""
    centred = np.nan_to_num(values - level[layout.owner])
    inner: Places = np.flatnonzero(layout.position > 0)
    total = float(centred @ centred)
    return float(centred[inner] @ centred[inner - 1]) / total if total > 0 else 0.0
