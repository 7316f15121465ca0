"""What comes next for entities whose past is given?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from veridical.core import rng as streams
from veridical.core.errors import DataError, SpecError
from veridical.encode.panel import Layout, Numbers, Ordered, Places, filled, in_order, means, numbers, places
from veridical.engines.sequence import parts, since
from veridical.engines.sequence.entity import attributes_of, measure_traits
from veridical.engines.sequence.features import Steps
from veridical.engines.sequence.finish import finished
from veridical.engines.sequence.gaps import step_moments
from veridical.engines.sequence.room import time_ends
from veridical.engines.sequence.trend import ROWS_A_KNOT
from veridical.engines.sequence.values import Measured

if TYPE_CHECKING:
    from veridical.engines.sequence.model import Sequences

MOST_PAST = 2_000  # rows of each entity's past that are read


def go_on(law: Sequences, prefix: pa.Table, steps: int, *, seed: int) -> pa.Table:
    """Return the next `steps` rows of every entity in `prefix`.

    Raises:
        DataError: the prefix holds no dated row.
        SchemaError: it lacks columns.
        SpecError: fewer than one step is asked for.
    """
    if steps < 1:
        raise SpecError(f"{steps} steps are asked for", where="steps", fix="ask for 1 or more")
    if law.spelled is not None:
        prefix = law.spelled.told(prefix)
    ordered, time = _checked(law, prefix)
    ordered = _recent(ordered)
    past = ordered.layout
    counts = numbers(law.clock.codec.encode(ordered.table)[time])
    known = law.clock.ticks(counts)
    measured = _measured(law, ordered.table)
    law = _widened(law, measured)
    layout = Layout.of_lengths(past.lengths + steps)
    old = np.flatnonzero(layout.position < past.lengths[layout.owner])
    attributes = attributes_of(ordered, law.columns)
    rng = streams.stream(seed, "continue")
    ticks = np.zeros(layout.rows, dtype=np.int64)
    ticks[old] = known
    entity, levels = _entities(law, measured, attributes, past, known, rng)
    ticks = law.gaps.go_on(layout, ticks, past.lengths, entity, law.clock, rng)
    ticks = _within(law, attributes, ticks, layout, past)
    around = law.steps(layout, ticks, entity)
    around = replace(
        around, moment={**around.moment, **_open_ended(around.moment, layout)},
        slow=_raised(law, around, levels, past, ticks, old),
    )  # fmt: skip
    made = None
    if law.values is not None:
        made = law.values.draw(around, _spread(measured, layout, old), past.lengths, rng)
    new = np.flatnonzero(layout.position >= past.lengths[layout.owner])
    return finished(law, attributes, layout, ticks, made, new, rng)


def _widened(law: Sequences, past: Measured) -> Sequences:
    """Return the law with numbers that may go as far as the past itself goes, which whoever asks knows."""
    if law.values is None:
        return law
    tellings = {}
    for name, told in law.values.tellings.items():
        known = past.numbers[name][~np.isnan(past.numbers[name])]
        low, high = (told.low, told.high) if not len(known) else (float(known.min()), float(known.max()))
        tellings[name] = replace(told, low=min(told.low, low), high=max(told.high, high))
    return replace(law, values=replace(law.values, tellings=tellings))


def _checked(law: Sequences, prefix: pa.Table) -> tuple[Ordered, str]:
    """Return the rows of the past in order, and the name of their time."""
    series, time = parts.checked(law.schema, prefix)
    needed = (*law.columns.attributes, time, *law.columns.moving)
    missing = [name for name in needed if name not in prefix.column_names]
    if missing:
        raise DataError(f"the past lacks {', '.join(missing[:8])}", where="prefix", fix="give all the model's columns")
    ordered = in_order(prefix, series, time)
    if ordered.layout.rows == 0:
        raise DataError("no row has a time", where=time, fix="give the rows that came before")
    return ordered, time


def _entities(
    law: Sequences, measured: Measured, attributes: pa.Table, past: Layout, known: Places, rng: np.random.Generator
) -> tuple[Steps, dict[str, Numbers]]:
    """Return what the past tells of its entities, and its levels."""
    tellings = {} if law.values is None else law.values.tellings
    levels = {name: filled(told.scaled(measured.numbers[name]), past) for name, told in tellings.items()}
    frames = {
        name: told.home.believed(levels[name], measured.numbers[name], past, rng)
        for name, told in tellings.items()
        if told.home
    }
    traits = measure_traits(
        past, known, tellings, measured.numbers, levels, measured.words, measured.vocabularies, frames
    )
    own = {name: frames[name].level if name in frames else means(levels[name], past) for name in tellings}
    return replace(law.attributes.of(attributes, traits), means={**own, **traits.share}, frames=frames), levels


def _raised(
    law: Sequences, around: Steps, levels: Mapping[str, Numbers], past: Layout, ticks: Places, old: Places
) -> dict[str, Numbers]:
    """Return slow levels: of a past beyond the learned time, as much higher as its last rows lie over those told."""
    if law.trend is None:
        return dict(around.slow)
    layout = around.layout
    beyond = ticks[layout.firsts + past.lengths - 1] > law.trend.ticks[-1]
    late = past.lengths[past.owner] - past.position <= ROWS_A_KNOT
    found = {}
    for name, slow in around.slow.items():
        over = means(np.where(late, levels[name] - slow[old], np.nan), past)
        found[name] = slow + np.where(beyond, over, 0.0)[layout.owner]
    return found


def _within(law: Sequences, attributes: pa.Table, ticks: Places, layout: Layout, past: Layout) -> Places:
    """Return ticks whose new part is drawn together where an attribute (an end of follow-up) bounds the time."""
    ends = time_ends(law, attributes)
    if ends is None:
        return ticks
    last = ticks[layout.firsts + past.lengths - 1]
    since = (ticks - last[layout.owner]).astype(np.float64)
    reach = np.maximum(since[layout.starts[1:] - 1], 1.0)
    room = np.maximum(ends[1] - last, 0.0)
    share = np.minimum(1.0, room / reach)[layout.owner]
    fitted = last[layout.owner] + np.floor(since * share).astype(np.int64)
    return np.where(since > 0, fitted, ticks)


def _open_ended(moment: object, layout: Layout) -> dict[str, np.ndarray]:
    names = set(moment)  # type: ignore[call-overload]
    return {name: held for name, held in step_moments(layout, open_end=True).items() if name in names}


def _recent(ordered: Ordered) -> Ordered:
    layout = ordered.layout
    left = layout.lengths[layout.owner] - layout.position
    kept = np.flatnonzero(left <= MOST_PAST)
    if len(kept) == layout.rows:
        return ordered
    table = ordered.table.take(pa.array(kept))
    return Ordered(table, Layout.of_lengths(np.minimum(layout.lengths, MOST_PAST)), ordered.undated)


def _measured(law: Sequences, table: pa.Table) -> Measured:
    if law.values is None:
        return Measured({}, {}, {})
    plan = law.values.plan
    encoded = law.restore.encode(since.told(table, law.columns.since, law.columns.time))
    words = {name: places(encoded[name], plan.vocabularies[name]) for name in plan.words}
    return Measured({name: numbers(encoded[name]) for name in plan.numbers}, words, plan.vocabularies)


def _spread(measured: Measured, layout: Layout, old: Places) -> Measured:
    def placed(held: np.ndarray) -> np.ndarray:
        whole = np.full(layout.rows, np.nan)
        whole[old] = held
        return whole

    return Measured(
        {name: placed(held) for name, held in measured.numbers.items()},
        {name: placed(held) for name, held in measured.words.items()},
        measured.vocabularies,
    )
