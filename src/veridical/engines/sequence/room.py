"""How do an entity's rows fit into the time that it has: between a diagnosis and the end of follow-up?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.encode.panel import Layout, Numbers, Places, numbers
from veridical.prepare.storage import parse_type

if TYPE_CHECKING:
    from veridical.engines.sequence.model import Sequences

EXCHANGED = 2  # entities that may change lengths with each one whose rows do not fit


def time_ends(law: Sequences, attributes: pa.Table) -> tuple[Numbers, Numbers] | None:
    """Return the first and last tick that rules between the time and an attribute leave each entity."""
    low = np.full(attributes.num_rows, -np.inf)
    high = np.full(attributes.num_rows, np.inf)
    time, found = law.columns.time, False
    for rule in law.schema.constraints:
        if rule.type != "inequality" or time not in rule.columns:
            continue
        at = rule.columns.index(time)
        for place, name in enumerate(rule.columns):
            if name not in law.columns.static or attributes[name].type != parse_type(law.clock.column.storage):
                continue
            found = True
            held = numbers(law.encoded(attributes[name]))
            exact = law.clock.ticks(np.nan_to_num(held))
            inside = (
                exact - (law.clock.counts(exact) > held) if place > at else exact + (law.clock.counts(exact) < held)
            )
            side = np.where(np.isnan(held), np.inf if place > at else -np.inf, inside)
            low, high = (low, np.minimum(high, side)) if place > at else (np.maximum(low, side), high)
    return (low, high) if found else None


def closing(law: Sequences, entities: int) -> tuple[Numbers, Numbers] | None:
    """Return the ends of each entity's time where it closes for all together, on the last day of a panel."""
    last = law.clock.last
    return None if last is None else (np.full(entities, -np.inf), np.full(entities, float(last)))


def both(one: tuple[Numbers, Numbers] | None, two: tuple[Numbers, Numbers] | None) -> tuple[Numbers, Numbers] | None:
    """Return the narrower of two pairs of ends."""
    if one is None or two is None:
        return two if one is None else one
    return np.maximum(one[0], two[0]), np.minimum(one[1], two[1])


def exchanged(lengths: Places, reach: Places, room: Numbers, rng: np.random.Generator) -> Places:
    """Return lengths of which those that do not fit have changed places with others: the longest have the most room.

    As many lengths as there were of each kind are there.
    """
    wide = np.flatnonzero(reach > room)
    if not len(wide):
        return lengths
    others = rng.permutation(np.flatnonzero(reach <= room))[: EXCHANGED * len(wide)]
    some = np.concatenate([wide, others])
    found = lengths.copy()
    found[some[np.argsort(room[some], kind="stable")]] = np.sort(lengths[some])
    return found


def reach(ticks: Places, layout: Layout) -> Places:
    """Return how far each entity's last tick lies from its first."""
    return np.asarray(ticks[layout.starts[1:] - 1] - ticks[layout.firsts], np.int64)


def fits(ticks: Places, layout: Layout, ends: tuple[Numbers, Numbers]) -> NDArray[np.bool_]:
    return np.asarray(reach(ticks, layout) <= np.maximum(ends[1] - ticks[layout.firsts], 0.0))


def lead_in(known: Places, layout: Layout, warm: int) -> Places:
    """Return known ticks with `warm` ticks, one apart, before each entity's first."""
    if not warm:
        return known
    ticks = np.empty(layout.rows, dtype=np.int64)
    ticks[layout.position >= warm] = known
    early = layout.position < warm
    first = ticks[layout.firsts + warm]
    ticks[early] = first[layout.owner[early]] + layout.position[early] - warm
    return ticks
