"""What is known of rows before their values: where each stands in its sequence, its calendar, its slow level?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from veridical.encode.panel import Layout, Numbers, Places
from veridical.engines.sequence.attribute import WHO
from veridical.engines.sequence.clock import Clock
from veridical.engines.sequence.features import Steps
from veridical.engines.sequence.finish import TICK
from veridical.engines.sequence.trend import Trend

_PLACES = frozenset({"step", "steps left", "elapsed", "day", "year part"})


def steps_of(
    clock: Clock, layout: Layout, ticks: Places, entity: Steps, *, few: bool, shared: pa.Table | None,
    trend: Trend | None = None,
) -> Steps:  # fmt: skip
    """Return all that is known of rows before their values.

    What follows from the time tells the step, and so does what it will be one after. Of few series the place in time
    is left out: it would tell which one row a step was learned from.
    """
    calendar = clock.parts(clock.counts(ticks))
    moment = {**calendar, **moments(layout, ticks)}
    if few:
        moment = {name: held for name, held in moment.items() if name not in _PLACES}
    elif shared is not None:
        for name in shared.column_names:
            moment |= _told_by_time(name, shared, ticks) if name != TICK else {}
    slow = {} if trend is None else _slow(trend, entity, layout, ticks)
    over = frozenset() if trend is None else frozenset(trend.told)
    return replace(entity, layout=layout, waves=clock.waves(calendar), moment=moment, slow=slow, over=over)


def _slow(trend: Trend, entity: Steps, layout: Layout, ticks: Places) -> dict[str, Numbers]:
    """Return the slow level of each row; of a series that the law does not know, its own mean."""
    who = entity.entity_words.get(WHO, np.zeros(layout.entities))
    whose = np.nan_to_num(who, nan=-1.0).astype(np.int64)[layout.owner]
    found = {}
    for name in trend.levels:
        level = trend.at(name, ticks, whose)
        found[name] = np.where(whose < 0, entity.means[name][layout.owner], level) if (whose < 0).any() else level
    return found


def _told_by_time(name: str, shared: pa.Table, ticks: Places) -> dict[str, Numbers]:
    """Return what a column that follows from the time holds at each tick, one before and one after, as a number."""
    seen = shared[TICK].to_numpy()
    words = sorted(set(map(str, shared[name].to_pylist())))
    place = {word: float(at) for at, word in enumerate(words)}
    held = np.array([place[str(value)] for value in shared[name].to_pylist()])
    found = {}
    for shift, said in ((0, "now"), (-1, "before"), (1, "after")):
        at = np.clip(np.searchsorted(seen, ticks + shift, side="right") - 1, 0, len(seen) - 1)
        found[f"{name} {said}"] = held[at]
    return found


def moments(layout: Layout, ticks: Places) -> dict[str, Numbers]:
    """Return where each row stands in its sequence, in steps and in ticks, from its start and to its neighbours."""
    gap = np.concatenate([[0], np.diff(ticks)]) if len(ticks) else np.zeros(0)
    gap = np.where(layout.position == 0, 0, gap)
    following = np.where(layout.position < layout.lengths[layout.owner] - 1, np.roll(gap, -1), np.nan)
    left = layout.lengths[layout.owner] - layout.position
    elapsed = ticks - ticks[layout.firsts][layout.owner] if len(ticks) else ticks
    return {
        "step": np.minimum(layout.position, 5000).astype(np.float64),
        "steps left": np.minimum(left, 50).astype(np.float64),
        "gap": gap.astype(np.float64),
        "gap after": following.astype(np.float64),
        "elapsed": elapsed.astype(np.float64),
    }
